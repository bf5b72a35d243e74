"""``prove_invariant``: a polynomial inequality along every run of a discrete system, at any depth.

The claim and the invariants given are shown to hold at the start and to be kept by a step, each as a polynomial
inequality of its own; the kernel checks the induction. Of invariants only those are guessed that say of a quantity that
it never falls below, or rises above, where it starts; a claim that needs others is unknown without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from time import monotonic
from typing import Any

from certify.statements.bound import judged
from certify.symbolic.polynomials.elimination import Eliminated
from certify.symbolic.polynomials.evidence import Proof, evidence, invariant_statement
from certify.symbolic.polynomials.linear import nonnegative_terms
from certify.symbolic.polynomials.parse import Problem, System, system
from certify.symbolic.polynomials.poly import Poly
from certify.symbolic.polynomials.prove import found_proof
from certify.symbolic.polynomials.results import Inequality
from certify.symbolic.polynomials.search import Search
from certify.symbolic.polynomials.witness import admissible, lowest

NEXT = "_next"
# Steps of the runs among which a counterexample is looked for.
STEPS = 3


def prove_invariant(
    claim: Any,
    *,
    state: Sequence[str],
    start: Sequence[Any] = (),
    step: Sequence[Any] = (),
    always: Sequence[Any] = (),
    invariants: Sequence[Any] = (),
    degree: int | None = None,
    seconds: float = 60.0,
) -> Inequality:
    """Prove a claim about every state that a system reaches, or refute it by a run.

        prove_invariant(
            "(L - 1)*(a - q*b) <= e*(q - 1)", state=["a", "q"], always=["L >= 1"],
            start=["a == b", "q == 1"], step=["a_next <= L*a + e", "q_next == L*q"],
        )

    state: names of the variables that change; others are parameters. start: conditions on the first state; step: on a
    state and the next one, whose names end in _next; always: on every state. invariants: further inequalities that
    hold along every run and help. Text or sympy relations; strict conditions are used with >=. Raises BadInput.
    """
    s, began = system(claim, state, always, start, step, invariants, NEXT), monotonic()
    subject = f"{' '.join(str(claim).split())[:200]} along every run"
    run = _counterexample(s)
    if run is not None:
        spent = {"search": monotonic() - began}
        return Inequality(subject, "refuted", witness=run[0], value=run[1], method="a run", seconds=spent)
    kept = list(dict.fromkeys([*s.invariants, *_guessed(s), s.goal]))
    proofs: list[Proof] = []
    how, most = [], 0
    for place, asked in _obligations(s, kept):
        left = Eliminated(asked)
        remains = max(0.0, seconds - (monotonic() - began))
        got = found_proof(left, Search(asked.n, left.inequalities, left.equalities, remains), degree)
        if got is None:
            spent = {"search": monotonic() - began}
            return Inequality(subject, "unknown", seconds=spent, notes=(f"not shown: {place}",))
        proofs.append(got[0])
        how.append(got[1])
        most = max(most, got[2])
    spent = {"search": monotonic() - began}
    of = invariant_statement(
        len(s.parameters), len(s.state), s.goal,
        shared=s.always[0], shared_equalities=s.always[1], initial=s.start[0], initial_equalities=s.start[1],
        relation=s.step[0], relation_equalities=s.step[1],
    )  # fmt: skip
    made, verdict = judged("invariant", of, *evidence(proofs, kept))
    spent["check"] = monotonic() - began - spent["search"]
    method = "induction: " + ", ".join(dict.fromkeys(how))
    if not verdict.accepted:
        note = f"what the search took for a proof was {verdict}"
        return Inequality(subject, "unknown", degree=most, method=method, seconds=spent, notes=(note,))
    return Inequality(subject, "proved", made, verdict, degree=most, method=method, seconds=spent)


def _guessed(s: System) -> list[Poly]:
    """Conditions on the start that every step keeps, beside the claim; all that are left keep each other."""
    left = [*s.start[0], *s.start[1], *(-h for h in s.start[1])]
    left = [h for h in dict.fromkeys(left) if any(any(e[len(s.parameters) :]) for e in h.terms)]
    while left:
        own = [*s.invariants, s.goal]
        steps = [asked for place, asked in _obligations(s, [*own, *left]) if place.endswith("step")]
        held = [_cheaply(asked) for asked in steps[len(own) :]]
        if all(held):
            break
        left = [h for h, ok in zip(left, held, strict=True) if ok]
    return left


def _cheaply(asked: Problem) -> bool:
    """Whether products of premises or squares of the least degree show it."""
    left = Eliminated(asked)
    every = [left.goal, *left.inequalities, *left.equalities]
    active = [j for j in range(asked.n) if any(e[j] for p in every for e in p.terms)]
    degree = max(2, *(p.degree for p in every))
    if nonnegative_terms(left.goal, left.inequalities, left.equalities, active, degree) is not None:
        return True
    return Search(asked.n, left.inequalities, left.equalities, 2.0).nonnegative(left.goal, degree) is not None


def _obligations(s: System, kept: Sequence[Poly]) -> list[tuple[str, Problem]]:
    """What kind *invariant* asks to be shown, in its order, with its numbers of premises."""
    m, k = len(s.parameters), len(s.state)
    n = m + k
    now, after = list(range(n)), [*range(m), *range(n, n + k)]
    names = (*s.parameters, *s.state)
    wide = (*names, *(v + NEXT for v in s.state))

    def moved(group: Sequence[Poly], places: list[int]) -> list[Poly]:
        return [p.moved(places, n + k) for p in group]

    known = moved(s.always[0], now) + moved(s.always[0], after) + (s.step[0] or _nothing(s)) + moved(kept, now)
    zero = moved(s.always[1], now) + moved(s.always[1], after) + s.step[1]
    begin = (tuple(s.always[0] + s.start[0]), tuple(s.always[1] + s.start[1]))
    out = [(f"invariant {j} at the start", Problem(names, h, *begin)) for j, h in enumerate(kept)]
    out += [
        (f"invariant {j} after a step", Problem(wide, h, tuple(known), tuple(zero)))
        for j, h in enumerate(moved(kept, after))
    ]
    last = Problem(names, s.goal, (*s.always[0], *kept), tuple(s.always[1]))
    return [*out, ("the claim from the invariants", last)]


def _nothing(s: System) -> list[Poly]:
    """A statement has one relation at least: 0 >= 0 where there is none."""
    return [] if s.step[1] else [Poly(len(s.parameters) + 2 * len(s.state))]


def _counterexample(s: System) -> tuple[dict[str, Fraction], Fraction] | None:
    """A run of a few steps at whose end the claim fails, exactly."""
    m, k = len(s.parameters), len(s.state)
    for steps in range(STEPS + 1):
        n = m + k * (steps + 1)
        at = [[*range(m), *range(m + t * k, m + (t + 1) * k)] for t in range(steps + 1)]
        inequalities: list[Poly] = []
        equalities: list[Poly] = []
        for here, group in ((inequalities, 0), (equalities, 1)):
            for t, places in enumerate(at):
                here += [p.moved(places, n) for p in s.always[group]]
                if t:
                    both = [*at[t - 1], *places[m:]]
                    here += [p.moved(both, n) for p in s.step[group]]
            here += [p.moved(at[0], n) for p in s.start[group]]
        names = (*s.parameters, *(f"{v}[{t}]" for t in range(steps + 1) for v in s.state))
        asked = Problem(names, s.goal.moved(at[-1], n), tuple(inequalities), tuple(equalities))
        left = Eliminated(asked)
        point = lowest(left.problem, starts=3, samples=300)
        if point is None or point.value >= 0:
            continue
        x = left.lifted(point.x)
        if admissible(asked, x) and asked.goal(x) < 0:
            return dict(zip(names, x, strict=True)), asked.goal(x)
    return None
