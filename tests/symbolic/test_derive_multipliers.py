"""Derivations by multipliers: known worst cases, certificates, instances that are checked apart from the code."""

from __future__ import annotations

from fractions import Fraction as Q

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.certificate import check
from certify.numbers import root_below
from certify.statements.bound import judged
from certify.statements.exact import exact
from certify.symbolic import (
    bound,
    close,
    convex,
    derive,
    function,
    inner,
    lipschitz,
    maps,
    monotone,
    projection,
    sector,
    slope_restricted,
    vanishes,
    vectors,
)
from certify.symbolic.goals import Goal
from certify.symbolic.gram import problem
from certify.symbolic.gram_instance import Points, semidefinite
from certify.symbolic.multipliers import factor_semidefinite

x, y, s = vectors("x y s")
f, g = maps("f g")
F = function("F")


def descent(z, step, count):
    for _ in range(count):
        z = z - step * F.gradient(z)
    return z


def value(d):
    return Q(int(d.bound.p), int(d.bound.q))


def close_above(d, wanted, relative=Q(1, 10**6)):
    """Proved, not below the true value, and hardly above it."""
    assert d.found and d.verdict.accepted, d
    assert wanted <= value(d) <= wanted * (1 + relative), (float(value(d)), float(wanted))


@pytest.mark.parametrize(
    ("strong", "smooth", "step", "factor"),
    [(1, 10, Q(1, 10), Q(9, 10)), (1, 10, Q(2, 11), Q(9, 11)), (1, 10, Q(19, 100), Q(9, 10)), (2, 3, Q(1, 3), Q(1, 3))],
)
def test_gradient_descent_contracts_by_the_known_factor(strong, smooth, step, factor):
    """max(|1 - t m|, |1 - t L|): Taylor, Hendrickx and Glineur 2018, Theorem 3.1; PEPit finds the same."""
    known = [convex(F, strong, smooth), abs(x - y) <= 1]
    d = derive(known, abs(descent(x, step, 1) - descent(y, step, 1)))
    close_above(d, factor)
    assert d.method == "gram" and d.tight, d


@pytest.mark.parametrize("count", [1, 2, 4])
def test_gradient_descent_of_smooth_convex_functions_reaches_l_over_4n_plus_2(count):
    """Drori and Teboulle 2014, Theorem 3.1: F(x_n) - F* <= L R^2 / (4 n + 2), attained."""
    known = [convex(F, 0, 10), vanishes(F.gradient(s)), abs(x - s) <= 1]
    d = derive(known, F(descent(x, Q(1, 10), count)) - F(s))
    close_above(d, Q(10, 4 * count + 2))
    assert d.tight


def test_a_worst_case_of_low_rank_is_exact():
    known = [convex(F, 0, 10), vanishes(F.gradient(s)), abs(x - s) <= 1]
    d = derive(known, F(descent(x, Q(1, 10), 1)) - F(s))
    assert d.attained == Q(10, 6) and isinstance(d.instance, Points)


def test_certificates_stand_alone_and_speak_of_what_they_say():
    d = derive([convex(F, 1, 10), abs(x - y) <= 1], abs(descent(x, Q(1, 10), 1) - descent(y, Q(1, 10), 1)))
    assert check(d.certificate, kernel="pure").accepted
    said = d.certificate.claim
    assert said["statement"] == "s-procedure" and said["of"]["count"] == 3
    vectors_, premises = d.reading[:8], d.reading[-3:]
    assert vectors_[0] == "u_0 = x - y" and any("|x - y| <= 1" in p for p in premises)


def test_the_same_certificate_for_a_smaller_limit_is_not_accepted():
    """One thing is damaged: the limit is below what an instance attains."""
    from certify.symbolic import multipliers

    kept = {}
    original = multipliers.judged

    def keeping(kind, of, evidence):
        kept.update(kind=kind, of=of, evidence=evidence)
        return original(kind, of, evidence)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multipliers, "judged", keeping)
        d = derive([slope_restricted(f, 0, 1), abs(x - y) <= 1], abs((x - y) - 2 * (f(x) - f(y))), method="gram")
    assert d.found
    smaller = kept["of"]["conclusion"].copy()
    unit = [i for i in range(len(smaller)) if smaller[i, i] > 0]
    assert len(unit) == 1
    smaller[unit[0], unit[0]] *= Q(99, 100)
    assert not judged("s-procedure", {**kept["of"], "conclusion": smaller}, kept["evidence"])[1].accepted


