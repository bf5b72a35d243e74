"""Rule *forward*: the interval image of a block.

    lo_z <= z <= hi_z for each source z        v = sum M_z z + b
    ----------------------------------------------------------------  forward
    b + sum M_z lo_z + sum min(M_z, 0) r_z <= v <= b + sum M_z lo_z + sum max(M_z, 0) r_z,   r = hi - lo

relu: max(0, .) of both bounds. free: the bounds of its source, proved over the whole domain. Differences: see
rules/difference.py. Rejects with: contradiction. Spec: rules.md#forward. Proof: forward_correct.
"""

from __future__ import annotations


def enclose(arithmetic, plan, b, bounds) -> None:
    """Append the forward bounds of a relu, free or affine block."""
    block = plan.blocks[b]
    if block.kind == "relu":
        lo, hi = bounds.lo[block.source].positive_part(), bounds.hi[block.source].positive_part()
    elif block.kind == "free":
        lo, hi = bounds.lo[block.source], bounds.hi[block.source]
    else:
        lo, hi = image(arithmetic, plan, b, bounds)
    bounds.lo.append(lo)
    bounds.hi.append(bounds.meet(arithmetic, lo, hi, block.place))


def image(arithmetic, plan, b, bounds):
    """Bounds of a block with a relation."""
    low, high = bounds.constant(plan, b)
    g, q = plan.constant_bits, plan.forward_bits
    low, high = low >> g, -(-high >> g)
    for m, source in plan.blocks[b].relation.maps(q):
        down, up = m.image_of_range(bounds.hi[source] - bounds.lo[source])
        low, high = low + (down >> q), high - (-up >> q)
    return low, high
