"""Errors through layers as numbers: the exact sum, its certificate, and maps that attain it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from certify.errors import BadInput
from certify.inequalities.rounding import size
from certify.results import Bracket
from certify.statements.bound import Bound, judged

# Bits of the bounds after each layer: rounding up costs 2^-60 of the sum for each.
BITS = 60
LEAST = Fraction(1, 2**200)


def layers(gains: Any, errors: Any, start: Any, extra: int, subject: str) -> Bound:
    """a_l <= (extra + L_l) a_(l-1) + e_l, a_0 <= start, solved for the last; kind *super-solution*.

    gains, errors: numbers, or Bounds whose proved upper ends count. The lower end is attained, exactly, by layers
    K_l z against K_l z - e_l on the line. Raises BadInput for lists of different lengths or negative numbers.
    """
    factors, ids, weak = _numbers(gains, "gains")
    made, more, also = _numbers(errors, "errors")
    if len(factors) != len(made) or not factors:
        raise BadInput(f"layers: expected as many gains as errors, at least one, found {len(factors)} and {len(made)}")
    first = size(start, "start")
    exact = first
    for k, e in zip(factors, made, strict=True):
        exact = (extra + k) * exact + e
    factors, made, first = [extra + _clean(k) for k in factors], [_clean(e) for e in made], _clean(first)
    n, value, v = len(factors), first, Fraction(0)
    above, positive = [], []
    for k, e in zip(factors, made, strict=True):
        value = _up(k * value + e)
        v = _up(k * v + 1, 12)
        above.append(value)
        positive.append(v)
    table = np.full((n, n), Fraction(0), dtype=object)
    for l in range(1, n):
        table[l, l - 1] = factors[l]
    sources = [factors[0] * first + made[0], *made[1:]]
    of = {"gains": table, "sources": _column(sources), "bound": _column(above), "implicit": 1}
    certificate, said = judged("super-solution", of, [_column(positive)])
    notes = (*weak, *also)
    details = {"rests_on": [*ids, *more], "conditional_on": list(notes)}
    if not said.accepted:
        why = f"the kernel did not accept the certificate: {said}"
        return Bound(subject, "unknown", Bracket(exact, None, "unknown"), certificate, said, notes=(why, *notes))
    return Bound(subject, "proved", Bracket(exact, value, "proved"), certificate, said, details=details, notes=notes)


def _column(values: Sequence[Fraction]) -> Any:
    return np.array([[v] for v in values], dtype=object)


def _clean(q: Fraction) -> Fraction:
    """Rounded up, and not below 2^-200 unless zero: all numbers of one statement share a denominator."""
    return max(_up(q), LEAST) if q else q


def _up(q: Fraction, bits: int = BITS) -> Fraction:
    """The next number with so many leading bits: sums over many layers stay short."""
    if q == 0:
        return q
    shift = bits - (q.numerator.bit_length() - q.denominator.bit_length())
    scale = Fraction(2) ** shift
    return -((-q * scale) // 1) / scale


def _numbers(values: Any, place: str) -> tuple[list[Fraction], list[str], list[str]]:
    """Upper ends, ids of certificates, and what has none (Bounds only: a plain number is the user's word)."""
    out, ids, weak = [], [], []
    for k, v in enumerate(values.tolist() if isinstance(values, np.ndarray) else values):
        where = f"{place}[{k}]"
        if not isinstance(v, Bound):
            out.append(Fraction(v) if isinstance(v, float) and v >= 0 and v == v and v < 1e308 else size(v, where))
            continue
        if v.bracket.upper is None:
            raise BadInput(f"{where}: {v.subject} has no proved upper end")
        if v.certificate is None or v.verdict is None or not v.verdict.accepted:
            weak.append(f"{where}: {v.subject} has no accepted certificate")
        else:
            ids.append(v.certificate.id)
        out.append(_up(v.bracket.upper))
    return out, ids, weak