def test_slope_restriction_gives_more_than_a_lipschitz_constant():
    """x - f(x) for slopes in [0, 1]: 1, where norms say 2."""
    goal = abs((x - y) - (f(x) - f(y)))
    known = [slope_restricted(f, 0, 1), abs(x - y) <= 1]
    assert value(derive(known, goal, method="norms")) == 2
    d = derive(known, goal)
    close_above(d, Q(1))
    assert d.tight and d.attained == 1


def test_reflections_in_subspaces_do_not_expand():
    P = projection("P")
    d = derive([abs(x) <= 1], abs(x - 2 * P(x)))
    close_above(d, Q(1))
    assert d.tight


def test_a_forward_step_of_a_monotone_lipschitz_map():
    """|1 - t f|^2 <= 1 - 2 t m + t^2 L^2; in one dimension it is smaller, so no affine map attains it."""
    d = derive([monotone(f, 1), lipschitz(f, 2), abs(x - y) <= 1], abs((x - y) - (f(x) - f(y)) / 4))
    close_above(d, root_below(Q(3, 4)))
    assert d.attained == Q(3, 4), "by f(z) = z; conditions on pairs are not enough to claim more"


def test_sectors_bound_images_and_not_differences():
    assert value(derive([sector(f, 0, 1), abs(x) <= 2], abs(f(x)))) == 2
    d = derive([sector(f, 0, 1), abs(x - y) <= 1], abs(f(x) - f(y)))
    assert d.status == "unknown"


def test_closeness_counts_in_multipliers_too():
    known = [slope_restricted(f, 0, 1), close(f, g, "1/10"), abs(x - y) <= 1]
    close_above(derive(known, abs((x - y) - (f(x) - g(y)))), Q(11, 10))


def test_inner_products_and_relations():
    known = [abs(x) <= 1, abs(y) <= 1, inner(x, y) <= 0]
    d = derive(known, inner(x + y, x + y))
    close_above(d, Q(2))
    assert d.tight and inner(x, y) is not None


def test_a_goal_that_nothing_bounds_is_unknown():
    assert derive([lipschitz(f, 1)], abs(x - f(x))).status == "unknown"
    assert derive([monotone(f), abs(x - y) <= 1], abs(f(x) - f(y))).status == "unknown"


def test_letters_have_no_multipliers():
    import sympy

    d = derive([slope_restricted(f, 0, sympy.Symbol("b", positive=True)), abs(x - y) <= 1], inner(f(x), f(y)))
    assert d.status == "unknown" and "numbers only" in str(d)


def test_claims_are_refuted_by_an_instance():
    known = [slope_restricted(f, 0, 1), abs(x - y) <= 1]
    d = derive(known, bound(abs((x - y) - (f(x) - f(y)))) <= "9/10")
    assert d.status == "refuted" and d.attained > Q(9, 10)
    assert derive(known, bound(abs((x - y) - (f(x) - f(y)))) <= "11/10").status == "conditional"


def test_a_solver_that_lies_is_not_believed(monkeypatch):
    from certify.symbolic import multipliers

    honest = multipliers.solve

    def lying(p, limit=0.0, slack=None):
        found = honest(p, limit, slack)
        if found is None:
            return None
        return multipliers.Solution(found.limit / 2, found.multipliers / 2, found.gram, found.values)

    monkeypatch.setattr(multipliers, "solve", lying)
    d = derive(
        [convex(F, 1, 10), abs(x - y) <= 1], abs(descent(x, Q(1, 10), 1) - descent(y, Q(1, 10), 1)), method="gram"
    )
    assert d.status == "unknown" and "could not be made exact" in str(d)


def test_a_solver_that_fails_ends_as_unknown(monkeypatch):
    from certify.symbolic import multipliers

    monkeypatch.setattr(multipliers, "_solved", lambda question: False)
    d = derive([slope_restricted(f, 0, 1), abs(x - y) <= 1], abs((x - y) - 2 * (f(x) - f(y))), method="gram")
    assert d.status == "unknown"


entries = st.integers(-6, 6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(entries, min_size=3, max_size=3), min_size=1, max_size=3), st.booleans())
def test_semidefiniteness_by_elimination(rows, damaged):
    """Against eigenvalues of integer matrices, with one direction pushed down by a half when damaged."""
    m = np.array(rows, dtype=float).T @ np.array(rows, dtype=float)
    shift = 0.5 if damaged else 0.0
    least = np.linalg.eigvalsh(m)[0] - shift
    made = [[Q(int(v)) - (Q(1, 2) if damaged and i == j else 0) for j, v in enumerate(r)] for i, r in enumerate(m)]
    if abs(least) > 1e-9:
        assert semidefinite(made) == (least > 0)
    elif not damaged:
        assert semidefinite(made), "a Gram matrix is positive semidefinite, exactly"


