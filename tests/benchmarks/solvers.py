"""Solvers of the difference SDP on the same instances in one run: ours, Clarabel, SCS, SDPA and CSDP.

    python -m tests.benchmarks.solvers [SECONDS]

Everyone gets the same facts, coordinates and objective, with one thread, and as long as SECONDS (default 120). What
counts is the bound that follows from multipliers clamped to their signs: what a solver calls optimal is not yet one.
The peers' Python (install_peers.sh) has the solvers; an instance travels as plain arrays.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from certify.provers.interior_point import Facts, solve
from certify.provers.problem import Problem
from certify.provers.semidefinite import Relaxation
from tests.benchmarks.cases import CASES, Case
from tests.benchmarks.peers import PEERS

INSTANCES = ("digits S p20 0.05", "digits S p20 0.1", "digits S svd 0.1", "digits M p20 0.05")
SOLVERS = ("clarabel", "scs", "sdpa", "csdp")


def instance(case: Case) -> tuple[Facts, np.ndarray]:
    """The facts of a case and its worst row."""
    import certify as ct

    f, g, X = case.make()
    problem = Problem(ct.discrepancy(f, g, over=X))
    bounds = problem.bounds(problem.region(0))
    k = int(problem.uppers(bounds, 0)[0].argmax())
    relaxation = Relaxation(problem.graph, bounds)
    return relaxation._facts, -relaxation.form.row(problem.rows(0)[0], k)


def proved(facts: Facts, objective: np.ndarray, mu: np.ndarray, m: np.ndarray) -> float:
    """The bound that any multipliers prove: gamma is raised, and mu, until the remainder is positive semidefinite."""
    n = facts.n
    m, mu = np.where(facts.free, m, np.maximum(m, 0)), np.maximum(mu, 0)
    s = -(facts.vectors[facts.p].T * m) @ facts.vectors[facts.r]
    s[:, 0] -= objective
    s = (s + s.T) / 2
    s[np.arange(1, n), np.arange(1, n)] += mu
    # The least gamma for these mu by a Schur complement, after every mu gained what the rest lacks.
    rest = s[1:, 1:]
    short = max(0.0, -float(np.linalg.eigvalsh(rest)[0])) + 1e-9
    rest = rest + short * np.eye(n - 1)
    return float(mu.sum() + short * (n - 1) - s[0, 0] + s[0, 1:] @ np.linalg.solve(rest, s[1:, 0]))


def table(seconds: float = 120.0) -> list[str]:
    """Lines of a Markdown table."""
    lines = [
        "| instance | coordinates, facts | ours | " + " | ".join(SOLVERS) + " |",
        "|---" * (3 + len(SOLVERS)) + "|",
    ]
    for case in CASES:
        if case.name not in INSTANCES:
            continue
        facts, objective = instance(case)
        started = time.process_time()
        own = solve(facts, objective, gap=1e-3)
        cells = [f"{own.bound:.5g} in {time.process_time() - started:.2g} s"]
        cells += [_cell(facts, objective, name, seconds) for name in SOLVERS]
        lines.append(f"| {case.name} | {facts.n}, {len(facts.p)} | " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    return lines


def _cell(facts: Facts, objective: np.ndarray, name: str, seconds: float) -> str:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "instance.npz"
        np.savez(path, vectors=facts.vectors, p=facts.p, r=facts.r, free=facts.free, objective=objective)
        env = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = [
            str(PEERS / "bin/python"),
            str(Path(__file__).with_name("solver_peer.py")),
            name,
            str(path),
            str(seconds),
        ]
        try:
            said = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, env=env, cwd=place)
        except subprocess.TimeoutExpired:
            return f"none in {seconds:.0f} s"
        if said.returncode != 0:
            reason = (said.stderr.strip().splitlines() or ["?"])[-1]
            return f"failed ({reason[:40]})"
        told = json.loads(said.stdout.strip().splitlines()[-1])
    if told["multipliers"] is None:
        return f"none in {told['seconds']:.0f} s ({told['status']})"
    y = np.array(told["multipliers"])
    n = facts.n
    found = proved(facts, objective, y[1:n], y[n:])
    return f"{found:.5g} in {told['seconds']:.2g} s ({told['status']})"


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from certify.strategy.blas import one_blas_thread

    with one_blas_thread():
        table(float(sys.argv[1]) if len(sys.argv) > 1 else 120.0)
