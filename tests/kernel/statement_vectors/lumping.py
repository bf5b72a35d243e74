"""Kind *lumping*: limits that are met exactly, and by one unit not."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.statements.bundle import certificate

Files = dict[str, bytes]

P = np.array([[0.5, 0.25, 0.25], [0.25, 0.375, 0.375], [0.25, 0.25, 0.5]])
CLOSED = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]])
BLOCKS = np.array([0, 0, 1])
# tau = 3/16, eps = 1/8: with s = 1 and 4 bits tau_1 = 3/16 + 2/16, so the limit is (1/16) / (11/16) = 1/11.
PI = np.array([[0.6875, 0.3125], [0.5, 0.5]])
LIMIT = Fraction(1, 11)
UNIT = Fraction(1, 10**6)
# From delta = 1/4, before the last time: 1/4 at t = 0; from then on 5/64 + 1/11.
START = Fraction(1, 4)


def made(items=((1, 4),), **changed) -> Files:
    of = {"chain": P, "blocks": BLOCKS, "macro": PI, "start": 0, "limit": LIMIT}
    return certificate("lumping", of | changed, [], [list(i) for i in items]).files


def closed(**changed) -> Files:
    macro = np.array([[0.75, 0.25], [0.5, 0.5]])
    return made((), **{"chain": CLOSED, "macro": macro, "limit": 0} | changed)


def slow(start: Fraction, limit: Fraction, bits: int = 20) -> Files:
    """A macro chain with tau = 3/4 and eps = 1/16, whose bound for S = 4 is that of the last time."""
    chain = np.array([[7, 0, 1], [1, 6, 1], [1, 1, 6]]) / 8
    macro = np.array([[27, 5], [8, 24]]) / 32
    return made([(4, bits)], chain=chain, macro=macro, start=start, limit=limit)


def slow_bound(start: Fraction, bits: int) -> Fraction:
    """The least limit for ``slow``: tau_j is (19/32)^j, and what rounding in powers of a 2 x 2 chain adds."""
    one, half, total, worst = 1 << bits, Fraction(1, 32), Fraction(0), Fraction(0)
    power = [[one, 0], [0, one]]
    for t in range(5):
        apart = sum(abs(a - b) for a, b in zip(*power, strict=True))
        tau = Fraction(apart, 2 * one) + Fraction(2 * t, one)
        if t < 4:
            worst, total = max(worst, start * tau + half * total), total + tau
            power = [[(a * 27 + b * 8) // 32, (a * 5 + b * 24) // 32] for a, b in power]
    return max(worst, start * tau + half * total / (1 - tau))


def accept() -> dict[str, Files]:
    written = np.array([Fraction(0), Fraction(0), Fraction(3, 3)], dtype=object)
    return {
        "lumping--exactly-the-limit": made(),
        "lumping--from-a-distance": made(start=START, limit=START),
        "lumping--four-powers": slow(Fraction(0), slow_bound(Fraction(0), 20)),
        "lumping--four-powers-from-a-distance": slow(Fraction(1, 9), slow_bound(Fraction(1, 9), 7), 7),
        "lumping--no-bits-lost": slow(Fraction(0), slow_bound(Fraction(0), 200), 200),
        "lumping--closed": closed(),
        "lumping--closed-from-a-distance": closed(start=START, limit=START),
        "lumping--one-block": closed(blocks=BLOCKS * 0, macro=np.array([[1]])),
        "lumping--blocks-of-one-state": closed(macro=CLOSED, blocks=np.array([0, 1, 2])),
        "lumping--blocks-as-floats": closed(blocks=BLOCKS.astype("f4")),
        "lumping--an-empty-block": closed(macro=np.array([[0.75, 0.25, 0], [0.5, 0.5, 0], [0, 0, 1]])),
        "lumping--blocks-as-rationals": closed(blocks=written),
    }


def reject() -> dict[str, Files]:
    fraction = np.array([Fraction(0), Fraction(1, 2), Fraction(1)], dtype=object)
    identity = np.eye(2)
    return {
        "limit-too-low--lumping-by-one-unit": made(limit=LIMIT - UNIT),
        "limit-too-low--lumping-at-the-start": made(start=START, limit=START - UNIT),
        "limit-too-low--lumping-four-powers": slow(Fraction(0), slow_bound(Fraction(0), 20) - UNIT),
        "limit-too-low--lumping-closed": closed(start=START, limit=START - UNIT),
        "limit-too-low--lumping-few-bits": made([(1, 3)]),
        "not-contracting--lumping-power-0": made([(0, 20)], limit=1),
        "not-contracting--lumping-identity": made([(5, 20)], macro=identity, limit=9),
        # floor(2 Pi) has rows (1, 0) and (1, 1): tau_1 = 1/4 + 2/2.
        "not-contracting--lumping-no-bits": made([(1, 1)], limit=9),
        "negative-start--lumping": closed(start=-UNIT),
        "blocks--lumping-too-large": closed(blocks=np.array([0, 0, 2])),
        "blocks--lumping-negative": closed(blocks=np.array([0, 0, -1])),
        "blocks--lumping-fraction": closed(blocks=fraction),
        "not-stochastic--lumping-chain": closed(chain=CLOSED + np.diag([0, 0, 2.0**-40])),
        "not-stochastic--lumping-macro": closed(macro=np.array([[1.25, -0.25], [0.5, 0.5]])),
        "hint--lumping-no-item": made([]),
        "hint--lumping-three-numbers": made([(1, 4, 4)]),
        "hint--lumping-negative-power": made([(-1, 4)]),
        "hint--lumping-negative-bits": made([(1, -4)]),
        "shape--lumping-chain": made(chain=P[:2]),
        "shape--lumping-macro": made(macro=PI[:1]),
        "shape--lumping-blocks": made(blocks=np.array([[0], [0], [1]])),
    }


def decline() -> dict[str, Files]:
    return {
        "limit--lumping-powers": made([(2001, 4)]),
        "limit--lumping-bits": made([(1, 201)]),
    }
