"""Domains mean exactly what was written: numbers, membership, intersections, and the float moves inside them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from certify.domains import box, l1, l2, linf, points
from certify.errors import BadInput, EmptyDomain
from certify.numbers import float_above, float_below, integers, rational, root_above, root_below

finite = st.floats(allow_nan=False, allow_infinity=False)
NORMS = {"linf": linf, "l2": l2, "l1": l1}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (0.03, Fraction(3, 100)),
        ("0.03", Fraction(3, 100)),
        (np.float64(0.03), Fraction(3, 100)),
        (np.float32(0.03), Fraction(3, 100)),
        ("1/255", Fraction(1, 255)),
        (Fraction(0.03), Fraction(0.03)),
        (1e-5, Fraction(1, 100000)),
        ("-.5e-2", Fraction(-1, 200)),
        (7, Fraction(7)),
        (np.int8(-3), Fraction(-3)),
    ],
)
def test_a_scalar_means_the_decimal_that_was_written(written, meant):
    assert rational(written, "radius") == meant


@pytest.mark.parametrize(
    "bad", ["1_000", "nan", "3 /4", "1/0", "1e999", "٣", "", None, True, 1e305, np.nan, -np.inf, []]
)
def test_a_scalar_that_is_no_number_is_refused_by_place(bad):
    with pytest.raises(BadInput, match=r"^here: expected .*, found"):
        rational(bad, "here")


@given(st.lists(finite, min_size=1, max_size=6))
def test_stored_floats_become_integers_exactly(values):
    m, s = integers(np.array(values))
    assert [Fraction(int(v), 1 << s) for v in m] == [Fraction(v) for v in values]
    assert s == 0 or any(int(v) % 2 for v in m)


@given(st.fractions(max_denominator=10**30))
def test_rounding_to_floats_is_tight_from_both_sides(q):
    assert Fraction(float_below(q)) <= q <= Fraction(float_above(q))
    assert float_above(q) in (float_below(q), np.nextafter(float_below(q), np.inf))


@given(st.fractions(min_value=0, max_denominator=10**40))
def test_square_roots_are_enclosed(q):
    low, high = root_below(q), root_above(q)
    assert low * low <= q <= high * high
    assert high - low <= high / 2**60


def test_a_ball_holds_its_exact_boundary_and_nothing_beyond():
    x = linf(np.array([0.1]), "0.03")
    edge = Fraction(0.1) + Fraction(3, 100)
    assert x.contains([edge])
    assert not x.contains([edge + Fraction(1, 10**40)])


def test_a_3_4_5_triangle_lies_on_the_sphere_of_radius_5():
    x = l2(np.zeros(2), 5)
    assert x.contains([3, 4]) and not x.contains([3, np.nextafter(4, 5)])
    assert l1(np.zeros(2), 7).contains([3, 4]) and not l1(np.zeros(2), 7).contains([3, np.nextafter(4, 5)])


@settings(deadline=None)
@given(
    st.sampled_from(sorted(NORMS)),
    st.lists(st.floats(-4, 4), min_size=2, max_size=2),
    st.fractions(0, 3, max_denominator=50),
    st.lists(st.fractions(-5, 5, max_denominator=50), min_size=2, max_size=2),
    st.booleans(),
)
def test_membership_is_the_definition(norm, centre, radius, x, cut):
    domain = NORMS[norm](np.array(centre), radius)
    inside = all(-3 <= v <= 5 for v in x) or not cut
    if cut:
        assume(all(c >= -3 for c in centre))
        domain = domain & box(-3, 5)
    gaps = [abs(v - Fraction(c)) for v, c in zip(x, centre, strict=True)]
    size = {"linf": max(gaps) <= radius, "l1": sum(gaps) <= radius, "l2": sum(g * g for g in gaps) <= radius**2}[norm]
    assert domain.contains(x) == (size and inside)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([*sorted(NORMS), "box", "points"]),
    st.integers(1, 5),
    st.integers(-40, 40),
    st.sampled_from([0.0, 1e-9, 0.3, 2.0]),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_samples_projections_and_best_vertices_lie_exactly_inside(kind, n, scale, radius, cut, seed):
    rng = np.random.default_rng(seed)
    unit = Fraction(2) ** scale
    c = rng.normal(size=(3, n)) * float(unit)
    r = rational(radius, "r") * unit
    make = {"box": lambda: box(c[0], c[0] + float(r)), "points": lambda: points(c)}
    domain = make[kind]() if kind in make else NORMS[kind](c, r)
    if cut:
        # A limit through the first centre, off the grid of floats whenever it is not a centre.
        domain = domain & box(Fraction(float(c.min())), Fraction(float(c.max())) + r / 3)
    for part in range(domain.parts):
        g = domain.geometry(np.full(6, part))
        direction = rng.normal(size=(6, n)) * (rng.random((6, n)) < 0.8)
        best = g.vertex(direction, g.anchor())
        inside = domain.sample(rng, 6, part)
        moved = domain.project(c[0] + rng.normal(size=(6, n)) * 3 * float(r), part)
        stepped = g.step(inside, direction, 0.7)
        for x in np.concatenate([best, inside, moved, stepped, domain.centre(part)[None]]):
            assert domain.contains(x, part)
        assert ((direction * best).sum(1) >= (direction * inside).sum(1) - 1e-9 * np.abs(best).max()).all()
        lo, hi = domain.bounds(part)
        assert all(
            Fraction(lo[i]) <= domain.coordinate(part, i)[0] and domain.coordinate(part, i)[1] <= Fraction(hi[i])
            for i in range(n)
        )


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_the_best_vertex_of_an_l1_ball_in_a_box_solves_the_linear_program(n, seed):
    rng = np.random.default_rng(seed)
    c, a = rng.random(n), rng.normal(size=n)
    domain = l1(c, "0.4") & box(0, 1)
    best = domain.geometry(np.array([0])).vertex(a[None], c[None])[0]
    # x = c + p - q with p, q >= 0 and sum(p + q) <= r.
    limits = [(0, 1 - v) for v in c] + [(0, v) for v in c]
    exact = linprog(-np.concatenate([a, -a]), A_ub=np.ones((1, 2 * n)), b_ub=[0.4], bounds=limits)
    assert a @ (best - c) == pytest.approx(-exact.fun, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_the_best_vertex_of_an_l2_ball_in_a_box_is_optimal(n, seed):
    rng = np.random.default_rng(seed)
    c, a, r = rng.random(n), rng.normal(size=n), 0.4
    domain = l2(c, "0.4") & box(0, 1)
    best = domain.geometry(np.array([0])).vertex(a[None], c[None])[0]
    # Weak duality: for any t > 0, max over the box of a.x + (r^2 - |x - c|^2) / (2 t) bounds the maximum.
    t = np.geomspace(1e-3, 1e3, 4000)[:, None]
    x = np.clip(c + t * a, 0, 1)
    dual = (x @ a + (r * r - ((x - c) ** 2).sum(1)) / (2 * t[:, 0])).min()
    assert dual - 1e-4 <= a @ best <= dual + 1e-9


def test_a_typed_limit_between_floats_stays_exact():
    x = linf(np.array([0.5]), 1) & box("1/3", "2/3")
    assert x.contains([Fraction(1, 3)]) and not x.contains([Fraction(1, 3) - Fraction(1, 10**30)])
    assert x.inner(0)[0][0] == np.nextafter(1 / 3, 1) and x.bounds(0)[0][0] == 1 / 3


def test_boxes_of_arrays_meet_entry_by_entry():
    both = box(np.array([0.0, 1.0]), np.array([2.0, 3.0])) & box(np.array([-1.0, 1.5]), np.array([1.0, 4.0]))
    assert both.lo.tolist() == [0.0, 1.5] and both.hi.tolist() == [1.0, 3.0]
    cut = box(0, 1) & (linf(np.array([[0.0, 1.0]]), 1) & box(np.zeros(2), np.array([0.5, 2.0])))
    assert [v.tolist() for v in cut.bounds(0)] == [[0.0, 0.0], [0.5, 1.0]]


def test_a_uniform_box_fits_any_shape_and_keeps_its_rationals():
    whole = box(0, "1/255").over((2, 3))
    assert (
        whole.shape == (2, 3) and whole.contains([Fraction(1, 255)] * 6) and not whole.contains([1 / 255 + 1e-15] * 6)
    )
    assert box(-1, 1).over((4,)).within is None


def test_parts_are_domains_of_their_own():
    x = l2(np.array([[0.0, 0.0], [5.0, 5.0]]), 1) & box(0, 9)
    one = x.part(1)
    assert (x.parts, one.parts, x.n) == (2, 1, 2)
    assert one.contains([5.0, 4.0]) and not one.contains([0.0, 0.0])
    assert list(x.parts_of([5.0, 5.0])) == [1] and x.hull()[1].tolist() == [6.0, 6.0]
    with pytest.raises(BadInput, match=r"expected a part from 0 to 1, found 2"):
        x.part(2)


def test_vertices_are_the_corners_of_the_moving_coordinates():
    x = box(np.array([0.0, 7.0, 1.0]), np.array([1.0, 7.0, 2.0]))
    assert sorted(map(tuple, x.vertices().tolist())) == [(0, 7, 1), (0, 7, 2), (1, 7, 1), (1, 7, 2)]
    with pytest.raises(BadInput, match="an l2 ball"):
        l2(np.zeros(2), 1).vertices()


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_a_ball_that_touches_its_box_is_not_empty_and_one_beyond_is(norm):
    touching = NORMS[norm](np.array([2.0, 0.5]), 1) & box(0, 1)
    assert touching.contains([1.0, 0.5])
    with pytest.raises(EmptyDomain, match="part 0"):
        NORMS[norm](np.array([2.0, 0.5]), 1 - Fraction(1, 10**30)) & box(0, 1)


def test_an_empty_part_among_many_is_named():
    with pytest.raises(EmptyDomain, match=r"part 1: expected a point, found coordinate 0"):
        points(np.array([[0.0], [2.0]])) & box(0, 1)
    with pytest.raises(EmptyDomain):
        l2(np.array([[0.5, 0.5], [1.5, 1.5]]), "0.7") & box(0, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: linf(np.array([[0.0, np.nan]]), 1), r"linf: centres: expected finite entries, found nan at \[0, 1\]"),
        (lambda: linf(np.zeros((0, 3)), 1), r"expected an array of points"),
        (lambda: linf(np.zeros(3), -1), "radius: expected zero or more, found -1"),
        (lambda: box(np.zeros(2), np.ones(3)), "expected two arrays of one shape"),
        (lambda: box(np.zeros(2), "1/3"), "expected a number that float64 holds"),
        (lambda: points(np.array(["a"])), "expected an array of floats"),
        (lambda: points([[0.0], [1.0, 2.0]]), "expected an array of numbers"),
        (lambda: linf(np.zeros(3), 1) & box(np.zeros(2), np.ones(2)), "expected a box of 3 coordinates, found 2"),
        (lambda: linf(np.zeros(3), 1) & linf(np.zeros(3), 1), "expected a box on one side"),
        (lambda: linf(np.full(1, 1.7e308), 10**300) & box(-1, 1), "an overflow|empty|expected a point"),
        (lambda: points(np.zeros(2)).contains([1.0]), "expected 2 entries, found 1"),
    ],
)
def test_bad_domains_end_in_one_clear_line(make, message):
    with pytest.raises((BadInput, EmptyDomain), match=message) as e:
        make()
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    "make", [lambda: box(1, 0), lambda: box(0, 1) & box(2, 3), lambda: box(np.ones(2), np.zeros(2))]
)
def test_an_empty_box_is_refused(make):
    with pytest.raises(EmptyDomain):
        make()


def test_a_domain_keeps_its_own_copy_of_the_data():
    c = np.zeros((1, 2), dtype=np.float32)
    x = linf(c, 1)
    c += 9
    assert x.contains([0.0, 0.0]) and x.centres.dtype == np.float32
