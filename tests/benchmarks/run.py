"""The benchmark run: every case against every peer, in one run on one machine.

    python -m tests.benchmarks.run [--cases TEXT] [--out specs/benchmarks.md] [--solvers SECONDS]

Times are CPU seconds, of this process and its children, with one BLAS thread. Uppers are what the kernel accepted in
a fresh interpreter; lowers are exact values at witnesses. Ratios are to our own witness in the same run. Peers that
cannot be asked are said to be missing.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

import certify as ct
from certify.networks.graph import Affine, Network
from certify.provers.problem import Problem
from certify.results import Result
from tests.benchmarks import peers, zonotope
from tests.benchmarks.cases import CASES, Case, layers


@dataclass
class Row:
    """One case: our result, CPU seconds of search and check, and (upper, CPU seconds) of each peer."""

    case: Case
    result: Result
    search: float
    check: float
    one_pass: float
    model_bytes: int
    peers: dict[str, tuple[float, float]]


def cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def tensor_bytes(net: Network) -> int:
    total = 0
    for node in net.nodes:
        if isinstance(node, Affine):
            total += sum(t.nbytes for term in node.terms for t in term.map.tensors())
            total += 0 if node.bias is None else node.bias.nbytes
    return total


def measure(case: Case, with_peers: bool) -> Row:
    f, g, X = case.make()
    q = ct.discrepancy(f, g, over=X)
    own, children = cpu(resource.RUSAGE_SELF), cpu(resource.RUSAGE_CHILDREN)
    if case.threshold is None:
        result = ct.bound(q, case.budget)
    else:
        result = ct.prove(ct.discrepancy(f, g, over=X) <= case.threshold, case.budget)
    search = cpu(resource.RUSAGE_SELF) - own
    check = cpu(resource.RUSAGE_CHILDREN) - children
    problem = Problem(q)
    region = problem.region(0)
    spent = []
    for _ in range(5):
        started = time.process_time()
        problem.uppers(problem.bounds(region), 0)
        spent.append(time.process_time() - started)
    F, G = layers(f), layers(g)
    lo, hi = X.bounds(0)
    started = time.process_time()
    below, above = zonotope.difference_bounds(F, G, lo, hi)
    found = {"difference zonotope": (float(max(-below.min(), above.max())), time.process_time() - started)}
    if with_peers:
        found |= {k: (v["upper"], v["seconds"]) for k, v in peers.crown(F, G, lo, hi).items()}
    return Row(case, result, search, check, float(np.median(spent)), tensor_bytes(f) + tensor_bytes(g), found)


def tables(rows: list[Row]) -> list[str]:
    names = ["difference zonotope", "CROWN", "alpha-CROWN"]
    head = ["case", "proved upper", "witness", "upper / witness", "search + check", *names]
    out = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for r in rows:
        low, up = float(r.result.bracket.lower or 0), float(r.result.bracket.upper or np.inf)
        cells = [r.case.name, f"{up:.5g}", f"{low:.5g}", f"**{up / low:.3f}**", f"{r.search:.2g} + {r.check:.2g} s"]
        for name in names:
            there = r.peers.get(name)
            cells.append("-" if there is None else f"{there[0] / low:.3g} in {there[1]:.2g} s")
        out.append("| " + " | ".join(cells) + " |")
    out += [
        "",
        "| case | leaves | check / search | search / one float64 pass | certificate / model bytes |",
        "|---|---|---|---|---|",
    ]
    for r in rows:
        ratio = r.result.size / r.model_bytes
        out.append(
            f"| {r.case.name} | {r.result.leaves} | {r.check / r.search:.2f} | {r.search / r.one_pass:.0f} "
            f"| {r.result.size:,} / {r.model_bytes:,} = {ratio:.2f} |"
        )
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="", help="only cases whose name holds this")
    parser.add_argument("--out", help="write the report there, between its markers")
    parser.add_argument("--solvers", type=float, default=0.0, help="also compare SDP solvers, so many seconds each")
    said = parser.parse_args()
    missing = peers.available()
    rows = []
    for case in CASES:
        if said.cases in case.name:
            rows.append(measure(case, missing is None))
            print(*tables(rows[-1:])[2:3], *tables(rows[-1:])[-1:], sep="\n", flush=True)
    lines = [
        f"{date.today()}, {platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, "
        f"numpy {np.__version__}; `{' '.join(['python -m tests.benchmarks.run', *sys.argv[1:]])}`",
        "", *([f"Peers are missing: {missing}", ""] if missing else []), *tables(rows),
    ]  # fmt: skip
    if said.solvers:
        from certify.strategy.blas import one_blas_thread
        from tests.benchmarks.solvers import table

        with one_blas_thread():
            lines += ["", "Solvers of the semidefinite programs, worst row, CPU seconds:", "", *table(said.solvers)]
    print("\n".join(lines))
    if said.out:
        _write(Path(said.out), lines)
    return 0


BEGIN, END = "<!-- run -->", "<!-- /run -->"


def _write(path: Path, lines: list[str]) -> None:
    text = path.read_text() if path.exists() else f"{BEGIN}\n{END}\n"
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    path.write_text("\n".join([before + BEGIN, *lines, END]) + after)


if __name__ == "__main__":
    raise SystemExit(main())
