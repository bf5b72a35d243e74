"""Check a certificate: read, replay every leaf, compare. Returns what was established or raises a verdict.

Spec: rules.md#checking.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from certify.kernel.blocks import Bounds
from certify.kernel.bundle import Bundle
from certify.kernel.claim import Claim
from certify.kernel.limits import CHUNK
from certify.kernel.proof import Proof
from certify.kernel.rendering import render
from certify.kernel.rules import backward, conclude, difference, forward, split
from certify.kernel.rules.domain import Region
from certify.kernel.verdict import MachineFault, require


class Checked:
    """An accepted certificate: its id, the exact bound established on each part, and counts."""

    def __init__(self, identity, bounds, leaves, claim):
        self.id, self.bounds, self.leaves, self.claim = identity, bounds, leaves, claim


def check(path: str, arithmetic: Any, before_replay: Any = None) -> Checked:
    """Check the bundle at ``path``; raises Rejected, Declined or MachineFault."""
    arithmetic.self_test()
    bundle = Bundle(path)
    try:
        claim = Claim(bundle)
        require(
            bundle.read("claim.json") == render(claim),
            "rendering",
            "claim.json",
            "does not say what `claim` says",
        )
        proof = Proof(bundle, claim, arithmetic)
        bundle.read_rest()
        if before_replay is not None:
            before_replay()
        established, leaves = replay(arithmetic, claim, proof)
        return Checked(bundle.id, established, leaves, claim)
    finally:
        bundle.close()


def replay(arithmetic: Any, claim: Any, proof: Any, enforce: bool = True) -> tuple[list[Fraction], int]:
    """Replay every part; returns (exact bound of each part, number of leaves).

    Without ``enforce`` the threshold is not compared: for the elaborator, which asks what would be established.
    """
    labels = claim.labels(arithmetic) if claim.quantity[0] in ("margin", "decision") else None
    leaves = [0]
    established: list[Any] = []
    for part in range(claim.domain.parts):
        (k,) = proof.lines.numbers("part", 1)
        require(k == part, "part-order", proof.lines.place, f"expected part {part}, found {k}")
        worst = None
        for number, cuts in split.leaves(
            proof.lines, part, claim.n_in, _contains(claim.domain, part), len(proof.plans), leaves
        ):
            bound, ok = _leaf(arithmetic, claim, proof.plans[number], part, cuts, labels)
            text = f"established {float_text(bound)}, claimed {claim.relation} {float_text(claim.threshold)}"
            require(ok or not enforce, "bound-too-high", proof.lines.place, text)
            worst = bound if worst is None else max(worst, bound)
        established.append(worst)
    proof.lines.end()
    return established, leaves[0]


def float_text(v: Fraction) -> str:
    """Six significant digits of a rational, by integers, for messages."""
    if v == 0:
        return "0"
    sign, n, d, e = "-" if v < 0 else "", abs(v.numerator), v.denominator, 0
    while n >= 10 * d:
        d, e = d * 10, e + 1
    while n < d:
        n, e = n * 10, e - 1
    digits = str(n * 100_000 // d)
    return f"{sign}{digits[0]}.{digits[1:]}e{e}"


def _contains(domain, part):
    """Whether a cut lies within the part's bounding box, exactly."""

    def contains(i, m):
        low, high = domain.coordinate(part, i)
        return low <= m <= high

    return contains


def _leaf(arithmetic, claim, plan, part, cuts, labels):
    """(exact upper bound of the quantity on a leaf, whether it satisfies the claim)."""
    bounds, region = Bounds(), None
    for step in plan.steps:
        if step[0] == "block":
            b = step[1]
            block = plan.blocks[b]
            if block.kind == "input":
                region = _region(arithmetic, claim, plan, part, cuts, region, block)
            if block.kind.startswith("pair-"):
                difference.enclose(arithmetic, plan, b, bounds, forward.image)
            else:
                forward.enclose(arithmetic, plan, b, bounds, region)
        elif step[0] == "backward":
            _tighten(arithmetic, plan, bounds, region, *step[1:])
    _, c, q, hints = plan.steps[-1]
    uppers: list[Fraction] = []
    offset = 0
    for rows in conclude.quantity_rows(arithmetic, claim, part, labels):
        coefficients, scale = conclude.start(arithmetic, claim, plan, rows, plan.outputs, c)
        below = _lower(arithmetic, plan, bounds, region, coefficients, q, hints, offset)
        if len(below) != rows.matrix.shape[0]:
            raise MachineFault("a pass lost or made a functional: an error of this program")
        offset += len(below)
        unit = rows.unit * (Fraction(1 << (c + scale)) if c + scale >= 0 else Fraction(1, 1 << -(c + scale)))
        uppers.extend(Fraction(-k * unit.denominator, unit.numerator) for k in below)
    return conclude.combine(claim, uppers)


def _region(arithmetic, claim, plan, part, cuts, region, block):
    """The region in the unit of an input block; x and x' may have different units."""
    if block.role == 0:
        whole = claim.domain.bounds(part, block.scale)
        lo, hi = split.cut_bounds(whole[0], whole[1], cuts, block.scale)
        hull = None if region is None else (region.hull[0].tolist(), region.hull[1].tolist())
        return Region(arithmetic, lo, hi, claim.domain.ball(part, block.scale), hull)
    hull = claim.domain.hull(block.scale)
    if region is None:
        return Region(arithmetic, hull[0], hull[1], None, hull)
    region.hull = (arithmetic.vector(hull[0]), arithmetic.vector(hull[1]))
    return region


def _tighten(arithmetic, plan, bounds, region, b, c, q, chosen, hints):
    """Intersect the bounds of block b with those of a backward pass on some of its rows."""
    a, block = arithmetic, plan.blocks[b]
    chunk, lows, n = max(1, CHUNK // max(x.size for x in plan.blocks)), [], len(chosen)
    for sign in (1, -1):
        for first in range(0, n, chunk):
            some = chosen[first : first + chunk]
            rows = {b: a.unit_rows(some, block.size, sign << c)}
            state = backward.Pass(a, plan, bounds, region, q, hints, first if sign == 1 else n + first)
            for k, m in rows.items():
                state.add(k, m)
            lows.extend((state.run() >> c).tolist())
    lo, hi = bounds.lo[b].row().put(chosen, a.vector(lows[:n]).row()).flat(), bounds.hi[b]
    hi = hi.row().put(chosen, -a.vector(lows[n:]).row()).flat()
    lo, hi = a.maximum(bounds.lo[b], lo), a.minimum(bounds.hi[b], hi)
    require(not a.any_true(hi < lo), "contradiction", block.place, "a lower bound is above an upper one")
    bounds.lo[b], bounds.hi[b] = lo, hi
    if block.kind.startswith("pair-"):
        difference.tighten(a, plan, b, bounds)


def _lower(arithmetic, plan, bounds, region, coefficients, q, hints, offset):
    """Lower bounds of the rows of ``coefficients``, as integers."""
    n = next(iter(coefficients.values())).shape[0]
    chunk, out = max(1, CHUNK // max(x.size for x in plan.blocks)), []
    for first in range(0, n, chunk):
        state = backward.Pass(arithmetic, plan, bounds, region, q, hints, offset + first)
        for b, m in coefficients.items():
            state.add(b, m.rows(first, min(n, first + chunk)))
        out.extend(state.run().tolist())
    return out
