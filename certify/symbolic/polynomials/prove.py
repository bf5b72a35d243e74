"""``prove_inequality`` and ``lower_bound``: polynomial inequalities with exact certificates.

Cheap first: a point that refutes, products of premises by linear programming, then sums of squares of growing degree.
A refutation is an exact rational point; a proof is what the kernel accepted in a fresh interpreter; everything else,
such as a solver that says "optimal" and cannot be made exact, is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from time import monotonic
from typing import Any

from certify.certificate import Certificate, Verdict
from certify.statements.bound import judged
from certify.symbolic.polynomials.elimination import Eliminated
from certify.symbolic.polynomials.evidence import Leaf, Proof, Split, Squares, evidence, polynomial_statement
from certify.symbolic.polynomials.linear import nonnegative_terms
from certify.symbolic.polynomials.parse import Problem, objective, problem
from certify.symbolic.polynomials.poly import Poly
from certify.symbolic.polynomials.results import Inequality, LowerBound
from certify.symbolic.polynomials.search import Search
from certify.symbolic.polynomials.witness import Point, admissible, lowest
from certify.symbolic.polynomials.writing import proof_text

# Powers of 1 + sum x^2 by which a polynomial is multiplied when it is no sum of squares itself.
MULTIPLIERS = 2


def prove_inequality(
    claim: Any, given: Sequence[Any] = (), *, degree: int | None = None, seconds: float = 60.0
) -> Inequality:
    """Prove or refute a polynomial inequality under polynomial premises, for all real values of the variables.

        prove_inequality("x**2 + y**2 >= 2*x*y")
        prove_inequality("x*y <= 1", given=["x**2 + y**2 <= 2"])

    claim, given: text or sympy relations. degree: the largest degree of an identity to try (by itself: four more than
    the problem has); seconds: when to stop starting new attempts. Raises BadInput for what is no polynomial relation.
    """
    asked, start = problem(claim, given), monotonic()
    subject = " ".join(str(claim).split())[:200]
    names, notes = asked.names, []
    # p > 0 says that no x has -p >= 0.
    posed = _negated(asked) if asked.strict else asked
    point = _refuted(asked)
    if point is not None and _fails(asked, point):
        spent = {"search": monotonic() - start}
        x = dict(zip(names, point.x, strict=True))
        return Inequality(subject, "refuted", witness=x, value=point.value, method="a point", seconds=spent)
    if point is None and given:
        notes.append("no point that satisfies the premises was found: they may be contradictory")
    searches: list[Search] = []
    for stated in (posed, _opened(posed)) if any(posed.open) else (posed,):
        left = Eliminated(stated)
        remains = max(0.0, seconds - (monotonic() - start))
        found = Search(stated.n, left.inequalities, left.equalities, remains)
        searches.append(found)
        got = found_proof(left, found, degree)
        spent = {"search": monotonic() - start}
        if got is None:
            continue
        proof, method, at = got
        made, verdict = _judged(stated, proof)
        spent["check"] = monotonic() - start - spent["search"]
        if stated is not posed:
            notes.append("g > 0 is stated as s**2*g = 1, with a variable s for each strict premise")
        if verdict.accepted:
            return Inequality(
                subject, "proved", made, verdict, degree=at, method=method,
                identity=proof_text(proof, stated), seconds=spent, notes=tuple(notes),
            )  # fmt: skip
        notes.append(f"what the search took for a proof was {verdict}")
    return _unknown(subject, asked, searches[0], degree, spent, notes)


def _opened(p: Problem) -> Problem:
    """Strict premises g > 0 as s^2 g = 1 with variables s of their own, beside g >= 0."""
    strict = [g for g, o in zip(p.inequalities, p.open, strict=True) if o]
    n = p.n + len(strict)

    def wide(group: Sequence[Poly]) -> tuple[Poly, ...]:
        return tuple(f.moved(range(p.n), n) for f in group)

    new = tuple(f"s{k}" if f"s{k}" not in p.names else f"s{k}_" for k in range(len(strict)))
    extra = [Poly.variable(n, p.n + k) ** 2 * g - 1 for k, g in enumerate(wide(strict))]
    (goal,) = wide([p.goal])
    return Problem((*p.names, *new), goal, wide(p.inequalities), (*wide(p.equalities), *extra))


def _negated(p: Problem) -> Problem:
    minus = Poly.constant(p.n, -1)
    return Problem(p.names, minus, (*p.inequalities, -p.goal), p.equalities, False, (*p.open, False))


def _fails(p: Problem, point: Point) -> bool:
    return point.value <= 0 if p.strict else point.value < 0


def _judged(p: Problem, proof: Proof) -> tuple[Certificate, Verdict]:
    return judged("polynomial", polynomial_statement(p.goal, p.inequalities, p.equalities), *evidence([proof]))


def _refuted(asked: Problem) -> Point | None:
    """The lowest point found; through the elimination of variables, so that equalities hold exactly."""
    left = Eliminated(asked)
    found = lowest(left.problem)
    if found is None:
        return None
    x = left.lifted(found.x)
    return Point(tuple(x), asked.goal(x)) if admissible(asked, x) else None


def found_proof(left: Eliminated, search: Search, degree: int | None) -> tuple[Proof, str, int] | None:
    """A proof of the original goal, how it was found, and its degree."""
    original, goal = left.original, left.goal

    def carried(leaf: Leaf) -> Leaf:
        return left.carried(leaf, original.goal, original.inequalities)

    value = goal.terms.get((0,) * goal.n, Fraction(0))
    if goal == Poly.constant(goal.n, value) and value >= 0:
        return carried(Leaf((Squares.times(value, (), goal.n),) if value else ())), "a constant", 0
    active = [j for j in range(goal.n) if any(e[j] for p in _all(left) for e in p.terms)]
    first = max(p.degree for p in _all(left))
    if left.inequalities or left.equalities:
        for d in range(first, first + 3):
            terms = nonnegative_terms(goal, left.inequalities, left.equalities, active, d)
            if terms is not None:
                return carried(Leaf(terms)), "linear programming", d
    found = search.nonnegative(goal, degree)
    if found is not None:
        how = "sums of squares" + (f", {found.faces} facial reductions" if found.faces else "")
        return carried(Leaf(found.terms)), f"{how} ({found.solver})", found.degree
    return _multiplied(left, search, active, degree) or _by_powers(left, search, active)


def _all(left: Eliminated) -> list[Poly]:
    return [left.goal, *left.inequalities, *left.equalities]


def _multiplied(
    left: Eliminated, search: Search, active: Sequence[int], degree: int | None
) -> tuple[Proof, str, int] | None:
    """p (1 + sum x^2)^r as a sum: where -p >= 0 too, p = that sum + ((1 + sum x^2)^r - 1) (-p)."""
    n, original = left.goal.n, left.original
    norm = sum((Poly.variable(n, j) ** 2 for j in active), start=Poly.constant(n, 1))
    for r in range(1, MULTIPLIERS + 1):
        found = None if search.late else search.nonnegative(left.goal * norm**r, degree)
        if found is None:
            continue
        rest = norm**r - 1
        halves = tuple(Poly.monomial(tuple(k // 2 for k in e)) for e in rest.terms)
        below = len(original.inequalities)
        terms = (*found.terms, Squares(tuple(rest.terms.values()), halves, (below,)))
        inside = (*original.inequalities, -original.goal)
        leaf = left.carried(Leaf(terms), original.goal, inside)
        above = Leaf((Squares.times(1, (below,), n),))
        method = f"sums of squares after multiplication by (1 + |x|^2)^{r} ({found.solver})"
        return Split(original.goal, above, leaf), method, found.degree
    return None


def _by_powers(left: Eliminated, search: Search, active: Sequence[int]) -> tuple[Proof, str, int] | None:
    """Where -p >= 0 too, -p^(2 m) is a sum of products: then p = 0 there, or there is no such point (m = 0)."""
    goal, original = left.goal, left.original
    below = len(left.inequalities)
    inside = [*left.inequalities, -goal]
    deeper = Search(goal.n, inside, left.equalities, max(0.0, search.until - monotonic()))
    for m in (0, 1, 2):
        leaf = Leaf((), m)
        target = leaf.aim(goal)
        first = max(target.degree, *(g.degree for g in inside))
        terms, method, at = None, "linear programming", first
        for d in range(first, first + 3):
            if terms is None and not search.late:
                terms, at = nonnegative_terms(target, inside, left.equalities, active, d), d
        if terms is None and m < 2 and not search.late:
            found = deeper.nonnegative(target)
            if found is not None:
                terms, method, at = found.terms, f"sums of squares ({found.solver})", found.degree
        if terms is not None:
            leaf = left.carried(Leaf(terms, m), original.goal, (*original.inequalities, -original.goal))
            above = Leaf((Squares.times(1, (below,), goal.n),))
            return Split(original.goal, above, leaf), f"{method} where the claim fails", at
    return None


def _unknown(
    subject: str, asked: Problem, search: Search, degree: int | None, spent: dict[str, float], notes: list[str]
) -> Inequality:
    """With the best weakening that was proved."""
    left = Eliminated(asked)
    # What is left of the time, and a little of its own: a weaker statement is better than none.
    again = Search(asked.n, left.inequalities, left.equalities, max(5.0, search.until - monotonic()))
    tried = 0
    weaker, made, verdict = None, None, None
    for d in again.degrees(left.goal, degree):
        tried = d
        found = None if again.late else again.bounded(left.goal, d)
        if found is None or (weaker is not None and -found.value >= weaker):
            continue
        p = asked.with_goal(asked.goal - found.value)
        proof = left.carried(Leaf(found.terms), p.goal, p.inequalities)
        one, said = _judged(p, proof)
        if said.accepted:
            weaker, made, verdict = -found.value, one, said
    if search.late:
        notes.append("out of time")
    notes += [f"tried {t}" for t in (*search.tried[:3], *again.tried[:3])]
    return Inequality(subject, "unknown", made, verdict, weaker=weaker, degree=tried, seconds=spent, notes=tuple(notes))


def lower_bound(p: Any, given: Sequence[Any] = (), *, degree: int | None = None, seconds: float = 60.0) -> LowerBound:
    """The infimum of a polynomial under premises, from below by a certificate and from above by an exact point.

        lower_bound("x**4 - 3*x*y + y**4")
        lower_bound("x*y + z", given=["-1 <= x <= 1", "-1 <= y <= 1", "z >= x**2"])

    Takes the least degree at which both ends agree to 1e-6, relatively, or the best within ``degree`` and ``seconds``.
    """
    asked, start = objective(p, given), monotonic()
    subject = " ".join(str(p).split())[:200]
    left = Eliminated(asked)
    search = Search(asked.n, left.inequalities, left.equalities, seconds)
    point = lowest(left.problem)
    best, notes = None, []
    for d in search.degrees(left.goal, degree):
        found = None if search.late else search.bounded(left.goal, d)
        low = lowest(left.problem, search.moments[-1:], starts=2, samples=50) if search.moments else None
        if low is not None and (point is None or low.value < point.value):
            point = low
        if found is not None and (best is None or found.value > best.value):
            best = found
        if best is not None and point is not None and _close(point.value, best.value):
            break
    if point is None:
        notes.append("no point that satisfies the premises was found")
    spent = {"search": monotonic() - start}
    if best is None:
        return _bracket(subject, asked, left, point, None, notes + search.tried, spent)
    exact = _attained(left, search, point, best.degree, best.searched)
    if exact is not None:
        best = exact
    spent = {"search": monotonic() - start}
    goal = asked.with_goal(asked.goal - best.value)
    made, verdict = _judged(goal, left.carried(Leaf(best.terms), goal.goal, goal.inequalities))
    spent["check"] = monotonic() - start - spent["search"]
    if not verdict.accepted:
        notes.append(f"what the search took for a proof was {verdict}")
        return _bracket(subject, asked, left, point, None, notes, spent)
    return _bracket(subject, asked, left, point, (best, made, verdict), notes, spent)


def _close(up: Fraction, low: Fraction) -> bool:
    return up - low <= Fraction(1, 10**6) * max(abs(up), abs(low))


def _attained(left: Eliminated, search: Search, point: Point | None, degree: int, searched: float) -> Any:
    """A proof that the value of the point is the infimum, where it is a short fraction that the solver is near."""
    if point is None or point.value.denominator > 10_000:
        return None
    if abs(float(point.value) - searched) > 1e-5 * max(1.0, abs(searched)):
        return None
    found = search.nonnegative(left.goal - point.value, degree)
    if found is None:
        return None
    return type(found)(found.terms, found.degree, found.solver, point.value, searched, found.faces)


def _bracket(
    subject: str, asked: Problem, left: Eliminated, point: Point | None, got: Any, notes: list[str], spent: Any
) -> LowerBound:
    x = None if point is None else left.lifted(point.x)
    ok = x is not None and admissible(asked, x)
    attained = asked.goal(x) if ok and x is not None else None
    witness = dict(zip(asked.names, x, strict=True)) if ok and x is not None else None
    if got is None:
        return LowerBound(subject, "unknown", None, attained, witness, seconds=spent, notes=tuple(notes))
    best, made, verdict = got
    return LowerBound(
        subject, "proved", best.value, attained, witness, made, verdict,
        best.searched, best.degree, spent, tuple(notes),
    )  # fmt: skip
