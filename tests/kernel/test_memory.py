"""What the kernel's process needs of memory: little, however many leaves a proof has, and for wide networks too."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from bundles import FAST, Case, PlanWriter, Region, Style, assemble, established, with_threshold, write_directory
from cases import random_case

import certify as ct
from certify.networks.builder import Builder
from certify.networks.graph import Network
from certify.networks.maps import Dense

MEASURE = """
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-I", "-m", "certify.kernel", sys.argv[1]], capture_output=True, text=True)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def peak(certificate: Path) -> int:
    """Megabytes at the peak of a check that accepts, of the kernel's process alone."""
    done = subprocess.run([sys.executable, "-c", MEASURE, str(certificate)], capture_output=True, text=True, check=True)
    code, megabytes = map(int, done.stdout.split())
    assert code == 0
    return megabytes


def many_leaves(case: Case, levels: int) -> dict[str, bytes]:
    """A tree that halves coordinate 0 so many times on every path."""
    writer = PlanWriter(case)
    plan = writer.write(Style())
    low, high = (Fraction(float(v[0])) for v in case.region.arrays)

    def grow(low: Fraction, high: Fraction, left: int) -> list[str]:
        if not left:
            return ["leaf 0 0"]
        middle = (low + high) / 2
        scale = middle.denominator.bit_length() - 1
        line = f"split 0 {middle.numerator} {scale}"
        return [line, *grow(low, middle, left - 1), *grow(middle, high, left - 1)]

    files = assemble(case, [*writer.table.lines, *plan, "part 0", *grow(low, high, levels)], writer.table.blobs)
    return with_threshold(files, max(established(files, FAST)))


def test_memory_does_not_grow_with_the_leaves(tmp_path):
    case = random_case(3, "mlp")
    region = Region("box", (-np.ones(case.f.n_in), np.ones(case.f.n_in)))
    case = Case(case.f, case.g, region, pairs=case.pairs)
    sizes = []
    for levels in (5, 12):
        write_directory(many_leaves(case, levels), tmp_path / str(levels))
        sizes.append(peak(tmp_path / str(levels)))
    assert sizes[1] < sizes[0] + 40


@pytest.mark.long
def test_a_difference_of_six_layers_of_256_checks_within_a_gigabyte(tmp_path):
    f = wide(np.random.default_rng(0), 784, *[256] * 6, 10)
    x = np.full(784, 0.5)
    result = ct.bound(ct.discrepancy(f, ct.prune(f, fraction=0.2), over=ct.box(x - 0.001, x + 0.001)), "20s")
    result.certificate.save(tmp_path / "wide.cert")
    found = peak(tmp_path / "wide.cert")
    print(f"256x6: {found} MB, {result.size:,} bytes, {result.leaves} leaves")
    assert found < 1024


def wide(rng: np.random.Generator, *widths: int) -> Network:
    b = Builder()
    h = b.input(widths[0])
    for k in range(len(widths) - 1):
        m, n = widths[k], widths[k + 1]
        h = b.linear(h, Dense((rng.standard_normal((n, m)) * np.sqrt(2 / m)).astype("f4")), np.zeros(n, dtype="f4"))
        h = b.relu(h) if k < len(widths) - 2 else h
    return b.finish(h, widths[:1], widths[-1:])
