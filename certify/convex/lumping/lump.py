"""``ct.lump``: the error of a smaller Markov chain on blocks of states, at all times at once.

With V the map of laws to laws of blocks, eps the largest row l1 norm of P V - V Pi and tau Dobrushin's coefficient,

    mu P^t V - nu Pi^t = (mu V - nu) Pi^t + sum_(j<t) mu P^j (P V - V Pi) Pi^(t-1-j)

gives TV(mu P^t V, nu Pi^t) <= delta tau(Pi^t) + (eps/2) sum_(j<t) tau(Pi^j): what has to contract is the macro chain.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.convex.lumping.chains import Chain, blocks, chain, gathered
from certify.convex.lumping.contraction import BITS, Contraction, established, search, short
from certify.convex.lumping.macro import candidates
from certify.convex.lumping.observe import Observed, Split, widest_split, worst_start
from certify.errors import BadInput
from certify.kernel.arithmetic import fast
from certify.kernel.exact import Matrix
from certify.kernel.statements.lumping import row_norm
from certify.numbers import Scalar, rational
from certify.results import Bracket
from certify.statements.bound import Bound, judged

SUBJECT = "sup over t of TV(law of the blocks, macro law)"
HORIZON = 100


def lump(P: Any, partition: Any, macro: Any = None, start: Scalar = 0) -> Bound:
    """Bound the error of a lumped chain, uniformly in time and in the law that it starts from.

    P: a stochastic matrix (n, n); floats are normalised to an exact one, which is what is certified (see the notes).
    partition: n integer labels of blocks. macro: the chain of the blocks (m, m), in the order of the labels; found
    when not given. start: TV distance of the macro law from that of the blocks at time 0.
    The details have ``closure`` (exact, approximate or not closed), ``macro``, eps, the power that contracts, the worst
    start that was observed, and two states of one block that no macro chain can tell apart, with the error that this
    forces on any.
    The certificate speaks of ``certify.convex.lumping.chains.chain(P).exact``, which is P itself for Fractions.
    Raises BadInput when P or macro is no chain, or partition does not fit.
    """
    began = time.perf_counter()
    whole = chain(P)
    index = blocks(partition, whole.size)
    count = int(index.max()) + 1
    delta = rational(start, "start")
    if not 0 <= delta <= 1:
        raise BadInput(f"start: expected a distance from 0 to 1, found {delta}")
    moved = gathered(whole.exact, index, count)
    given: Iterable[tuple[str, Chain]] = candidates(moved, index, count)
    if macro is not None:
        given = [("given", chain(macro, "macro"))]
    found = []
    for name, small in given:
        if small.size != count:
            raise BadInput(f"macro: expected a chain of {count} blocks, found {small.size} states")
        half = _half(moved, small, index)
        # Exactly closed: no power is needed.
        bound = search(small.floats, 2 * float(half), float(delta)) if half else Contraction(0, 1.0, 0.0, float(delta))
        found.append((bound.bound, name, small, half, bound))
    _, name, small, half, bound = min(found, key=lambda c: (c[0], 2 * c[3]))
    limit = delta if not half else None
    if half and bound.bound < 1:
        limit = established(small.exact, half, delta, bound.steps)
        limit = None if limit is None else short(limit)
    seen = worst_start(whole, small, index, HORIZON) if half else None
    split = widest_split(moved, index) if half else None
    lower = max(delta if count > 1 else Fraction(0), seen.error if seen else Fraction(0))
    details = _details(name, small, half, bound, seen, split, limit)
    seconds = {"search": time.perf_counter() - began}
    notes = (*whole.notes, *(f"macro: {note}" for note in small.notes), *_notes(details, split, limit))
    if limit is None or limit >= 1:
        # No two laws are further apart than 1: that needs no certificate.
        bracket = Bracket(lower, Fraction(1), "unknown")
        return Bound(SUBJECT, "unknown", bracket, None, None, None, True, seconds, details, notes)
    began = time.perf_counter()
    of = {"chain": whole.exact, "blocks": index, "macro": small.exact, "start": delta, "limit": limit}
    made, verdict = judged("lumping", of, [], [[bound.steps, BITS]] if half else [])
    seconds["check"] = time.perf_counter() - began
    if not verdict.accepted:
        notes = (*notes, f"the kernel did not accept what was found: {verdict}")
        return Bound(
            SUBJECT, "unknown", Bracket(lower, None, "unknown"), made, verdict, None, False, seconds, {}, notes
        )
    bracket = Bracket(lower, limit, "proved")
    return Bound(SUBJECT, "proved", bracket, made, verdict, bound.bound, False, seconds, details, notes)


def _half(moved: Matrix, small: Chain, index: NDArray[np.int64]) -> Fraction:
    """eps / 2, exactly."""
    lost = moved - Matrix(fast, small.exact.n.take_rows(index.tolist()), small.exact.den)
    return Fraction(row_norm(lost.n), 2 * lost.den)


def _details(
    name: str,
    small: Chain,
    half: Fraction,
    bound: Contraction,
    seen: Observed | None,
    split: Split | None,
    limit: Fraction | None,
) -> dict[str, Any]:
    closure = "not closed" if limit is None or limit >= 1 else "approximate" if half else "exact"
    out: dict[str, Any] = {
        "closure": closure,
        "macro": small.floats.tolist(),
        "macro_from": name,
        "eps": 2 * float(half),
    }
    if half:
        out |= {"power": bound.steps, "tau": bound.tau, "tau_sum": bound.total, "searched_bound": bound.bound}
    if seen is not None:
        out["observed"] = {
            "state": seen.state, "steps": seen.steps, "at_least": float(seen.error),
            "searched": seen.searched, "searched_steps": seen.searched_steps,
        }  # fmt: skip
    if split is not None:
        out["split"] = {"states": [split.first, split.second], "distance": float(split.distance)}
        out["any_macro_at_least"] = float(split.unavoidable)
    if limit is not None and limit < 1:
        out["stationary"] = _stationary(small)
    return out


def _stationary(small: Chain) -> list[float]:
    """A stationary law of the macro chain, in floats."""
    m = small.size
    a = np.vstack([small.floats.T - np.eye(m), np.ones(m)])
    law = np.linalg.lstsq(a, np.append(np.zeros(m), 1.0), rcond=None)[0]
    found: list[float] = law.tolist()
    return found


def _notes(details: dict[str, Any], split: Split | None, limit: Fraction | None) -> tuple[str, ...]:
    closure = details["closure"]
    if closure == "exact":
        return ("closed exactly: the blocks are a Markov chain",)
    if closure == "approximate":
        return ("every stationary law of the chain gives blocks within the bound of that of the macro chain",)
    why = "no power of the macro chain contracts" if limit is None and details["searched_bound"] == float("inf") else (
        f"the bound {details['searched_bound']:.3g} says nothing"
    )  # fmt: skip
    if split is None:
        return (f"not closed: {why}",)
    said = f"rows of states {split.first} and {split.second} of one block differ by {float(split.distance):.3g} in l1"
    forced = f"so that any macro chain on these blocks is off by {float(split.unavoidable):.3g} after one step"
    return (f"not closed: {why}; {said}, {forced}",)
