"""Derivations from inequalities between norms: closed forms, any depth, standing of assumptions, claims, refusals."""

from __future__ import annotations

import json
import math
from fractions import Fraction as Q
from time import perf_counter

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import certify as ct
from certify.errors import BadInput
from certify.results import Bracket
from certify.statements.bound import Bound, judged
from certify.symbolic import (
    bound,
    checked,
    close,
    contraction,
    derive,
    equal,
    family,
    independent,
    inside,
    lipschitz,
    maps,
    projection,
    residual,
    sequence,
    slope_restricted,
    spectral_decay,
    statistical,
    through,
    tower,
    vectors,
)

L1, L2, E1, E2 = sympy.symbols("L1 L2 e1 e2", nonnegative=True)
N = sympy.Symbol("n", integer=True, positive=True)
x, y, u, v = vectors("x y u v")
f, g, F, G = maps("f g F G")
ID = "0" * 64


def found(assumptions, goal, **options):
    d = derive(assumptions, goal, **options)
    assert d.found and d.verdict.accepted, d
    return d


def test_two_layers_telescope():
    d = found([lipschitz(f, L1), lipschitz(F, L2), close(f, g, E1), close(F, G, E2)], bound(abs(F(f(x)) - G(g(x)))))
    assert sympy.expand(d.bound - (L2 * E1 + E2)) == 0
    assert d.tight and d.certificate.claim["statement"] == "polynomial"


def test_the_errors_may_be_made_against_either_network():
    d = found(
        [lipschitz(F, 3), lipschitz(G, 2), close(f, g, 1), close(F, G, 1)], abs(F(f(x)) - G(g(x))), method="norms"
    )
    assert d.bound == 4, "through F; the first rule that leads somewhere is taken"


def test_fixed_points_of_a_contraction():
    d = found([contraction(f, L1), close(f, g, E1), equal(x, f(x)), equal(y, g(y))], abs(x - y))
    assert sympy.simplify(d.bound - E1 / (1 - L1)) == 0
    assert [sympy.simplify(c - (1 - L1)) for c in d.conditions] == [0]
    assert d.tight
    assert d(L1="1/2", e1=1) == 2
    with pytest.raises(BadInput, match="expected 1 - L1 > 0"):
        d(L1=1, e1=1)


def test_small_gain():
    feedback = [equal(x, f(u)), equal(u, F(x)), equal(y, g(v)), equal(v, G(y))]
    d = found([lipschitz(f, L1), lipschitz(F, L2), close(f, g, E1), close(F, G, E2), *feedback], abs(x - y))
    assert sympy.simplify(d.bound - (E1 + L1 * E2) / (1 - L1 * L2)) == 0
    assert len(d.conditions) == 1 and sympy.expand(d.conditions[0] - (1 - L1 * L2)) == 0
    assert d.tight


def test_a_circle_with_gain_one_gives_no_bound():
    d = derive([lipschitz(f, 1), close(f, g, 1), equal(x, f(x)), equal(y, g(y))], abs(x - y), method="norms")
    assert d.status == "unknown" and "not below 1" in str(d)


def test_a_residual_layer_amplifies_by_one_more():
    d = found([lipschitz(f, L1), close(f, g, E1), abs(x - y) <= E2], abs(residual(f)(x) - residual(g)(y)))
    assert sympy.expand(d.bound - ((1 + L1) * E2 + E1)) == 0 and d.tight


def test_spectral_decay_with_letters_for_constant_exponent_and_count():
    P = projection("P")
    c, a, k = sympy.symbols("c a k", positive=True)
    d = found([lipschitz(f, L1), spectral_decay(x, P, c, a, k)], abs(f(x) - f(P(x))))
    assert sympy.simplify(d.bound - L1 * c * k**-a) == 0
    exact = d(L1=2, c=3, a=2, k=10)
    assert exact == Q(6, 100)
    rounded = d(L1=2.0, c=3, a="1/2", k=10)
    assert isinstance(rounded, float) and 0 <= rounded - 6 / math.sqrt(10) < 1e-14


def test_what_is_discarded_has_no_say():
    P = projection("P")
    assert found([independent(f, P)], abs(f(x) - f(P(x)))).bound == 0
    d = found([independent(f, P), close(f, g, E1)], abs(f(x) - g(P(x))))
    assert d.bound == E1 and d.tight


