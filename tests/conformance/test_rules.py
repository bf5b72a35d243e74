"""Every rule of the kernel has a section, vectors and property tests, and the table that says so is today's."""

from __future__ import annotations

import shutil

import pytest

from certify.cli import run
from certify.traceability import FAMILIES, ROOT, all_rules, status_table

FOUND = all_rules()


@pytest.mark.parametrize("rule", FOUND, ids=lambda r: r.name)
def test_nothing_but_a_pending_theorem_is_missing(rule):
    assert [m for m in rule.missing if "theorem" not in m] == []


def test_the_table_of_the_specification_is_what_the_files_say():
    for family, (_, page) in FAMILIES.items():
        assert status_table([r for r in FOUND if r.family == family]) in (ROOT / "specs" / page).read_text()


def test_what_a_rule_lacks_is_found(tmp_path):
    for part in ("specs", "tests/kernel", "proofs/rules"):
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, tmp_path / part)
    spec = tmp_path / "specs" / "rules.md"
    spec.write_text(spec.read_text().replace("## split", "## something else"))
    for vector in (tmp_path / "specs" / "vectors" / "accept").glob("split--*"):
        shutil.rmtree(vector)
    (tmp_path / "tests" / "kernel" / "test_rules_split_and_conclude.py").unlink()
    (tmp_path / "tests" / "kernel" / "test_rules_end_to_end.py").unlink()
    shutil.rmtree(tmp_path / "proofs", ignore_errors=True)
    (split,) = (r for r in all_rules(tmp_path) if r.name == "split")
    assert split.missing == [
        "a section of specs/rules.md",
        "a theorem split_correct",
        "accept vectors",
        "property tests",
    ]


def test_the_command_shows_every_rule(capsys):
    assert run(["rules"]) == 0
    shown = capsys.readouterr().out
    assert all(f"{r.name}: " in shown for r in FOUND)
