"""Davis-Kahan: leading eigenspaces turn by at most |E| / (gap - |E|), where the gap is certified."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from certify.inequalities.declaration import Core, Inequality
from certify.inequalities.rounding import size
from certify.numbers import float_above
from certify.statements.bound import Bound


@dataclass(frozen=True)
class Turn:
    """sine: a bound on the sine of the largest angle between the two leading eigenspaces, rounded up; at most 1.

    vacuous: the perturbation is at least half the gap, and the bound is 1. rests_on: ids of the certificates of the
    gap and of the perturbation; conditional: the numbers that have none.
    """

    sine: float
    vacuous: bool
    rests_on: tuple[str, ...]
    conditional: tuple[str, ...]


def eigenspace_turn(gap: Any, perturbation: Any) -> Turn:
    """How far the leading m eigenvectors of a symmetric matrix can turn.

    gap: a - b, where m eigenvalues are at least a and the others at most b, as a number or as the Bound of
    ``ct.spectral_gap``, whose detail ``gap`` counts (a float difference of eigenvalues is no proof: the result then
    is conditional on it). perturbation: |E|, as a number or the Bound of ``eigenvalue_shift``.
    """
    distance, ids, weak = _proved(gap, "gap", upper=False)
    e, more, also = _proved(perturbation, "perturbation", upper=True)
    ids, weak = ids + more, weak + also
    if 2 * e >= distance:
        return Turn(1.0, True, ids, weak)
    return Turn(min(1.0, float_above(e / (distance - e))), False, ids, weak)


def _proved(value: Any, place: str, upper: bool) -> tuple[Fraction, tuple[str, ...], tuple[str, ...]]:
    if not isinstance(value, Bound):
        return size(value, place), (), (f"the {place} {value} is a number without a certificate",)
    accepted = value.certificate is not None and value.verdict is not None and value.verdict.accepted
    # The gap of a Bound is what its certificate establishes, by name; a bracket says how small an upper end is.
    found = value.bracket.upper if upper else value.details.get("gap")
    if not accepted or found is None or value.certificate is None:
        weak = (f"the {place}: {value.subject} has no accepted certificate",)
        return (Fraction(0), (), weak) if not upper else (size(value.searched or 0.0, place), (), weak)
    return Fraction(found), (value.certificate.id,), ()


INEQUALITY = Inequality(
    name="eigenspace_turn",
    statement=(
        "m eigenvalues of A at least a, the others at most b, |E| = e < (a - b) / 2: the leading eigenspaces of A "
        "and A + E have |sin Theta| <= e / (a - b - e)"
    ),
    latex=r"\|\sin\Theta\| \le \frac{\|E\|}{a - b - \|E\|}",
    proof=(
        "P projects on the m leading eigenvectors of A, Q on the others of A + E, whose eigenvalues are at most b "
        "+ e by Weyl. For leading singular vectors u, v of P Q with value s = |sin Theta|, u' (A P Q - P Q (A + "
        "E)) v = s (u' A u - v' (A + E) v) is -u' P E Q v, at most e in size: the core gives s (a - b - e) <= e."
    ),
    source="Davis and Kahan 1970, the sin Theta theorem; Stewart and Sun, Theorem V.3.4.",
    cores=(
        Core(
            name="one-pair",
            reading="s: the sine, >= 0; r = u' A u >= a; q = v' (A + E) v <= b + e; s (r - q) <= e",
            goal="e - s*(a - b - e)",
            given=("s", "r - a", "b + e - q", "e - s*(r - q)"),
            terms=(("1", "1", (3,)), ("1", "1", (0, 1)), ("1", "1", (0, 2))),
        ),
    ),
    function=eigenspace_turn,
    cited="Weyl's inequality; that u and v are in the ranges of P and Q, as singular vectors with s > 0",
)
