"""Search for an input where a quantity is large; what is found is evaluated again in exact arithmetic.

A pool of samples and corners picks the functionals worth following; projected ascent follows them from several
starts; vertex moves and coordinate flips polish the best point. All of that is batched float64 and may be wrong;
a Witness is not: its point lies exactly in the domain and its value is the exact quantity there. No bound here
says that nothing larger exists.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from certify.claims import Quantity
from certify.networks.evaluate import activations, gradient
from certify.networks.maps import Floats

# (functionals followed, starts for each, steps): broad first, then deep where it pays.
ROUNDS = ((32, 1, 20), (8, 8, 30), (4, 24, 40))
# The same for one hop, and how many of them in vain are enough.
HOP = (3, 24, 30)
PATIENCE = 12
POOL = 32
VERTEX_MOVES = 3
FLIP_COORDINATES = 64
ALL_VERTICES = 8
# Floats of node values that one batch may hold, twice over with gradients: about 100 MB.
_BATCH_FLOATS = 6_000_000


@dataclass(frozen=True, eq=False)
class Witness:
    """A point of the domain and the exact quantity there.

    part: the part x lies in; x (n,), x2 (n,) the independent input x' where a network reads one: float64 entries
    that mean exactly themselves; value: the quantity, exact (its lower end where constants are enclosed).
    """

    part: int
    x: Floats
    x2: Floats | None
    value: Fraction


def falsify(
    q: Quantity, part: int, *, seed: int = 0, seconds: float = 5.0, starts: Floats | None = None, attempts: int = 1
) -> Witness | None:
    """The best witness found on one part; None when no float64 point of the part is found.

    starts: (k, n) further starting points, such as minimisers of relaxations; they are pulled into the part.
    attempts: searches from scratch; each ends at its own peak, and peaks differ by several percent.
    Free nodes all read the one x' of the witness. Deterministic in ``seed`` unless the seconds run out.
    """
    deadline = time.perf_counter() + seconds
    found: list[Witness | None] = []
    for k in range(attempts):
        search = _Search(q, part, np.random.default_rng([seed, part, k] if k else [seed, part]), deadline)
        search.fill_pool(starts)
        for functionals, restarts, steps in ROUNDS:
            search.ascend(functionals, restarts, steps)
        search.flip()
        search.hop()
        found.append(search.best())
        if time.perf_counter() > deadline:
            break
    return largest(found)


def falsify_union(q: Quantity, *, seed: int = 0, seconds: float = 5.0) -> list[Witness | None]:
    """The best witness of each part, the seconds shared evenly among the parts that remain."""
    end = time.perf_counter() + seconds
    out: list[Witness | None] = []
    for k in range(q.domain.parts):
        share = max(0.0, end - time.perf_counter()) / (q.domain.parts - k)
        out.append(falsify(q, k, seed=seed, seconds=share))
    return out


def largest(witnesses: Sequence[Witness | None]) -> Witness | None:
    """The witness of the union: the largest value found on any part."""
    return max((w for w in witnesses if w is not None), key=lambda w: w.value, default=None)


@dataclass(frozen=True, eq=False)
class _Points:
    """A batch of inputs (x, x') with the parts of x', and what the networks and the quantity make of them."""

    x: Floats
    x2: Floats | None
    parts2: NDArray[np.intp] | None
    on_f: list[Floats]
    on_g: list[Floats] | None
    value: Floats

    def pick(self, index: NDArray[np.intp]) -> tuple[Floats, Floats | None, NDArray[np.intp] | None]:
        """Some of the inputs."""
        return (
            self.x[index],
            None if self.x2 is None else self.x2[index],
            None if self.parts2 is None else self.parts2[index],
        )


class _Search:
    """The state of one run on one part: the pool, and the best points so far."""

    def __init__(self, q: Quantity, part: int, rng: np.random.Generator, deadline: float) -> None:
        self._q, self._part, self._rng, self._deadline = q, part, rng, deadline
        self._two = any(net is not None and net.second_input is not None for net in (q.f, q.g))
        self._kept: list[tuple[float, Floats, Floats | None, int]] = []
        rows = [_dense(r.on_f, r.on_g, q.m) for r in q.rows(part)]
        self._rows_f, self._rows_g = (np.concatenate([r[side] for r in rows]) for side in (0, 1))
        nodes = [sum(n.size for n in net.nodes) for net in (q.f, q.g) if net is not None]
        self._batch = max(4, _BATCH_FLOATS // (sum(nodes) + 4 * q.domain.n))
        self._pool: _Points | None = None

    def _late(self) -> bool:
        return time.perf_counter() > self._deadline

    def _evaluate(self, x: Floats, x2: Floats | None, parts2: NDArray[np.intp] | None) -> _Points:
        """Values of a batch that fits in memory; the best of it is remembered."""
        q = self._q
        on_f = activations(q.f, x, x2)
        on_g = None if q.g is None else activations(q.g, x, x2)
        out_g = None if on_g is None or q.g is None else on_g[q.g.output]
        value = q.evaluate(on_f[q.f.output], out_g, self._part)
        k = int(value.argmax())
        if not self._kept or value[k] > self._kept[-1][0]:
            second = (None, 0) if x2 is None or parts2 is None else (x2[k].copy(), int(parts2[k]))
            # The best few in case the very best is not exactly in the domain.
            self._kept = sorted([*self._kept, (float(value[k]), x[k].copy(), *second)], key=lambda v: -v[0])[:3]
        return _Points(x, x2, parts2, on_f, on_g, value)

    def _second(self, count: int) -> tuple[Floats | None, NDArray[np.intp] | None]:
        """Random x' anywhere in X."""
        if not self._two:
            return None, None
        parts = self._rng.integers(0, self._q.domain.parts, count).astype(np.intp)
        return self._q.domain.geometry(parts).sample(self._rng), parts

    def fill_pool(self, starts: Floats | None) -> None:
        """The centre, given starts, random points and random best vertices; all corners of a small box."""
        domain = self._q.domain
        count = min(POOL, self._batch // 2)
        g = domain.geometry(np.full(count, self._part))
        found = [domain.centre(self._part)[None], g.sample(self._rng), g.corner(self._rng)]
        if starts is not None and len(starts):
            found.insert(1, np.asarray(starts, dtype=np.float64).reshape(-1, domain.n)[:count])
        if domain.norm == "linf" and int((g.lo[0] < g.hi[0]).sum()) <= ALL_VERTICES:
            found.append(domain.vertices(self._part)[: self._batch])
        x = np.concatenate(found)
        x = domain.geometry(np.full(len(x), self._part)).pull_in(x)
        self._pool = self._evaluate(x, *self._second(len(x)))

    def _scores(self, points: _Points) -> Floats:
        """The value of every functional at a batch (batch, rows)."""
        q = self._q
        scores: Floats = points.on_f[q.f.output] @ self._rows_f.T
        if q.g is not None and points.on_g is not None:
            scores = scores + points.on_g[q.g.output] @ self._rows_g.T
        return scores

    def ascend(self, functionals: int, restarts: int, steps: int) -> None:
        """Follow the most promising functionals from the pool's best points, the best so far, and random ones."""
        if self._pool is None or self._late():
            return
        scores = self._scores(self._pool)
        rows = np.argsort(-scores.max(axis=0), kind="stable")[:functionals]
        order = np.argsort(-scores[:, rows], axis=0, kind="stable")
        # Starts alternate between good points of the pool and fresh samples; row r's s-th start is entry (s, r).
        picks = order[np.arange(restarts) % len(order)].ravel()
        x, x2, parts2 = self._pool.pick(picks)
        x = x.copy()
        kind = np.arange(len(x)) // len(rows) % 3
        g = self._q.domain.geometry(np.full(len(x), self._part))
        # A third of the starts are fresh; a third are the best point with some coordinates drawn anew.
        drawn = g.sample(self._rng)
        anew = self._rng.random(x.shape) < self._rng.uniform(0.02, 0.4, (len(x), 1))
        # Around the best point, and around others of the pool: peaks are many.
        near = self._pool.x[self._rng.choice(np.argsort(-self._pool.value, kind="stable")[:POOL], len(x))]
        near[::2] = self._kept[0][1]
        mixed = g.pull_in(np.where(anew, g.corner(self._rng), near))
        x = np.where((kind == 1)[:, None], drawn, np.where((kind == 2)[:, None], mixed, x))
        followed = np.tile(rows, restarts)
        if restarts > 1:
            x[0] = self._kept[0][1]
        for i in range(0, len(x), self._batch):
            piece = slice(i, i + self._batch)
            second = None if x2 is None else x2[piece]
            self._follow(x[piece], second, None if parts2 is None else parts2[piece], followed[piece], steps)

    def _follow(
        self, x: Floats, x2: Floats | None, parts2: NDArray[np.intp] | None, rows: NDArray[np.intp], steps: int
    ) -> None:
        """Steps of shrinking size, then vertex moves; the best points enter the pool of later rounds."""
        here = self._q.domain.geometry(np.full(len(x), self._part))
        there = None if parts2 is None else self._q.domain.geometry(parts2)
        best_x, best_x2 = x, x2
        best = np.full(len(x), -np.inf)
        points = self._evaluate(x, x2, parts2)
        for step in range(steps + VERTEX_MOVES):
            better = points.value > best
            best = np.where(better, points.value, best)
            best_x = np.where(better[:, None], points.x, best_x)
            if points.x2 is not None and best_x2 is not None:
                best_x2 = np.where(better[:, None], points.x2, best_x2)
            if self._late():
                break
            # A norm is reached through its coordinates first: followed from the start it stops at the nearest peak.
            up, up2 = self._gradients(points, rows, whole_norm=2 * step >= steps)
            if step < steps:
                size = 1.5 * 0.02 ** (step / steps)
                moved = here.step(points.x, up, size)
                moved2 = None if there is None or points.x2 is None else there.step(points.x2, up2, size)
            else:
                # The functional is piecewise linear: its maximum is often a vertex along the gradient.
                moved = here.vertex(up, points.x)
                moved2 = None if there is None or points.x2 is None else there.vertex(up2, points.x2)
            points = self._evaluate(moved, moved2, parts2)
        self._enrich(best_x, best_x2, parts2, best)

    def _enrich(self, x: Floats, x2: Floats | None, parts2: NDArray[np.intp] | None, value: Floats) -> None:
        """The best ends of a round replace the pool's corners, so that the next round starts from them."""
        assert self._pool is not None
        top = np.argsort(-value, kind="stable")[:POOL]
        old = np.argsort(-self._pool.value, kind="stable")[: 2 * POOL]
        px, px2, pparts = self._pool.pick(old)
        x2 = None if x2 is None or px2 is None else np.concatenate([x2[top], px2])
        parts2 = None if parts2 is None or pparts is None else np.concatenate([parts2[top], pparts])
        x = np.concatenate([x[top], px])[: self._batch]
        cut = slice(len(x))
        self._pool = self._evaluate(x, None if x2 is None else x2[cut], None if parts2 is None else parts2[cut])

    def _gradients(self, points: _Points, rows: NDArray[np.intp], whole_norm: bool) -> tuple[Floats, Floats]:
        """The gradient, for x and x', of each point's functional; of an l1 or l2 norm itself if asked."""
        q = self._q
        on_f, on_g = self._rows_f[rows], self._rows_g[rows]
        if whole_norm and q.kind == "value" and q.norm != "linf":
            on_f = self._norm_direction(points)
            on_g = -on_f
        if q.kind == "least":
            on_f, on_g = self._least_direction(points)
        up, up2 = gradient(q.f, points.on_f, on_f)
        if q.g is not None and points.on_g is not None:
            more, more2 = gradient(q.g, points.on_g, on_g)
            up, up2 = up + more, up2 + more2
        return up, up2

    def _least_direction(self, points: _Points) -> tuple[Floats, Floats]:
        """The row that is least at each point; for every other point a mean of rows that are nearly so.

        The steepest row alone zigzags along the edge where two are equal.
        """
        q = self._q
        gaps = q.gaps(points.on_f[q.f.output], None if q.g is None or points.on_g is None else points.on_g[q.g.output])
        above = gaps - gaps.min(axis=1, keepdims=True)
        weights = np.exp(-above / np.maximum(0.2 * above.mean(axis=1, keepdims=True), 1e-300))
        weights[::2] = above[::2] == 0
        weights /= weights.sum(axis=1, keepdims=True)
        k = len(q.limits)
        return weights @ self._rows_f[:k], weights @ self._rows_g[:k]

    def _norm_direction(self, points: _Points) -> Floats:
        """The steepest functional of the l1 or l2 norm at each point, through the mean if that is taken out."""
        q = self._q
        plus = self._rows_f[: q.m]
        d = self._scores(points)[:, : q.m]
        d = np.sign(d) if q.norm == "l1" else d / np.maximum(np.linalg.norm(d, axis=1, keepdims=True), 1e-300)
        # Exactly zero differences have no direction of their own: any will do to leave the plateau.
        d = np.where(np.any(d != 0, axis=1, keepdims=True), d, 1.0)
        return np.asarray(d @ plus)

    def flip(self) -> None:
        """Move single coordinates of the best point to their ends while that helps; boxes of few coordinates."""
        lo, hi = self._q.domain.inner(self._part)
        free = np.flatnonzero(lo < hi)
        if self._q.domain.norm != "linf" or not 0 < len(free) <= min(FLIP_COORDINATES, self._batch // 2):
            return
        while not self._late():
            value, x, x2, part2 = self._kept[0]
            trial = np.repeat(x[None], 2 * len(free), axis=0)
            trial[np.arange(len(free)), free] = lo[free]
            trial[len(free) + np.arange(len(free)), free] = hi[free]
            second = None if x2 is None else np.repeat(x2[None], len(trial), axis=0)
            self._evaluate(trial, second, None if second is None else np.full(len(trial), part2, dtype=np.intp))
            if self._kept[0][0] <= value:
                return

    def hop(self) -> None:
        """Follow from the best point with some coordinates drawn anew, again and again, until that stops helping."""
        misses = 0
        while misses < PATIENCE and self._kept and not self._late():
            before = self._kept[0][0]
            self.ascend(*HOP)
            if self._kept[0][0] > before:
                self.flip()
            gain = self._kept[0][0] - before
            misses = 0 if gain > 1e-4 * abs(before) else misses + 1

    def best(self) -> Witness | None:
        """The best point that lies exactly in the domain, with its exact value."""
        domain = self._q.domain
        for _, x, x2, _ in self._kept:
            if domain.contains(x, self._part) and (x2 is None or domain.contains(x2)):
                return Witness(self._part, x, x2, self._q.value_at(x, x2, self._part)[0])
        return None


def _dense(on_f: Floats | None, on_g: Floats | None, m: int) -> tuple[Floats, Floats]:
    """Both sides of some functionals, zeros where a side has none."""
    some = on_f if on_f is not None else on_g
    assert some is not None
    zero = np.zeros((len(some), m))
    return (zero if on_f is None else on_f), (zero if on_g is None else on_g)
