"""Kind *s-procedure*, and rule *psd* at its boundary."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.statements.bundle import certificate
from certify.statements.exact import exact
from certify.statements.factor import Factor, factor

Files = dict[str, bytes]

Q = np.array([[2.0, -1.0], [-1.0, 2.0]])
ZERO = Factor([0, 0], [0, 0, 0])
HALF = Factor([-1, -1], [0, 0, 0])
# u'v <= |u| |v| / 2 + ... : 2 <u, v> <= |u|^2 + |v|^2 is Q_0 = [[1, -1], [-1, 1]] >= 0, exactly singular.
SQUARE = np.array([[1.0, -1.0], [-1.0, 1.0]])
# <u, u> <= 4 <v, v> follows from <u, u> <= <v, v> with multiplier 1.
CONCLUSION = np.array([[-1.0, 0.0], [0.0, 4.0]])
PREMISE = np.array([[-1.0, 0.0], [0.0, 1.0]])


def made(conclusion, hints, count=0, premises=None, weights=None) -> Files:
    of = {"conclusion": conclusion, "count": count, "premises": conclusion if premises is None else premises}
    return certificate("s-procedure", of, [*([] if weights is None else [weights]), *hints]).files


def rows(*lines) -> np.ndarray:
    return np.array([[Fraction(v) for v in line] for line in lines], dtype=object)


def accept() -> dict[str, Files]:
    two = np.vstack([PREMISE, PREMISE])
    rest = exact(np.array([[0.0, 0.0], [0.0, 3.0]]))
    return {
        "s-procedure--positive-definite": made(Q, [factor(exact(Q))]),
        "s-procedure--exactly-singular": made(SQUARE, [Factor([0, 0], [1, -1, 0])]),
        # Nothing is dropped, so a margin of zero is enough: 1 - |-1| = 0.
        "s-procedure--dominant-with-nothing-to-spare": made(SQUARE, [ZERO]),
        # Halved twice, 5/4 becomes 1: the floor has dropped something, and n - 1 = 1 is there to pay for it.
        "s-procedure--a-floor-paid-for": made(rows((5, 0), (0, 5)), [HALF]),
        "s-procedure--one-premise": made(CONCLUSION, [factor(rest) or ZERO], 1, PREMISE, np.array([[1]])),
        "s-procedure--two-premises-in-halves": made(CONCLUSION, [ZERO], 2, two, rows((Fraction(1, 2), Fraction(1, 2)))),
        "s-procedure--one-by-one": made(np.array([[0.25]]), [Factor([1], [1])]),
        "s-procedure--factor-of-wide-integers": made(Q, [Factor([70, 70], [1 << 70, -(1 << 69), 1 << 69])]),
    }


def reject() -> dict[str, Files]:
    return {
        "not-positive--s-procedure-indefinite": made(np.array([[1.0, 2.0], [2.0, 1.0]]), [ZERO]),
        # 5/4 and 4/4 become 1 and 1: a margin of zero, while something was dropped.
        "not-positive--s-procedure-a-floor-unpaid": made(rows((5, 4), (4, 5)), [HALF]),
        "not-positive--s-procedure-one-unit-short": made(rows((1, 0), (0, Fraction(-1, 1 << 40))), [ZERO]),
        "not-symmetric--s-procedure-conclusion": made(np.array([[1.0, 0.5], [0.25, 1.0]]), [ZERO]),
        "shape--s-procedure-conclusion": made(np.array([[1.0, 0.5]]), [ZERO]),
        "shape--s-procedure-multipliers": made(CONCLUSION, [ZERO], 1, PREMISE, np.array([[1, 1]])),
        "shape--s-procedure-premises": made(CONCLUSION, [ZERO], 2, PREMISE, np.array([[1, 1]])),
        "negative-multiplier--s-procedure": made(-PREMISE, [ZERO], 1, PREMISE, np.array([[-1]])),
        "hint--s-procedure-a-shift-too-few": made(Q, [Factor([0], [1, 0, 1])]),
        "hint--s-procedure-a-factor-too-long": made(Q, [Factor([0, 0], [1, 0, 1, 0])]),
    }


def decline() -> dict[str, Files]:
    return {"limit--s-procedure-a-shift": made(Q, [Factor([2001, 0], [0, 0, 0])])}
