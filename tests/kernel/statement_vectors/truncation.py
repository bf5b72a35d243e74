"""Kind *truncation*: limits that are attained, and one unit below."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.statements.bundle import certificate
from certify.statements.factor import Factor

Files = dict[str, bytes]

A = np.array([[3.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
B = np.array([[3.0, 0.0], [0.0, 0.25], [0.0, 0.0]])
EXACT = Factor([2, 2], [0, 0, 0])
LIMIT = Fraction(3, 4)


def made(hints=EXACT, **changed) -> Files:
    of = {"full": A, "coarse": B, "shape": np.eye(2), "limit": LIMIT}
    return certificate("truncation", of | changed, [hints]).files


def accept() -> dict[str, Files]:
    return {
        "truncation--attained": made(),
        "truncation--on-an-ellipsoid": made(shape=np.diag([0.0, 4.0]), limit=LIMIT / 2),
        "truncation--nothing-discarded": made(coarse=A, limit=0),
        "truncation--float32-against-float64": made(coarse=B.astype("f4")),
    }


def reject() -> dict[str, Files]:
    return {
        "not-positive--truncation-one-unit-below": made(limit=LIMIT - Fraction(1, 1 << 40)),
        "negative-limit--truncation": made(limit=-LIMIT),
        "shape--truncation-of-another-shape": made(coarse=B[:2]),
        "shape--truncation-ellipsoid": made(shape=np.eye(3)),
        "not-symmetric--truncation-ellipsoid": made(shape=np.array([[1.0, 0.5], [0.0, 1.0]])),
        "hint--truncation-factor": made(Factor([0], [0])),
    }
