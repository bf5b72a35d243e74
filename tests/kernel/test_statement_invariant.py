"""Kind *invariant*: what accepted claims say of runs that are simulated in Fractions, and premises in their places."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from bundles import sealed, write_directory

import make_vectors  # isort: skip

from certify.kernel.arithmetic import fast, pure
from certify.kernel.bundle import Bundle
from certify.kernel.check import check
from certify.kernel.statement import Statement
from certify.kernel.verdict import Rejected
from certify.statements.bundle import certificate
from certify.symbolic.polynomials.evidence import Leaf, Multiple, Squares, evidence, invariant_statement
from certify.symbolic.polynomials.poly import Poly

TESTED_RULES = ("invariant",)


def verdict(files, path, arithmetic=fast) -> str:
    try:
        check(str(write_directory(sealed(files), path)), arithmetic)
    except Rejected as e:
        return e.code
    return "accepted"


def vectors():
    return next(m for m in make_vectors.statement_vectors() if m.__name__.endswith("invariant"))


@pytest.mark.parametrize("arithmetic", [fast, pure], ids=["fast", "pure"])
def test_the_claims_of_the_vectors_are_accepted_by_both_arithmetics(tmp_path, arithmetic):
    for name, files in vectors().accept().items():
        assert verdict(files, tmp_path / name, arithmetic) == "accepted"


@pytest.fixture(scope="module")
def claimed(tmp_path_factory):
    """The goals that the vectors' bundles state, as Fractions of a point."""
    out = {}
    for name, files in vectors().accept().items():
        path = write_directory(sealed(files), tmp_path_factory.mktemp("claims") / name)
        powers, coefficients, *_ = Statement(Bundle(str(path)), pure)["points"]
        n, flat = powers.shape[1], [Fraction(v, powers.den) for v in powers.n.tolist()]
        terms = {}
        for i, c in enumerate(coefficients.n.tolist()):
            terms[tuple(int(k) for k in flat[i * n : i * n + n])] = Fraction(c, coefficients.den)
        out[name.removeprefix("invariant--")] = Poly(n, terms)
    return out


@pytest.mark.parametrize("seed", range(20))
def test_runs_of_the_contraction_stay_below_its_bound(claimed, seed):
    r = random.Random(seed)
    rate, error, start = Fraction(r.randint(4, 12), 4), Fraction(r.randint(-8, 8), 3), Fraction(r.randint(-8, 8), 5)
    a, q = start, Fraction(1)
    for _ in range(12):
        assert claimed["contraction"]([rate, error, start, a, q]) >= 0
        a, q = rate * a + error - Fraction(r.choice((0, 0, 1)), r.randint(1, 9)), rate * q


@pytest.mark.parametrize("seed", range(20))
def test_runs_of_the_residual_tower_stay_below_its_bound(claimed, seed):
    r = random.Random(seed)
    rate, error, start = Fraction(r.randint(0, 8), 4), Fraction(r.randint(0, 8), 3), Fraction(r.randint(-8, 8), 5)
    a, q, t = start, Fraction(1), 0
    for _ in range(12):
        assert claimed["residual-tower"]([rate, error, start, a, q, Fraction(t)]) >= 0
        a, q, t = a + rate * a + error - Fraction(r.choice((0, 1)), 7), (1 + rate) * q, t + 1


def places(order: str) -> tuple[dict, list, list]:
    """y >= 0 always, s = 0 first, s' >= s + y: s >= 0; ``order`` names what the step uses."""
    y, s = Poly.variable(2, 0), Poly.variable(2, 1)
    y2, s2, s3 = (Poly.variable(3, j) for j in range(3))
    of = invariant_statement(1, 1, s, shared=[y], initial_equalities=[s], relation=[s3 - s2 - y2])
    # Premises of the step: 0 is y now, 1 is y then, 2 the relation, 3 is h now.
    numbers = {"now": (2, 3, 0), "then": (2, 3, 1), "wrong": (2, 3, 3)}[order]
    step = Leaf(tuple(Squares.times(1, (k,), 3) for k in numbers))
    begin = Leaf((Multiple(Poly.constant(2, 1), 0),))
    return of, [s], [begin, step, Leaf((Squares.times(1, (1,), 2),))]


@pytest.mark.parametrize(("order", "expected"), [("now", "accepted"), ("then", "accepted"), ("wrong", "identity")])
def test_conditions_on_every_state_are_premises_of_a_step_at_both_ends(tmp_path, order, expected):
    of, kept, proofs = places(order)
    assert verdict(certificate("invariant", of, *evidence(proofs, kept)).files, tmp_path / "a") == expected


@pytest.mark.parametrize("dropped", [0, 1, 2])
def test_each_of_the_three_proofs_is_asked_for(tmp_path, dropped):
    of, kept, proofs = places("now")
    matrices, items = evidence(proofs, kept)
    broken = evidence([Leaf(()) if k == dropped else p for k, p in enumerate(proofs)], kept)
    assert verdict(certificate("invariant", of, matrices, items).files, tmp_path / "a") == "accepted"
    assert verdict(certificate("invariant", of, *broken).files, tmp_path / "b") == "identity"


def test_an_invariant_of_the_state_alone_may_not_speak_of_the_next_state(tmp_path):
    of, _, proofs = places("now")
    wide = [Poly.variable(3, 2)]
    assert verdict(certificate("invariant", of, *evidence(proofs, wide)).files, tmp_path / "a") == "shape"
