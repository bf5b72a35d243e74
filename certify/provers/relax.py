"""Linear lower bounds of ReLU terms: one neuron, and a pair of neurons with a bounded difference.

For one neuron: c relu(x) >= p x + r on [l, u]. For a pair: alpha relu(x) + beta relu(y) >= P d + T y + r on
{x in [lx,ux], y in [ly,uy], d = x - y in [ld,ud]}, for any slopes, with r by sign cells (specs/rules.md#difference).
Everything is entrywise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from certify.networks.maps import Floats

# Rounding of bounds, relative.
ROOM = 1e-12

Interval = tuple[Floats, Floats]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Line:
    """The default lines of relu on [l, u]: slopes below (0 or 1) and above (the chord), and the chord's intercept."""

    low: Floats
    high: Floats
    intercept: Floats
    open: Mask

    @staticmethod
    def of(l: Floats, u: Floats) -> Line:
        unstable = (l < 0) & (u > 0)
        on = (l >= 0).astype(np.float64)
        chord = np.maximum(u, 0) / np.where(unstable, u - l, 1.0)
        low = np.where(unstable, u > -l, on)
        return Line(low, np.where(unstable, chord, on), np.where(unstable, -chord * l, 0.0), unstable)


def line_intercept(c: Floats, p: Floats, l: Floats, u: Floats) -> Floats:
    """min over x in [l, u] of c relu(x) - p x."""
    least = np.minimum(c * np.maximum(l, 0) - p * l, c * np.maximum(u, 0) - p * u)
    return np.where((l < 0) & (u > 0), np.minimum(least, 0), least)


@dataclass(frozen=True, eq=False)
class PairLines:
    """The default slopes of a pair: lines of relu(x) and relu(y), and of relu(x) - relu(y) in d (low, high).

    agree: both signs are known and the same, so that the pair is exact; together: both are open or they differ, where
    the difference takes its lines in d.
    """

    x: Line
    y: Line
    d_low: Floats
    d_high: Floats
    x_on: Mask
    y_on: Mask
    agree: Mask
    together: Mask
    cell: tuple[Interval, Interval, Interval]

    @staticmethod
    def of(x: Interval, y: Interval, d: Interval) -> PairLines:
        a, b = Line.of(*x), Line.of(*y)
        low, high = _difference_slopes(*d)
        x_on, y_on, known = x[0] >= 0, y[0] >= 0, ~(a.open | b.open)
        agree = known & (x_on == y_on)
        return PairLines(a, b, low, high, x_on, y_on, agree, (a.open & b.open) | (known & ~agree), (x, y, d))

    @cached_property
    def factors(self) -> Floats:
        """(12, L * size): what ``default_pair`` multiplies by."""
        x, y, d, both = self.x, self.y, self.cell[2], self.together
        crossing = (d[0] < 0) & (d[1] > 0)
        rise = np.where(crossing, -d[0] * d[1] / np.where(crossing, d[1] - d[0], 1.0), 0.0)
        made = (
            x.low, x.high, x.intercept, y.low, y.high, y.intercept,
            np.where(both, self.d_low, x.low), np.where(both, self.d_high, x.high),
            np.where(both, 0.0, x.low - y.high), np.where(both, 0.0, x.high - y.low),
            np.where(both, rise, y.intercept), np.where(both, rise, x.intercept),
        )  # fmt: skip
        return np.stack([v.ravel() for v in made])


def _difference_slopes(ld: Floats, ud: Floats) -> Interval:
    crossing = (ld < 0) & (ud > 0)
    width = np.where(crossing, ud - ld, 1.0)
    low = np.where(crossing, -ld / width, np.where(ld >= 0, 0.0, 1.0))
    return low, np.where(crossing, ud / width, np.where(ld >= 0, 1.0, 0.0))


