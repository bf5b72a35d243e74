"""What a derivation comes back as: the inequality, what it rests on, its certificate, and cases that attain it.

The certificate says that the conclusion follows from the inequalities that ``reading`` lists; that these inequalities
hold of the user's objects is what the assumptions say, each with its standing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from certify.certificate import Certificate, Verdict
from certify.errors import BadInput
from certify.numbers import float_above, float_below, rational
from certify.symbolic.assumptions import Assumption, joint_level, standing
from certify.symbolic.goals import Goal

if TYPE_CHECKING:
    from certify.symbolic.towers import Tower


@dataclass(frozen=True)
class Derivation:
    """A worst-case inequality.

    goal:       what is bounded, perhaps with a claimed limit
    method:     norms (triangle inequalities), tower (induction over layers) or gram (multipliers on quadratic forms)
    found:      the inequality holds: the kernel accepted its certificate
    bound:      a sympy expression; None without a result
    conditions: expressions that must be positive
    used:       the assumptions that the proof uses
    reading:    what the statement of the certificate is about, line by line
    steps:      the proof, as pairs (LaTeX, reason)
    attained:   the largest value found in exact arithmetic, at ``instance``; with symbols, at sample numbers
    against:    the bound at the same numbers
    refuted:    the claimed limit is passed by the instance
    any_norm:   the proof holds for any norm; else for the Euclidean one
    """

    goal: Goal
    method: str
    found: bool
    bound: Any
    conditions: tuple[Any, ...] = ()
    used: tuple[Assumption, ...] = ()
    certificate: Certificate | None = None
    verdict: Verdict | None = None
    reading: tuple[str, ...] = ()
    steps: tuple[tuple[str, str], ...] = ()
    attained: Fraction | None = None
    against: Fraction | None = None
    instance: Any = None
    claim_holds: bool | None = None
    refuted: bool = False
    searched: float | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    any_norm: bool = False
    layers: Tower | None = None

    @property
    def status(self) -> str:
        """proved, conditional or statistical (by what it rests on), refuted, or unknown."""
        if self.refuted:
            return "refuted"
        if not self.found or (self.goal.claimed is not None and self.claim_holds is not True):
            return "unknown"
        return standing(self.used)

    @property
    def level(self) -> Fraction | None:
        """The confidence of a statistical result, where every sample behind it has one (union bound)."""
        return joint_level(self.used) if self.status == "statistical" else None

    @property
    def tight(self) -> bool | None:
        """Whether an instance attains the bound, exactly or within a relative 1e-6; None when none was found."""
        if self.attained is None or self.against is None:
            return None
        return self.against - self.attained <= abs(self.against) / 1_000_000

    def latex(self) -> str:
        """The derivation, to be read."""
        from certify.symbolic.latex import document

        return document(self)

    def __call__(self, **values: Any) -> Any:
        """The bound at parameters by name.

        Integers, Fractions and texts give the exact Fraction where it is one; floats a float that is rounded up. With
        symbols among the values, or parameters missing, a sympy expression. Sequences take lists. Raises BadInput for
        an unknown name, for negative numbers, and where a condition is not met.
        """
        if not self.found or self.bound is None:
            raise BadInput(f"derivation of {self.goal}: there is no bound to evaluate")
        if self.layers is not None:
            from certify.symbolic.evaluate import tower_value

            found = tower_value(self.layers, values)
            if found is not None:
                return float_above(found) if _floats(values) else found
        from certify.symbolic.evaluate import evaluate

        return evaluate(self.bound, self.conditions, values)

    def as_json(self) -> dict[str, Any]:
        """What ``--json`` prints; the assumptions that are not checked make the status."""
        return {
            "goal": str(self.goal),
            "status": self.status,
            "level": None if self.level is None else str(self.level),
            "method": self.method,
            "bound": None if self.bound is None else str(self.bound),
            "norm": "any" if self.any_norm else "Euclidean",
            "conditions": [f"{c} > 0" for c in self.conditions],
            "assumptions": [
                {"says": str(a), "status": a.standing, "certificate": a.certificate or None} for a in self.used
            ],
            "attained": None if self.attained is None else str(self.attained),
            "against": None if self.against is None else str(self.against),
            "tight": self.tight,
            "instance": None if self.instance is None else str(self.instance),
            "searched": self.searched,
            "certificate": None if self.certificate is None else self.certificate.id,
            "verdict": None if self.verdict is None else self.verdict.verdict,
            "seconds": dict(self.seconds),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        """One line: the status, the inequality, and what it is conditional on."""
        if self.bound is None:
            return "; ".join([f"{self.status}: {self.goal}", *self.notes])
        from certify.symbolic.latex import decimal

        said = f"{self.status}: {self.goal.of} <= {decimal(self.bound) or self.bound}"
        if self.conditions:
            said += " where " + ", ".join(f"{c} > 0" for c in self.conditions)
        if self.goal.claimed is not None:
            said += f"; claimed {self.goal.claimed}"
        if self.refuted:
            said += f"; attained {self.attained} ({self.instance})"
        weak = [str(a) for a in self.used if a.standing != "checked"]
        if weak and self.status in ("conditional", "statistical"):
            said += f"; {'rests' if self.status == 'statistical' else 'conditional'} on {len(weak)} unchecked: "
            said += ", ".join(weak[:4]) + (", ..." if len(weak) > 4 else "")
        if self.level is not None:
            said += f"; with confidence {float(100 * self.level):g} %, not a worst case"
        return "; ".join([said, *self.notes])


def _floats(values: Mapping[str, Any]) -> bool:
    return any(isinstance(x, float) for v in values.values() for x in (v if isinstance(v, list | tuple) else [v]))


def shown(q: Fraction, up: bool) -> float:
    """A float on the safe side, for messages."""
    return float_above(q) if up else float_below(q)


def exact_input(value: Any, place: str) -> Fraction:
    """A number of the user's: a float means the binary number it is."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise BadInput(f"{place}: expected a finite number, found {value}")
        return Fraction(value)
    return rational(value, place)
