"""What a bound on matrices, dynamics, chains or polynomials comes back as: a bracket, and the certificate behind it.

The upper end was established by a certificate that the kernel accepted in a fresh interpreter; the lower end is a value
that was attained, in exact arithmetic where the field says so. What a solver reported stands beside them, as a float
that nobody has to believe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from certify.certificate import Certificate, Verdict, check
from certify.results import Bracket, Status, round_down, round_up
from certify.statements.bundle import certificate


@dataclass(frozen=True)
class Bound:
    """The outcome of a question about a supremum.

    subject:  what is bounded, in a few words
    status:   proved, refuted (the claimed limit is passed by a witness) or unknown
    bracket:  witnessed <= value <= established, exact rationals
    searched: the float the prover believed; ``lost`` is how much exactness cost, relatively
    vacuous:  true but no better than what is known without a proof
    details:  what else was found, by name
    """

    subject: str
    status: Status
    bracket: Bracket
    certificate: Certificate | None = None
    verdict: Verdict | None = None
    searched: float | None = None
    vacuous: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def bound(self) -> float | None:
        """The established upper bound, rounded up."""
        return round_up(self.bracket.upper)

    @property
    def witnessed(self) -> float | None:
        """The attained value, rounded down."""
        return round_down(self.bracket.lower)

    @property
    def lost(self) -> float | None:
        """(established - searched) / |searched|: what the exact certificate gave away."""
        if self.bracket.upper is None or not self.searched:
            return None
        return float((self.bracket.upper - Fraction(self.searched)) / abs(Fraction(self.searched)))

    def as_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        out = {"subject": self.subject, **self.bracket.as_json(), "searched": self.searched, "lost": self.lost}
        out |= {"vacuous": self.vacuous, "seconds": dict(self.seconds), "notes": list(self.notes)}
        out["certificate"] = None if self.certificate is None else self.certificate.id
        out["certificate_bytes"] = 0 if self.certificate is None else self.certificate.size
        out["verdict"] = None if self.verdict is None else self.verdict.verdict
        shown = {k: _plain(v) for k, v in self.details.items()}
        return out | {k: v for k, v in shown.items() if k not in out}

    def __str__(self) -> str:
        up = "?" if self.bound is None else f"{self.bound:.6g}"
        low = "?" if self.witnessed is None else f"{self.witnessed:.6g}"
        said = f"{self.status}: {low} <= {self.subject} <= {up}" + (" (vacuous)" if self.vacuous else "")
        return "; ".join([said, *self.notes])


def _plain(value: Any) -> Any:
    """Fractions as text, also as the values of a mapping."""
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return str(value) if isinstance(value, Fraction) else value


def judged(
    kind: str, of: Mapping[str, Any], evidence: Sequence[Any] = (), items: Sequence[Sequence[int]] = ()
) -> tuple[Certificate, Verdict]:
    """Build the certificate of a statement and ask the kernel, in a fresh interpreter."""
    made = certificate(kind, of, evidence, items)
    return made, check(made)
