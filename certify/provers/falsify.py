"""Search for an input where a quantity is large: samples, corners, projected gradient ascent.

The search is float64; what it returns has been evaluated in exact arithmetic at a point that lies exactly in the
domain.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.claims import Quantity, centres
from certify.networks.evaluate import activations, gradient
from certify.networks.maps import Floats


@dataclass(frozen=True, eq=False)
class Witness:
    """A point of the domain and the exact quantity there.

    part: the part x lies in; x (n,), x2 (n,) the independent input x' where the claim has one, float64 entries that
    mean exactly
    themselves; value: the quantity, exact (a lower end where scales are inexact).
    """

    part: int
    x: Floats
    x2: Floats | None
    value: Fraction


def falsify(
    q: Quantity, part: int, *, seed: int = 0, restarts: int = 4, steps: int = 40, seconds: float = 5.0,
    starts: Floats | None = None,
) -> Witness | None:  # fmt: skip
    """The best witness found on one part, or None when no candidate lies exactly in the domain.

    starts: (k, n) further starting points, such as minimisers of relaxations. Deterministic in ``seed`` unless time
    runs out.
    """
    search = _Search(q, part, np.random.default_rng([seed, part]))
    deadline = time.perf_counter() + seconds
    search.consider(np.concatenate([centres(q.domain)[part : part + 1], search.sample(64)]))
    if starts is not None:
        search.consider(starts)
    search.ascend(restarts, steps, deadline, starts)
    return search.best()


class _Search:
    """Candidates of one part, with the best few kept."""

    def __init__(self, q: Quantity, part: int, rng: np.random.Generator) -> None:
        self._q, self._part, self._rng = q, part, rng
        self._low, self._high = q.domain.bounds(part)
        self._two = any(net is not None and net.second_input is not None for net in (q.f, q.g))
        self._kept: list[tuple[float, Floats, Floats | None]] = []

    def _inside(self, x: Floats) -> Floats:
        return self._q.domain.geometry(np.full(len(x), self._part)).pull_in(x)

    def sample(self, count: int) -> Floats:
        return self._q.domain.geometry(np.full(count, self._part)).sample(self._rng)

    def _sample2(self, count: int) -> Floats:
        """x' anywhere in X."""
        d = self._q.domain
        which = self._rng.integers(0, d.parts, count)
        return np.concatenate([d.sample(self._rng, 1, int(k)) for k in which])

    def consider(self, x: Floats, x2: Floats | None = None) -> None:
        """Evaluate candidates and keep the best few."""
        x = self._inside(x)
        if self._two and x2 is None:
            x2 = self._sample2(len(x))
        f = self._q.f(x, x2)
        g = None if self._q.g is None else self._q.g(x, x2)
        values = self._q.evaluate(f, g, self._part)
        for i in np.argsort(-values)[:3]:
            self._kept.append((float(values[i]), x[i], None if x2 is None else x2[i]))
        self._kept = sorted(self._kept, key=lambda k: -k[0])[:6]

    def ascend(self, restarts: int, steps: int, deadline: float, starts: Floats | None) -> None:
        """Projected sign-gradient ascent on every functional at once, from random and given starts."""
        rows = self._rows()
        count = len(rows[0])
        x = self.sample(count * restarts)
        if starts is not None and len(starts):
            x[:count] = starts[np.arange(count) % len(starts)]
        x[count : 2 * count] = self._kept[0][1]
        on_f, on_g = (np.tile(r, (restarts, 1)) for r in rows)
        x2 = self._sample2(len(x)) if self._two else None
        width = self._high - self._low
        for step in range(steps):
            if time.perf_counter() > deadline:
                break
            up, up2 = self._gradients(x, x2, on_f, on_g)
            if step % 4 == 3 or step > steps - 4:
                # The functional is piecewise linear: its maximum over a box is often a corner along the gradient.
                corner = np.where(up > 0, self._high, np.where(up < 0, self._low, x))
                self.consider(corner, x2)
                if step > steps - 8:
                    x = self._inside(corner)
                    continue
            rate = 0.25 * (1 - step / steps) + 0.01
            x = self._inside(x + rate * width * np.sign(up))
            if x2 is not None:
                low, high = self._q.domain.hull()
                moved = np.clip(x2 + rate * (high - low) * np.sign(up2), low, high)
                keep = np.array([self._q.domain.contains(v) for v in moved])
                x2 = np.where(keep[:, None], moved, x2)
            self.consider(x, x2)

    def _rows(self) -> tuple[Floats, Floats]:
        """All functionals as (rows on f, rows on g)."""
        on_f, on_g = [], []
        for r in self._q.rows(self._part):
            n = len(r.on_f if r.on_f is not None else r.on_g)  # type: ignore[arg-type]
            zero = np.zeros((n, self._q.m))
            on_f.append(zero if r.on_f is None else r.on_f)
            on_g.append(zero if r.on_g is None else r.on_g)
        return np.concatenate(on_f), np.concatenate(on_g)

    def _gradients(self, x: Floats, x2: Floats | None, on_f: Floats, on_g: Floats) -> tuple[Floats, Floats]:
        up, up2 = np.zeros_like(x), np.zeros_like(x)
        for net, rows in ((self._q.f, on_f), (self._q.g, on_g)):
            if net is not None:
                a, b = gradient(net, activations(net, x, x2), rows)
                up, up2 = up + a, up2 + b
        return up, up2

    def best(self) -> Witness | None:
        """Replay the kept candidates in exact arithmetic; the largest that lies exactly in the domain."""
        out: Witness | None = None
        for _, x, x2 in self._kept[:3]:
            member = self._member(x)
            if member is None or (x2 is not None and not self._q.domain.contains(x2)):
                continue
            value = replay(self._q, self._part, member, x2)
            if out is None or value > out.value:
                out = Witness(self._part, member, x2, value)
        return out

    def _member(self, x: Floats) -> Floats | None:
        """x itself, or a point a little nearer the centre, that lies exactly in the part."""
        middle = centres(self._q.domain)[self._part]
        for t in (0.0, 1e-15, 1e-12, 1e-9, 1e-6, 1.0):
            moved: Floats = x + t * (middle - x)
            if self._q.domain.contains(moved, self._part):
                return moved
        return None


def replay(q: Quantity, part: int, x: Floats, x2: Floats | None = None) -> Fraction:
    """The exact quantity at a point; with inexact scales, a lower bound of it over their enclosures."""
    return q.value_at(x, x2, part)[0]
