"""Both kernels give every damaged statement, and every damaged piece of evidence, the same verdict."""

from __future__ import annotations

import random
import shutil
import struct
from collections import Counter

import pytest
from both_kernels import assert_same, needs_rocq, proved_kinds

import make_vectors  # isort: skip
import statement_mutations  # isort: skip
from bundles import write_directory  # isort: skip

from certify.kernel.statements import KINDS

ACCEPTED = make_vectors.ROOT / "accept"
PROVED = sorted(proved_kinds())
BASES = {k: sorted(p for p in ACCEPTED.iterdir() if p.name.startswith(f"{k}--")) for k in PROVED}

pytestmark = needs_rocq


def test_the_second_kernel_knows_no_kind_that_the_first_one_does_not():
    assert set(PROVED) <= set(KINDS)


def damaged(kind: str, seed: int, count: int, folder) -> Counter:
    r, verdicts = random.Random(f"{kind} {seed}"), Counter()
    for number in range(count):
        base = r.choice(BASES[kind])
        files = {str(p.relative_to(base)): p.read_bytes() for p in base.rglob("*") if p.is_file()}
        for _ in range(r.choice([1, 1, 1, 2])):
            damage = r.choice(statement_mutations.DAMAGES)
            try:
                files = damage(files, r)
            except (KeyError, ValueError, IndexError, struct.error):  # nothing is left of what it would damage
                continue
        path = write_directory(files, folder / str(number))
        verdicts[assert_same(path, f"{base.name}, number {number}, {damage.__name__}", order_free=True)] += 1
        shutil.rmtree(path)
    return verdicts


@pytest.mark.parametrize("kind", PROVED)
def test_damaged_statements_draw_the_same_verdict(tmp_path, kind):
    verdicts = damaged(kind, 0, 60, tmp_path)
    assert verdicts["rejected"] >= 20


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 41))
@pytest.mark.parametrize("kind", PROVED)
def test_damaged_statements_draw_the_same_verdict_in_a_longer_campaign(tmp_path, kind, seed):
    damaged(kind, seed, 200, tmp_path)
