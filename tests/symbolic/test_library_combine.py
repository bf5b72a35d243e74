"""Combinators: parts must fit, what is unknown is a condition, arithmetic is certified."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction as Q

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import certify as ct
from certify.certificate import check
from certify.errors import BadInput
from certify.inequalities.combine import (
    Part,
    composition,
    contraction,
    part,
    restriction,
    telescope,
    triangle,
    union,
    weakening,
)
from certify.networks.builder import Builder
from certify.networks.maps import Dense
from certify.symbolic import checked, close, derive, lipschitz, maps, vectors

ID = "0" * 64
ABOUT = {"over": "everywhere", "norm": "l2"}


def sure(upper, **of):
    """A part that rests on a certificate from elsewhere."""
    return Part("a distance" if "first" in of else "a gain", Q(upper), {**ABOUT, **of}, (ID,))


def test_triangle_adds_up_and_rests_on_everything():
    found = triangle(sure("1/10", first="f", second="g"), sure("1/5", first="g", second="h"))
    assert found.upper == Q(3, 10) and found.status == "proved" and found.verdict.accepted
    assert found.of["first"] == "f" and found.of["second"] == "h"
    assert found.rests_on == (ID, found.certificate.id)
    assert check(found.certificate, kernel="pure").accepted


@pytest.mark.parametrize(
    ("change", "said"),
    [({"first": "k"}, "map in the middle"), ({"over": "Y"}, "the domain"), ({"norm": "l1"}, "the norm")],
)
def test_triangle_refuses_parts_that_do_not_fit(change, said):
    with pytest.raises(BadInput, match=said):
        triangle(sure(1, first="f", second="g"), sure(1, **{"first": "g", "second": "h", **change}))


def test_what_a_part_does_not_say_is_a_condition():
    silent = Part("a distance", Q(1), {"first": "g", "second": "h"}, (ID,))
    found = triangle(sure(1, first="f", second="g"), silent)
    assert found.status == "conditional" and any("domain" in m for m in found.missing)
    assert "conditional on" in str(found)


def test_asserted_numbers_make_a_condition():
    found = triangle(sure(1, first="f", second="g"), part("1/2", first="g", second="h", **ABOUT))
    assert found.status == "conditional" and "asserted" in found.missing[0]
    json.dumps(found.as_json())


def test_telescope_is_the_recursion():
    gains = [sure(2, map="f1"), sure("1/2", map="f2")]
    errors = [sure(1, first="f1", second="g1"), sure(3, first="f2", second="g2")]
    assert telescope(gains, errors).upper == Q(1, 2) * 1 + 3
    assert telescope(gains, errors, start=sure(4, first="x", second="y")).upper == Q(1, 2) * (2 * 4 + 1) + 3
    with pytest.raises(BadInput, match="whose gain counts"):
        telescope(gains, errors[::-1])
    with pytest.raises(BadInput, match="as many"):
        telescope(gains, errors[:1])


def test_a_gain_on_a_domain_is_conditional_on_staying_there():
    gain = replace(sure(2, map="f1"), of={"map": "f1", "over": "the box", "norm": "l2"})
    found = telescope([gain], [sure(1, first="f1", second="g1")])
    assert found.status == "conditional" and any("all points in play lie there" in m for m in found.missing)


def test_contraction_and_composition():
    error = sure(1, first="f", second="g")
    assert contraction(sure("3/4", map="f"), error).upper == 4
    with pytest.raises(BadInput, match="below 1"):
        contraction(sure(1, map="f"), error)
    assert composition(sure(3, map="F"), error).upper == 3
    assert composition(sure(3, map="F"), error).status == "proved"


def test_weakening_goes_one_way():
    p = sure(1, first="f", second="g")
    assert weakening(p, 2).upper == 2 and weakening(p, 2).status == "proved"
    with pytest.raises(BadInput, match="at least 1"):
        weakening(p, "999/1000")


def test_restriction_is_conditional_on_inclusion():
    p = sure(1, first="f", second="g")
    found = restriction(p, "half")
    assert found.upper == 1 and found.of["over"] == "half" and "lies inside" in found.missing[0]
    assert restriction(p, "everywhere").status == "proved"
    with pytest.raises(BadInput, match="not inside"):
        restriction(p, "elsewhere", inside=False)


def test_union_takes_the_largest_and_refuses_other_maps():
    a, b = sure(1, first="f", second="g", over="X"), sure(2, first="f", second="g", over="Y")
    found = union(a, b)
    assert found.upper == 2 and json.loads(found.of["over"]) == ["X", "Y"] and found.status == "proved"
    with pytest.raises(BadInput, match="union, the second"):
        union(a, sure(2, first="f", second="h", over="Y"))


def test_results_of_the_prover_say_what_they_are_about():
    f, g, h = (_net(w) for w in (1.0, 0.9, 0.75))
    box = ct.box(np.zeros(2), np.ones(2))
    one = ct.prove(ct.discrepancy(f, g, over=box) <= "1/2")
    two = ct.prove(ct.discrepancy(g, h, over=box) <= "1/2")
    found = triangle(one, two)
    assert found.status == "proved" and len(found.rests_on) == 3
    direct = ct.prove(ct.discrepancy(f, h, over=box) <= 1)
    assert direct.bracket.lower <= found.upper
    with pytest.raises(BadInput, match="middle"):
        triangle(one, one)
    other = ct.prove(ct.discrepancy(g, h, over=ct.box(np.zeros(2), 2 * np.ones(2))) <= 1)
    with pytest.raises(BadInput, match="domain"):
        triangle(one, other)
    single = ct.prove(ct.output_bound(f, output=0, over=box) <= 2)
    with pytest.raises(BadInput, match="norm of a difference"):
        triangle(single, single)
    with pytest.raises(BadInput, match="its first is"):
        part(one, first="something else")


def _net(weight):
    b = Builder()
    out = b.linear(b.input(2), Dense(np.array([[weight, -0.5], [0.25, weight]])), np.zeros(2))
    return b.finish(out, (2,), (2,))


def test_derivations_are_parts_with_their_assumptions_as_conditions():
    f, g = maps("f g")
    x = vectors("x")
    d = derive([lipschitz(f, 2), close(f, g, 1)], abs(f(f(x)) - g(g(x))))
    found = weakening(part(d), 4)
    assert found.status == "conditional" and len(found.missing) == 2
    known = derive([checked(lipschitz(f, 2), by=ID), checked(close(f, g, 1), by=ID)], abs(f(f(x)) - g(g(x))))
    assert weakening(part(known), 4).status == "proved"


numbers = st.fractions(min_value=0, max_value=3, max_denominator=9)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=3))
def test_telescopes_of_any_numbers_are_accepted(layers):
    gains = [sure(k, map=f"f{i}") for i, (k, _) in enumerate(layers)]
    errors = [sure(e, first=f"f{i}", second=f"g{i}") for i, (_, e) in enumerate(layers)]
    found, wanted = telescope(gains, errors), Q(0)
    for k, e in layers:
        wanted = k * wanted + e
    assert found.upper == wanted and found.verdict.accepted and found.status == "proved"
