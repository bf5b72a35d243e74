"""VNN-LIB files mean what their grammar says; whatever else a file holds ends in one clear error with its line."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import certify as ct
from certify.errors import BadInput, CertifyError, EmptyDomain
from certify.networks.builder import Builder
from certify.networks.maps import Dense
from certify.vnnlib import parse_vnnlib

HEAD = "".join(f"(declare-const {v} Real)\n" for v in ("X_0", "X_1", "Y_0", "Y_1"))
BOX = "(assert (and (>= X_0 0) (<= X_0 0.5) (>= X_1 -1e-1) (<= X_1 (/ 1 3))))\n"
TWO = """(vnnlib-version <2.0>)
(declare-network f (declare-input X_f real [2]) (declare-output Y_f real [1, 2]))
(declare-network g (isomorphic-to f) (declare-input X_g real [2]) (declare-output Y_g real [1, 2]))
(assert (and (<= X_f[0] 1) (>= X_f[0] 0))) (assert (and (<= X_f[1] 1) (>= X_f[1] 0)))
(assert (== X_f[0] X_g[0])) (assert (== X_g[1] X_f[1]))
"""


def near(j, eps="0.05"):
    return f"(assert (and (<= Y_g[0,{j}] (+ Y_f[0,{j}] {eps})) (>= Y_g[0,{j}] (- Y_f[0,{j}] {eps}))))\n"


def network(a):
    """x -> a x, two inputs and two outputs."""
    b = Builder()
    return b.finish(b.linear(b.input(2), Dense(np.array(a, dtype=float))), (2,), (2,))


def test_limits_and_coefficients_are_exact_rationals():
    p = parse_vnnlib(HEAD + BOX + "(assert (<= (+ (* 2 Y_0) 0.1) (- Y_1)))")
    (case,) = p.cases
    assert case.lo == (0, Fraction(-1, 10)) and case.hi == (Fraction(1, 2), Fraction(1, 3))
    (c,) = case.constraints
    assert dict(c.on_f) == {0: -2, 1: -1} and c.limit == Fraction(1, 10) and not c.strict


def test_the_box_of_a_claim_is_rounded_outward_by_at_most_one_float():
    p = parse_vnnlib(HEAD + BOX + "(assert (<= Y_0 Y_1))")
    (claim,) = p.claims(network([[1, 0], [0, 1]]))
    lo, hi = claim.domain.bounds(0)
    for a, b, exact in zip(lo, hi, zip(*(p.cases[0].lo, p.cases[0].hi), strict=True), strict=True):
        assert Fraction(float(a)) <= exact[0] < Fraction(float(np.nextafter(a, np.inf)))
        assert Fraction(float(np.nextafter(b, -np.inf))) < exact[1] <= Fraction(float(b))


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_the_cases_hold_exactly_where_the_formula_does(data):
    atoms = st.sampled_from(
        ["(<= Y_0 Y_1)", "(>= Y_0 0.5)", "(<= (- Y_1 Y_0) (* 2 Y_0))", "(>= X_0 0.25)", "(<= X_1 0)"]
    )
    formulas = st.recursive(
        atoms,
        lambda inner: st.builds(
            lambda word, parts: f"({word} {' '.join(parts)})",
            st.sampled_from(["and", "or"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
        max_leaves=6,
    )
    formula = data.draw(formulas)
    # An output constraint in every case, true everywhere below, so that any formula makes a property.
    p = parse_vnnlib(HEAD + BOX + f"(assert (>= Y_1 -9))(assert {formula})")
    for x, y in product(product((0.0, 0.25, 0.4), (-0.05, 0.0, 0.3)), product((-1.0, 0.0, 0.5), repeat=2)):
        true = evaluate(formula, x, y)
        assert true == any(holds(case, x, y) for case in p.cases)


def evaluate(text, x, y):
    """The formula in Python's own words."""
    env = {"X_0": x[0], "X_1": x[1], "Y_0": y[0], "Y_1": y[1]}

    def read(tokens):
        word = tokens.pop(0)
        if word != "(":
            return env[word] if word in env else float(word)
        head, values = tokens.pop(0), []
        while tokens[0] != ")":
            values.append(read(tokens))
        tokens.pop(0)
        return {
            "and": all, "or": any, "<=": lambda v: v[0] <= v[1], ">=": lambda v: v[0] >= v[1],
            "-": lambda v: v[0] - v[1], "*": lambda v: v[0] * v[1],
        }[head](values)  # fmt: skip

    return read(re.findall(r"[()]|[^\s()]+", text))


