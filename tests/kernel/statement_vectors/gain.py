"""Kind *gain*: gains that are attained, and one unit below."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.statements.bundle import certificate
from certify.statements.factor import Factor

Files = dict[str, bytes]

# y_t = u_(t-1), gain 1: the inequality with X = 1 is the zero matrix.
DELAY = [np.array([[v]]) for v in (0, 1, 1, 0)]
HALF = [np.array([[0]]), np.array([[1]]), np.array([[0.5]]), np.array([[0]])]
# x' = -x + u, y = x, gain 1: [1, -1; -1, 1] with X = 1.
LAG = [np.array([[v]]) for v in (-1, 1, 1, 0)]
ONE = np.array([[1]])
NONE, ZERO = Factor([0], [0]), Factor([0, 0], [0, 0, 0])
LOW = Factor([0, 0], [1, -1, 0])
# The delay less half of itself, gain 1/2: X = (1, -1/2)' (1, -1/2), and the inequality is zero again.
PAIR = np.array([[1.0, -0.5], [-0.5, 0.25]])
PAIRED = Factor([1, 1], [2, -1, 0])
UNIT = Fraction(1, 1 << 30)


def made(x=ONE, first=NONE, second=ZERO, **changed) -> Files:
    of = {"continuous": 0, "systems": DELAY, "limit": 1}
    return certificate("gain", of | changed, [x, first, second]).files


def pair(**changed) -> Files:
    return made(
        PAIR, PAIRED, Factor([0] * 3, [0] * 6), **({"systems": DELAY + HALF, "limit": Fraction(1, 2)} | changed)
    )


def accept() -> dict[str, Files]:
    twice = np.array([[1, -1], [-1, 1]])
    nothing = Factor([0] * 3, [0] * 6)
    return {
        "gain--discrete-attained": made(),
        "gain--continuous-attained": made(second=LOW, continuous=1, systems=LAG),
        "gain--error-attained": pair(),
        "gain--error-of-itself-is-zero": made(twice, LOW, nothing, systems=DELAY + DELAY, limit=0),
        "gain--feed-through": made(np.array([[0]]), systems=[ONE, ONE, 0 * ONE, 3 * ONE], limit=3),
    }


def reject() -> dict[str, Files]:
    wide = np.array([[1, 1]])
    return {
        "continuous--gain-neither": made(continuous=2),
        "count--gain-three-matrices": made(systems=DELAY[:3]),
        "count--gain-seven-matrices": pair(systems=DELAY + HALF[:3]),
        "negative-limit--gain": made(limit=-1),
        "shape--gain-state-not-square": made(systems=[wide, *DELAY[1:]]),
        "shape--gain-input": made(systems=[DELAY[0], wide.T, *DELAY[2:]]),
        "shape--gain-output": made(systems=[*DELAY[:2], wide, DELAY[3]]),
        "shape--gain-feed-through": made(systems=[*DELAY[:3], wide]),
        "shape--gain-inputs-differ": pair(systems=[*DELAY, HALF[0], wide, HALF[2], np.array([[0, 0]])]),
        "shape--gain-x": made(x=PAIR),
        "not-positive--gain-x": made(x=-ONE),
        "not-positive--gain-discrete": made(limit=1 - UNIT),
        "not-positive--gain-continuous": made(second=LOW, continuous=1, systems=LAG, limit=1 - UNIT),
        "not-positive--gain-error": pair(limit=Fraction(1, 2) - UNIT),
        "not-positive--gain-wrong-time": made(continuous=1),
        "not-symmetric--gain-x": made(PAIR + np.eye(2, k=1), PAIRED, Factor([0] * 3, [0] * 6), systems=DELAY + HALF),
        "hint--gain-factor": made(first=Factor([0, 0], [0] * 3)),
    }
