"""The pair rule against an exact linear program, and the formation of differences against exact matrices."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from bundles import FAST, PURE, Case, Region, Style, bounding_box, bundle, established
from cases import numbers, seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from rational_oracle import Symbols, evaluate

from certify.kernel.rules.difference import intercept, owners
from certify.networks.builder import Builder
from certify.networks.maps import Dense

# What these tests bear on: certify/traceability.py.
TESTED_RULES = ("difference",)

number = st.integers(-60, 60)


def interval(values=number):
    return st.tuples(values, values).map(lambda p: (min(p), max(p)))


def exact_minimum(alpha, beta, p, t, x, y, d, delta):
    """min of alpha relu x + beta relu y - p 2^delta (x - y) - t y over the polygon, by its vertices; None if empty."""
    step = Fraction(1, 1 << delta)
    best = None
    for sx in (0, 1):
        for sy in (0, 1):
            lx, ux = (max(x[0], 0), x[1]) if sx else (x[0], min(x[1], 0))
            ly, uy = (max(y[0], 0), y[1]) if sy else (y[0], min(y[1], 0))
            lines = [(1, 0, lx), (1, 0, ux), (0, 1, ly), (0, 1, uy), (1, -1, d[0] * step), (1, -1, d[1] * step)]
            for (a, b, e), (c, f, g) in combinations(lines, 2):
                det = a * f - b * c
                if det == 0:
                    continue
                px, py = Fraction(e * f - b * g) / det, Fraction(a * g - e * c) / det
                if not (lx <= px <= ux and ly <= py <= uy and d[0] <= (px - py) * (1 << delta) <= d[1]):
                    continue
                value = alpha * sx * px + beta * sy * py - p * (1 << delta) * (px - py) - t * py
                best = value if best is None else min(best, value)
    return best


@pytest.mark.parametrize("arithmetic", [FAST, PURE], ids=["fast", "pure"])
@settings(max_examples=400, deadline=None)
@given(
    alpha=number,
    beta=number,
    p=number,
    t=number,
    x=interval(),
    y=interval(),
    d=interval(st.integers(-300, 300)),
    delta=st.integers(0, 3),
)
def test_the_intercept_is_the_exact_minimum_over_the_pair_rounded_down(arithmetic, alpha, beta, p, t, x, y, d, delta):
    a = arithmetic
    true = exact_minimum(alpha, beta, p, t, x, y, d, delta)

    alpha, beta, p, t = (a.vector([v]) for v in (alpha, beta, p, t))
    x, y, d = ((a.vector([l]), a.vector([u])) for l, u in (x, y, d))
    least, possible = intercept(a, alpha, beta, p, t, x, y, d, delta)
    assert a.all_true(possible) == (true is not None)
    assert true is None or true - 1 < least.tolist()[0] <= true


@given(st.lists(st.integers(-1, 4), min_size=1, max_size=8))
def test_each_entry_of_w_is_owned_by_one_row_that_selects_it(sigma):
    owned = [j for j, own in zip(sigma, owners(sigma), strict=True) if own]
    assert sorted(owned) == sorted(set(sigma) - {-1})


@pytest.mark.parametrize("arithmetic", [FAST, PURE], ids=["fast", "pure"])
@settings(max_examples=60, deadline=None)
@given(seed=seeds)
def test_differences_of_affine_layers_are_formed_exactly(arithmetic, seed):
    """f - g = W2 W1 x - V2 V1 x through a selection in between, against its exact support over a box."""
    r = random.Random(seed)
    n, wide, small = r.randrange(1, 3), r.randrange(1, 5), r.randrange(1, 4)
    sigma = tuple(r.randrange(-1, small) for _ in range(wide))
    w = numbers(r, wide, n), numbers(r, wide), numbers(r, 1, wide), numbers(r, 1)
    v = numbers(r, small, n), numbers(r, small), numbers(r, 1, small), numbers(r, 1)

    def net(first, c, second, c2):
        b = Builder()
        h = b.linear(b.input(n), Dense(first), c)
        return b.finish(b.linear(h, Dense(second), c2), (n,), (1,))

    f, g = net(*w), net(*v)
    lo = np.array([r.uniform(-1, 1) for _ in range(n)])
    region = Region("box", (lo, lo + 0.5))
    case = Case(f, g, region, ("upper", np.array([1.0])), ((1, 1, sigma), (2, 2, None)))
    fine = Style(input_scale=60, scale=60, delta=5, bits=(60, 60), final=(60, 60), forward=60, constant=60)
    files = bundle(case, (fine,))
    assert files["proof"].count(b"pair-affine") == 2
    (found,) = established(files, arithmetic)
    symbols, corners = Symbols(r), product(*zip(*bounding_box(region, 0), strict=True))
    true = max(
        evaluate(f, list(x), [list(x)], symbols, r)[0] - evaluate(g, list(x), [list(x)], symbols, r)[0] for x in corners
    )
    assert true <= found <= true + Fraction(1, 2**40)
