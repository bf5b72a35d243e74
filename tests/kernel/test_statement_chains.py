"""Kinds *super-solution*, *stationary* and *lumping* against exact Fractions: what is accepted holds on every path."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from bundles import word_of_both

from certify.statements.bundle import certificate

TESTED_RULES = ("super-solution", "stationary", "lumping")
SEEDS = range(20)


def verdict(kind, of, evidence, folder, items=()) -> str:
    return word_of_both(certificate(kind, of, evidence, items).files, folder)


def table(rows) -> np.ndarray:
    # Not of numpy's integers: a Fraction would keep them, and they wrap.
    return np.array([[v if isinstance(v, Fraction) else Fraction(int(v)) for v in row] for row in rows], dtype=object)


def stochastic(r, rows, columns) -> np.ndarray:
    whole = r.integers(0, 6, (rows, columns)) + np.eye(rows, columns, dtype=int)
    return table([[Fraction(int(v), int(row.sum())) for v in row] for row in whole])


def solve(a, b) -> list[Fraction]:
    """x with a x = b, by elimination in Fractions; a is not singular."""
    n = len(a)
    m = [[*map(Fraction, row), Fraction(v)] for row, v in zip(a, b, strict=True)]
    for k in range(n):
        p = next(i for i in range(k, n) if m[i][k])
        m[k], m[p] = m[p], m[k]
        for i in range(n):
            if i != k and m[i][k]:
                t = m[i][k] / m[k][k]
                m[i] = [x - t * y for x, y in zip(m[i], m[k], strict=True)]
    return [m[i][n] / m[i][i] for i in range(n)]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_partial_sum_stays_below_an_accepted_super_solution(tmp_path, seed):
    r = np.random.default_rng(seed)
    n = int(r.integers(1, 5))
    g = table(r.integers(0, 3, (n, n)))
    g = g / Fraction(int(max(g.sum(axis=1))) + int(r.integers(0, 2)) or 1)
    b = table(r.integers(0, 4, (n, 1)))
    try:
        w = table([[v] for v in solve(np.eye(n, dtype=int) - g, b[:, 0])])
    except StopIteration:  # singular: no finite budget
        w = table(r.integers(0, 9, (n, 1)))
    for unit in (0, Fraction(1, 10**9)):
        bound = w.copy()
        bound[int(r.integers(n)), 0] -= unit
        word = verdict("super-solution", {"gains": g, "sources": b, "bound": bound, "implicit": 0}, [], tmp_path)
        true = all(v >= 0 for v in bound[:, 0]) and all(v >= 0 for v in (bound - g @ bound - b)[:, 0])
        assert (word == "accepted") == true
        x = b
        for _ in range(30 if true else 0):
            assert all(v >= 0 for v in (bound - x)[:, 0])
            x = g @ x + b


@pytest.mark.parametrize("seed", SEEDS)
def test_an_implicit_bound_holds_for_vectors_of_any_sign(tmp_path, seed):
    r = np.random.default_rng(seed)
    n = int(r.integers(1, 4))
    g = table(r.integers(0, 3, (n, n))) / Fraction(7 if seed % 4 else 1)
    b = table(r.integers(0, 4, (n, 1)))
    v = table(r.integers(1, 5, (n, 1)))
    w = table(r.integers(0, 20, (n, 1)))
    of = {"gains": g, "sources": b, "bound": w, "implicit": 1}
    word = verdict("super-solution", of, [v], tmp_path)
    strict = all(x > 0 for x in (v - g @ v)[:, 0]) and all(x >= 0 for x in (w - g @ w - b)[:, 0])
    assert (word == "accepted") == strict
    for _ in range(40 if strict else 0):
        x = table(r.integers(-30, 30, (n, 1)))
        if all(t >= 0 for t in (g @ x + b - x)[:, 0]):
            assert all(t >= 0 for t in (w - x)[:, 0])


@pytest.mark.parametrize("seed", SEEDS)
def test_stationary_means_lie_in_an_accepted_interval(tmp_path, seed):
    r = np.random.default_rng(seed)
    n = int(r.integers(1, 5))
    p, f = stochastic(r, n, n), table(r.integers(-5, 6, (1, n)))
    a = (np.eye(n, dtype=int) - p).T
    a[0] = Fraction(1)
    law = solve(a, [1, *[0] * (n - 1)])
    mean = sum(x * y for x, y in zip(law, f[0], strict=True))
    h = table(r.integers(-4, 5, (1, n)))
    shown = f + h @ p.T - h
    low, high = min(shown[0]), max(shown[0])
    assert low <= mean <= high
    of = {"chain": p, "values": f, "low": low, "high": high}
    assert verdict("stationary", of, [h, h], tmp_path) == "accepted"
    unit = Fraction(1, 10**12)
    for change in ({"low": low + unit}, {"high": high - unit}):
        assert verdict("stationary", of | change, [h, h], tmp_path) != "accepted"
    broken = p.copy()
    broken[0, 0] += unit
    assert verdict("stationary", of | {"chain": broken}, [h, h], tmp_path) != "accepted"


def total_variation(x, y) -> Fraction:
    return sum((abs(a - b) for a, b in zip(x, y, strict=True)), Fraction(0)) / 2


@pytest.mark.parametrize("seed", SEEDS)
def test_laws_of_blocks_stay_within_an_accepted_limit_for_all_starts(tmp_path, seed):
    r = np.random.default_rng(seed)
    n = int(r.integers(2, 6))
    m = int(r.integers(1, n))
    blocks = np.r_[np.arange(m), r.integers(0, m, n - m)]
    p, macro = stochastic(r, n, n), stochastic(r, m, m)
    v = table(np.eye(m, dtype=int)[blocks])
    observed = Fraction(0)
    for state in range(n):
        x, y = table(np.eye(n, dtype=int)[state : state + 1]), table(np.eye(m, dtype=int)[blocks[state] :][:1])
        for _ in range(6):
            observed = max(observed, total_variation((x @ v)[0], y[0]))
            x, y = x @ p, y @ macro
    eps = max(sum(abs(t) for t in row) for row in p @ v - v @ macro)
    tau = max((total_variation(a, b) for a in macro for b in macro), default=Fraction(0))
    if tau == 1:
        return
    limit = eps / 2 / (1 - tau)
    assert observed <= limit
    of = {"chain": p, "blocks": blocks[None], "macro": macro, "start": 0, "limit": limit}
    # Powers are rounded to 60 bits, which a little above the exact limit pays for.
    above = limit * (1 + Fraction(1, 2**40)) + Fraction(1, 2**40)
    assert verdict("lumping", of | {"limit": above}, [], tmp_path, [[1, 60]]) == "accepted"
    for tried in (limit / 2, observed - Fraction(1, 10**9)):
        if tried < observed:
            assert verdict("lumping", of | {"limit": tried}, [], tmp_path, [[1, 60]]) != "accepted"
