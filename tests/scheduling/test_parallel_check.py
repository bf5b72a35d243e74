"""Shares of a certificate are joined as one verdict, and nothing is accepted that one kernel would not accept."""

from __future__ import annotations

import json
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.errors import CertifyError
from certify.parallel_check import check_in_shares, join_shares, kernel_report

FAKE = [sys.executable, "-S", str(Path(__file__).parent / "fake_kernel.py")]


def written(tmp_path: Path, **more: Any) -> str:
    leaves = [[0, "1/2"], [1, "1/3"], [0, "3/4"], [1, None], [1, "2/3"]]
    path = tmp_path / "told.json"
    path.write_text(json.dumps({"parts": 2, "leaves": leaves} | more))
    return str(path)


@pytest.mark.parametrize("jobs", [1, 2, 3, 7])
def test_shares_establish_what_one_kernel_does(tmp_path: Path, jobs: int) -> None:
    report = check_in_shares(written(tmp_path), jobs, FAKE)
    assert (report["verdict"], report["id"], report["leaves"]) == ("accepted", "id", 5)
    assert report["bounds"] == ["3/4", "2/3"]
    assert report["milliseconds"] == {"read": jobs - 1, "replay": 10}


def test_one_rejected_share_rejects_all_and_the_lowest_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, leaves=[[0, "1"], [0, "2"], [0, "3"], [1, "0"]])
    report = check_in_shares(path, 3, FAKE)
    assert (report["verdict"], report["code"], report["place"]) == ("rejected", "bound-too-high", "leaf 1")


def test_a_rejection_outweighs_a_decline_and_a_decline_an_acceptance(tmp_path: Path) -> None:
    assert check_in_shares(written(tmp_path, decline=0), 2, FAKE)["verdict"] == "declined"
    both = written(tmp_path, decline=0, leaves=[[0, "1"], [1, "5"]])
    assert check_in_shares(both, 2, FAKE)["verdict"] == "rejected"


def test_a_part_without_a_point_in_any_share_is_a_contradiction(tmp_path: Path) -> None:
    report = check_in_shares(written(tmp_path, leaves=[[0, "1"], [1, None], [1, None]]), 2, FAKE)
    assert (report["verdict"], report["code"]) == ("rejected", "contradiction")
    assert report["reason"] == "no leaf of part 1 has a point"


def test_shares_of_different_certificates_are_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(CertifyError, match="share 1 of 2: expected id id as of share 0, found x"):
        check_in_shares(written(tmp_path, **{"other-id-in-share": 1}), 2, FAKE)


def test_a_report_of_another_share_is_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(CertifyError, match="share 1 of 2: expected a report of share 1/2, found 0/2"):
        check_in_shares(written(tmp_path, name="0/2"), 2, FAKE)


def test_a_share_that_fails_is_no_verdict_and_the_others_are_stopped(tmp_path: Path) -> None:
    started = time.perf_counter()
    with pytest.raises(CertifyError, match="the kernel failed with exit code 70: kernel fault"):
        check_in_shares(written(tmp_path, fault=0, hang=1), 2, FAKE)
    assert time.perf_counter() - started < 20


def test_a_kernel_that_says_nothing_or_lies_about_its_exit_code_is_no_verdict(tmp_path: Path) -> None:
    silent = [sys.executable, "-S", "-c", "pass"]
    with pytest.raises(CertifyError, match="exited with 0 without a report"):
        check_in_shares(written(tmp_path), 2, silent)
    lying = [sys.executable, "-S", "-c", """print('{"verdict": "rejected"}')"""]
    with pytest.raises(CertifyError, match="said rejected and exited with 0"):
        check_in_shares(written(tmp_path), 2, lying)


def test_no_jobs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CertifyError, match="jobs: expected at least one kernel process, found 0"):
        kernel_report(written(tmp_path), jobs=0)


@given(
    leaves=st.lists(st.tuples(st.integers(0, 2), st.none() | st.fractions(-5, 5)), min_size=1, max_size=12),
    jobs=st.integers(1, 5),
)
def test_joining_shares_equals_one_pass_over_all_leaves(leaves: list[tuple[int, Fraction | None]], jobs: int) -> None:
    def said(mine: list[tuple[int, Fraction | None]]) -> dict[str, Any]:
        per_part = [[b for p, b in mine if p == k and b is not None] for k in range(3)]
        bounds = [str(max(bs)) if bs else None for bs in per_part]
        return {"verdict": "accepted", "id": "i", "leaves": len(mine), "bounds": bounds}

    joined, whole = join_shares([said(leaves[i::jobs]) for i in range(jobs)]), said(leaves)
    if None in whole["bounds"]:
        assert joined["code"] == "contradiction"
    else:
        assert joined["bounds"] == whole["bounds"] and joined["leaves"] == whole["leaves"]
