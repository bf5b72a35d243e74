"""Kind *tail* against the sum written out in Fractions, and against the quantiles of the beta distribution."""

from __future__ import annotations

import random
from fractions import Fraction
from math import comb

import pytest
import scipy.stats
from bundles import word_of_both

from certify.statements.bundle import certificate

TESTED_RULES = ("tail",)


def verdict(folder, n, k, p, delta) -> str:
    of = {"trials": n, "failures": k, "rate": p, "level": delta}
    return word_of_both(certificate("tail", of).files, folder)


def tail(n, k, q) -> Fraction:
    return sum((comb(n, i) * q**i * (1 - q) ** (n - i) for i in range(k + 1)), Fraction(0))


@pytest.mark.parametrize("seed", range(40))
def test_the_least_level_is_the_tail_itself_and_it_falls_with_the_rate(tmp_path, seed):
    r = random.Random(seed)
    n = r.randint(1, 30)
    k, d = r.randint(0, n), r.randint(1, 50)
    p = Fraction(r.randint(0, d), d)
    true = tail(n, k, p)
    assert verdict(tmp_path, n, k, p, true) == "accepted"
    assert verdict(tmp_path, n, k, p, true - Fraction(1, 10**60)) == "above-limit"
    for _ in range(10):
        assert tail(n, k, p + (1 - p) * Fraction(r.randint(0, 16), 16)) <= true


@pytest.mark.parametrize(
    ("n", "k", "level"), [(100, 0, 0.05), (2000, 7, 0.01), (20_000, 150, 0.001), (20_000, 10_000, 0.05)]
)
def test_the_upper_ends_of_clopper_and_pearson_are_accepted_and_no_lower_ones(tmp_path, n, k, level):
    p = Fraction(scipy.stats.beta.ppf(1 - level, k + 1, n - k)).limit_denominator(1 << 30)
    unit = Fraction(1, 1 << 24)
    delta = Fraction(str(level))
    assert verdict(tmp_path, n, k, (p + unit).limit_denominator(1 << 30), delta) == "accepted"
    assert verdict(tmp_path, n, k, (p - unit).limit_denominator(1 << 30), delta) == "above-limit"
