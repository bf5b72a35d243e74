"""``ct.derive``: the worst-case inequality that assumptions imply, with its certificate.

In closed form where the structure gives one (norms.py: telescoping, residual towers, fixed points, feedback;
towers.py: any depth), else by multipliers for quadratic forms that a solver finds and exact arithmetic confirms
(gram.py). The kernel judges the certificate in a fresh interpreter before anything is called found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from certify.errors import BadInput
from certify.symbolic.assumptions import Assumption, letters
from certify.symbolic.calculus import NoBound
from certify.symbolic.derivation import Derivation
from certify.symbolic.expressions import Norm
from certify.symbolic.goals import Goal, bound

Method = Literal["auto", "norms", "gram"]


def derive(assumptions: Sequence[Assumption], goal: Goal | Any, method: Method = "auto") -> Derivation:
    """Bound the goal in the worst case that the assumptions allow.

    goal: ``bound(abs(v))``, ``bound(form)``, or a claim ``bound(...) <= limit``. method: norms (closed forms, any
    norm), gram (multipliers; numbers only, Euclidean norm), or auto: norms first, then gram where norms lead nowhere or
    to a bound that no instance attained; the smaller bound counts.
    Returns a Derivation, *unknown* with the reason where no inequality was found. Raises BadInput for what is no goal.
    """
    goal = goal if isinstance(goal, Goal) else bound(goal)
    for k, a in enumerate(assumptions):
        if not isinstance(a, Assumption):
            raise BadInput(f"assumptions[{k}]: expected an assumption, found {str(a)[:40]!r}")
    if method not in ("auto", "norms", "gram"):
        raise BadInput(f"method: expected auto, norms or gram, found {method!r}")
    if method == "norms" and not isinstance(goal.of, Norm):
        raise BadInput("method: norms bounds norms abs(v) only")
    known = tuple(dict.fromkeys(assumptions))
    names = [s.name for s in letters(known) if s.is_Symbol]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise BadInput(f"assumptions: two different symbols are called {twice}; give both the same sign assumptions")
    found: Derivation | None = None
    if method != "gram" and isinstance(goal.of, Norm):
        from certify.symbolic.norms import by_norms

        found = by_norms(known, goal)
    if method == "norms" or (found is not None and found.found and found.tight):
        return _judged(found, goal, known)
    if letters(known) or _towers(goal):
        return _judged(found or _unknown(goal, "gram", "multipliers are found for numbers only"), goal, known)
    from certify.symbolic.gram import by_gram

    try:
        other = by_gram(known, goal)
    except NoBound as e:
        other = _unknown(goal, "gram", str(e))
    return _judged(_better(found, other), goal, known)


def _unknown(goal: Goal, method: str, why: str) -> Derivation:
    return Derivation(goal, method, False, None, notes=(why,))


def _better(one: Derivation | None, other: Derivation) -> Derivation:
    if one is None or not one.found:
        return other if other.found or one is None else replace(other, notes=(*other.notes, *one.notes))
    if not other.found or other.bound >= one.bound:
        # The other way to look may still have found a better instance.
        if other.attained is not None and (one.attained is None or other.attained > one.attained):
            return replace(one, attained=other.attained, instance=other.instance)
        return one
    return other


def _towers(goal: Goal) -> bool:
    return isinstance(goal.of, Norm) and any(
        a.map is not None and a.map.kind == "tower" for a, _ in goal.of.vector.terms
    )


def _judged(d: Derivation | None, goal: Goal, assumptions: Sequence[Assumption]) -> Derivation:
    """With the claim, if any, decided."""
    if d is None:
        raise AssertionError("a method gave nothing")
    if goal.claimed is None:
        return d
    from certify.symbolic.claims import decide

    holds, refuted, instance, attained, notes = decide(d, assumptions)
    return replace(
        d,
        claim_holds=holds,
        refuted=refuted,
        instance=instance if refuted else d.instance,
        attained=attained if refuted else d.attained,
        notes=(*d.notes, *notes),
    )
