"""Kind *polynomial*: identities that add up are accepted, others not, and what is accepted holds at exact points.

The oracle is the prover's arithmetic of Fractions and evaluation at rational points, which share nothing with the
kernel's polynomials.
"""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
from bundles import sealed, write_directory

from certify.kernel.arithmetic import fast, pure
from certify.kernel.check import check
from certify.kernel.exact import Matrix
from certify.kernel.polynomials import polynomial
from certify.kernel.verdict import Rejected
from certify.statements.bundle import certificate
from certify.statements.exact import exact
from certify.statements.factor import factor
from certify.symbolic.polynomials.evidence import (
    Gram,
    Leaf,
    Multiple,
    Split,
    Squares,
    evidence,
    gap,
    pair,
    polynomial_statement,
)
from certify.symbolic.polynomials.poly import Poly

TESTED_RULES = ("polynomial",)
SEEDS = range(12)


def rational(r: random.Random) -> Fraction:
    return Fraction(r.randint(-9, 9), r.choice((1, 2, 3, 8)))


def draw(r: random.Random, n: int, terms: int = 3, degree: int = 2) -> Poly:
    return Poly(n, {tuple(r.randint(0, degree) for _ in range(n)): rational(r) for _ in range(terms)})


def squares(r: random.Random, n: int, premises: tuple[int, ...]) -> Squares:
    k = r.randint(1, 3)
    return Squares(tuple(abs(rational(r)) for _ in range(k)), tuple(draw(r, n) for _ in range(k)), premises)


def gram(r: random.Random, n: int, premises: tuple[int, ...]) -> Gram:
    keys = tuple({tuple(r.randint(0, 2) for _ in range(n)) for _ in range(3)})
    m, basis = len(keys), None
    if r.random() < 0.5:
        m = 2
        basis = exact(np.array([[rational(r) for _ in keys] for _ in range(m)], dtype=object))
    a = np.array([[rational(r) for _ in range(m)] for _ in range(m)], dtype=object)
    form = exact(a @ a.T + np.array([[Fraction(int(i == j)) for i in range(m)] for j in range(m)], dtype=object))
    hints = factor(form)
    assert hints is not None
    return Gram(keys, form, hints, basis, premises)


def verdict(files, path, arithmetic=fast) -> str:
    try:
        check(str(write_directory(sealed(files), path)), arithmetic)
    except Rejected as e:
        return e.code
    return "accepted"


def bundle(goal, inequalities, equalities, proof):
    return certificate("polynomial", polynomial_statement(goal, inequalities, equalities), *evidence([proof])).files


def example(r: random.Random):
    """Premises, equalities, and terms of a leaf over them and one more premise."""
    n = r.randint(1, 3)
    inequalities = [draw(r, n) for _ in range(r.randint(0, 2))]
    equalities = [draw(r, n) for _ in range(r.randint(0, 2))]
    numbers = list(range(len(inequalities)))

    def some() -> tuple[int, ...]:
        return tuple(r.choice(numbers) for _ in range(r.randint(0, 2))) if numbers else ()

    terms = [squares(r, n, some()), gram(r, n, some())]
    terms += [Multiple(draw(r, n), k) for k in range(len(equalities))]
    r.shuffle(terms)
    return n, inequalities, equalities, tuple(terms)


def added_up(n, terms, inequalities, equalities) -> Poly:
    return -gap(Leaf(terms), Poly(n), inequalities, equalities)


