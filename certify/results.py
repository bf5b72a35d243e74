"""What a proof search returns: a bracket for each part, one for the union, and what is behind them.

Every upper bound here was established by an accepted certificate, every lower bound by a witness evaluated in
exact arithmetic. A mean, a sample and a supremum are different things; these are suprema.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from certify.certificate import Certificate, Verdict
    from certify.claims import Claim
    from certify.provers.falsify import Witness

Status = Literal["proved", "refuted", "unknown"]
INTERRUPTED = "interrupted: the bracket is what was proved until then"


def round_up(v: Fraction | None) -> float | None:
    """The least float64 at least v."""
    if v is None:
        return None
    x = float(v)
    return x if Fraction(x) >= v else math.nextafter(x, math.inf)


def round_down(v: Fraction | None) -> float | None:
    """The greatest float64 at most v."""
    if v is None:
        return None
    x = float(v)
    return x if Fraction(x) <= v else math.nextafter(x, -math.inf)


@dataclass(frozen=True)
class Bracket:
    """witnessed <= sup of the quantity <= established, for one part or for the union; exact rationals.

    lower is None when no witness was evaluated; upper is None when nothing was established.
    """

    lower: Fraction | None
    upper: Fraction | None
    status: Status

    def as_json(self) -> dict[str, Any]:
        """lower rounded down, upper rounded up, with the exact values beside them."""
        return {
            "status": self.status,
            "upper": round_up(self.upper),
            "lower": round_down(self.lower),
            "upper_exact": None if self.upper is None else str(self.upper),
            "lower_exact": None if self.lower is None else str(self.lower),
        }


@dataclass(frozen=True)
class Result:
    """The outcome of ``prove``.

    status:      proved, refuted or unknown
    bracket:     of the union; brackets: one for each part
    witness:     the input with the largest exact quantity found (replayed), if any
    certificate: of the established upper bound. When the claim is proved it proves the claim itself; when it is
                 refuted or unknown, the weaker claim with the established bound as its threshold
    verdict:     what the kernel said of that certificate in a fresh interpreter
    searched_upper: the float bound the prover believed; the gap to ``bound`` is the margin lost to rounding
    vacuous:     the bound is no better than intervals on f and g apart
    blame:       for an unknown result, the scale that contributes most to the bound
    seconds:     {"search": ..., "check": ...}
    """

    claim: Claim
    status: Status
    bracket: Bracket
    brackets: tuple[Bracket, ...]
    witness: Witness | None
    certificate: Certificate | None
    verdict: Verdict | None
    searched_upper: float | None
    vacuous: bool
    seconds: Mapping[str, float]
    leaves: int = 0
    scales: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the search; what follows it in a list of searches should not start."""
        return INTERRUPTED in self.notes

    @property
    def bound(self) -> float | None:
        """The established upper bound, rounded up."""
        return round_up(self.bracket.upper)

    @property
    def witnessed(self) -> float | None:
        """The exact quantity at the witness, rounded down."""
        return round_down(self.bracket.lower)

    @property
    def margin_lost(self) -> float | None:
        """How much of the bound is rounding: established minus what the float prover believed."""
        if self.bracket.upper is None or self.searched_upper is None:
            return None
        return float(self.bracket.upper - Fraction(self.searched_upper))

    @property
    def size(self) -> int:
        """Bytes of the certificate."""
        return 0 if self.certificate is None else self.certificate.size

    @property
    def blame(self) -> str | None:
        """The scale with the largest share of the bound, when the claim was not proved."""
        if self.status == "proved" or not self.scales:
            return None
        return max(self.scales, key=lambda k: self.scales[k])

    def by_scale(self) -> dict[str, float]:
        """The flow of discarded influence: contributions that sum to the bound of the worst output on the
        worst part or leaf, one for each layer, with entries ``relaxation`` and ``rounding``."""
        return dict(self.scales)

    def as_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        out = self.bracket.as_json()
        out["points"] = [b.as_json() for b in self.brackets]
        out["vacuous"] = self.vacuous
        out["margin_lost"] = self.margin_lost
        out["leaves"] = self.leaves
        out["by_scale"] = self.by_scale()
        out["blame"] = self.blame
        out["seconds"] = dict(self.seconds)
        out["certificate"] = None if self.certificate is None else self.certificate.id
        out["certificate_bytes"] = self.size
        out["verdict"] = None if self.verdict is None else self.verdict.verdict
        out["notes"] = list(self.notes)
        if self.witness is not None:
            out["witness"] = {
                "part": self.witness.part,
                "x": np.asarray(self.witness.x, dtype=float).ravel().tolist(),
                "x2": None if self.witness.x2 is None else np.asarray(self.witness.x2, dtype=float).ravel().tolist(),
            }
        return out

    def __str__(self) -> str:
        up = "?" if self.bound is None else f"{self.bound:.4g}"
        low = "?" if self.witnessed is None else f"{self.witnessed:.4g}"
        return f"{self.status}: {low} <= sup <= {up}" + (" (vacuous)" if self.vacuous else "")
