"""Closed forms without variables as rationals on either side of them, by the kernel's enclosures.

Not by mpmath's intervals: its upper end of exp(2^-33) is 1 + 2^-33, below the true value (mpmath 1.3).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from certify.errors import BadInput
from certify.kernel.statements.range import value
from certify.kernel.verdict import Declined, Rejected
from certify.symbolic.ranges.reading import read

# Bits after the point and halvings, tried in turn until the ends agree to CLOSE, relatively.
PRECISIONS = ((300, 120), (1_500, 700))
CLOSE = Fraction(1, 1 << 80)


def enclosed(form: Any) -> tuple[Fraction, Fraction]:
    """Rationals below and above a closed form without variables: text, sympy or a number.

    Raises BadInput for functions that are not known, and where the form is not defined or too large.
    """
    p = read(form, ())
    for bits, halvings in PRECISIONS:
        one = 1 << bits
        constants = [(c.numerator * one // c.denominator, -(-c.numerator * one // c.denominator)) for c in p.constants]
        try:
            low, high = value(p.steps, constants, [], bits, halvings)
        except (Rejected, Declined) as e:
            raise BadInput(f"evaluation: {' '.join(str(form).split())[:60]} cannot be enclosed: {e.text}") from None
        if high - low <= CLOSE * min(abs(low), abs(high)):
            break
    return Fraction(low, one), Fraction(high, one)
