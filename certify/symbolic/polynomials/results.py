"""What questions about polynomials come back as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from certify.certificate import Certificate, Verdict
from certify.results import Status, round_down, round_up


@dataclass(frozen=True)
class Inequality:
    """The outcome of ``prove_inequality``.

    status:      proved, refuted or unknown
    certificate: of the claim; of a weaker one (``weaker``) when the claim is unknown
    witness:     for a refuted claim: an exact point that satisfies the premises, and ``value``, that of the polynomial
    weaker:      eps for which p + eps >= 0 was proved, the least found, when the claim is unknown
    degree:      of the identity behind a proof, else the largest tried
    method:      how the proof was found
    identity:    the proof as text: what was shown = squares and premises in brackets, one line for each case
    """

    subject: str
    status: Status
    certificate: Certificate | None = None
    verdict: Verdict | None = None
    witness: Mapping[str, Fraction] | None = None
    value: Fraction | None = None
    weaker: Fraction | None = None
    degree: int = 0
    method: str = ""
    identity: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {
            "subject": self.subject,
            "status": self.status,
            "witness": None if self.witness is None else {k: str(v) for k, v in self.witness.items()},
            "value": None if self.value is None else str(self.value),
            "weaker": None if self.weaker is None else str(self.weaker),
            "degree": self.degree,
            "method": self.method,
            "identity": self.identity,
            "certificate": None if self.certificate is None else self.certificate.id,
            "certificate_bytes": 0 if self.certificate is None else self.certificate.size,
            "verdict": None if self.verdict is None else self.verdict.verdict,
            "seconds": dict(self.seconds),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        said = f"{self.status}: {self.subject}"
        if self.witness is not None:
            said += " fails at " + ", ".join(f"{k} = {v}" for k, v in self.witness.items())
        if self.weaker is not None:
            said += f"; with {float(self.weaker):.3g} added it was proved"
        return "; ".join([said, *self.notes])


@dataclass(frozen=True)
class LowerBound:
    """certified <= inf p <= attained: the direction is that of an infimum.

    certified: established by the certificate; attained: the exact value at ``witness``, which satisfies the premises
    searched:  the solver's float
    """

    subject: str
    status: Status
    certified: Fraction | None
    attained: Fraction | None
    witness: Mapping[str, Fraction] | None = None
    certificate: Certificate | None = None
    verdict: Verdict | None = None
    searched: float | None = None
    degree: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def bound(self) -> float | None:
        """The certified lower end, rounded down."""
        return round_down(self.certified)

    @property
    def witnessed(self) -> float | None:
        """The attained upper end, rounded up."""
        return round_up(self.attained)

    @property
    def lost(self) -> float | None:
        """(searched - certified) / |searched|: what the exact certificate gave away."""
        if self.certified is None or not self.searched:
            return None
        return float((Fraction(self.searched) - self.certified) / abs(Fraction(self.searched)))

    def as_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {
            "subject": self.subject,
            "status": self.status,
            "lower": self.bound,
            "upper": self.witnessed,
            "lower_exact": None if self.certified is None else str(self.certified),
            "upper_exact": None if self.attained is None else str(self.attained),
            "witness": None if self.witness is None else {k: str(v) for k, v in self.witness.items()},
            "searched": self.searched,
            "lost": self.lost,
            "degree": self.degree,
            "certificate": None if self.certificate is None else self.certificate.id,
            "certificate_bytes": 0 if self.certificate is None else self.certificate.size,
            "verdict": None if self.verdict is None else self.verdict.verdict,
            "seconds": dict(self.seconds),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        low = "?" if self.bound is None else f"{self.bound:.6g}"
        up = "?" if self.witnessed is None else f"{self.witnessed:.6g}"
        return "; ".join([f"{self.status}: {low} <= inf {self.subject} <= {up}", *self.notes])
