"""What the tests of the second kernel share: whether it is built, and both verdicts on the same files."""

from __future__ import annotations

import re
import sys
from fractions import Fraction
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "kernel"))

from bundles import FAST
from bundles import verdict as python_verdict

from certify.errors import KernelMissing
from certify.rocq import find, rocq_report

try:
    find()
    missing = ""
except KernelMissing as e:
    missing = str(e)

needs_rocq = pytest.mark.skipif(bool(missing), reason=f"the rocq kernel: {missing}")


def proved_kinds() -> set[str]:
    """The kinds of statements whose theorems are proved: those that the second kernel knows."""
    text = (Path(__file__).parents[2] / "proofs" / "kinds.v").read_text()
    listed = text.split("Definition signatures", 1)[1].split("(** ** Statements *)")[0]
    return set(re.findall(r'\("([a-z-]+)", \[', listed))


def kind_of(path: Path) -> str:
    """The kind of the statement of a bundle directory; empty for a claim about networks."""
    claim = path / "claim"
    found = re.search(rb"^statement ([a-z-]+)", claim.read_bytes() if claim.is_file() else b"", re.MULTILINE)
    return found.group(1).decode() if found else ""


def both(path: Path) -> tuple[tuple, tuple]:
    """(verdict, reason code, what was established) of the Python kernel, then of the Rocq kernel."""
    word, code, done = python_verdict(path, FAST)
    found = None
    if done is not None:
        found = done.id, done.leaves, done.told, list(done.bounds)
    report = rocq_report(path)
    mine = None
    if report["verdict"] == "accepted":
        bounds = [Fraction(b) for b in report["bounds"]]
        told = {k: report[k] for k in ("f", "g", "statement") if k in report}
        mine = report["id"], report["leaves"], told, bounds
    return (word, code, found), (report["verdict"], report.get("code", ""), mine)


def assert_same(path: Path, where: object = "", order_free: bool = False) -> str:
    """Both kernels agree, to the last digit of every bound; returns the verdict.

    order_free: of two faults, one may meet the limit first and the other the error: declined, or rejected.
    """
    (word, code, found), (mine, my_code, my_found) = both(path)
    at_limit = {word, mine} == {"rejected", "declined"} and "limit" in (code, my_code)
    if order_free and at_limit:
        return "either"
    assert (mine, my_found) == (word, found), f"{where}: Python says {word} {code}, Rocq {mine} {my_code}"
    return word