def test_projections_do_not_expand():
    P = projection("P")
    assert found([abs(x) <= 3], abs(P(x))).bound == 3
    assert found([abs(x) <= 3], abs(x - P(x))).bound == 3
    assert found([abs(x) <= 3], abs(P(P(x)) - P(x))).bound == 0


def test_slope_restriction_is_used_as_a_gain():
    assert found([slope_restricted(f, -2, 1), abs(x - y) <= 1], abs(f(x) - f(y)), method="norms").bound == 2


@pytest.mark.parametrize("wrap", [lambda h: h, residual], ids=["layers", "residual layers"])
@pytest.mark.parametrize("varying", [True, False], ids=["varying", "equal"])
def test_towers_of_symbolic_depth(wrap, varying):
    h, k = family("h"), family("k")
    gains = sequence("L") if varying else sympy.Symbol("L", nonnegative=True)
    errors = sequence("e") if varying else sympy.Symbol("e", nonnegative=True)
    d = found(
        [lipschitz(h, gains), close(h, k, errors), abs(x - y) <= "1/2"],
        abs(tower(wrap(h), N)(x) - tower(wrap(k), N)(y)),
    )
    assert d.certificate.claim["statement"] == "invariant" and d.method == "tower" and d.tight
    more = 1 if wrap is residual else 0
    many = {"L": [Q(1, 2), 1, 3], "e": [1, 2, Q(1, 3)]} if varying else {"L": Q(3, 4), "e": 2}
    wanted = Q(1, 2)
    for l in range(3):
        wanted = (more + (many["L"][l] if varying else many["L"])) * wanted + (many["e"][l] if varying else many["e"])
    assert d(n=3, **many) == wanted
    if not varying:
        closed = d(L=sympy.Rational(3, 4), e=2, n=sympy.Integer(3))
        assert closed == sympy.Rational(wanted.numerator, wanted.denominator)
        grown = d(L=1 - more, e=2, n=sympy.Integer(5))
        assert grown == 2 * 5 + Q(1, 2), "the closed form has a case for factor one"


def test_symbolic_depth_takes_less_than_a_second():
    h, k, L, e = family("h"), family("k"), sequence("L"), sequence("e")
    cases = [
        ([lipschitz(h, L), close(h, k, e)], abs(tower(h, N)(x) - tower(k, N)(x))),
        ([lipschitz(h, L), close(h, k, e)], abs(tower(residual(h), N)(x) - tower(residual(k), N)(x))),
        ([contraction(f, L1), close(f, g, E1), equal(x, f(x)), equal(y, g(y))], abs(x - y)),
    ]
    for assumptions, goal in cases:
        best = min(_seconds(assumptions, goal) for _ in range(3))
        assert best < 1, f"{goal} took {best:.2f} s"


def _seconds(assumptions, goal):
    start = perf_counter()
    derive(assumptions, goal)
    return perf_counter() - start


def test_twenty_layers_of_known_depth():
    fs, gs = maps(" ".join(f"f{k}" for k in range(20))), maps(" ".join(f"g{k}" for k in range(20)))
    known = [lipschitz(a, 2) for a in fs] + [close(a, b, 1) for a, b in zip(fs, gs, strict=True)]
    d = found(known, abs(through(fs, x) - through(gs, x)))
    assert d.bound == 2**20 - 1 and d.tight


def test_user_asserted_assumptions_make_a_result_conditional_and_say_so():
    d = found([lipschitz(f, 2), close(f, g, 1)], abs(f(f(x)) - g(g(x))))
    assert d.status == "conditional" and str(d).startswith("conditional: ") and "f is 2-Lipschitz" in str(d)
    said = d.as_json()
    json.dumps(said)
    assert said["status"] == "conditional" and {a["status"] for a in said["assumptions"]} == {"user-asserted"}


def test_checked_assumptions_make_a_result_proved_and_one_statistical_one_makes_it_statistical():
    known = [checked(lipschitz(f, 2), by=ID), checked(close(f, g, 1), by=ID)]
    assert found(known, abs(f(f(x)) - g(g(x)))).status == "proved"
    mixed = [known[0], statistical(close(f, g, 1))]
    assert found(mixed, abs(f(f(x)) - g(g(x)))).status == "statistical"
    unused = [*known, lipschitz(F, 5)]
    assert found(unused, abs(f(f(x)) - g(g(x)))).status == "proved", "what is not used does not weaken a result"


