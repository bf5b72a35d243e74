"""One case measured: our bracket and what it costs, every peer's bound, and ours at each peer's CPU time.

CPU seconds of this process and of processes it waited for, with one BLAS thread. The check is run once more by itself,
so that worker processes of a search are not taken for it; the search is all the rest of the run.
"""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass

import numpy as np

import certify as ct
from certify.models import path
from certify.networks.graph import Affine, Network
from certify.provers.problem import Problem
from certify.results import Result
from tests.benchmarks import peers, zonotope
from tests.benchmarks.cases import Case, layers
from tests.benchmarks.equal import Point, default_pass, within
from tests.benchmarks.peers import Peer


@dataclass
class Row:
    """One case: our result with CPU seconds, the peers, and our bounds in the CPU time that each peer took."""

    case: Case
    result: Result
    search: float
    check: float
    default: Point
    model_bytes: int
    peers: dict[str, Peer]
    ours: dict[str, Point]

    @property
    def lower(self) -> float:
        return float(self.result.bracket.lower or 0)

    @property
    def upper(self) -> float:
        upper = self.result.bracket.upper
        return float(np.inf if upper is None else upper)

    @property
    def wall(self) -> float:
        return self.result.seconds["search"]


def cpu() -> float:
    """CPU seconds of this process and of those it started that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def tensor_bytes(net: Network) -> int:
    """Bytes of a network's weights and biases as they are."""
    total = 0
    for node in net.nodes:
        if isinstance(node, Affine):
            total += sum(t.nbytes for term in node.terms for t in term.map.tensors())
            total += 0 if node.bias is None else node.bias.nbytes
    return total


def warm_up() -> None:
    """Import what a search imports when it first needs it, so that no case pays for that."""
    f = ct.load(path("digits.onnx"))
    X = ct.linf(np.load(path("digits.npz"))["X"][:1], "0.02") & ct.box(0, 1)
    ct.bound(ct.discrepancy(f, ct.prune(f, fraction=0.2), over=X), 1.0)


def measure(case: Case, with_crown: bool) -> Row:
    """Raises CertifyError when the kernel rejects a certificate that it accepted before."""
    f, g, X = case.make()
    q = ct.discrepancy(f, g, over=X)
    started = cpu()
    result = ct.bound(q, case.budget) if case.threshold is None else ct.prove(q <= case.threshold, case.budget)
    spent, started = cpu() - started, cpu()
    assert result.certificate is not None
    if not ct.check(result.certificate).accepted:
        raise ct.CertifyError(f"{case.name}: the second check disagrees with the first")
    check = cpu() - started
    F, G = layers(f), layers(g)
    lo, hi = X.bounds(0)
    found = {"difference zonotope": _zonotope(F, G, lo, hi)}
    if with_crown:
        found |= peers.crown(F, G, lo, hi)
    floor = float(result.bracket.lower or 0)
    problem, goal = Problem(q), None if case.threshold is None else float(case.threshold)
    ours = {name: within(problem, peer.seconds, floor, goal) for name, peer in found.items() if peer.failed is None}
    size = tensor_bytes(f) + tensor_bytes(g)
    return Row(case, result, spent - check, check, default_pass(problem), size, found, ours)


def _zonotope(F, G, lo, hi) -> Peer:  # type: ignore[no-untyped-def]
    spent, upper = [], np.inf
    for _ in range(5):
        started = time.process_time()
        below, above = zonotope.difference_bounds(F, G, lo, hi)
        upper = float(max(-below.min(), above.max()))
        spent.append(time.process_time() - started)
    return Peer(upper, min(spent))
