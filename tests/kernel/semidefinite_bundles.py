"""Small bundles whose rows are bounded by rule *quadratic*, tight enough that a mistake of the rule would show.

Plans come from the library's prover and elaborator (the oracle does not), then hints may be spoiled at random: any
coordinates, multipliers and factors must stay sound.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from bundles import FAST, Case, Reader, Region, assemble, bounding_box, established, with_threshold
from cases import random_case

from certify.elaborate import FINE, choose_scales, write_plan
from certify.elaborate_forms import form_lines, row_lines
from certify.kernel.claim import Claim
from certify.kernel.rules import quadratic
from certify.kernel.rules.conclude import quantity_rows
from certify.networks.encode import TensorTable, network_text
from certify.networks.graph import Pair
from certify.provers.blocks import BlockGraph
from certify.provers.forms import choose
from certify.provers.interior_point import Facts, solve
from certify.provers.linear import bound_blocks, output_rows, tighten_set
from certify.provers.region import Region as FloatRegion
from certify.provers.semidefinite import Relaxation, RowProof

KINDS = ("mlp", "merge", "conv", "residual", "leaky", "ablation", "free", "scale")


def one_row(seed: int, kind: str) -> Case:
    """A random case on a box with a one-sided quantity: one row, which one form bounds."""
    case, r = random_case(seed, kind), random.Random(seed)
    low, high = bounding_box(case.region, 0)
    lo = np.array([float(v) for v in low])
    hi = np.maximum(lo, np.array([float(v) for v in high]))
    row = np.array([r.choice([-1.0, 1.0, 0.5, r.uniform(-1, 1)]) for _ in range(case.f.n_out)])
    return replace(case, region=Region("box", (lo, hi)), quantity=("upper", row), threshold=Fraction(10) ** 60)


def semidefinite(
    case: Case, seed: int, spoil: float = 0.0, lossy: bool = False, products: float = 0.5
) -> dict[str, bytes] | None:
    """The sealed bundle of a one-row case, or None where there is nothing to multiply."""
    r = random.Random(seed)
    pairs = [Pair(f, g, None if s is None else np.asarray(s, dtype=np.int32)) for f, g, s in case.pairs]
    graph = BlockGraph.build(case.f, case.g, pairs if case.g is not None else [])
    lo, hi = case.region.arrays
    region = FloatRegion.of(lo, hi, hull=(lo, hi))
    steps = dict.fromkeys(sorted(tighten_set(graph, True)))
    bounds = bound_blocks(graph, region, steps)
    row = case.quantity[1].reshape(1, -1)
    rows = output_rows(graph, -row, row if case.g is not None else None)
    relaxation = Relaxation(graph, bounds)
    if relaxation.n < 2:
        return None
    proof, moments = relaxation.bound(rows, 0, -np.inf, 1e-4, 5.0)
    if r.random() < products:
        pairs = relaxation.violated(moments, np.zeros((0, 2), dtype=np.intp))
        # Any products of linear facts are facts; those that are violated are few on networks as small as these.
        count = len(relaxation.form.linear.entry)
        more = [(r.randrange(count), r.randrange(count)) for _ in range(4)] if count else []
        pairs = np.concatenate([pairs, np.array(more, dtype=np.intp).reshape(-1, 2)])
        proof, _ = relaxation.bound(rows, 0, -np.inf, 1e-4, 5.0, pairs)
    chosen = {b: v.copy() for b, v in relaxation.form.chosen.items()}
    if spoil:
        for m in (*proof.multipliers.values(), *(m for *_, m in proof.products.values())):
            m *= np.array([r.choice([1, 1, 0, 0.5, 2, -1]) if r.random() < spoil else 1 for _ in m])
        for b, kinds in chosen.items():
            for i in np.flatnonzero(kinds):
                if graph.blocks[b].kind == "relu" and r.random() < spoil:
                    kinds[i] = 3 - kinds[i]
    if lossy:
        proof = replace(
            proof, weight=proof.weight / 2.0 ** r.randrange(30), spread=proof.spread / 2.0 ** r.randrange(30)
        )
    table = TensorTable()
    scales = choose_scales(graph, *_sizes(bounds), float((hi - lo).max()), FINE)
    plan = write_plan(graph, scales, steps, table, form_lines(chosen, {0: (proof, _unit(case))}, table), FINE)
    return assemble(case, [*table.lines, *plan, "part 0", "leaf 0 0"], table.blobs)


def exploiting(case: Case, seed: int) -> dict[str, bytes] | None:
    """A bundle whose multipliers are the best for the facts as the kernel's own code states them.

    Were one of these facts, a coordinate's range or an expression wrong, the optimiser would find out, and the bound
    would fall below what exact evaluation reaches. Coordinates are left out at random.
    """
    r = random.Random(seed)
    pairs = [Pair(f, g, None if s is None else np.asarray(s, dtype=np.int32)) for f, g, s in case.pairs]
    graph = BlockGraph.build(case.f, case.g, pairs if case.g is not None else [])
    lo, hi = case.region.arrays
    steps = dict.fromkeys(sorted(tighten_set(graph, True)))
    bounds = bound_blocks(graph, FloatRegion.of(lo, hi, hull=(lo, hi)), steps)
    chosen = choose(graph, bounds)
    for b, kinds in chosen.items():
        for i in np.flatnonzero(kinds):
            if graph.blocks[b].kind == "relu":
                kinds[i] = r.choice([0, 1, 2, 1, 2])
    chosen = {b: kinds for b, kinds in chosen.items() if kinds.any()}
    n = 1 + sum(int(np.count_nonzero(k)) for k in chosen.values())
    table, scales = TensorTable(), choose_scales(graph, *_sizes(bounds), float((hi - lo).max()), FINE)
    told = [f"coordinates {b} {table.add(k.astype(np.int32))}" for b, k in sorted(chosen.items())]

    def assembled(lines: list[str]) -> dict[str, bytes]:
        plan = write_plan(graph, scales, steps, table, [*told, *lines], FINE)
        return assemble(case, [*table.lines, *plan, "part 0", "leaf 0 0"], table.blobs)

    nothing = f"quadratic 0 {BITS} 0 0 {table.add(np.zeros(n * (n + 1) // 2, dtype=np.int32))}"
    x, outputs, row = _asked(assembled([nothing]))
    proof = _best(x, outputs, row, _unit(case))
    return None if proof is None else assembled(row_lines(0, proof, _unit(case), table))


BITS = 50


def _asked(files: dict[str, bytes]):
    """What the kernel hands to rule quadratic: expressions, those of the outputs, the row."""
    seen = []
    real = quadratic.upper_bound

    def spy(arithmetic, x, outputs, row, *rest):
        seen.append((x, outputs, row))
        return real(arithmetic, x, outputs, row, *rest)

    quadratic.upper_bound = spy
    try:
        established(files, FAST)
    finally:
        quadratic.upper_bound = real
    return seen[0]


def _best(x, outputs, row, unit: float) -> RowProof | None:
    """The best multipliers of the kernel's facts, in real units."""

    def floats(affine):
        return affine.rows.transpose().a.astype(float) * 2.0**-BITS

    factors, where, free = [], [], []
    for b in range(len(x._made)):
        for kind, blocks in quadratic.KINDS.items():
            if x.block(b).kind not in blocks:
                continue
            p, q = (None if v is None else floats(v) for v in quadratic.fact(kind, b, x))
            q = np.eye(1, x.n).repeat(len(p), axis=0) if q is None else q
            for i in np.flatnonzero(np.minimum(np.linalg.norm(p, axis=1), np.linalg.norm(q, axis=1)) > 1e-6):
                factors += [p[i], q[i]]
                where.append((b, kind, i, len(p)))
                free.append(kind in quadratic.FREE)
    if not where:
        return None
    vectors = np.array(factors)
    long = np.linalg.norm(vectors, axis=1)
    k = len(where)
    facts = Facts(vectors / long[:, None], np.arange(0, 2 * k, 2), np.arange(1, 2 * k, 2), np.array(free))
    objective = (row.a.astype(float) / unit) @ floats(outputs)
    found = solve(facts, objective[0], gap=1e-4, seconds=5.0)
    multipliers: dict = {}
    for m, (b, kind, i, size), scale in zip(found.multipliers, where, 1 / (long[::2] * long[1::2]), strict=True):
        multipliers.setdefault((b, kind), np.zeros(size))[i] = m * scale
    sizes = np.abs(vectors).sum(axis=1)
    weight = float(np.abs(found.multipliers) @ (1 / long[::2] + 1 / long[1::2]))
    spread, size = float(sizes[::2] @ sizes[1::2]), float(np.abs(objective).sum())
    return RowProof(found.bound, multipliers, {}, found.remainder, size, weight, spread)