def default_pair(alpha: Floats, beta: Floats, lines: PairLines, places: NDArray[np.intp]) -> tuple[Floats, ...]:
    """(P, T, r) at flat places of (L, size): the default slopes, and the sum of the intercepts of their parts.

    The rule's own intercept is no smaller, and seldom larger: each part touches its line on the pair's polygon.
    """
    x_low, x_high, x_rise, y_low, y_high, y_rise, p_up, p_down, t_up, t_down, r_up, r_down = np.take(
        lines.factors, places, axis=1
    )
    # joint = up - down, and one of the two is zero.
    up, down = np.maximum(np.minimum(alpha, -beta), 0), np.maximum(np.minimum(-alpha, beta), 0)
    joint = up - down
    rest_x, rest_y = alpha - joint, beta + joint
    above_x, above_y = np.maximum(rest_x, 0), np.maximum(rest_y, 0)
    rest_x -= above_x
    rest_y -= above_y
    t = above_x * x_low + rest_x * x_high
    p = t + up * p_up - down * p_down
    t += above_y * y_low + rest_y * y_high + up * t_up - down * t_down
    return p, t, rest_x * x_rise + rest_y * y_rise - up * r_up - down * r_down


@dataclass(frozen=True, eq=False)
class Cells:
    """Pairs at chosen places: their bounds, and the factors of their default slopes."""

    x: Interval
    y: Interval
    d: Interval
    x_low: Floats
    x_high: Floats
    y_low: Floats
    y_high: Floats
    d_low: Floats
    d_high: Floats
    together: Mask


@dataclass(frozen=True, eq=False)
class Split:
    """alpha relu(x) + beta relu(y) parted into joint (relu(x) - relu(y)) and rests, with the factors of each part.

    P = fx rest_x + fd joint and T = fx rest_x + fy rest_y + fo joint.
    """

    joint: Floats
    rest_x: Floats
    rest_y: Floats
    fx: Floats
    fy: Floats
    fd: Floats
    fo: Floats

    @staticmethod
    def of(alpha: Floats, beta: Floats, at: Cells) -> Split:
        opposite = alpha * beta < 0
        smaller = np.minimum(np.abs(alpha), np.abs(beta))
        joint = np.where(opposite, np.where(alpha > 0, smaller, -smaller), 0.0)
        rest_x, rest_y = alpha - joint, beta + joint
        up = joint >= 0
        fx, fy = np.where(rest_x >= 0, at.x_low, at.x_high), np.where(rest_y >= 0, at.y_low, at.y_high)
        single_x, single_y = np.where(up, at.x_low, at.x_high), np.where(up, at.y_high, at.y_low)
        fd = np.where(at.together, np.where(up, at.d_low, at.d_high), single_x)
        fo = np.where(at.together, 0.0, single_x - single_y)
        return Split(joint, rest_x, rest_y, fx, fy, fd, fo)

    def slopes(self) -> tuple[Floats, Floats]:
        """(P, T): the default slopes on d and on y."""
        p = self.fx * self.rest_x
        return p + self.fd * self.joint, p + self.fy * self.rest_y + self.fo * self.joint


def pair_intercept(
    alpha: Floats, beta: Floats, on_d: Floats, on_y: Floats, x: Interval, y: Interval, d: Interval
) -> Floats:
    """r for the slopes P = on_d on d and T = on_y on y."""
    p, q = on_d, on_y - on_d
    least = np.full(alpha.shape, np.inf)
    for sx in (0, 1):
        for sy in (0, 1):
            lx, ux, ly, uy, open_ = _sign_cell(sx, sy, x, y, d)
            c1, c2 = (alpha - p if sx else -p), (beta - q if sy else -q)
            both = c1 + c2
            value = np.maximum(
                _inf(c1, lx, ux) + _inf(c2, ly, uy),
                np.maximum(_inf(both, ly, uy) + _inf(c1, *d), _inf(both, lx, ux) + _inf(-c2, *d)),
            )
            least = np.where(open_, np.minimum(least, value), least)
    # A pair whose bounds cross by rounding has no open cell: any finite value is as good.
    return np.where(np.isfinite(least), least, 0.0)


