"""Kind *stationary*: intervals that are tight, and one unit too short."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.statements.bundle import certificate

Files = dict[str, bytes]

# Stationary law (2/3, 1/3); with h = (0, 4/3), f + (P - I) h is 1/3 everywhere.
P = np.array([[0.75, 0.25], [0.5, 0.5]])
F = np.array([0, 1])
H = np.array([[Fraction(0), Fraction(4, 3)]], dtype=object)
THIRD = Fraction(1, 3)
UNIT = Fraction(1, 10**6)


def made(g=H, h=H, **changed) -> Files:
    of = {"chain": P, "values": F, "low": THIRD, "high": THIRD}
    return certificate("stationary", of | changed, [m for m in (g, h) if m is not None]).files


def accept() -> dict[str, Files]:
    zero = np.zeros((1, 2))
    return {
        "stationary--a-point": made(),
        "stationary--least-and-largest": made(zero, zero, low=0, high=1),
        "stationary--one-end-plain": made(zero, low=Fraction(0)),
        "stationary--two-closed-classes": made(zero, zero, chain=np.eye(2), low=0, high=1),
        "stationary--one-state": made(
            *[np.array([[7.0]])] * 2, chain=np.array([[1]]), values=np.array([-2]), low=-2, high=-2
        ),
    }


def reject() -> dict[str, Files]:
    return {
        "not-below--stationary-low": made(low=THIRD + UNIT, high=1),
        "not-below--stationary-high": made(low=0, high=THIRD - UNIT),
        "not-stochastic--stationary-sum": made(chain=np.array([[0.75, 0.25], [0.5, 0.5 + 2.0**-50]]), high=1),
        "not-stochastic--stationary-negative": made(chain=np.array([[1.25, -0.25], [0.5, 0.5]]), low=-9, high=9),
        "shape--stationary-chain": made(chain=np.array([[0.75, 0.25]])),
        "shape--stationary-values": made(values=np.array([[0], [1]])),
        "shape--stationary-function": made(H.T),
        "no-such-matrix--stationary": made(h=None),
    }
