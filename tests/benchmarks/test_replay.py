"""What checking costs: the kernel's replay against the same recursion in plain float64, in one run.

make bench
"""

from __future__ import annotations

import time

import numpy as np

import certify as ct
from certify.claims import Quantity
from certify.elaborate import BundleFiles
from certify.kernel.arithmetic import fast
from certify.kernel.check import replay
from certify.kernel.claim import Claim as KernelClaim
from certify.kernel.proof import Proof
from certify.models import path
from certify.provers.linear import lower, output_rows
from certify.provers.problem import Problem


def median(run, times: int = 5) -> float:
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        run()
        spent.append(time.perf_counter() - started)
    return float(np.median(spent))


def test_replay_against_float64(benchmark, capsys):
    f = ct.load(path("digits.onnx"))
    X = ct.linf(np.load(path("digits.npz"))["X"][:1], "0.02") & ct.box(0, 1)
    q: Quantity = ct.discrepancy(f, ct.prune(f, fraction=0.2), over=X)
    result = ct.bound(q, budget="5s")
    files = BundleFiles(result.certificate.files)
    claim, problem = KernelClaim(files), Problem(q)
    region, eye = problem.region(0), np.concatenate([np.eye(10), -np.eye(10)])

    def floats():
        return -lower(problem.graph, problem.bounds(region), output_rows(problem.graph, eye, -eye)).min()

    def check():
        return replay(fast, claim, Proof(files, claim, fast), enforce=False)[0][0]

    found = benchmark(check)
    believed = floats()
    with capsys.disabled():
        print(f"\nreplay / float64 recursion: {median(check) / median(floats):.1f}  (digits, 64-64-64-10, one ball)")
    # Hinted slopes make the replayed bound tighter than the default recursion, never looser.
    assert float(result.bracket.lower) <= float(found) <= believed * 1.01
