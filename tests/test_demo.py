"""The demo does what it says; the README's example runs; shortened numbers keep their direction."""

import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import certify as ct
from certify import show
from certify.cli import run
from certify.models import path

ROOT = Path(__file__).resolve().parents[1]


def test_the_demo_proves_refutes_and_leaves_certificates_that_the_kernel_accepts(tmp_path, capsys):
    assert run(["demo", "--out", str(tmp_path / "out")]) == 0
    text = capsys.readouterr().out
    written = sorted((tmp_path / "out").iterdir())
    assert {p.name for p in written} == {
        f"{c}-{s}.cert" for c in ("prune", "low-rank", "merge", "int8") for s in ("value", "margin", "decision")
    }
    assert text.count("accepted") == len(written) and "refuted" in text and "█" in text
    net = ct.load(path("digits.onnx"))
    assert ct.check(tmp_path / "out" / "int8-value.cert", net, ct.quantise(net), kernel="pure").accepted


def test_the_demo_does_not_call_it_a_success_when_a_certificate_is_rejected(tmp_path, monkeypatch):
    from certify import demo
    from certify.certificate import Verdict

    monkeypatch.setattr(demo, "COARSENINGS", demo.COARSENINGS[3:])
    monkeypatch.setattr(demo, "DIGITS", 3)
    monkeypatch.setattr(demo, "check", lambda *_: Verdict("rejected"))
    assert demo.run(tmp_path) == 70


def test_the_readme_examples_run_and_say_what_the_readme_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    first, second = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(first, "README.md", "exec"), names)
    said = capsys.readouterr().out
    shown = re.search(r"# (proved: \S+ <= sup <= \S+),", first)
    assert shown is not None and shown[1] in said and "accepted" in said
    exec(compile(second, "README.md", "exec"), names)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == second.count("print(") and not [line for line in lines if line.startswith("unknown")]
    for words in re.findall(r"# <= (3/10)|# (0\S+) <= sup|sup <= (0\S+)", second):
        assert any(w in line for w in words if w for line in lines)


@given(st.fractions().filter(lambda q: q == 0 or Fraction(1, 10**30) < abs(q) < 10**30), st.integers(1, 8))
def test_a_shortened_bound_is_still_a_bound_and_close(q, digits):
    low, up = (Fraction(Decimal(f(q, digits))) for f in (show.lower, show.upper))
    assert low <= q <= up
    assert up - low <= abs(q) * Fraction(10) ** (1 - digits)


def test_a_number_that_is_short_already_is_not_changed():
    assert [show.upper(v) for v in (0, 7, 0.5, -2.25, Fraction(1, 8), None)] == ["0", "7", "0.5", "-2.25", "0.125", "?"]


@given(st.text(max_size=80))
def test_one_line_is_one_printable_line(text):
    line = show.one_line(text)
    assert line.isprintable() and len(line) <= 500


def test_pixels_are_fuller_where_they_are_brighter():
    row = show.pixels(np.array([[0.0, 0.3, 0.5, 0.7, 1.0]]), np.ones((1, 5)))
    assert row == ["  ░░▒▒▓▓██   " + "█" * 10]


def test_bars_grow_with_their_share():
    bars = [show.bar(k / 50) for k in range(51)]
    cells = [sum(8 if c == "█" else " ▏▎▍▌▋▊▉".index(c) for c in b) for b in bars]
    assert cells == sorted(cells) and cells[-1] == 8 * len(bars[-1])
