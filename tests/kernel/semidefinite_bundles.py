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
from certify.elaborate_forms import form_lines
from certify.kernel.claim import Claim
from certify.kernel.rules.conclude import quantity_rows
from certify.networks.encode import TensorTable, network_text
from certify.networks.graph import Pair
from certify.provers.blocks import BlockGraph
from certify.provers.linear import bound_blocks, output_rows, tighten_set
from certify.provers.region import Region as FloatRegion
from certify.provers.semidefinite import Relaxation

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
    size = [max(float(np.abs(a).max()), float(np.abs(b).max())) for a, b in zip(bounds.lo, bounds.hi, strict=True)]
    wide = [float((b - a).max()) for a, b in zip(bounds.lo, bounds.hi, strict=True)]
    table = TensorTable()
    scales = choose_scales(graph, size, wide, float((hi - lo).max()), FINE)
    plan = write_plan(graph, scales, steps, table, form_lines(chosen, {0: (proof, _unit(case))}, table), FINE)
    return assemble(case, [*table.lines, *plan, "part 0", "leaf 0 0"], table.blobs)


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
