"""Decide a property: prove all of its claims, or refute one.

Time that a claim does not need goes to those after it. Every claim has a result and a certificate of its own; the
property is proved only if the kernel accepted the certificate of every claim.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from certify.claims import Claim
from certify.networks.graph import Network
from certify.provers.falsify import Witness
from certify.results import Result, Status
from certify.strategy.budget import Listener
from certify.vnnlib.property import Property

Searcher = Callable[[Claim, float], Result]


@dataclass(frozen=True)
class Decision:
    """The outcome for a property.

    results: of the claims tried, in the property's order; after a refutation the rest are not tried.
    witness: of the refuted claim, moved into the box as stated where that is possible; exact: whether it lies there
        and not only in the box as rounded to float64 (None and True for a property that is not refuted)
    """

    prop: Property
    status: Status
    claims: tuple[Claim, ...]
    results: tuple[Result, ...]
    witness: Witness | None = None
    exact: bool = True


def decide(
    prop: Property,
    f: Network,
    g: Network | None,
    seconds: float,
    *,
    search: Searcher | None = None,
    seed: int = 0,
    progress: Listener | None = None,
) -> Decision:
    """Prove or refute a property about f (and g) within a time. An interrupt ends the claim at hand and tries no other.

    search: how a claim is tried within some seconds; by default ``certify.strategy.prove``. Raises BadInput when the
    networks do not fit the property.
    """
    claims = tuple(prop.claims(f, g))
    deadline, results = time.perf_counter() + seconds, list[Result]()
    for k, claim in enumerate(claims):
        share = max(0.1, (deadline - time.perf_counter()) / (len(claims) - k))
        results.append(_search(claim, share, seed, progress) if search is None else search(claim, share))
        if results[-1].status == "refuted" or results[-1].interrupted:
            break
    return _joined(prop, claims, results)


def _search(claim: Claim, seconds: float, seed: int, progress: Listener | None) -> Result:
    from certify.strategy import prove

    return prove(claim, seconds, seed=seed, progress=progress)


def _joined(prop: Property, claims: Sequence[Claim], results: Sequence[Result]) -> Decision:
    found: set[Status] = {r.status for r in results}
    # A claim without a result was not tried: only a refutation makes that a decision.
    status: Status = "refuted" if "refuted" in found else "unknown"
    if found == {"proved"} and len(results) == len(claims):
        status = "proved"
    witness = _inside(prop, claims[len(results) - 1], results[-1].witness) if status == "refuted" else None
    exact = witness is None or prop.meets(witness.x)
    return Decision(prop, status, tuple(claims), tuple(results), witness, exact)


def _inside(prop: Property, claim: Claim, witness: Witness | None) -> Witness | None:
    """The witness in the box as stated, if it still refutes the claim there."""
    if witness is None:
        return None
    x = prop.inside(witness.x)
    value = claim.quantity.value_at(x, witness.x2, witness.part)[0]
    return witness if claim.holds(value) else Witness(witness.part, x, witness.x2, value)
