"""Everything that extraction replaces is in the tables which the build compares with Rocq's own evaluator."""

from __future__ import annotations

import re
from pathlib import Path

PROOFS = Path(__file__).resolve().parents[2] / "proofs"


def test_every_directive_has_a_table():
    directives = (PROOFS / "directives.v").read_text()
    replaced = set(re.findall(r"Extract (?:Constant|Inductive|Inlined Constant) (\S+)", directives))
    tables = set(re.findall(r'table "([^"]+)"', (PROOFS / "agreement.v").read_text()))
    assert len(replaced) > 60 and replaced == tables


def test_no_other_file_has_directives():
    for file in PROOFS.rglob("*.v"):
        if file.name != "directives.v":
            assert not re.search(r"^\s*Extract ", file.read_text(), re.MULTILINE), file
