"""Kind *lumping*: both kernels accept the least limit that the evidence shows, and nothing below it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from both_kernels import assert_same, needs_rocq

from bundles import sealed, write_directory  # isort: skip
from test_statement_chains import stochastic, table, total_variation  # isort: skip

from certify.statements.bundle import certificate

pytestmark = needs_rocq


def least_limit(p, blocks, macro, start, steps, bits) -> Fraction | None:
    """The formula of specs/statements.md#lumping, in Fractions; None where tau_s >= 1."""
    m = len(macro)
    v = table(np.eye(m, dtype=int)[blocks])
    half = max(sum(abs(t) for t in row) for row in p @ v - v @ macro) / 2
    if half == 0:
        return start
    power, total, least = table(np.eye(m, dtype=int)), Fraction(0), Fraction(0)

    def tau_at(t):
        return max(total_variation(a, b) for a in power for b in power) + Fraction(t * m, 2**bits)

    for t in range(steps):
        tau = tau_at(t)
        least = max(least, start * tau + half * total)
        total, power = total + tau, table([[Fraction(int(x * 2**bits), 2**bits) for x in row] for row in power @ macro])
    tau = tau_at(steps)
    return None if tau >= 1 else max(least, start * tau + half * total / (1 - tau))


@pytest.mark.parametrize("seed", range(25))
def test_the_least_limit_is_accepted_and_one_below_it_rejected(tmp_path, seed):
    r = np.random.default_rng(seed)
    n = int(r.integers(2, 6))
    m = int(r.integers(1, n + 1))
    blocks = r.integers(0, m, n)
    p, macro = stochastic(r, n, n), stochastic(r, m, m)
    if seed % 5 == 0:  # a chain that its blocks describe exactly
        blocks, p = np.arange(n) % m, table([[Fraction(0)] * n] * n)
        for i in range(n):
            p[i, :m] = macro[blocks[i]]
    start = Fraction(int(r.integers(0, 3)), 7)
    steps, bits = int(r.integers(0, 6)), int(r.choice([3, 8, 60]))
    of = {"chain": p, "blocks": blocks[None], "macro": macro, "start": start}
    least = least_limit(p, blocks, macro, start, steps, bits)
    if least is None:
        expected = {Fraction(10): "rejected"}
    else:
        expected = {least: "accepted", least - Fraction(1, 10**30): "rejected"}
    for number, (limit, said) in enumerate(expected.items()):
        files = certificate("lumping", of | {"limit": limit}, [], [[steps, bits]]).files
        path = write_directory(sealed(files), tmp_path / str(number))
        assert assert_same(path, f"limit {limit}") == said
