"""From a prover's plan in floats to a certificate in integers.

The elaborator is untrusted: it chooses scales (how many bits each block gets) and writes the plan; every number
in the proof is a hint. A poor choice costs tightness, which the result reports as the margin lost to rounding.
It asks the kernel's own replay, in process, what the plan establishes; the verdict comes later, from a fresh
interpreter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from certify.certificate import Certificate
from certify.claim_text import claim_json, encode_claim
from certify.networks.encode import TensorTable, network_text

if TYPE_CHECKING:
    from certify.claims import Claim
    from certify.provers.blocks import Block, BlockGraph
    from certify.provers.linear import Tighten

MOST_DELTA = 16
CONSTANT_BITS = 40


@dataclass(frozen=True)
class Precision:
    """Bits of a plan.

    span, magnitude: of a block's integers, for its width and at most for its bounds; inputs: for the widest input.
    inner, pairs, final: of coefficients and of weights in passes that tighten nodes, tighten differences, and end at
    the quantity. forward: of the maps of interval images, of which there is one row for each leaf.
    """

    span: int
    magnitude: int
    inputs: int
    inner: tuple[int, int]
    pairs: tuple[int, int]
    final: tuple[int, int]
    forward: int


# Products stay in one or two BLAS calls; a final pass of one region has few rows and can afford more.
PLAIN = Precision(20, 30, 18, (24, 24), (20, 22), (30, 32), 40)
# For many leaves: half the time to check, and 2e-5 of the bound lost (453 leaves of ACAS Xu).
LEAVES = Precision(20, 30, 18, (24, 24), (20, 22), (22, 24), 40)
# For semidefinite bounds: they feel the bounds of blocks a hundred times more, and small networks can afford it.
FINE = Precision(26, 36, 24, (30, 32), (26, 30), (30, 32), 48)


@dataclass(frozen=True)
class Leaf:
    """A region that one plan proves, with the hints of one of its slots."""

    plan: int
    slot: int = 0


@dataclass(frozen=True)
class Cut:
    """x_coordinate <= at on ``below``, >= at on ``above``; at is a dyadic rational."""

    coordinate: int
    at: Fraction
    below: Tree
    above: Tree


@dataclass(frozen=True)
class SignCut:
    """Entry ``entry`` of a node of network ``net`` is at most zero on ``below``, at least zero on ``above``."""

    net: str
    node: int
    entry: int
    below: Tree
    above: Tree


Tree = Leaf | Cut | SignCut


def choose_scales(
    graph: BlockGraph, magnitude: Sequence[float], span: Sequence[float], width: float, precision: Precision = PLAIN
) -> list[int]:
    """A power-of-two unit for each block.

    magnitude, span: the largest absolute bound and the largest width of each block over the regions the plan serves;
    width: the largest width of an input coordinate there. A block gets the precision's bits for its width, as far as
    its magnitude stays within its own. Blocks that the rules tie together (a relu and its source, u and w) share
    a scale; a difference is at least as fine, by at most MOST_DELTA bits.
    """
    parent = list(range(len(graph.blocks)))

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, b in enumerate(graph.blocks):
        if b.kind in ("relu", "free"):
            parent[find(i)] = find(b.source)
        elif b.kind == "pair-relu":
            parent[find(i)] = find(b.inner)
        if b.kind.startswith("pair-"):
            parent[find(b.fine)] = find(b.coarse)
    size, wide = [0.0] * len(graph.blocks), [0.0] * len(graph.blocks)
    for i in range(len(graph.blocks)):
        size[find(i)] = max(size[find(i)], magnitude[i])
        wide[find(i)] = max(wide[find(i)], span[i])

    def fitted(root: int) -> int:
        return min(precision.span - _exponent(wide[root]), precision.magnitude - _exponent(size[root]))

    inputs = {find(i) for i, b in enumerate(graph.blocks) if b.kind == "input"}

    def node_scale(root: int) -> int:
        if root in inputs:
            return precision.inputs - _exponent(width) if width > 0 else 2 * precision.inputs
        return fitted(root)

    out = []
    for i, b in enumerate(graph.blocks):
        if b.kind.startswith("pair-"):
            base = node_scale(find(b.fine))
            own = fitted(find(i))
            out.append(min(max(own, base), base + MOST_DELTA))
        else:
            out.append(node_scale(find(i)))
    return [max(-300, min(300, s)) for s in out]


def _exponent(v: float) -> int:
    """ceil(log2 v), with a floor for zero."""
    return math.frexp(v)[1] if v > 0 and math.isfinite(v) else -40


def write_plan(
    graph: BlockGraph,
    scales: Sequence[int],
    steps: Tighten,
    table: TensorTable,
    finish: Sequence[str] = (),
    precision: Precision = PLAIN,
    slots: int = 1,
) -> tuple[str, ...]:
    """The lines of one plan (specs/format.md#proof); ``finish`` are hint lines for the rows of the quantity.

    slots: how many leaves have hints of their own in these lines; steps with hints are for one.
    """
    from certify.elaborate_hints import Group, hint_lines
    from certify.provers.hints import Tightening

    lines = [f"plan {len(graph.blocks)} {precision.forward} {CONSTANT_BITS} {slots}"]
    for i, b in enumerate(graph.blocks):
        lines.append(_block_line(b, scales[i], table))
        if i not in steps:
            continue
        step, rows = steps[i], -2
        bits = precision.pairs if b.is_pair else precision.inner
        if isinstance(step, Tightening):
            if not len(step.rows):
                continue
            group = Group(step.hints, 2 * len(step.rows), scales[i] + bits[0])
            lines.extend(hint_lines(graph, scales, [group], table))
            rows = table.add(step.rows.astype(np.int32))
        elif step is not None:
            rows = table.add(np.asarray(step, dtype=np.int32))
        lines.append(f"backward {i} {bits[0]} {bits[1]} {rows}")
    return (*lines, *finish, f"conclude {precision.final[0]} {precision.final[1]}")


def _block_line(b: Block, scale: int, table: TensorTable) -> str:
    if not b.kind.startswith("pair-"):
        return f"node {b.net} {b.node} {scale}"
    sigma = -1 if b.sigma is None else table.add(np.asarray(b.sigma, dtype=np.int32))
    head = f"{b.kind} {b.fine} {b.coarse} {sigma} {scale}"
    if b.kind == "pair-relu":
        return f"{head} {b.inner}"
    if b.kind == "pair-affine":
        matches = " ".join(f"{t} {t2} {d}" for t, t2, d in b.matches)
        count = len(b.matches)
        return f"{head} {int(b.expand_fine)} {int(b.expand_coarse)} {count} {matches}".rstrip()
    return head


def tree_lines(tree: Tree) -> list[str]:
    """A tree in prefix order."""
    out: list[str] = []
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, Leaf):
            out.append(f"leaf {node.plan} {node.slot}")
            continue
        out.append(f"sign {node.net} {node.node} {node.entry}" if isinstance(node, SignCut) else _split_line(node))
        stack += [node.above, node.below]
    return out


def _split_line(cut: Cut) -> str:
    scale = cut.at.denominator.bit_length() - 1
    if cut.at.denominator != 1 << scale:
        raise ValueError(f"a cut at {cut.at} is not dyadic")
    return f"split {cut.coordinate} {cut.at.numerator} {scale}"


def claim_files(claim: Claim) -> dict[str, bytes]:
    """The files of a bundle that say what is claimed: networks, claim, tensors."""
    files: dict[str, bytes] = {}
    for net in (claim.f, claim.g):
        if net is not None:
            encoded = network_text(net)
            files[f"networks/{encoded.digest}"] = encoded.text
            files |= {f"blobs/{d}": data for d, data in encoded.blobs.items()}
    text = encode_claim(claim)
    files |= {f"blobs/{d}": data for d, data in text.blobs.items()}
    return files | {"claim": text.text, "claim.json": claim_json(claim)}


def row_units(claim: Claim) -> list[tuple[str, Fraction, int]]:
    """(what they bear on: difference, f or g; their unit; their number) for each group of the quantity's rows.

    The kernel's own reading of the claim: its rows are integers, those of the quantity times the unit.
    """
    from certify.kernel.arithmetic import fast
    from certify.kernel.claim import Claim as KernelClaim
    from certify.kernel.rules.conclude import quantity_rows

    read = KernelClaim(BundleFiles(claim_files(claim)))
    labels = read.labels(fast) if read.quantity[0] in ("margin", "decision") else None  # type: ignore[no-untyped-call]
    rows = quantity_rows(fast, read, 0, labels)  # type: ignore[no-untyped-call]
    return [(r.on, r.unit, r.matrix.shape[0]) for r in rows]


def write_certificate(
    claim: Claim, plans: Sequence[tuple[str, ...]], trees: Sequence[Tree], table: TensorTable
) -> Certificate:
    """Assemble the bundle of a claim, its networks and a proof; deterministic bytes."""
    files = claim_files(claim) | {f"blobs/{d}": data for d, data in table.blobs.items()}
    lines = ["certify-proof 1", *table.lines]
    for plan in plans:
        lines.extend(plan)
    for k, tree in enumerate(trees):
        lines.append(f"part {k}")
        lines.extend(tree_lines(tree))
    files["proof"] = "\n".join([*lines, "end", ""]).encode("ascii")
    return Certificate(files)


class BundleFiles:
    """The files of a certificate, as the kernel's readers want them."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    def read(self, name: str) -> bytes:
        return self._files[name]


def established(certificate: Certificate) -> tuple[list[Fraction], int]:
    """What the kernel's replay establishes on each part, threshold aside; and the number of leaves.

    In process and untrusted: it tells the search where it stands. Raises the kernel's Rejected or Declined
    when the plan is not well formed, which is a bug of ours.
    """
    from certify.kernel.arithmetic import fast
    from certify.kernel.check import replay
    from certify.kernel.claim import Claim as KernelClaim
    from certify.kernel.proof import Proof

    files = BundleFiles(certificate.files)
    claim = KernelClaim(files)
    bounds, leaves = replay(fast, claim, Proof(files, claim, fast), enforce=False)
    return list(bounds), leaves
