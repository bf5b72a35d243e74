"""The joined verdict of several kernel processes is the verdict of one, on real certificates."""

from __future__ import annotations

from fractions import Fraction

import pytest
from bundles import FAST, bundle, established, with_threshold, write_zip
from cases import random_case, random_styles

from certify.certificate import Certificate, check


@pytest.mark.parametrize("seed", [3, 8])
def test_several_kernels_say_what_one_says(tmp_path, seed):
    files = bundle(random_case(seed), random_styles(seed), 3, seed, 0.3)
    path = write_zip(with_threshold(files, max(established(files, FAST))), tmp_path / "x.cert")
    whole = check(path)
    assert whole.accepted and whole.leaves > 2
    for jobs in (2, 3):
        joined = check(path, jobs=jobs)
        assert (joined.verdict, joined.id, joined.leaves) == ("accepted", whole.id, whole.leaves)
        assert joined.bounds == whole.bounds


def test_a_claim_one_leaf_does_not_meet_is_rejected_by_several_kernels(tmp_path):
    files = bundle(random_case(8), random_styles(8), 3, 8)
    bound = max(established(files, FAST))
    just_below = bound - Fraction(1, 1 << 40) * abs(bound)
    path = write_zip(with_threshold(files, just_below), tmp_path / "x.cert")
    verdict = check(path, jobs=3)
    assert (verdict.verdict, verdict.code) == ("rejected", "bound-too-high")


def test_a_malformed_certificate_is_rejected_by_several_kernels_as_by_one(tmp_path):
    files = bundle(random_case(1), random_styles(1), 2, 1)
    files["proof"] = files["proof"].replace(b"end\n", b"fin\n")
    path = Certificate({k: v for k, v in files.items() if k != "manifest"}).save(tmp_path / "x.cert")
    one, three = check(path), check(path, jobs=3)
    assert one.verdict == "rejected"
    assert (three.code, three.place, three.reason) == (one.code, one.place, one.reason)
