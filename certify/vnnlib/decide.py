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
from certify.vnnlib.property import Property

Searcher = Callable[[Claim, float], Result]


@dataclass(frozen=True)
class Decision:
    """The outcome for a property.

    results: of the claims tried, in the property's order; after a refutation the rest are not tried.
    exact:   for a refuted property, whether the witness lies in the box as stated, not only as rounded to float64
    """

    prop: Property
    status: Status
    claims: tuple[Claim, ...]
    results: tuple[Result, ...]
    exact: bool = True

    @property
    def witness(self) -> Witness | None:
        """The input that refutes the property, if any."""
        return self.results[-1].witness if self.status == "refuted" else None


def decide(
    prop: Property, f: Network, g: Network | None, seconds: float, *, search: Searcher | None = None, seed: int = 0
) -> Decision:
    """Prove or refute a property about f (and g) within a time.

    search: how a claim is tried within some seconds; by default ``certify.strategy.prove``. Raises BadInput when the
    networks do not fit the property.
    """
    claims = tuple(prop.claims(f, g))
    deadline, results = time.perf_counter() + seconds, list[Result]()
    for k, claim in enumerate(claims):
        share = max(0.1, (deadline - time.perf_counter()) / (len(claims) - k))
        results.append(_search(claim, share, seed) if search is None else search(claim, share))
        if results[-1].status == "refuted":
            break
    return _joined(prop, claims, results)


def _search(claim: Claim, seconds: float, seed: int) -> Result:
    from certify.strategy import prove

    return prove(claim, seconds, seed=seed)


def _joined(prop: Property, claims: Sequence[Claim], results: Sequence[Result]) -> Decision:
    found: set[Status] = {r.status for r in results}
    # A claim without a result was not tried: only a refutation makes that a decision.
    status: Status = "refuted" if "refuted" in found else "unknown"
    if found == {"proved"} and len(results) == len(claims):
        status = "proved"
    witness = results[-1].witness if results else None
    exact = status != "refuted" or (witness is not None and prop.meets(witness.x))
    return Decision(prop, status, tuple(claims), tuple(results), exact)