def test_an_assumption_is_checked_by_a_bound_that_is_small_enough_and_by_no_other():
    one = [[1]]
    made, said = judged("s-procedure", {"conclusion": one, "count": 0, "premises": one}, [])
    assert not said.accepted, "evidence is missing on purpose"
    weak = Bound("a norm", "proved", Bracket(None, Q(2), "proved"), made, said)
    with pytest.raises(BadInput, match="no accepted certificate"):
        checked(lipschitz(f, 3), by=weak)
    good = ct.inequalities.eigenvalue_shift([[2.0]])
    assert checked(lipschitz(f, 3), by=good).certificate == good.certificate.id
    with pytest.raises(BadInput, match="gives 2"):
        checked(lipschitz(f, "19/10"), by=good)
    assert checked(lipschitz(f, 3), by=good.certificate).standing == "checked"
    with pytest.raises(BadInput, match="does not accept"):
        checked(lipschitz(f, 3), by=made)
    with pytest.raises(BadInput, match="its id"):
        checked(lipschitz(f, 3), by="trust me")


def test_a_lipschitz_constant_on_the_exact_trajectory_is_not_used_off_it():
    known = [lipschitz(f, 2, on="S"), close(f, g, 1), inside(f(x), "S"), inside(x, "S")]
    d = derive(known, abs(f(f(x)) - g(g(x))), method="norms")
    assert d.status == "unknown" and "nothing says that g(x) lies in S" in str(d)
    assert found([*known, inside(g(x), "S")], abs(f(f(x)) - g(g(x)))).bound == 3


def test_errors_do_not_add_in_quadrature():
    known = [lipschitz(f, L1), lipschitz(F, L2), close(f, g, E1), close(F, G, E2)]
    d = derive(known, bound(abs(F(f(x)) - G(g(x)))) <= sympy.sqrt((L2 * E1) ** 2 + E2**2))
    assert d.status == "refuted"
    at = {s: sympy.Rational(v.numerator, v.denominator) for s, v in _parameters(d).items()}
    assert d.attained > 0
    assert sympy.Rational(d.attained.numerator, d.attained.denominator) > d.goal.claimed.subs(at)


def _parameters(d):
    return {s: d.instance.parameters[str(s)] for s in d.goal.claimed.free_symbols}


def test_claims_that_hold_are_found_to_hold():
    known = [lipschitz(f, L1), close(f, g, E1)]
    assert derive(known, bound(abs(f(f(x)) - g(g(x)))) <= E1 * (1 + L1)).status == "conditional"
    assert derive(known, bound(abs(f(f(x)) - g(g(x)))) <= 2 * E1 * (1 + L1)).status == "conditional"
    assert derive(known, bound(abs(f(f(x)) - g(g(x)))) <= E1).status == "refuted"


def test_a_claim_that_is_neither_proved_nor_refuted_is_unknown():
    P = projection("P")
    d = derive([abs(x) <= 1], bound(abs(x - 2 * P(x))) <= "9/10", method="norms")
    assert d.status in ("refuted", "unknown")
    t = sympy.Symbol("t", positive=True)
    d = derive([lipschitz(f, L1), spectral_decay(x, P, 1, t, 2)], bound(abs(f(x) - f(P(x)))) <= L1 * sympy.exp(-t))
    assert d.status in ("refuted", "unknown")


def test_the_callable_rounds_up_and_names_unknown_parameters():
    d = found([contraction(f, L1), close(f, g, E1), equal(x, f(x)), equal(y, g(y))], abs(x - y))
    exact = Q(0.1) / (1 - Q(0.3))
    assert Q(d(L1=0.3, e1=0.1)) >= exact and d(L1=0.3, e1=0.1) <= math.nextafter(float(exact), math.inf)
    assert d(L1="3/10", e1="1/10") == Q(1, 7)
    assert d(L1="1/2") == 2 * E1
    with pytest.raises(BadInput, match="e3"):
        d(L1=0.3, e3=1)
    with pytest.raises(BadInput, match=">= 0"):
        d(L1="1/2", e1=-1)


