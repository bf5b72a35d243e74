"""Formulas that explain prints: read back, they are the statement that was certified."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest

import certify as ct
from certify.cli import run
from certify.explain import explain
from certify.statements.said import said
from certify.symbolic.ranges.floats import values
from certify.symbolic.ranges.reading import read

FORMS = [
    "tanh(x)*exp(-y**2)/min(2, 3 + y) - x/3",
    "sqrt(x)*log(1 + y) - max(x, y, 0.25)",
    "-(x - 1)**2 + 2*x*y - 3",
    "7",
]


@pytest.mark.parametrize("form", FORMS)
def test_a_closed_form_reads_back_as_the_program_that_was_certified(form):
    found = ct.range_bound(form, {"x": (0, 5), "y": ("1/2", 1)})
    text = said(found.certificate)
    match = re.fullmatch(r"(.*) <= (\S+) for all x0 in \[0, 5\], x1 in \[1/2, 1\]", text)
    assert match is not None and Fraction(match[2]) == found.bracket.upper
    again, first = read(match[1], ["x0", "x1"]), read(form, ["x", "y"])
    points = np.random.default_rng(0).uniform([0, 0.5], [5, 1], (200, 2))
    assert sorted(op for op, _, _ in again.steps) == sorted(op for op, _, _ in first.steps)
    assert np.array_equal(values(again, points), values(first, points), equal_nan=True)


def test_a_polynomial_inequality_is_written_with_its_premises():
    found = ct.prove_inequality("x**2 + y**2 >= 2*x*y - z", given=["z >= 0", "x == y"])
    assert said(found.certificate) == "x0**2 - 2*x0*x1 + x1**2 + x2 >= 0 wherever x2 >= 0, x0 - x1 = 0"


def test_explain_prints_the_formula_and_longer_forms_only_their_kind(tmp_path, capsys):
    made = ct.statistics.clopper_pearson(3, 1000, side="upper").certificates[0][1]
    made.save(tmp_path / "c.cert")
    assert run(["explain", str(tmp_path / "c.cert")]) == 0
    assert "at most 3 failures in 1000 independent trials" in capsys.readouterr().out.replace("\n", " ")
    form = " + ".join(f"exp(x - {k}/7)" for k in range(200))
    long = ct.range_bound(form, {"x": (0, 1)}).certificate
    assert said(long) == "" and "largest value of a closed form" in explain(long).sentence
