"""Shares of the leaves: together they replay every leaf once, and a bad leaf is rejected by the share that has it."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from fractions import Fraction

import pytest
from bundles import FAST, bundle, established, with_threshold, write_zip
from cases import random_case, random_styles, seeds
from hypothesis import HealthCheck, given, settings

from certify.kernel.check import check
from certify.kernel.verdict import Rejected


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=seeds)
def test_shares_join_to_the_whole(tmp_path, seed):
    case, n = random_case(seed), random.Random(seed).randrange(1, 5)
    files = bundle(case, random_styles(seed), 3, seed, 0.3)
    path = write_zip(with_threshold(files, max(established(files, FAST))), tmp_path / "x.cert")
    whole = check(path, FAST)
    parts = [check(path, FAST, share=(i, n)) for i in range(n)]
    assert sum(p.leaves for p in parts) == whole.leaves and {p.id for p in parts} == {whole.id}
    for k, bound in enumerate(whole.bounds):
        assert bound == max(p.bounds[k] for p in parts if p.bounds[k] is not None)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=seeds)
def test_a_claim_that_is_too_strong_is_rejected_by_some_share(tmp_path, seed):
    case = random_case(seed)
    files = bundle(case, random_styles(seed), 3, seed)
    bound = max(established(files, FAST))
    path = write_zip(with_threshold(files, bound - abs(bound) / 2), tmp_path / "x.cert")
    if bound == 0:
        return
    said = []
    for i in range(3):
        try:
            check(path, FAST, share=(i, 3))
            said.append("accepted")
        except Rejected as e:
            said.append(e.code)
    assert "bound-too-high" in said


@pytest.mark.parametrize(
    "words", [["--share"], ["--share", "2/2"], ["--share", "-1/2"], ["--share", "0"], ["--share", "0/0"]]
)
def test_a_share_that_is_none_is_misuse(tmp_path, words):
    path = write_zip(bundle(random_case(1)), tmp_path / "x.cert")
    run = subprocess.run([sys.executable, "-I", "-m", "certify.kernel", *words, path], capture_output=True, check=False)
    assert run.returncode == 64 and b"usage" in run.stderr


def test_a_share_says_that_it_is_one(tmp_path):
    path = write_zip(with_threshold(bundle(random_case(1), depth=2), Fraction(10**6)), tmp_path / "x.cert")
    command = [sys.executable, "-I", "-m", "certify.kernel", "--share", "1/2"]
    assert subprocess.run([*command, path], capture_output=True, text=True).stdout.startswith("share 1/2 accepted")
    told = json.loads(subprocess.run([*command, "--json", path], capture_output=True, text=True).stdout)
    assert told["share"] == "1/2" and told["verdict"] == "accepted"
