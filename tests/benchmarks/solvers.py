"""Solvers of the difference SDP on the same instances in one run: ours, Clarabel, SCS, SDPA and CSDP.

    python -m tests.benchmarks.solvers [SECONDS]

Everyone gets the same facts, coordinates and objective, with one thread, as long as SECONDS (default 120), and MEMORY
bytes of address space. What counts is the bound that follows from multipliers clamped to their signs: what a solver
calls optimal is not yet one. Ours runs at the gap of a search and at that of the others. The peers' Python
(install_peers.sh) has the solvers; an instance travels as plain arrays.
"""

from __future__ import annotations

import json
import os
import resource
import signal
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
from tests.benchmarks.peers import ONE_THREAD, PEERS
from tests.benchmarks.tables import table as markdown

INSTANCES = ("digits S p20 0.05", "digits S p20 0.1", "digits S svd 0.1", "digits M p20 0.05")
SOLVERS = ("clarabel", "scs", "sdpa", "csdp")
GAPS = (1e-3, 1e-7)
MEMORY = 8 << 30


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
    rows = []
    for case in CASES:
        if case.name in INSTANCES:
            facts, objective = instance(case)
            cells = [case.name, f"{facts.n}, {len(facts.p)}", *(_own(facts, objective, gap) for gap in GAPS)]
            rows.append([*cells, *(_cell(facts, objective, name, seconds) for name in SOLVERS)])
            print(*rows[-1], sep=" | ", flush=True)
    return markdown(["instance", "coordinates, facts", *(f"ours, gap {gap:g}" for gap in GAPS), *SOLVERS], rows)


def _own(facts: Facts, objective: np.ndarray, gap: float) -> str:
    """Our bound by the same measure as the others'."""
    started = time.process_time()
    own = solve(facts, objective, gap=gap)
    spent = time.process_time() - started
    found = proved(facts, objective, own.ranges, own.multipliers)
    return f"{found:.6g} in {spent:.2g} s ({own.iterations} steps)"


def _limit() -> None:
    """What a solver may have; run between fork and exec."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _ended(code: int, said: str) -> str:
    """Why a process failed, short: the signal that ended it, or its last word."""
    last = (said.strip().splitlines() or [""])[-1][:60]
    if "memory" in said.lower() or "bad_alloc" in said:
        last = f"out of {MEMORY >> 30} GB"
    name = signal.Signals(-code).name if code < 0 else f"exit {code}"
    return f"{name}: {last}" if last else name


def _cell(facts: Facts, objective: np.ndarray, name: str, seconds: float) -> str:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "instance.npz"
        np.savez(path, vectors=facts.vectors, p=facts.p, r=facts.r, free=facts.free, objective=objective)
        script = Path(__file__).with_name("solver_peer.py")
        command = [str(PEERS / "bin/python"), str(script), name, str(path), str(seconds)]
        try:
            said = subprocess.run(
                command, capture_output=True, text=True, timeout=seconds + 30, env=os.environ | ONE_THREAD, cwd=place,
                preexec_fn=_limit,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"none in {seconds:.0f} s"
        if said.returncode != 0:
            return f"failed ({_ended(said.returncode, said.stderr)})"
        told = json.loads(said.stdout.strip().splitlines()[-1])
    if told["multipliers"] is None:
        return f"none in {told['seconds']:.0f} s ({told['status']})"
    y = np.array(told["multipliers"])
    n = facts.n
    found = proved(facts, objective, y[1:n], y[n:])
    return f"{found:.6g} in {told['seconds']:.2g} s ({told['status']})"


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from certify.strategy.blas import one_blas_thread

    with one_blas_thread():
        table(float(sys.argv[1]) if len(sys.argv) > 1 else 120.0)
