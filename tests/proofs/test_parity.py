"""The extracted kernel gives every file the verdict of the Python kernel, and every part the same exact bound."""

from __future__ import annotations

import random
import shutil
from collections import Counter

import pytest
from both_kernels import assert_same, kind_of, needs_rocq, proved_kinds

import make_vectors  # isort: skip
import test_mutations as mutations  # isort: skip
from bundles import write_directory, write_zip  # isort: skip

from certify.kernel.statements import KINDS

VERDICTS = {"accept": "accepted", "reject": "rejected", "decline": "declined"}
PENDING = set(KINDS) - proved_kinds()
PATHS = [p for kind in VERDICTS for p in sorted((make_vectors.ROOT / kind).iterdir()) if kind_of(p) not in PENDING]

pytestmark = needs_rocq


@pytest.mark.parametrize("path", PATHS, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_a_vector_draws_the_same_verdict(path):
    assert assert_same(path) == VERDICTS[path.parent.name]


def damaged(chunk: int, count: int, folder) -> Counter:
    """Damage certificates as the campaign of the Python kernel does, and compare; how often each verdict came."""
    r, verdicts, files = random.Random(chunk), Counter(), {}
    kind = mutations.BASES[chunk % len(mutations.BASES)]
    for number in range(count):
        if number % 20 == 0:
            files = mutations.base(r.randrange(2**32), kind)
        damage = r.choice(mutations.DAMAGES)
        changed = damage(files, r)
        if r.random() < 0.15:
            changed = mutations.twice(changed, r)
        path = folder / f"{number}"
        write = r.choice([write_directory, write_directory, write_zip])
        try:
            write(changed, path)
        except (OSError, ValueError):  # a name that no file system has
            continue
        verdicts[assert_same(path, f"chunk {chunk}, number {number}, {damage.__name__}", order_free=True)] += 1
        shutil.rmtree(path, ignore_errors=True)
    return verdicts


@pytest.mark.parametrize("chunk", range(13))
def test_damaged_certificates_draw_the_same_verdict(tmp_path, chunk):
    verdicts = damaged(chunk, 40, tmp_path)
    assert verdicts["accepted"] >= 1 and verdicts["rejected"] >= 10


@pytest.mark.long
@pytest.mark.parametrize("chunk", range(2000, 2052))
def test_damaged_certificates_draw_the_same_verdict_in_a_longer_campaign(tmp_path, chunk):
    damaged(chunk, 500, tmp_path)
