"""Kind *range* against exact numbers: Fractions where an operation is rational, 600 bits where it is not."""

from __future__ import annotations

import random
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from bundles import word_of_both
from hypothesis import given
from hypothesis import strategies as st

from certify.kernel import enclosures
from certify.kernel.verdict import Declined, Rejected
from certify.statements.bundle import certificate

TESTED_RULES = ("range",)
BITS = 600

integers = st.integers(-(1 << 24), 1 << 24)
bits = st.integers(0, 24)


def pair(a, b):
    return min(a, b), max(a, b)


def inside(x, t, p):
    """A number of an enclosure: t in [0, 1] of the way."""
    return Fraction(x[0], 1 << p) + t * Fraction(x[1] - x[0], 1 << p)


def holds(z, v, p):
    return Fraction(z[0], 1 << p) <= v <= Fraction(z[1], 1 << p)


parts = st.fractions(0, 1, max_denominator=16)


@given(integers, integers, integers, integers, parts, parts, bits)
def test_rational_operations_enclose_every_value_and_round_by_less_than_a_unit(a, b, c, d, s, t, p):
    x, y = pair(a, b), pair(c, d)
    u, v = inside(x, s, p), inside(y, t, p)
    known = {
        enclosures.add: u + v,
        enclosures.subtract: u - v,
        enclosures.multiply: u * v,
        enclosures.least: min(u, v),
        enclosures.largest: max(u, v),
    }
    for operation, value in known.items():
        assert holds(operation(x, y, p, 0), value, p)
    one = enclosures.multiply((a, a), (c, c), p, 0)
    assert one[1] - one[0] <= 1
    if y[0] > 0 or y[1] < 0:
        assert holds(enclosures.divide(x, y, p, 0), u / v, p)
    else:
        with pytest.raises(Rejected):
            enclosures.divide(x, y, p, 0)


@given(integers, integers, st.integers(1, 9), parts, bits)
def test_powers_enclose_every_value_and_an_even_power_is_not_negative(a, b, n, t, p):
    x = pair(a, b)
    found = enclosures.power(x, n, p)
    assert holds(found, inside(x, t, p) ** n, p)
    assert n % 2 or found[0] >= 0
    if x[0] <= 0 <= x[1] and n % 2 == 0:
        assert found[0] == 0


def real(q: Fraction):
    return mpmath.mpf(q.numerator) / q.denominator


@given(integers, integers, parts, st.integers(0, 40), st.integers(0, 40), st.integers(2, 20))
def test_roots_exponentials_and_logarithms_enclose_every_value(a, b, t, p, k, scale):
    x = pair(a >> scale, b >> scale)
    v = inside(x, t, p)
    cases = (
        (enclosures.root, mpmath.sqrt),
        (enclosures.exponential, mpmath.exp),
        (enclosures.logarithm, mpmath.log),
    )
    with mpmath.workprec(BITS):
        for operation, function in cases:
            try:
                low, high = operation(x, p, k)
            except (Rejected, Declined):
                continue
            true = function(real(v))
            # What mpmath may err, far below a unit of the enclosure.
            slack = abs(true) * mpmath.mpf(2) ** (20 - BITS)
            assert real(Fraction(low, 1 << p)) <= true + slack
            assert true - slack <= real(Fraction(high, 1 << p))


def test_with_bits_and_halvings_the_enclosures_of_e_and_ln_2_close():
    p, k = 100, 45
    one = 1 << p
    low, high = enclosures.exponential((one, one), p, k)
    assert 0 < high - low < one >> 40
    low, high = enclosures.logarithm((2 * one, 2 * one), p, k)
    assert 0 < high - low < one >> 40


def verdict(of, items, folder) -> str:
    return word_of_both(certificate("range", of, items=items).files, folder)


def evaluate(steps, constants, x):
    """The form at a point in Fractions, or None where it is not defined; rational operations alone."""
    out: list[Fraction] = []
    for op, a, b in steps:
        if op == 5 and out[b] == 0:
            return None
        out.append(
            constants[a] if op == 0 else x[a] if op == 1 else out[a] ** b if op == 6
            else {2: lambda u, v: u + v, 3: lambda u, v: u - v, 4: lambda u, v: u * v, 5: lambda u, v: u / v,
                  7: min, 8: max}[op](out[a], out[b])
        )  # fmt: skip
    return out[-1]


def random_program(r):
    steps = [(1, 0, 0), (1, 1, 0), (0, 0, 0), (0, 1, 0)]
    for i in range(len(steps), r.randint(5, 9)):
        op = r.choice([2, 3, 4, 4, 5, 6, 7, 8])
        steps.append((op, r.randrange(i), r.randint(1, 3) if op == 6 else r.randrange(i)))
    return steps


def random_tree(r, p, low, high, depth):
    if depth == 0 or r.random() < 0.3:
        return [[]]
    j = r.randrange(len(low))
    a, b = (int(v * (1 << p)) for v in (low[j], high[j]))
    q = r.randint(a, b)
    below, above = list(high), list(low)
    below[j] = above[j] = Fraction(q, 1 << p)
    return [[j, q], *random_tree(r, p, low, below, depth - 1), *random_tree(r, p, above, high, depth - 1)]


@pytest.mark.parametrize("seed", range(60))
def test_what_is_accepted_holds_at_every_point_tried(tmp_path, seed):
    r = random.Random(seed)
    steps, p = random_program(r), r.choice([0, 4, 12])
    constants = [Fraction(r.randint(-9, 9), r.randint(1, 7)) for _ in range(2)]
    low = [Fraction(r.randint(-3, 3)) for _ in range(2)]
    high = [v + r.randint(0, 3) for v in low]
    points = [[a + (b - a) * Fraction(r.randint(0, 8), 8) for a, b in zip(low, high, strict=True)] for _ in range(80)]
    values = [evaluate(steps, constants, x) for x in points]
    items = [[p, 5], *random_tree(r, p, low, high, 4)]
    known = [v for v in values if v is not None]
    true = max(known, default=Fraction(0))
    for limit in (true - Fraction(1, 1000), true, true + 1, true * 4 + 50):
        of = {
            "constants": np.array([constants], dtype=object),
            "program": np.array(steps, dtype=object),
            "box": np.array([low, high], dtype=object),
            "limit": limit,
        }
        if verdict(of, items, tmp_path) == "accepted":
            assert len(known) == len(values)
            assert true <= limit
