"""One backward pass with free slopes, and the gradient of its bounds by one forward sweep of the adjoint.

Slopes are parameters relative to the coefficients, so that steps have no scale. At a relu with c >= 0 and an open sign
the slope is c s, s in [0, 1]; with c < 0 it is the chord, which is best. At a pair, with alpha and beta the
coefficients on relu(x) and relu(y) and m = |alpha| + |beta|,

    P = default_P(alpha, beta) + m delta_d,     T = default_T(alpha, beta) + m delta_y

for any deltas: at their best the bound is that of the LP over the convex hulls of the pairs. On a block with
multipliers, T = tau times a fixed scale.

By the envelope theorem the derivative of a bound by a slope is (value of the block on the dual trajectory) - (vertex
where the intercept is attained); the trajectory V_b is the derivative by the coefficient of block b, and grows from
the inputs on. Nothing here is rigorous, and nothing chooses parameters (slopes.py does).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from certify.networks.maps import Floats
from certify.provers.blocks import Block, BlockGraph
from certify.provers.forward import Bounds, picked, scattered
from certify.provers.hints import Hints
from certify.provers.linear import FlatHints, Owner, Pass, owners
from certify.provers.region import spread
from certify.provers.relax import Cells, Corners, PairLines, Split

# ("relu", block): s; ("d", block), ("y", block): deltas; ("times", block): tau. Each (rows, open columns or size).
Key = tuple[str, int]
Parameters = dict[Key, Floats]
S = TypeVar("S", bound=np.generic)

# Slopes further from the default than so many times the coefficients are no start for steps of their size.
MOST = 100.0


@dataclass
class _Relu:
    columns: NDArray[np.intp]
    factor: Floats
    negative: Floats
    free: Floats


@dataclass
class _Pair:
    columns: NDArray[np.intp]
    here: NDArray[np.bool_]
    on_alpha: tuple[Floats, Floats]
    on_beta: tuple[Floats, Floats]
    sizes: tuple[Floats, Floats]
    vertex: tuple[Floats, ...]


@dataclass
class _Record:
    relus: dict[int, _Relu] = field(default_factory=dict)
    pairs: dict[int, _Pair] = field(default_factory=dict)
    ends: dict[int, Floats] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)


class Sweep(Pass):
    """A pass with parameters; missing ones are made in ``parameters``, from ``start`` or as the default slopes.

    scales: for blocks with multipliers, the unit of each entry, (size,) or (rows, size), zero for none.
    start: hints to begin from, NaN for the default slope. out: where to write the hints of this pass.
    """

    def __init__(
        self,
        graph: BlockGraph,
        bounds: Bounds,
        owner: Owner,
        parameters: Parameters,
        scales: Mapping[int, Floats],
        *,
        heat: float = 0.0,
        start: FlatHints | None = None,
        out: Hints | None = None,
    ) -> None:
        super().__init__(graph, bounds, owner)
        self.heat = heat
        self._p, self._scales, self._start, self._out = parameters, scales, start, out
        self._record = _Record()
        self._times: dict[int, Floats] = {}

    def bound(self, rows: Mapping[int, Floats]) -> Floats:
        """The bounds (rows,) of flat rows on blocks."""
        for b, c in rows.items():
            self.add(b, c)
        for b, scale in self._scales.items():
            key = ("times", b)
            if key not in self._p:
                known = None if self._start is None else self._start.multipliers.get(b)
                shape = len(self.owner), self.graph.blocks[b].size
                self._p[key] = np.zeros(shape) if known is None else np.where(scale > 0, known, 0.0) / _whole(scale)
            self._times[b] = t = self._p[key] * scale
            self.multiply(b, t)
            if self._out is not None:
                self._out.multipliers[b] = t[None]
        return self.run()

    def _started(self, i: int) -> tuple[Floats, ...] | None:
        return None if self._start is None else self._start.slopes.get(i)

    # ---- the pass

    def _take(self, i: int, b: Block, c: Floats) -> None:
        self._record.taken.add(i)
        super()._take(i, b, c)

    def _ended(self, i: int, c: Floats) -> None:
        self._record.ends[i] = c

    def _relu(self, i: int, b: Block, c: Floats) -> None:
        line = self.line(b.source)
        columns = np.flatnonzero(line.open.any(axis=0))
        negative = (c < 0).astype(np.float64)
        factor = np.where(c < 0, spread(line.high, self.owner), spread(line.low, self.owner))
        some, open_ = c[:, columns], spread(line.open[:, columns], self.owner)
        key = ("relu", i)
        if key not in self._p:
            low = np.broadcast_to(spread(line.low[:, columns], self.owner), some.shape)
            begun = self._started(i)
            if begun is not None:
                at = _told(begun[0][:, columns] / np.where(some > 0, some, 1.0), low)
                low = np.where(some > 0, np.clip(at, 0, 1), low)
            self._p[key] = low.copy()
        factor[:, columns] = np.where((some >= 0) & open_, self._p[key], factor[:, columns])
        slope = c * factor
        fall = negative * spread(line.intercept, self.owner)
        self.constant += (c * fall).sum(axis=1)
        self._record.relus[i] = _Relu(columns, factor, fall, np.where(open_, np.maximum(some, 0), 0.0))
        if self._out is not None:
            self._out.slopes[i] = (slope[None],)
        self.add(b.source, slope)

    def _pair_relu(self, i: int, b: Block, c: Floats) -> None:
        inner = self.graph.blocks[b.inner]
        au, cd, mine, here = self.gathered(i, b, c)
        lines = self.pair_lines(i, b)
        alpha = cd if au is None else au + cd
        beta = -cd if mine is None else mine - cd
        columns = np.flatnonzero(~lines.agree.all(axis=0))
        # Exact where both signs are known and agree.
        on_d = alpha * spread(lines.x_on, self.owner)
        on_y = on_d + beta * spread(lines.y_on, self.owner)
        p, t, record = self._open(i, lines, columns, alpha[:, columns], beta[:, columns], here)
        on_d[:, columns], on_y[:, columns] = p, t
        if not here.all():
            on_d, on_y = np.where(here, on_d, 0.0), np.where(here, on_y, 0.0)
        self._record.pairs[i] = record
        if self._out is not None:
            self._out.slopes[i] = (on_d[None], on_y[None])
        self.add(b.inner, on_d)
        self._scatter(b, inner.coarse, on_y)

    def _scatter(self, b: Block, to: int, c: Floats) -> None:
        self.add(to, scattered(b, c, self.graph.blocks[to].size))

    def _open(
        self,
        i: int,
        lines: PairLines,
        columns: NDArray[np.intp],
        alpha: Floats,
        beta: Floats,
        here: NDArray[np.bool_],
    ) -> tuple[Floats, Floats, _Pair]:
        """The rule where a sign is open or they differ: the slopes P and T, and what the adjoint needs."""

        def near(v: NDArray[S]) -> NDArray[S]:
            return spread(v[:, columns], self.owner)

        x, y, d = ((near(l), near(u)) for l, u in lines.cell)
        at = Cells(
            x, y, d, near(lines.x.low), near(lines.x.high), near(lines.y.low), near(lines.y.high),
            near(lines.d_low), near(lines.d_high), near(lines.together),
        )  # fmt: skip
        s = Split.of(alpha, beta, at)
        p, t = s.slopes()
        live = here[:, columns] & ~near(lines.agree)
        # A slope on d moves the functional by d's width, one on y by y's: nearly equal networks want them apart.
        wide = np.maximum(x[1] - x[0], y[1] - y[0])
        ratio = np.minimum((d[1] - d[0]) / np.where(wide > 0, wide, 1.0), 1.0)
        m_d = np.where(live, np.abs(alpha) + np.abs(beta), 0.0)
        m_y = np.where(live, np.abs(alpha + beta) + ratio * m_d, 0.0)
        if ("d", i) not in self._p:
            begun = self._started(i)
            known = (p, t)
            if begun is not None:
                known = _told(begun[0][:, columns], p), _told(begun[1][:, columns], t)
                if self._start is not None and self._start.beyond:
                    alone = near(lines.x_on) * alpha
                    known = known[0] + alone, known[1] + alone + near(lines.y_on) * beta
            for name, default, slope, m in zip("dy", (p, t), known, (m_d, m_y), strict=True):
                off = np.where(m > 0, (slope - default) / np.where(m > 0, m, 1.0), 0.0)
                exact = self._start is not None and self._start.beyond
                self._p[name, i] = off if exact else np.clip(off, -MOST, MOST)
        delta_d, delta_y = self._p["d", i], self._p["y", i]
        p, t = p + m_d * delta_d, t + m_y * delta_y
        r, corner = self._corners(i, lines, columns).least(alpha, beta, p, t, self.heat * m_y * wide)
        self.constant += np.where(live, r, 0.0).sum(axis=1)
        smaller = np.abs(alpha) <= np.abs(beta)
        opposite = s.joint != 0
        by_alpha, by_beta = (opposite & smaller) * 1.0, (opposite & ~smaller) * -1.0
        one, two, sum_ = np.sign(alpha) * live, np.sign(beta) * live, np.sign(alpha + beta) * live
        on_d, on_y = s.fd - s.fx, s.fy + s.fo - s.fx
        return (
            p,
            t,
            _Pair(
                columns,
                here,
                (s.fx + on_d * by_alpha + one * delta_d, s.fx + on_y * by_alpha + (sum_ + ratio * one) * delta_y),
                (on_d * by_beta + two * delta_d, s.fy + on_y * by_beta + (sum_ + ratio * two) * delta_y),
                (m_d, m_y),
                tuple(np.where(live, v, 0.0) for v in corner),
            ),
        )

    def _corners(self, i: int, lines: PairLines, columns: NDArray[np.intp]) -> Corners:
        """The corners of the open pairs, one column for each, for each functional."""

        def make() -> Corners:
            x, y, d = ((l[:, columns], u[:, columns]) for l, u in lines.cell)
            return Corners.of(x, y, d)

        inner = self.graph.blocks[self.graph.blocks[i].inner]
        made = self.bounds.derived("corners", i, (inner.fine, inner.coarse, self.graph.blocks[i].inner), make)
        return made if len(self.bounds) == 1 else made.take(self.owner)

    # ---- the adjoint

    def gradient(self) -> Parameters:
        """The derivative of each row's bound by its parameters; after ``bound``."""
        out: Parameters = {}
        values: dict[int, Floats] = {}
        rows = len(self.owner)
        for i, b in enumerate(self.graph.blocks):
            if i in self._record.taken:
                self._value(i, b, values, out)
            elif b.kind == "relu" and b.source in values:
                values[i] = np.maximum(values[b.source], 0)
            if i in self._times:
                self._by_multiplier(i, values.get(i, np.zeros((rows, b.size))), out)
        return out

    def _value(self, i: int, b: Block, values: dict[int, Floats], out: Parameters) -> None:
        record = self._record
        if i in record.ends:
            c = record.ends[i]
            at = self.bounds.region.minimiser(c, self.owner) if b.kind == "input" and b.role == 0 else None
            values[i] = np.where(c >= 0, self.low(i), self.high(i)) if at is None else at
        elif b.kind in ("affine", "pair-affine"):
            v = np.zeros((len(self.owner), b.size))
            if b.bias is not None:
                v += b.bias
            for p in b.pieces:
                if p.scalar:
                    v += p.map.apply(values[p.source]) * p.scalar
            values[i] = v
        elif b.kind == "relu":
            r = record.relus[i]
            z = values[b.source]
            values[i] = r.factor * z + r.negative
            out["relu", i] = r.free * z[:, r.columns]
        elif b.kind == "pair-relu":
            self._pair_value(i, b, values, out)
        else:
            values[i] = values[b.fine] - picked(b, values[b.coarse])

    def _pair_value(self, i: int, b: Block, values: dict[int, Floats], out: Parameters) -> None:
        r, lines = self._record.pairs[i], self.pair_lines(i, b)
        v_d, v_y = values[b.inner], picked(b, values[self.graph.blocks[b.inner].coarse])
        by_alpha = spread(lines.x_on, self.owner) * (v_d + v_y)
        by_beta = spread(lines.y_on, self.owner) * v_y
        at_d, at_y, relu_x, relu_y = r.vertex
        by_p, by_t = v_d[:, r.columns] - at_d, v_y[:, r.columns] - at_y
        out["d", i], out["y", i] = by_p * r.sizes[0], by_t * r.sizes[1]
        by_alpha[:, r.columns] = relu_x + by_p * r.on_alpha[0] + by_t * r.on_alpha[1]
        by_beta[:, r.columns] = relu_y + by_p * r.on_beta[0] + by_t * r.on_beta[1]
        here = r.here
        if here.all():
            values[b.fine] = by_alpha
        else:
            values[b.fine] = np.where(here, by_alpha, values.get(b.fine, np.zeros_like(by_alpha)))
        before = values.get(b.coarse)
        if before is None:
            before = np.zeros((len(self.owner), self.graph.blocks[b.coarse].size))
        if b.sigma is None:
            values[b.coarse] = np.where(here, by_beta, before)
            values[i] = np.where(here, by_alpha - by_beta, values[b.fine] - values[b.coarse])
            return
        owned = np.flatnonzero(owners(b.sigma))
        after = before.copy()
        at = b.sigma[owned]
        after[:, at] = np.where(here[:, owned], by_beta[:, owned], before[:, at])
        values[b.coarse] = after
        values[i] = np.where(here, by_alpha - by_beta, values[b.fine] - picked(b, after))

    def _by_multiplier(self, i: int, value: Floats, out: Parameters) -> None:
        t = self._times[i]
        lo, hi = self.low(i), self.high(i)
        # At zero both ends are subgradients; the trajectory inside its bounds is the one to stay at.
        end = np.where(t > 0, lo, np.where(t < 0, hi, np.clip(value, lo, hi)))
        out["times", i] = (end - value) * self._scales[i]


def _whole(scale: Floats) -> Floats:
    """Units to divide by: 1 for entries without one."""
    out: Floats = np.where(scale > 0, scale, 1.0)
    return out


def _told(start: Floats, default: Floats) -> Floats:
    """A start, with defaults where it is not a number."""
    return np.where(np.isnan(start), default, start)
