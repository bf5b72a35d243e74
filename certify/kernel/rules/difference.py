"""Rule *difference*: blocks d = u - S w, their relations, and the pair rule for ReLU.

Affine. With x - S' y = d' for matched terms:  u - S w = A d' + (A S' - S B) y + unmatched + (b - S c).
A S' - S B is formed exactly, before any rounding. S has at most one unit entry in each row (sigma).

ReLU. For ANY slopes p, q, on P = {x in [lx,ux], y in [ly,uy], x - y in [ld,ud]}

    alpha relu(x) + beta relu(y) >= p x + q y + r
    r = min over nonempty sign cells of max over tau in {0, c1, -c2} of
        inf (c1 - tau) x + inf (c2 + tau) y + inf tau (x - y),   c1 = sx alpha - p,  c2 = sy beta - q

A cell is skipped exactly when an interval is empty or no x - y in [ld, ud] is possible in it. Slopes are written
on the pair (x - y, y): p = P 2^delta, q = T - P 2^delta, so that nearly equal networks cancel.
Rejects with: scale, pair, match, unsupported-difference, contradiction. Spec: rules.md#difference.
Proof: difference_correct.
"""

from __future__ import annotations

SLOPE_BITS = 20


def enclose(arithmetic, plan, b, bounds, image) -> None:
    """Append the forward bounds of a difference block, tightened against u and w."""
    block = plan.blocks[b]
    delta = block.scale - plan.blocks[block.fine].scale
    a = arithmetic
    lu, uu = bounds.lo[block.fine], bounds.hi[block.fine]
    lw, uw = picked(block, bounds.lo[block.coarse]), picked(block, bounds.hi[block.coarse])
    lo, hi = (lu - uw) << delta, (uu - lw) << delta
    if block.kind == "pair-affine":
        low, high = image(arithmetic, plan, b, bounds)
        lo, hi = a.maximum(lo, low), a.minimum(hi, high)
    elif block.kind == "pair-relu":
        inner = plan.blocks[block.inner]
        lx = bounds.lo[inner.fine]
        ly = picked(block, bounds.lo[inner.coarse])
        ld, ud = bounds.lo[block.inner], bounds.hi[block.inner]
        both = (lx >= 0) & (ly >= 0)
        low = a.where(both, ld, ld.negative_part())
        high = a.where(both, ud, ud.positive_part())
        if block.sigma is not None:
            paired = a.vector([int(i >= 0) for i in block.sigma]).row()
            low, high = a.where(paired > 0, low, lo), a.where(paired > 0, high, hi)
        lo, hi = a.maximum(lo, low), a.minimum(hi, high)
    bounds.lo.append(lo)
    bounds.hi.append(bounds.meet(a, lo, hi, block.place))
    tighten(arithmetic, plan, b, bounds)


def picked(block, w):
    """S w: the entries of w that sigma picks, zero where it picks none."""
    return w if block.sigma is None else w.gather(block.sigma)


def open_entries(plan, b, bounds):
    """Mask (leaves, size) of the entries of a block whose bounds matter to relus: a sign is open.

    For a difference u - S w: the sign of u or of S w.
    """
    block = plan.blocks[b]
    if not block.kind.startswith("pair-"):
        return (bounds.lo[b] < 0) & (bounds.hi[b] > 0)
    f, g = block.fine, block.coarse
    lw, uw = picked(block, bounds.lo[g]), picked(block, bounds.hi[g])
    return ((bounds.lo[f] < 0) & (bounds.hi[f] > 0)) | ((lw < 0) & (uw > 0))


def tighten(arithmetic, plan, b, bounds) -> None:
    """Bounds of u, S w and d = u - S w against each other (w itself when S is the identity)."""
    a, block = arithmetic, plan.blocks[b]
    delta = block.scale - plan.blocks[block.fine].scale
    f, g = block.fine, block.coarse
    lw, uw = picked(block, bounds.lo[g]), picked(block, bounds.hi[g])
    ld = a.maximum(bounds.lo[b], (bounds.lo[f] - uw) << delta)
    ud = a.minimum(bounds.hi[b], (bounds.hi[f] - lw) << delta)
    down, up = ld >> delta, -(-ud >> delta)
    lu, uu = a.maximum(bounds.lo[f], lw + down), a.minimum(bounds.hi[f], uw + up)
    changes = [(b, ld, ud), (f, lu, uu)]
    if block.sigma is None:
        changes.append((g, a.maximum(lw, lu - up), a.minimum(uw, uu - down)))
    for i, lo, hi in changes:
        if a.any_true(lo.differs(bounds.lo[i])):
            bounds.lo[i] = lo
        bounds.hi[i] = bounds.meet(a, lo, hi, plan.blocks[i].place)