def holds(case, x, y):
    inside = all(a <= v <= b for a, v, b in zip(case.lo, x, case.hi, strict=True))
    return inside and all(sum(a * Fraction(y[j]) for j, a in c.on_f) >= c.limit for c in case.constraints)


def test_boxes_and_conjunctions_make_a_claim_each():
    text = HEAD + BOX + "(assert (or (<= X_0 0.1) (>= X_0 0.4)))(assert (or (<= Y_0 0) (and (>= Y_0 1) (>= Y_1 1))))"
    claims = parse_vnnlib(text).claims(network([[1, 0], [0, 1]]))
    assert sorted(len(c.quantity.limits) for c in claims) == [1, 1, 2, 2]
    assert len({tuple(map(tuple, c.domain.bounds(0))) for c in claims}) == 2
    assert all(c.relation == "below" and c.threshold == 0 for c in claims)


def test_two_networks_within_a_distance_are_one_claim_about_the_norm():
    p = parse_vnnlib(TWO + near(0) + near(1))
    assert (p.networks, p.asserts) == (2, "claim")
    (claim,) = p.claims(network([[1, 0], [0, 1]]), network([[1, 0], [0, 1]]))
    assert (claim.quantity.kind, claim.quantity.norm, claim.relation) == ("value", "linf", "at-most")
    assert claim.threshold == Fraction(1, 20)


def test_other_claims_on_two_networks_are_negated_one_constraint_at_a_time():
    f, g = network([[1, 0], [0, 1]]), network([[1, 0], [0, 0.5]])
    claims = parse_vnnlib(TWO + near(0) + near(1, "0.06")).claims(f, g)
    assert len(claims) == 4 and all(c.relation == "at-most" for c in claims)
    x = np.array([0.0, 1.0])
    values = [c.quantity.value_at(x)[0] for c in claims]
    # f_1 - g_1 = 1/2 exceeds 0.06 by 0.44.
    assert max(values) == Fraction(1, 2) - Fraction(6, 100)
    assert parse_vnnlib(TWO + near(0), asserts="unsafe").cases[0].constraints[0].strict is False


BAD = {
    "(assert (<= X_0 1)": "7: a parenthesis is opened and never closed",
    "(assert (<= X_0 1)))": "7: a parenthesis is closed",
    "\n(frob)": "8: expected a declaration or an assertion, found 'frob'",
    "(assert (<= Y_9 1))": "7: expected a number or a declared name, found 'Y_9'",
    "(assert (<= (* Y_0 Y_1) 1))": "7: expected a linear expression",
    "(assert (<= (/ Y_0 0) 1))": "7: expected a division by a number",
    "(assert (<= (+ X_0 X_1) 1))(assert (<= Y_0 0))": "7: expected closed limits on single inputs",
    "(assert (<= (+ X_0 Y_1) 1))": "7: expected constraints on inputs or on outputs",
    "(assert (and (< Y_0 1) (<= Y_1 0)))": "expected constraints of one kind on outputs",
    "(assert (or (<= Y_0 1) (<= X_0 0)))": "expected constraints of one kind on outputs in every case, found none",
    "(assert (<= 1 2))": "7: expected a formula about inputs or outputs",
    "(declare-const X_0 Real)": "7: expected a new name",
    "(declare-const Z_0 Real)": "7: expected X_0, Y_0 and so on",
    "(assert (<= Y_0 1_0))": "7: expected a number or a declared name",
    "(assert (<= Y_0))": "7: expected a comparison of two expressions",
    "(assert true)": "7: expected a comparison",
    "word": "7: expected a command in parentheses",
    "(vnnlib-version <3.0>)": "7: expected version",
    "[": "7: expected a word or a parenthesis",
}


