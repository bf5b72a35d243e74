"""Kind *local-lipschitz*: neurons that a box just fixes, and just does not."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.statements.bundle import certificate
from certify.statements.exact import exact
from certify.statements.factor import Factor, factor

Files = dict[str, bytes]

TINY = 2.0**-10
UNIT = Fraction(1, 10**6)


def made(layers, biases, box, limit, evidence) -> Files:
    of = {
        "layers": [np.array(w, dtype="f8") for w in layers],
        "biases": [np.array(b, dtype="f8").reshape(-1, 1) for b in biases],
        "low": np.array(box[0], dtype=object).reshape(-1, 1),
        "high": np.array(box[1], dtype=object).reshape(-1, 1),
        "limit": limit,
    }
    return certificate("local-lipschitz", of, evidence).files


def off(high=10, biases=((0, -10), (0,)), t=(2.25, 2.0), limit=Fraction(3, 2), low=-1, hints=None) -> Files:
    """relu(x) + relu(x - 10): slope 1 up to x = 10, 2 beyond."""
    form = 2.25 * np.array([[2 * t[0] - 1, -1], [-1, 2 * t[1] - 1]]) - np.diag([t[0] ** 2, 0])
    hints = hints or factor(exact(form)) or Factor([0, 0], [0, 0, 0])
    return made([[[1], [1]], [[1, 1]]], biases, ([low], [high]), limit, [np.array([t]), hints])


def on(low=0, limit=Fraction(1, 2), t=2.0) -> Files:
    """relu(x) - relu(x + 5): constant from x = 0 on, slope -1 before."""
    form = np.array([[0.25 + 4 * t, -2 * t, -2 * t], [-2 * t, 2 * t - 1, 1], [-2 * t, 1, 2 * t - 1]])
    return made([[[1], [1]], [[1, -1]]], [[0, 5], [7]], ([low], [1]), limit, [np.array([[t, t]]), factor(exact(form))])


def opened(limit=Fraction(6), t=9, box=(-1, 1)) -> Files:
    """3 relu(2 x) around zero: as for lipschitz."""
    evidence = [np.array([[t]], dtype=object), Factor([0], [0])]
    return made([[[2]], [[3]]], [[0], [0]], ([box[0]], [box[1]]), limit, evidence)


def deep(high=1, bias=-3) -> Files:
    """relu(2 relu(x) - 3) is off while x <= 3/2; then the output is constant and any limit will do."""
    layers, biases = [[[1]], [[2]], [[1]]], [[0], [bias], [4]]
    # X_1 = 1: (2 t_1 - 1) / 4 - t_1^2 <= 0 for L = 1/2; so X_1 = 1/16, t_1 = 1/8: (3/16) / 4 - 1/64 > 0.
    storage, t = np.array([[0.0625]]), np.array([[0.125, 1.0]])
    first, second = factor(exact(np.array([[0.03125]]))), factor(exact(np.diag([0.0625, 1.0])))
    return made(layers, biases, ([-1], [high]), Fraction(1, 2), [t, storage, first, second])


def accept() -> dict[str, Files]:
    return {
        "local-lipschitz--off-up-to-zero": off(),
        "local-lipschitz--on-from-zero": on(),
        "local-lipschitz--open": opened(),
        "local-lipschitz--one-point": off(high=-1),
        "local-lipschitz--off-in-the-second-layer": deep(high=Fraction(3, 2)),
        "local-lipschitz--a-limit-that-no-float-holds": off(high=Fraction(1, 3)),
    }


def reject() -> dict[str, Files]:
    return {
        "not-positive--local-lipschitz-just-beyond": off(high=10 + TINY),
        "not-positive--local-lipschitz-just-before": on(low=-TINY),
        "not-positive--local-lipschitz-another-bias": off(biases=((0, -9), (0,))),
        "not-positive--local-lipschitz-in-the-second-layer": deep(high=1.5 + TINY),
        "not-positive--local-lipschitz-one-unit-below": opened(limit=6 - UNIT),
        "empty-domain--local-lipschitz": off(low=10 + TINY),
        "negative-multiplier--local-lipschitz": opened(t=-9),
        "limit-not-positive--local-lipschitz": opened(limit=0),
        "not-symmetric--local-lipschitz-storage": made(
            [np.eye(2), np.eye(2), np.eye(2)], [[0, 0]] * 3, ([-1, -1], [1, 1]), 1,
            [np.array([[1, 1, 1, 1]]), np.array([[1, 1], [-1, 1]]), Factor([0, 0], [0, 0, 0])],
        ),
        "shape--local-lipschitz-biases": off(biases=((0, -10, 0), (0,))),
        "shape--local-lipschitz-number-of-biases": off(biases=((0, -10),)),
        "shape--local-lipschitz-last-bias": off(biases=((0, -10), (0, 0))),
        "shape--local-lipschitz-box": made([[[2]], [[3]]], [[0], [0]], ([-1, 0], [1, 1]), 6, [np.array([[9]])]),
        "hint--local-lipschitz-a-factor-of-another-size": off(hints=Factor([0], [0])),
    }  # fmt: skip
