"""The committed vectors draw exactly their verdict and reason code, from both arithmetics, and none is missing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import make_vectors
import pytest
from bundles import FAST, PURE, verdict

KERNEL = Path(make_vectors.__file__).resolve().parents[2] / "certify" / "kernel"
EXPECTED = {"accept": "accepted", "reject": "rejected", "decline": "declined"}
PATHS = sorted(p for kind in EXPECTED for p in (make_vectors.ROOT / kind).iterdir())
# Reached only through plans that no vector holds yet; property tests reach them.
WITHOUT_VECTOR = {"contradiction", "unsupported-difference"}


@pytest.mark.parametrize("path", PATHS, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_a_vector_draws_its_verdict_and_code(path):
    code = "" if path.parent.name == "accept" else path.name.split("--")[0]
    for arithmetic in (FAST, PURE):
        assert verdict(path, arithmetic)[:2] == (EXPECTED[path.parent.name], code)


def reason_codes():
    """Every code in the kernel's source, by the call that names it."""
    place = {"Rejected": 0, "Declined": 0, "require": 1, "need": 1}
    for file in KERNEL.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                at = place.get(name)
                if at is not None and len(node.args) > at and isinstance(node.args[at], ast.Constant):
                    yield node.args[at].value


def test_every_reason_code_of_the_kernel_has_a_vector():
    have = {p.name.split("--")[0] for p in PATHS if p.parent.name != "accept"}
    assert set(reason_codes()) - have == WITHOUT_VECTOR


def test_the_vectors_are_what_their_program_makes(tmp_path):
    make_vectors.write(tmp_path)
    made = {str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    root = make_vectors.ROOT
    assert made == {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.mark.parametrize("flags", [[], ["-O"]], ids=["normal", "optimised"])
@pytest.mark.parametrize("kind,code", [("accept", 0), ("reject", 1), ("decline", 2)])
def test_the_command_exits_with_the_verdict(flags, kind, code):
    path = next(p for p in PATHS if p.parent.name == kind)
    command = [sys.executable, "-I", *flags, "-m", "certify.kernel", str(path)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == code