def _sizes(bounds):
    """The largest magnitude and width of each block."""
    both = list(zip(bounds.lo, bounds.hi, strict=True))
    return [max(float(np.abs(a).max()), float(np.abs(b).max())) for a, b in both], [
        float((b - a).max()) for a, b in both
    ]


def _unit(case: Case) -> float:
    """How many of the kernel's units make one of the row's."""
    text, blobs = case.text()
    files = {"claim": text} | {f"blobs/{d}": v for d, v in blobs.items()}
    for net in (case.f, case.g):
        if net is not None:
            encoded = network_text(net)
            files |= {f"networks/{encoded.digest}": encoded.text}
            files |= {f"blobs/{d}": v for d, v in encoded.blobs.items()}
    return float(quantity_rows(FAST, Claim(Reader(files)), 0, None)[0].unit)


STORED = Path(__file__).with_name("quadratic_plans.json")


def stored(name: str) -> dict[str, bytes]:
    """A bundle for the vectors whose hints are kept as integers: solvers differ in last digits between machines."""
    plan = json.loads(STORED.read_text())[name]
    table = TensorTable()
    for kind, values in plan["tensors"]:
        table.add(np.array(values, dtype=kind))
    return assemble(one_row(plan["seed"], plan["kind"]), [*table.lines, *plan["lines"]], table.blobs)


def _store(plans: dict[str, tuple[int, str]]) -> None:
    """python tests/kernel/semidefinite_bundles.py: write the plans anew."""
    out = {}
    for name, (seed, kind) in plans.items():
        files = semidefinite(one_row(seed, kind), seed, products=1.0)
        assert files is not None
        lines = files["proof"].decode().split("\n")[1:-2]
        words = [line.split(" ") for line in lines if line.startswith("tensor ")]
        tensors = [(w[1], np.frombuffer(files[f"blobs/{w[3]}"], dtype=f"<{w[1]}").tolist()) for w in words]
        out[name] = {"seed": seed, "kind": kind, "lines": lines[len(words) :], "tensors": tensors}
    STORED.write_text(json.dumps(out, indent=1).replace("\n    ", " ") + "\n")


def tight_semidefinite(seed: int, kind: str = "mlp") -> dict[str, bytes]:
    """A bundle that claims what it establishes; the first of some seeds in which there is something to multiply."""
    while True:
        files = semidefinite(one_row(seed, kind), seed)
        if files is not None:
            return with_threshold(files, max(established(files, FAST)))
        seed += 1


if __name__ == "__main__":
    _store({"relu-pair": (16, "mlp"), "merged-neurons": (3, "merge")})