@pytest.mark.parametrize("arithmetic", [fast, pure], ids=["fast", "pure"])
@pytest.mark.parametrize("seed", SEEDS)
def test_what_adds_up_is_accepted_and_a_unit_beside_it_is_not(tmp_path, seed, arithmetic):
    r = random.Random(seed)
    n, inequalities, equalities, terms = example(r)
    goal = added_up(n, terms, inequalities, equalities)
    assert verdict(bundle(goal, inequalities, equalities, Leaf(terms)), tmp_path / "a", arithmetic) == "accepted"
    unit = Poly(n, {tuple(r.randint(0, 4) for _ in range(n)): Fraction(r.choice((-1, 1)), 10**12)})
    beside = bundle(goal + unit, inequalities, equalities, Leaf(terms))
    assert verdict(beside, tmp_path / "b", arithmetic) == "identity"


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_accepted_holds_wherever_the_premises_do(tmp_path, seed):
    r = random.Random(100 + seed)
    n, inequalities, _, terms = example(r)
    terms = tuple(t for t in terms if not isinstance(t, Multiple))
    split, new = draw(r, n), len(inequalities)
    # The square of the split's premise is the same on both sides.
    terms = (*terms, Squares.times(2, (new, new), n))
    goal = added_up(n, terms, [*inequalities, split], ())
    proof = Split(split, Leaf(terms), Leaf(tuple(reversed(terms))))
    assert verdict(bundle(goal, inequalities, (), proof), tmp_path / "a") == "accepted"
    one_sided = (*terms[:-1], Squares.times(2, (new,), n))
    claimed = added_up(n, one_sided, [*inequalities, split], ())
    if split:
        wrong = Split(split, Leaf(one_sided), Leaf(one_sided))
        assert verdict(bundle(claimed, inequalities, (), wrong), tmp_path / "b") == "identity"
    for _ in range(30):
        x = [rational(r) for _ in range(n)]
        if all(g(x) >= 0 for g in inequalities):
            assert goal(x) >= 0


@pytest.mark.parametrize("seed", SEEDS)
def test_the_kernels_polynomials_have_the_values_of_fractions(seed):
    r = random.Random(200 + seed)
    n = r.randint(1, 3)
    p, q = draw(r, n), draw(r, n)

    def kernel(f: Poly, arithmetic=pure):
        powers, coefficients = pair(f)
        e = Matrix(arithmetic, arithmetic.matrix([[3 * int(k) for k in row] for row in powers]), 3)
        c = exact(coefficients)
        return polynomial(e, Matrix(arithmetic, arithmetic.matrix([c.n.tolist()]), c.den), n, "here")

    def same(found, f: Poly) -> bool:
        return {e: Fraction(c, found.den) for e, c in found.terms.items()} == dict(f.terms)

    a, b = kernel(p), kernel(q)
    assert same(a + b, p + q) and same(a * b, p * q) and same(-a, -p) and same(a + -a, Poly(n))
    places = r.sample(range(n + 2), n)
    assert same(a.moved(places, n + 2), p.moved(places, n + 2))


def test_how_numbers_are_written_changes_no_verdict(tmp_path):
    x, y = Poly.variable(2, 0), Poly.variable(2, 1)
    of = polynomial_statement(x * x + y * y - x * y * 2, ())
    powers, coefficients = of["polynomials"]
    repeated = np.vstack([powers, powers[:1], powers[:1]]).astype(float)
    spread = np.array([[*coefficients[0], Fraction(5, 7), Fraction(-5, 7)]], dtype=object)
    proof = evidence([Leaf((Squares((Fraction(1, 3), Fraction(2, 3)), (x - y, y - x)),))])
    files = certificate("polynomial", of | {"polynomials": [repeated, spread]}, *proof).files
    assert verdict(files, tmp_path / "a") == "accepted"


@pytest.mark.parametrize("power", [None, 0, 1, 2, 4])
def test_a_leaf_ends_with_the_goal_or_minus_an_even_power_of_it(tmp_path, power):
    (x,) = (Poly.variable(1, 0),)
    leaf = Leaf((), power)
    premise = leaf.aim(x)
    shown = Leaf((Squares.times(1, (0,), 1),), power)
    assert verdict(bundle(x, [premise], (), shown), tmp_path / "a") == "accepted"
    beside = Leaf((Squares.times(1, (0,), 1), Squares.times(Fraction(1, 10**6), (), 1)), power)
    assert verdict(bundle(x, [premise], (), beside), tmp_path / "b") == "identity"