@settings(max_examples=12, deadline=None)
@given(st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3), min_size=3, max_size=3), st.integers(1, 4))
def test_hints_for_matrices_with_rows_of_zeros(rows, where):
    a = np.array(rows)
    block = a @ a.T + np.eye(3, dtype=int)
    wide = np.zeros((4, 4), dtype=int)
    keep = [i for i in range(4) if i != where - 1]
    wide[np.ix_(keep, keep)] = block
    hints = factor_semidefinite(exact(wide))
    assert hints is not None
    assert judged("s-procedure", {"conclusion": wide, "count": 0, "premises": [[1]]}, [hints])[1].accepted


unit = st.fractions(min_value=-1, max_value=1, max_denominator=6)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(unit, unit), min_size=2, max_size=2), unit, unit)
def test_interpolation_conditions_hold_for_real_functions(points, weight, turn):
    """Premises at points of F(z) = q |z|^2 / 2 with curvature within [m, L], in the plane and in Fractions."""
    strong, smooth = Q(1), Q(10)
    curvature = strong + (smooth - strong) * (weight + 1) / 2
    known = [convex(F, 1, 10), abs(x - y) <= 4]
    p = problem(known, Goal(F(descent(x, Q(1, 10), 1)) - F(y)))
    a, b = points
    at = {"x": a, "y": b}
    at["step"] = tuple(c * (1 - curvature / 10) for c in a)
    # x - y, gradients and values, by the names of the basis.
    places = {str(x): a, str(y): b}
    grads = {f"grad F({k})": tuple(curvature * c for c in v) for k, v in places.items()}
    grads[f"grad F({descent(x, Q(1, 10), 1)})"] = tuple(curvature * c for c in at["step"])
    named = {**places, **grads}

    def vector(v):
        out = (Q(0), Q(0))
        for atom, c in v.terms:
            q = Q(int(c.p), int(c.q))
            out = tuple(o + q * w for o, w in zip(out, named[str(atom)], strict=True))
        return out

    coordinates = [vector(v) for v in p.basis]
    values = [curvature * sum(c * c for c in vector(z)) / 2 for _, z in p.values]
    for q in p.premises:
        total = q.constant + sum((c * values[k] for k, c in q.values.items()), Q(0))
        for (i, j), c in q.products.items():
            total += c * sum((m * n for m, n in zip(coordinates[i], coordinates[j], strict=True)), Q(0))
        assert total >= 0, q.said


def test_latex_writes_out_vectors_conditions_and_the_identity():
    known = [convex(F, 0, 10), vanishes(F.gradient(s)), abs(x - s) <= 1]
    d = derive(known, F(descent(x, Q(1, 10), 1)) - F(s))
    text = d.latex()
    for said in (
        r"u_{1} &= s - x",
        r"q_{5} = - \|u_{1}\|^2 + 1 &\ge 0",
        r"\bigl(F(x - \frac{1}{10}",
        r"\le\; 1.66666",
        "q_{1} +",
    ):
        assert said in text, said
    assert text.count("{") == text.count("}") and text.count("$") % 2 == 0


def test_the_identity_that_is_written_is_the_one_that_is_certified():
    """Multipliers and squares from the steps, put together again: six digits of an exact identity."""
    from certify.symbolic import gram_steps, multipliers

    kept = {}
    original = gram_steps.steps

    def keeping(p, goal, weights, limit):
        kept.update(p=p, weights=weights, limit=limit)
        return original(p, goal, weights, limit)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multipliers, "steps", keeping)
        derive([slope_restricted(f, 0, 1), abs(x - y) <= 1], abs((x - y) - 2 * (f(x) - f(y))), method="gram")
    p, weights = kept["p"], kept["weights"]
    rng = np.random.default_rng(0)
    for _ in range(5):
        u = [Q(int(v)) for v in rng.integers(-5, 6, size=len(p.basis))]

        def at(q, u=u):
            return q.constant + sum((c * u[i] * u[j] for (i, j), c in q.products.items()), Q(0))

        rest = kept["limit"] - at(p.goal) - sum((w * at(q) for w, q in zip(weights, p.premises, strict=True)), Q(0))
        assert rest >= 0


def test_gradients_of_smooth_functions_are_lipschitz_with_letters_too():
    import sympy

    smooth, r = sympy.symbols("L r", positive=True)
    d = derive([convex(F, 0, smooth), abs(x - y) <= r], abs(F.gradient(x) - F.gradient(y)))
    assert d.bound == smooth * r and d.method == "norms" and not d.any_norm
    assert derive([convex(F, 0), abs(x - y) <= r], abs(F.gradient(x) - F.gradient(y))).status == "unknown"
