"""``ct.range_bound`` on forms with known suprema: brackets close, limits decide, domains and bad input are said."""

from __future__ import annotations

import json
import math

import pytest
import sympy

import certify as ct
from certify.cli import run
from certify.errors import BadInput

KNOWN = [
    ("x*exp(-x)", {"x": (0, 5)}, math.exp(-1)),
    ("log(1 + exp(x)) - max(x, 0)", {"x": (-10, 10)}, math.log(2)),
    ("softplus(x) - relu(x)", {"x": (-10, 10)}, math.log(2)),
    ("sqrt(x*(1 - x)) + y*log(y)", {"x": (0, 1), "y": ("0.01", 1)}, 0.5),
    ("sigmoid(x)*(1 - sigmoid(x))", {"x": (-6, 6)}, 0.25),
    ("x*(1 - tanh(x)**2)", {"x": (0, 4)}, 0.4477),
    ("abs(x)**3/y - 1/2**3", {"x": (-2, 1), "y": (2, 3)}, 3.875),
    ("x**0.5 + (-x)**2 - sinh(0) + cosh(0)", {"x": (0, 1)}, 3),
    ("min(x, y, 1 - x - y)", {"x": (0, 1), "y": (0, 1)}, 1 / 3),
]


@pytest.mark.parametrize(("form", "box", "true"), KNOWN)
def test_a_bracket_closes_on_a_known_supremum(form, box, true):
    found = ct.range_bound(form, box)
    assert found.status == "proved"
    assert found.witnessed <= true + 5e-5 and found.bound >= true - 5e-5
    assert found.bound - found.witnessed <= 5e-3
    assert ct.check(found.certificate).accepted
    assert ct.check(found.certificate, kernel="pure").accepted


def test_a_limit_that_holds_is_proved_and_one_that_does_not_is_refuted_by_its_point():
    box = {"w": ("0.1", 8)}
    assert ct.range_bound("tanh(w/4) - w/4", box, limit=0).status == "proved"
    low = ct.range_bound("w/4 - tanh(w/4)", box, limit="1.03")
    assert low.status == "refuted" and low.bracket.lower > 1.03
    assert math.isclose(float(low.details["at"]["w"]), 8)


def test_a_form_that_touches_its_limit_within_the_box_stays_unknown():
    found = ct.range_bound("tanh(w/4) - w/4", {"w": (0, 8)}, limit=0, leaves=500)
    assert found.status == "unknown" and 0 < found.bound < 1e-2 and found.bracket.lower <= 0


def test_sympy_and_text_mean_the_same():
    x, y = sympy.symbols("x y")
    form = sympy.exp(-(x**2)) / (1 + y**2) - sympy.Rational(1, 3) * sympy.Max(x, y) + sympy.tanh(x - y)
    text = "exp(-x**2)/(1 + y**2) - max(x, y)/3 + tanh(x - y)"
    box = {"x": (-1, 2), "y": (0, 1)}
    a, b = ct.range_bound(form, box), ct.range_bound(text, box)
    assert a.status == b.status == "proved"
    assert abs(a.witnessed - b.witnessed) < 1e-6 and a.witnessed <= b.bound and b.witnessed <= a.bound


def test_more_variables_and_fewer_leaves_give_a_wider_bracket_that_holds():
    form = " + ".join(f"x{i}*(1 - x{i})*exp(-x{(i + 1) % 4})" for i in range(4))
    box = {f"x{i}": (0, 1) for i in range(4)}
    wide, close = (ct.range_bound(form, box, leaves=n) for n in (50, 2000))
    assert wide.status == close.status == "proved"
    assert wide.witnessed <= close.bound < wide.bound


def test_a_form_that_may_be_undefined_is_unknown_and_a_point_is_a_box():
    found = ct.range_bound("1/x", {"x": (-1, 1)}, leaves=50)
    assert found.status == "unknown" and found.bound is None and "domain" in found.notes[0]
    at = ct.range_bound("exp(x)", {"x": (1, 1)})
    assert at.witnessed <= math.e <= at.bound and at.bound - at.witnessed < 1e-9


@pytest.mark.parametrize(
    ("form", "box", "said"),
    [
        ("sin(x)", {"x": (0, 1)}, "sin of 1 is not known"),
        ("x + y", {"x": (0, 1)}, "found y"),
        ("x +", {"x": (0, 1)}, "cannot be read"),
        ("__import__('os')", {"x": (0, 1)}, "only names"),
        ("x", {"x": (1, 0)}, "above the high end"),
        ("x", {}, "expected a mapping"),
        ("x/0", {"x": (0, 1)}, "division by zero"),
        ("x**99", {"x": (0, 1)}, "exponents from"),
        ("x", {"x": (0, "one")}, "expected a number"),
        (sympy.Symbol("x") + sympy.pi, {"x": (0, 1)}, "pi is not known"),
    ],
)
def test_bad_input_is_one_clear_line(form, box, said):
    with pytest.raises(BadInput, match=said):
        ct.range_bound(form, box)


def test_the_command_prints_a_bracket_and_leaves_with_its_status(tmp_path, capsys):
    out = tmp_path / "c.cert"
    assert run(["range", "x*exp(-x)", "x=0,5", "--fail-above", "0.37", "--out", str(out), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["status"] == "proved" and shown["written"] == str(out)
    assert run(["range", "x*exp(-x)", "x=0,5", "--fail-above", "0.36"]) == 1
    assert run(["range", "x*exp(-x)", "x:0,5"]) == 64
