"""Closed forms without variables, enclosed: against many digits, and where mpmath's own intervals are wrong."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from certify.errors import BadInput
from certify.symbolic.evaluate import number_above
from certify.symbolic.ranges.numbers import enclosed

FORMS = [
    "exp({x})",
    "tanh({x})",
    "log(1 + {x})",
    "sqrt({x})",
    "({x})**(1/3)",
    "1 - exp(-{x})",
    "(exp({x}) - 1)/(exp({x}) + 1)",
]
DIGITS = 700


@given(st.sampled_from(FORMS), st.integers(1, 1 << 30), st.integers(-60, 0))
def test_both_ends_are_on_their_sides_and_close(form, whole, exponent):
    q = Fraction(whole, 1 << 25) * Fraction(2) ** exponent
    low, high = enclosed(form.format(x=f"({q})"))
    with mpmath.workdps(DIGITS):
        x = mpmath.mpf(q.numerator) / q.denominator
        names = {name: getattr(mpmath, name) for name in ("exp", "tanh", "log", "sqrt")}
        # mpf at every number: the text would divide in floats.
        true = eval(form.format(x="x").replace("1/3", "one/3"), {"x": x, "one": mpmath.mpf(1), **names})
        assert mpmath.mpf(low.numerator) / low.denominator <= true <= mpmath.mpf(high.numerator) / high.denominator
    assert 0 <= high - low <= Fraction(1, 1 << 60) * abs(high)


def test_the_upper_end_of_an_exponential_just_above_1_is_above_it():
    # mpmath 1.3: iv.exp(2^-33).b is 1 + 2^-33, less than exp(2^-33).
    x = Fraction(1, 1 << 33)
    assert enclosed(f"exp({x})")[0] > 1 + x
    assert Fraction(number_above(sympy.tanh(sympy.Rational(1, 1 << 34)))) > Fraction(1, 1 << 34) * (
        1 - Fraction(1, 1 << 60)
    )


def test_what_is_not_defined_or_not_known_is_said():
    for form, said in (
        ("log(0)", "cannot be enclosed"),
        ("sqrt(-1)", "cannot be enclosed"),
        ("exp(5000)", "cannot be"),
        ("sin(1)", "not known"),
    ):
        with pytest.raises(BadInput, match=said):
            enclosed(form)