def push_direct(state, b) -> None:
    """C . d = C . u - C . S w."""
    c = state.take_all(b)
    if c is None:
        return
    block = state.plan.blocks[b]
    c = c << (block.scale - state.plan.blocks[block.fine].scale)
    state.add(block.fine, c)
    state.add(block.coarse, -c if block.sigma is None else -scattered(state, block, c))


def scattered(state, block, c):
    """C S: coefficients on w from coefficients on S w."""
    if block.sigma is None:
        return c
    return state.a.fold(c, block.sigma, state.plan.blocks[block.coarse].size)


def owners(sigma):
    """The first row of S that picks each entry of w: these rows also carry w's own coefficient."""
    seen, out = set(), []
    for j in sigma:
        out.append(j >= 0 and j not in seen)
        seen.add(j)
    return out


def push_relu_pair(state, b) -> None:
    """The pair rule at d = relu(x) - S relu(y), with whatever the functional has on u and w there."""
    a, plan, bounds = state.a, state.plan, state.bounds
    block = plan.blocks[b]
    c = state.take_all(b)
    if c is None:
        return
    inner, rows = plan.blocks[block.inner], c.shape[0]
    delta = block.scale - plan.blocks[block.fine].scale
    cu, cw = state.take_all(block.fine), state.take_all(block.coarse)
    cu = a.zeros(rows, block.size) if cu is None else cu
    cw = a.zeros(rows, plan.blocks[block.coarse].size) if cw is None else cw

    # Entries without a coefficient on d, and those that sigma pairs with nothing, are not touched by the rule.
    here = c.differs(0)
    mine = cw
    if block.sigma is not None:
        paired, owns = (
            a.vector([int(i >= 0) for i in block.sigma]).row(),
            a.vector([int(o) for o in owners(block.sigma)]).row(),
        )
        alone = a.where(paired > 0, 0, c)
        cu = cu + (alone << delta)
        here = here & (paired > 0)
        mine = a.where(owns > 0, cw.columns([max(i, 0) for i in block.sigma]), 0)
    mine = a.where(here, mine, 0)
    left_w = cw - (mine if block.sigma is None else scattered(state, block, mine))
    au, cd = a.where(here, cu, 0), a.where(here, c, 0)
    if a.any_true((cu - au).differs(0)):
        state.add(block.fine, cu - au)
    if a.any_true(left_w.differs(0)):
        state.add(block.coarse, left_w)

    boxes = [
        (bounds.lo[inner.fine], bounds.hi[inner.fine]),
        (picked(block, bounds.lo[inner.coarse]), picked(block, bounds.hi[inner.coarse])),
        (bounds.lo[block.inner], bounds.hi[block.inner]),
    ]
    hint = state.hint(b)
    on_x, on_d, on_y, some = _known_slopes(state, au, cd, mine, boxes, here)
    if len(some[0]):
        leaf = a.owned(some, state.owner)
        x, y, d = ((l.at(leaf), u.at(leaf)) for l, u in boxes)
        shifted = cd.at(some) << delta
        alpha, beta = au.at(some) + shifted, mine.at(some) - shifted
        if hint is not None:
            slope_d, slope_y = hint[0].at(some), hint[1].at(some)
        else:
            slope_d, slope_y = _default_slopes(a, alpha, beta, x, y, d, delta)
        on_d, on_y = on_d.set(some, slope_d), on_y.set(some, slope_y)
        least, possible = intercept(a, alpha, beta, slope_d, slope_y, x, y, d, delta)
        if not a.all_true(possible):
            impossible = a.places(~possible, (1, least.shape[0]))[1]
            bounds.close([0 if state.owner is None else leaf[0][i] for i in impossible], inner.place, _NO_CELL)
            least = a.where(possible, least, 0)
        state.add_constant(a.zeros(*c.shape).set(some, least).row_sums())
    state.add(block.inner, on_d)
    state.add(inner.fine, on_x)
    state.add(inner.coarse, scattered(state, block, on_y))


_NO_CELL = "no sign cell is possible"


def _known_slopes(state, au, cd, mine, boxes, here):
    """(coefficients on x, on d, on y, the other places): exact where both signs are known and agree."""
    a = state.a
    (lx, ux), (ly, uy), _ = boxes
    both, none = (lx >= 0) & (ly >= 0), (lx < 0) & (ux <= 0) & (ly < 0) & (uy <= 0)
    on = a.spread(both, state.owner)
    on_d, on_x, on_y = a.where(on, cd, 0), a.where(on, au, 0), a.where(on, mine, 0)
    # The slopes on d and y of the other places are set by the rule; x is written through d and y there.
    some = a.places(a.spread(~(both | none), state.owner) & here, au.shape)
    return on_x, on_d, on_y, some