def _sign_cell(sx: int, sy: int, x: Interval, y: Interval, d: Interval) -> tuple[Floats, Floats, Floats, Floats, Mask]:
    lx, ux = (np.maximum(x[0], 0), x[1]) if sx else (x[0], np.minimum(x[1], 0))
    ly, uy = (np.maximum(y[0], 0), y[1]) if sy else (y[0], np.minimum(y[1], 0))
    # Bounds of x, y and d that meet in one point may miss each other by rounding.
    room = ROOM * (np.abs(x[0]) + np.abs(x[1]) + np.abs(y[0]) + np.abs(y[1]))
    return lx, ux, ly, uy, (lx <= ux) & (ly <= uy) & (lx - uy <= d[1] + room) & (ux - ly >= d[0] - room)


def _inf(c: Floats, l: Floats, u: Floats) -> Floats:
    return np.minimum(c * l, c * u)


@dataclass(frozen=True, eq=False)
class Corners:
    """The corners (K, ..., n) of the sign cells of pairs and relu of x and y there; used: 1, or 0 for padding.

    A functional that is linear on every cell has its minimum over the pair's polygon at one of them.
    """

    d: Floats
    y: Floats
    relu_x: Floats
    relu_y: Floats
    used: Floats

    @staticmethod
    def of(x: Interval, y: Interval, d: Interval) -> Corners:
        zero = np.zeros_like(x[0])
        xs, ys, ds = (x[0], x[1], zero), (y[0], y[1], zero), d
        points = [(a, b, a - b) for a in xs for b in ys]
        points += [(a, a - c, c) for a in xs for c in ds] + [(b + c, b, c) for b in ys for c in ds]
        at_x, at_y, at_d = (np.stack(v) for v in zip(*points, strict=True))

        def within(v: Floats, bounds: Interval) -> Mask:
            room = ROOM * (np.abs(bounds[0]) + np.abs(bounds[1]))
            return (v >= bounds[0] - room) & (v <= bounds[1] + room)

        fits = within(at_x, x) & within(at_y, y) & within(at_d, d)
        # Feasible corners first; a pair whose bounds cross by rounding has none and takes whatever comes.
        order = np.argsort(~fits, axis=0, kind="stable")
        count = np.maximum(fits.sum(axis=0), 1)
        most = int(count.max(initial=1))
        number = np.arange(most).reshape(-1, *[1] * zero.ndim)
        slot = np.minimum(number, count - 1)
        chosen = np.take_along_axis(order, slot, axis=0)
        at_x, at_y, at_d = (np.take_along_axis(v, chosen, axis=0) for v in (at_x, at_y, at_d))
        return Corners(at_d, at_y, np.maximum(at_x, 0), np.maximum(at_y, 0), (number < count).astype(np.float64))

    def take(self, rows: NDArray[np.intp]) -> Corners:
        """The corners (K, rows, n) of the pairs of these regions."""
        return Corners(*(v[:, rows] for v in (self.d, self.y, self.relu_x, self.relu_y, self.used)))

    def least(
        self, alpha: Floats, beta: Floats, on_d: Floats, on_y: Floats, heat: Floats | float
    ) -> tuple[Floats, tuple[Floats, Floats, Floats, Floats]]:
        """The minimum of alpha relu(x) + beta relu(y) - P d - T y, and (d, y, relu(x), relu(y)) where it is.

        With heat > 0 the place is the mean of the corners under weights exp(-excess / heat): at a tie, which the
        default slopes always are, no single corner says which way is up.
        """
        value = alpha * self.relu_x
        value += beta * self.relu_y
        value -= on_d * self.d
        value -= on_y * self.y
        least = value.min(axis=0)
        value -= least
        value /= -np.maximum(heat, 1e-300)
        np.exp(value, out=value)
        value *= self.used
        value /= value.sum(axis=0)
        d, y, rx, ry = ((value * v).sum(axis=0) for v in (self.d, self.y, self.relu_x, self.relu_y))
        return least, (d, y, rx, ry)