def test_latex_has_assumptions_steps_identity_and_conclusion():
    d = found([contraction(f, L1), close(f, g, E1), equal(x, f(x)), equal(y, g(y))], abs(x - y))
    text = d.latex()
    for part in (
        r"\|f(u) - f(v)\| \le L_{1}\,\|u - v\|",
        "(user-asserted)",
        r"\frac{e_{1}}{1 - L_{1}}",
        "identity",
        d.certificate.id[:16],
    ):
        assert part in text, part
    assert text.count(r"\begin{") == text.count(r"\end{") and text.count("$") % 2 == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: lipschitz(f, -1),
        lambda: abs(x) <= -1,
        lambda: contraction(f, 1),
        lambda: lipschitz(residual(f), 1),
        lambda: slope_restricted(f, 1, 0),
        lambda: derive([1], abs(x)),
        lambda: derive([], "x"),
        lambda: bound(x),
        lambda: tower(f, 3),
        lambda: family("f")(x),
        lambda: vectors("x x"),
        lambda: x + 1,
        lambda: lipschitz(f, sympy.Float(0.5)),
        lambda: derive([], abs(x), method="magic"),
    ],
)
def test_misuse_is_one_clear_line(call):
    with pytest.raises(BadInput) as e:
        call()
    assert "\n" not in str(e.value)


numbers = st.fractions(min_value=0, max_value=2, max_denominator=8)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(numbers, numbers, numbers, numbers), min_size=1, max_size=4), numbers)
def test_no_pair_of_affine_stacks_passes_the_derived_bound(layers, start):
    """Layers c z + d with |c| <= L against c z + d - e s, |s| <= 1: evaluated in Fractions."""
    fs, gs = (
        [ct.symbolic.maps(f"f{k}") for k in range(len(layers))],
        [ct.symbolic.maps(f"g{k}") for k in range(len(layers))],
    )
    known = [lipschitz(a, l) for a, (l, *_) in zip(fs, layers, strict=True)]
    known += [close(a, b, e) for a, b, (_, e, *_) in zip(fs, gs, layers, strict=True)]
    from certify.symbolic.goals import Goal
    from certify.symbolic.norms import by_norms

    d = by_norms((*known, abs(x - y) <= start), Goal(abs(through(fs, x) - through(gs, y))))
    assert d.found
    at, off = start, Q(0)
    for l, e, turn, part in layers:
        slope = l * (turn - 1)
        at, off = slope * at, slope * off - e * (part - 1)
    limit = Q(int(d.bound.p), int(d.bound.q))
    assert abs(at - off) <= limit


def test_claims_with_letters_are_compared_by_a_certificate():
    known = [contraction(f, L1), close(f, g, E1), equal(x, f(x)), equal(y, g(y))]
    d = derive(known, bound(abs(x - y)) <= 2 * E1 / (1 - L1))
    assert d.status == "conditional" and any("certificate" in n for n in d.notes)
    assert derive(known, bound(abs(x - y)) <= E1 * (1 + L1)).status == "refuted"


def test_two_hundred_layers_and_hopeless_goals_end():
    fs, gs = maps(" ".join(f"f{k}" for k in range(200))), maps(" ".join(f"g{k}" for k in range(200)))
    known = [lipschitz(a, 1) for a in (*fs, *gs)] + [close(a, b, 1) for a, b in zip(fs[1:], gs[1:], strict=True)]
    goal = abs(through(fs, x) - through(gs, x))
    assert derive(known, goal, method="norms").status == "unknown"
    assert found([*known, close(fs[0], gs[0], 1)], goal, method="norms").bound == 200
    assert derive([lipschitz(f, 1), equal(x, x + f(x))], abs(x), method="norms").status == "unknown"


def test_a_derivation_says_which_norms_it_is_about():
    P = projection("P")
    assert found([lipschitz(f, 2), close(f, g, 1)], abs(f(f(x)) - g(g(x)))).any_norm
    assert not found([abs(x) <= 3], abs(P(x))).any_norm
    assert found([abs(x) <= 3], abs(P(x))).as_json()["norm"] == "Euclidean"
