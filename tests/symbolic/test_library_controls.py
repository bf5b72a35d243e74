"""Claims that look right and are wrong: each is refuted by a witness in exact arithmetic, or refused."""

from __future__ import annotations

import math
from fractions import Fraction as Q

import pytest

import certify as ct
from certify.errors import BadInput
from certify.inequalities.combine import contraction as combined_contraction
from certify.inequalities.combine import part
from certify.numbers import root_above
from certify.symbolic import bound, close, contraction, derive, equal, inside, lipschitz, maps, vectors

x, y = vectors("x y")
f, g = maps("f g")


def test_errors_added_in_quadrature_are_passed_by_affine_layers():
    found = ct.inequalities.telescoping([1, 1, 1], [1, 1, 1])
    assert found.bracket.lower == 3 > root_above(Q(3)), "attained"
    d = derive([lipschitz(f, 1), close(f, g, 1)], bound(abs(f(f(f(x))) - g(g(g(x))))) <= Q(root_above(Q(3))))
    assert d.status == "refuted" and d.attained == 3


def test_dot_product_attention_has_no_lipschitz_constant_without_a_domain():
    for missing in ({"query": None, "key": 1}, {"query": 1, "key": float("inf")}):
        with pytest.raises(BadInput, match="no Lipschitz constant"):
            ct.inequalities.score_change(**missing, query_error=1, key_error=0)
    # The reason that is given, as numbers: q = k = t, q' = t + 1.
    for claimed in (1, 100, 10**6):
        t = Q(claimed + 1)
        assert abs((t + 1) * t - t * t) > claimed * 1
    # On a ball it has one, and the bound is attained there.
    assert ct.inequalities.score_change(query=2, key=3, query_error=1, key_error=0) == 3.0


def test_a_small_divergence_per_step_is_not_small_over_many():
    with pytest.raises(BadInput, match="a bound for one step is none for many"):
        ct.inequalities.divergence_of_steps("1/50")
    p, q, n = Q(1, 2), Q(3, 5), 200
    each = p * Q(math.log(p / q)) + (1 - p) * Q(math.log((1 - p) / (1 - q)))
    assert 0 < each < Q(21, 1000)
    apart = total_variation_of_coins(p, q, n)
    naive = ct.inequalities.divergence_of_steps(Q(21, 1000), steps=1).total_variation
    assert naive < Q(11, 100) and apart > Q(4, 5), "the witness, by exact enumeration of counts"
    assert apart <= Q(ct.inequalities.divergence_of_steps(Q(21, 1000), steps=n).total_variation)


def total_variation_of_coins(p, q, n):
    """TV of n independent coins: the count is sufficient."""
    total = Q(0)
    for k in range(n + 1):
        total += math.comb(n, k) * abs(p**k * (1 - p) ** (n - k) - q**k * (1 - q) ** (n - k))
    return total / 2


def test_contraction_of_the_fine_map_does_not_do_where_the_error_is_known_on_its_trajectory_only():
    """|f - g| <= e at the fixed point of f alone: the gain that counts is that of g, the coarse map."""
    known = [contraction(f, "1/2"), close(f, g, 1, on="S"), inside(x, "S"), equal(x, f(x)), equal(y, g(y))]
    d = derive(known, abs(x - y))
    assert d.status == "unknown" and "nothing says that y lies in S" in str(d)
    with_gain = derive([*known, contraction(g, "99/100")], abs(x - y))
    assert with_gain.found and with_gain.bound == 100
    # The witness: f(z) = z / 2, g(z) = 99/100 z + 1, apart by 1 at 0; the bound with f's gain would be 2.
    fixed_f, fixed_g = Q(0), Q(100)
    assert fixed_f / 2 == fixed_f and Q(99, 100) * fixed_g + 1 == fixed_g
    assert abs(fixed_f / 2 - (Q(99, 100) * fixed_f + 1)) == 1
    assert abs(fixed_f - fixed_g) > 1 / (1 - Q(1, 2))


def test_the_contraction_of_a_chain_is_refused_for_the_error_of_its_lumping():
    error = part("1/10", first="lumped chain", second="blocks of the chain", over="everywhere", norm="tv")
    with pytest.raises(BadInput, match="the gain is of chain"):
        combined_contraction(part("1/2", map="chain", over="everywhere", norm="tv"), error)
    found = combined_contraction(part("1/2", map="lumped chain", over="everywhere", norm="tv"), error)
    assert found.upper == Q(1, 5)


def test_a_gain_on_the_exact_trajectory_only_is_refused():
    from certify.inequalities.combine import telescope

    gain = part(1, map="f", at="the exact trajectory")
    with pytest.raises(BadInput, match="the coarse network leaves it"):
        telescope([gain], [part(1, first="f", second="g")])


def test_a_gap_smaller_than_twice_the_perturbation_keeps_no_eigenspace():
    found = ct.inequalities.eigenspace_turn("1/10", "1/20")
    assert found.vacuous and found.sine == 1.0
    # diag(1/10, 0) perturbed by diag(-1/20, 1/20) has a double eigenvalue: its leading vector may be any.


def test_an_assumption_nobody_checked_never_ends_as_proved():
    d = derive([lipschitz(f, 2), close(f, g, 1)], bound(abs(f(f(x)) - g(g(x)))) <= 100)
    assert d.found and d.claim_holds and d.status == "conditional"
