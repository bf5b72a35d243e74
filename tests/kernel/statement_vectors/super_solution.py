"""Kind *super-solution*: budgets that are met exactly, and by one unit not."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.statements.bundle import certificate

Files = dict[str, bytes]

G = np.array([[0.5, 0.25], [0.0, 0.5]])
B = np.array([[1], [1]])
W = np.array([[3], [2]])
UNIT = Fraction(1, 10**6)


def made(evidence=(), **changed) -> Files:
    of = {"gains": G, "sources": B, "bound": W, "implicit": 0}
    return certificate("super-solution", of | changed, list(evidence)).files


def thirds() -> dict[str, np.ndarray]:
    """A budget in rationals with several denominators, met exactly."""
    g = np.array([[Fraction(0), Fraction(1, 3)], [Fraction(1, 7), Fraction(0)]], dtype=object)
    w = np.array([[Fraction(5, 3)], [Fraction(2)]], dtype=object)
    return {"gains": g, "sources": w - g @ w, "bound": w}


def accept() -> dict[str, Files]:
    tower = np.diag([2, 3], -1)
    return {
        "super-solution--exact": made(),
        "super-solution--implicit": made([np.array([[1.0], [1.0]])], implicit=1),
        "super-solution--tower-of-layers": made(
            gains=tower, sources=np.array([[1]] * 3), bound=np.array([[1], [3], [10]])
        ),
        "super-solution--thirds": made(**thirds()),
        "super-solution--no-sources": made(gains=np.eye(2), sources=B * 0, bound=W),
        "super-solution--one-part": made(gains=np.array([[0]]), sources=np.array([[2]]), bound=np.array([[2]])),
    }


def reject() -> dict[str, Files]:
    v = np.array([[1], [1]])
    low = np.array([[Fraction(3) - UNIT], [Fraction(2)]], dtype=object)
    swap = np.array([[0, 1], [1, 0]])
    return {
        "not-above--super-solution-by-one-unit": made(bound=low),
        "not-above--super-solution-thirds": made(**thirds() | {"bound": thirds()["bound"] - np.array([[UNIT], [0]])}),
        "negative--super-solution-gain": made(gains=np.array([[0.5, -(2.0**-40)], [0.0, 0.5]])),
        "negative--super-solution-source": made(sources=np.array([[1], [-1]])),
        "negative--super-solution-bound": made(gains=np.eye(2) * 2, sources=B * 0, bound=-W),
        "implicit--super-solution-two": made([v], implicit=2),
        "not-contracting--super-solution-equal": made([v], gains=swap, sources=B * 0, bound=W * 0, implicit=1),
        "not-contracting--super-solution-zero": made([np.array([[1], [0]])], gains=np.diag([0.5, 0.5]), implicit=1),
        "no-such-matrix--super-solution": made(implicit=1),
        "shape--super-solution-gains": made(gains=np.array([[0.5, 0.25]])),
        "shape--super-solution-sources": made(sources=B.T),
        "shape--super-solution-bound": made(bound=np.array([[3], [2], [1]])),
        "shape--super-solution-v": made([v.T], implicit=1),
    }
