"""Kind *inertia*: gaps at their ends, and one unit beyond."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.statements.bundle import certificate
from certify.statements.factor import Factor

Files = dict[str, bytes]

# Eigenvalues 5, 1, 1.
M = np.diag([5.0, 1.0, 1.0])
P = np.array([[2], [0], [0]])
Q = np.array([[0, 0], [2, 0], [0, 2]])
ZERO = Factor([0, 0, 0], [0] * 6)
TWICE = Factor([1, 1, 1], [0] * 6)
UNIT = Fraction(1, 1 << 30)


def made(p=P, first=ZERO, q=Q, second=ZERO, **changed) -> Files:
    of = {"of": M, "above": 1, "low": 1, "high": 5}
    return certificate("inertia", of | changed, [p, first, q, second]).files


def accept() -> dict[str, Files]:
    coupled = np.array([[2.0, 1.0], [1.0, 2.0]])  # eigenvalues 3 and 1
    half = Factor([0, 0], [0, 0, 0])
    return {
        "inertia--both-ends-attained": made(),
        "inertia--inside-the-gap": made(P, TWICE, Q, TWICE, low=Fraction(3, 2), high=Fraction(9, 2)),
        # low I - M + P P' = [[0, 0], [0, 0]] for low = 1, P = (1, 1); M - high I + Q Q' = 0 for high = 3, Q = (1, -1).
        "inertia--coupled": made(
            np.array([[1], [1]]), half, np.array([[1], [-1]]), half, of=coupled, above=1, low=1, high=3
        ),
        "inertia--negative-eigenvalues": made(of=M - 10 * np.eye(3), low=-9, high=-5),
    }


def reject() -> dict[str, Files]:
    return {
        "no-gap--inertia-ends-that-meet": made(low=3, high=3),
        "shape--inertia-none-above": made(above=0),
        "shape--inertia-all-above": made(above=3),
        "shape--inertia-modes-above": made(p=np.array([[2, 0], [0, 0], [0, 0]])),
        "shape--inertia-modes-below": made(q=Q[:, :1]),
        "shape--inertia-not-square": made(of=M[:2]),
        "not-positive--inertia-below-the-gap": made(low=1 - UNIT),
        "not-positive--inertia-above-the-gap": made(high=5 + UNIT),
        "not-positive--inertia-another-count": made(
            np.array([[2, 0], [0, 2], [0, 0]]), ZERO, np.array([[0], [0], [2]]), ZERO, above=2
        ),
        "not-symmetric--inertia": made(of=M + np.eye(3, k=1)),
        "hint--inertia-factor": made(first=Factor([0, 0], [0] * 3)),
    }
