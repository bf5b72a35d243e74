"""The strategy within a budget: falsify, bound, improve, split, elaborate, check.

    budget.py   what a caller says and hears       search.py   the run      plans.py   trees to certificates

Everything up to the last step is untrusted. A result's upper bounds are what the kernel established in a fresh
interpreter, its lower bounds what exact arithmetic found at witnesses.
"""

from __future__ import annotations

from certify.claims import Claim, Quantity, decision, discrepancy, margin
from certify.domains import Domain
from certify.networks.graph import Network
from certify.results import Result
from certify.strategy.budget import Listener, Progress, parse_budget
from certify.strategy.search import Search

__all__ = ["Listener", "Progress", "bound", "parse_budget", "prove", "strengths"]


def prove(claim: Claim, budget: float | str = "30s", *, progress: Listener | None = None, seed: int = 0) -> Result:
    """Prove or refute a claim within a time budget.

    The result is proved (with a certificate of the claim that the kernel accepted), refuted (with a witness replayed
    in exact
    arithmetic) or unknown (with a bracket, and the scale to blame). A refuted or unknown result carries a
    certificate of
    the upper bound it did establish. Raises CertifyError on bad input.
    """
    return Search(claim.quantity, claim, parse_budget(budget), progress, seed).run()


def bound(
    quantity: Quantity, budget: float | str = "30s", *, progress: Listener | None = None, seed: int = 0
) -> Result:
    """The bracket of a quantity, without a threshold: status is proved for the bound established."""
    return Search(quantity, None, parse_budget(budget), progress, seed).run()


def strengths(
    f: Network,
    g: Network,
    over: Domain,
    budget: float | str = "30s",
    *,
    progress: Listener | None = None,
    seed: int = 0,
) -> dict[str, Result]:
    """The three strengths of design: value (l_inf), margin and decision; the last two with at least two outputs.

    decision is a claim (both networks decide for g's class at each centre); the others are brackets.
    """
    seconds = parse_budget(budget) / 3
    out = {"value": bound(discrepancy(f, g, over=over), seconds, progress=progress, seed=seed)}
    if f.n_out >= 2:
        out["margin"] = bound(margin(f, g, over=over), seconds, progress=progress, seed=seed)
        out["decision"] = prove(decision(f, g, over=over), seconds, progress=progress, seed=seed)
    return out