def _default_slopes(a, alpha, beta, x, y, d, delta):
    """(slopes on d, on y) of the closed form, entry by entry, where the signs are not known to agree."""
    (lx, ux), (ly, uy), (ld, ud) = x, y, d
    opposite = ((alpha > 0) & (beta < 0)) | ((alpha < 0) & (beta > 0))
    smaller = a.minimum(a.maximum(alpha, -alpha), a.maximum(beta, -beta))
    joint = a.where(opposite, a.where(alpha > 0, smaller, -smaller), 0)
    rest_x, rest_y = alpha - joint, beta + joint
    (x_low, x_high), (y_low, y_high) = _line_slopes(a, lx, ux), _line_slopes(a, ly, uy)
    d_low, d_high = _difference_slopes(a, ld, ud)
    p = a.where(rest_x >= 0, rest_x * x_low, rest_x * x_high) >> SLOPE_BITS
    q = a.where(rest_y >= 0, rest_y * y_low, rest_y * y_high) >> SLOPE_BITS
    open_x, open_y = (lx < 0) & (ux > 0), (ly < 0) & (uy > 0)
    # Both open, or both known and different.
    together = (open_x & open_y) | ~(open_x | open_y)
    p_joint = a.where(joint >= 0, joint * x_low, joint * x_high) >> SLOPE_BITS
    q_joint = a.where(joint <= 0, -joint * y_low, -joint * y_high) >> SLOPE_BITS
    pair = a.where(joint >= 0, joint * d_low, joint * d_high) >> SLOPE_BITS
    slope_d = (p + a.where(together, pair, p_joint)) >> delta
    slope_y = p + q + a.where(together, 0, p_joint + q_joint)
    return slope_d, slope_y


def _line_slopes(a, l, u):
    """(slope of the default lower line, slope of the upper line) of relu on [l, u]."""
    unstable = (l < 0) & (u > 0)
    on = a.where(l >= 0, 1 << SLOPE_BITS, 0)
    chord = a.quotient(u.positive_part() << SLOPE_BITS, a.where(unstable, u - l, 1))
    low = a.where(unstable, a.where(u > -l, 1 << SLOPE_BITS, 0), on)
    return low, a.where(unstable, chord, on)


def _difference_slopes(a, ld, ud):
    """(lower, upper) slopes in d of relu(x) - relu(y) when both signs are open, or differ."""
    crossing = (ld < 0) & (ud > 0)
    width = a.where(crossing, ud - ld, 1)
    low = a.quotient((-ld).positive_part() << SLOPE_BITS, width)
    high = a.quotient(ud.positive_part() << SLOPE_BITS, width)
    one = 1 << SLOPE_BITS
    low = a.where(crossing, low, a.where(ld >= 0, 0, one))
    return low, a.where(crossing, high, a.where(ld >= 0, one, 0))


def intercept(a, alpha, beta, on_d, on_y, x, y, d, delta):
    """(r of the pair rule, whether any sign cell is possible), entry by entry."""
    p = on_d << delta
    q = on_y - p
    least, possible = None, None
    for sx in (0, 1):
        for sy in (0, 1):
            lx, ux = _half(x, sx)
            ly, uy = _half(y, sy)
            open_ = (lx <= ux) & (ly <= uy) & (((lx - uy) << delta) <= d[1]) & (((ux - ly) << delta) >= d[0])
            c1 = alpha - p if sx else -p
            c2 = beta - q if sy else -q
            both = c1 + c2
            free = _inf(a, c1, lx, ux) + _inf(a, c2, ly, uy)
            on_c1 = _inf(a, both, ly, uy) + (_inf(a, c1, *d) >> delta)
            on_c2 = _inf(a, both, lx, ux) + (_inf(a, -c2, *d) >> delta)
            value = a.maximum(free, a.maximum(on_c1, on_c2))
            if least is None:
                least, possible = value, open_
            else:
                better = a.where(possible, a.minimum(least, value), value)
                least = a.where(open_, better, least)
                possible = possible | open_
    return least, possible


def _half(bounds, sign):
    """The part of [l, u] with x >= 0 (sign 1) or x <= 0 (sign 0)."""
    l, u = bounds
    return (l.positive_part(), u) if sign else (l, u.negative_part())


def _inf(a, c, l, u):
    """min over v in [l, u] of c v."""
    return a.minimum(c * l, c * u)