@pytest.mark.parametrize("text", BAD)
def test_what_is_wrong_is_said_with_its_line(text):
    # HEAD has four lines, BOX one, and one more is empty.
    with pytest.raises(BadInput, match=re.escape(BAD[text])):
        parse_vnnlib(HEAD + BOX + "\n" + text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + BOX, "expected an assertion about outputs"),
        (HEAD + "(assert (<= Y_0 1))", "expected both limits of input 0"),
        (HEAD.replace("X_1", "X_2") + "(assert (<= Y_0 1))", "without a gap"),
        (TWO.replace("(== X_f[0] X_g[0])", "(<= X_f[0] 1)") + near(0), "for every input, found 1"),
        (TWO.replace("(== X_f[0] X_g[0])", "(== X_f[0] X_g[1])") + near(0), "expected equal inputs of one index"),
        (TWO + "(assert (<= Y_f[0,2] 1))", "expected an index within [1, 2]"),
        (TWO.replace("isomorphic-to f", "equal-to f") + near(0), "expected declare-input or declare-output"),
        (TWO.replace("Y_g real [1, 2]", "Y_g real [3]") + near(0).replace("0,", ""), "expected an index within [1, 2]"),
        (TWO + "(assert (or (<= Y_f[0,0] 1) (<= X_f[0] 0)))", "in assertions of their own"),
        ("(" * 100, "expected at most 40 parentheses"),
    ],
)
def test_what_is_missing_or_unsupported_is_said(text, said):
    with pytest.raises(BadInput, match=re.escape(said)):
        parse_vnnlib(text)


def test_too_many_alternatives_are_refused_before_they_are_made():
    clause = "(assert (or (<= Y_0 1) (<= Y_1 1)))"
    with pytest.raises(BadInput, match="at most 10000 alternatives"):
        parse_vnnlib(HEAD + BOX + clause * 40)


def test_limits_that_cross_are_an_empty_domain():
    with pytest.raises(EmptyDomain):
        parse_vnnlib(HEAD + BOX + "(assert (>= X_0 2))(assert (<= Y_0 1))").claims(network([[1, 0], [0, 1]]))


def test_networks_that_do_not_fit_are_refused():
    p, two = parse_vnnlib(HEAD + BOX + "(assert (<= Y_0 1))"), parse_vnnlib(TWO + near(0))
    f = network([[1, 0], [0, 1]])
    b = Builder()
    other = b.finish(b.linear(b.input(3), Dense(np.ones((2, 3)))), (3,), (2,))
    for case, nets in ((p, (f, f)), (two, (f,)), (p, (other,))):
        with pytest.raises(BadInput, match="expected"):
            case.claims(*nets)


def test_a_file_that_cannot_be_read_is_bad_input(tmp_path):
    (tmp_path / "latin").write_bytes(b"\xff\xfe")
    for place in (tmp_path / "none", tmp_path, tmp_path / "latin"):
        with pytest.raises(BadInput):
            ct.read_vnnlib(place)


WORDS = (
    *("(", ")", "(", ")", "assert", "<=", ">=", "==", "<", "and", "or", "not", "+", "-", "*", "/", "X_0", "Y_0", "Y_1"),
    *(
        "0.5",
        "-1e3",
        "1e999",
        "X_f[0]",
        "Y_f[0,1]",
        "[2]",
        "\n",
        "; c\n",
        "declare-const",
        "Real",
        "real",
        "f",
        "<2.0>",
    ),
    *("declare-network", "declare-input", "vnnlib-version"),
)


@settings(max_examples=300, deadline=None)
@given(
    head=st.sampled_from(["", HEAD, HEAD + BOX, TWO]),
    tail=st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join)),
    cut=st.integers(0, 400),
)
def test_any_text_is_a_property_or_an_error_of_ours(head, tail, cut):
    try:
        p = parse_vnnlib(head[: len(head) - cut % 50] + tail)
    except CertifyError as e:
        assert "\n" not in str(e) or "\n" in tail
    else:
        assert p.cases and all(len(c.lo) == p.inputs for c in p.cases)
