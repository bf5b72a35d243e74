"""Audits: every claim file has a row, none hides another, and the exit code is that of the worst."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from certify.audit import Row, audit, claim_files, worst_exit
from certify.cli import run
from certify.errors import BadInput
from certify.models import path
from certify.results import INTERRUPTED

TEXT = f"""
[models]
f = "{path("digits.onnx")}"
g = {{coarsen = "prune", fraction = 0.5}}
[domain]
kind = "linf"
points = "{path("digits.npz")}:X[0]"
radius = "RADIUS"
[claim]
quantity = "value"
at_most = "LIMIT"
[search]
budget = "1s"
[expect]
status = "EXPECT"
"""


def claim(folder, name, limit, expect, radius="0.01"):
    text = TEXT.replace("LIMIT", limit).replace("EXPECT", expect).replace("RADIUS", radius)
    (folder / f"{name}.toml").write_text(text)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A proved, a refuted and an unknown claim, a broken file, and files that are no claims."""
    folder = tmp_path_factory.mktemp("claims")
    claim(folder, "a-proved", "100", "proved")
    claim(folder, "b-refuted", "0.001", "refuted")
    claim(folder, "c-unknown", "9", "proved", radius="0.3")
    (folder / "d-broken.toml").write_text("[models]\n")
    (folder / "notes.txt").write_text("no claim")
    (folder / "below").mkdir()
    claim(folder / "below", "not-looked-at", "1", "proved")
    return folder


def test_every_file_has_a_row_and_a_broken_one_stops_no_other(mixed):
    rows = audit(mixed)
    assert [r.path.name for r in rows] == ["a-proved.toml", "b-refuted.toml", "c-unknown.toml", "d-broken.toml"]
    assert [r.status for r in rows] == ["proved", "refuted", "unknown", "error"]
    assert [r.exit_code for r in rows] == [0, 1, 2, 66]
    assert [r.as_expected for r in rows] == [True, True, False, None]
    assert worst_exit(rows) == 66 and worst_exit(rows[:3]) == 1 and worst_exit([rows[0], rows[2]]) == 2


def test_the_command_prints_a_table_and_one_json_object(mixed, capsys):
    assert run(["audit", str(mixed)]) == 66
    text = capsys.readouterr().out
    assert all(w in text for w in ("a-proved.toml", "refuted", "unknown", "d-broken.toml", "expected"))
    assert run(["audit", str(mixed), "--json", "--budget", "500ms"]) == 66
    found = json.loads(capsys.readouterr().out)
    assert [c["exit"] for c in found["claims"]] == [0, 1, 2, 66] and found["exit"] == 66
    assert all(c["lower"] <= c["upper"] for c in found["claims"][:3]) and "models" in found["claims"][3]["error"]


def test_a_fault_of_ours_is_a_row_too(mixed, monkeypatch):
    def broken(*_args, **_more):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("certify.strategy.prove", broken)
    rows = audit(mixed)
    assert [r.exit_code for r in rows] == [70, 70, 70, 66] and "report" in rows[0].error


def test_an_interrupt_ends_the_audit_after_the_claim_that_it_struck(mixed, monkeypatch, capsys):
    import certify.strategy

    whole = certify.strategy.prove

    def struck(*args, **more):
        result = whole(*args, **more)
        return replace(result, notes=(INTERRUPTED,)) if result.status == "refuted" else result

    monkeypatch.setattr("certify.strategy.prove", struck)
    rows = audit(mixed, 0.5)
    assert [r.status for r in rows] == ["proved", "refuted"]
    assert run(["audit", str(mixed), "--budget", "500ms"]) == 130
    assert "2 claims not tried" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("codes", "worst"), [([], 0), ([0, 0], 0), ([0, 2], 2), ([2, 1, 0], 1), ([1, 64], 64), ([66, 70, 1], 70)]
)
def test_the_worst_is_an_error_then_refuted_then_unknown(codes, worst):
    assert worst_exit([Row(Path("x"), "", None, "", c, None, 0.0) for c in codes]) == worst


def test_a_directory_without_claims_is_bad_input(tmp_path):
    for place in (tmp_path, tmp_path / "gone"):
        with pytest.raises(BadInput):
            claim_files(place)
