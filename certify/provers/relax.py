"""Linear lower bounds of ReLU terms: one neuron, and a pair of neurons with a bounded difference.

For one neuron: c relu(x) >= p x + r on [l, u]. For a pair: alpha relu(x) + beta relu(y) >= p x + q y + r on
{x in [lx,ux], y in [ly,uy], x - y in [ld,ud]}, for any slopes, with r by sign cells (specs/rules.md#difference).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from certify.networks.maps import Floats

Interval = tuple[Floats, Floats]


def relu_line(c: Floats, l: Floats, u: Floats) -> tuple[Floats, Floats]:
    """(slope, intercept), both (rows, n): exact where the sign is known, else chord above and 0 or 1 below."""
    unstable = (l < 0) & (u > 0)
    width = np.where(unstable, u - l, 1.0)
    chord = np.where(unstable, u / width, l >= 0)
    below = np.where(unstable, u > -l, l >= 0)
    slope = np.where(c >= 0, c * below, c * chord)
    least = np.minimum(np.minimum(-slope * l, (c - slope) * u), 0.0)
    return slope, np.where(unstable, least, 0.0)


def pair_slopes(
    au: Floats, cd: Floats, mine: Floats, x: Interval, y: Interval, d: Interval
) -> tuple[Floats, Floats, Floats, NDArray[np.intp]]:
    """Coefficients on x, on d = x - y and on y (rows, n), and the columns that need an intercept.

    The functional is au relu(x) + cd (relu(x) - relu(y)) + mine relu(y). Exact where both signs are known.
    """
    (lx, ux), (ly, uy), (ld, ud) = x, y, d
    x_on, y_on = lx >= 0, ly >= 0
    known = (x_on | (ux <= 0)) & (y_on | (uy <= 0))
    both = x_on & y_on
    on_d = np.where(both, cd, 0.0)
    on_x = np.where(both, au, np.where(x_on, au + cd, 0.0))
    on_y = np.where(both, mine, np.where(y_on, mine - cd, 0.0))
    unstable = np.flatnonzero(~known)
    if not len(unstable):
        return on_x, on_d, on_y, unstable
    lx, ux, ly, uy, ld, ud = (v[unstable] for v in (lx, ux, ly, uy, ld, ud))
    alpha, beta = (au + cd)[:, unstable], (mine - cd)[:, unstable]
    joint = np.where(alpha * beta < 0, np.sign(alpha) * np.minimum(np.abs(alpha), np.abs(beta)), 0.0)
    rest_x, rest_y = alpha - joint, beta + joint
    (x_low, x_high), (y_low, y_high) = _line_slopes(lx, ux), _line_slopes(ly, uy)
    d_low, d_high = _difference_slopes(ld, ud)
    p = np.where(rest_x >= 0, rest_x * x_low, rest_x * x_high)
    q = np.where(rest_y >= 0, rest_y * y_low, rest_y * y_high)
    together = (lx < 0) & (ux > 0) & (ly < 0) & (uy > 0)
    p_joint = np.where(joint >= 0, joint * x_low, joint * x_high)
    q_joint = np.where(joint <= 0, -joint * y_low, -joint * y_high)
    pair = np.where(joint >= 0, joint * d_low, joint * d_high)
    on_x[:, unstable] = 0.0
    on_d[:, unstable] = p + np.where(together, pair, p_joint)
    on_y[:, unstable] = p + q + np.where(together, 0.0, p_joint + q_joint)
    return on_x, on_d, on_y, unstable


def _line_slopes(l: Floats, u: Floats) -> Interval:
    unstable = (l < 0) & (u > 0)
    on = (l >= 0).astype(np.float64)
    chord = np.maximum(u, 0) / np.where(unstable, u - l, 1.0)
    return np.where(unstable, u > -l, on).astype(np.float64), np.where(unstable, chord, on)


def _difference_slopes(ld: Floats, ud: Floats) -> Interval:
    crossing = (ld < 0) & (ud > 0)
    width = np.where(crossing, ud - ld, 1.0)
    low = np.where(crossing, -ld / width, np.where(ld >= 0, 0.0, 1.0))
    return low, np.where(crossing, ud / width, np.where(ld >= 0, 1.0, 0.0))


def pair_intercept(
    alpha: Floats, beta: Floats, on_d: Floats, on_y: Floats, x: Interval, y: Interval, d: Interval
) -> Floats:
    """r for the slopes p = on_d, q = on_y - on_d, entrywise (rows, n)."""
    p, q = on_d, on_y - on_d
    least = np.full(alpha.shape, np.inf)
    for sx in (0, 1):
        for sy in (0, 1):
            lx, ux = (np.maximum(x[0], 0), x[1]) if sx else (x[0], np.minimum(x[1], 0))
            ly, uy = (np.maximum(y[0], 0), y[1]) if sy else (y[0], np.minimum(y[1], 0))
            open_ = (lx <= ux) & (ly <= uy) & (lx - uy <= d[1]) & (ux - ly >= d[0])
            if not open_.any():
                continue
            c1, c2 = (alpha - p if sx else -p), (beta - q if sy else -q)
            both = c1 + c2
            value = np.maximum(
                _inf(c1, lx, ux) + _inf(c2, ly, uy),
                np.maximum(_inf(both, ly, uy) + _inf(c1, *d), _inf(both, lx, ux) + _inf(-c2, *d)),
            )
            least = np.where(open_, np.minimum(least, value), least)
    # A column whose bounds cross by rounding has no open cell: any finite value is as good.
    return np.where(np.isfinite(least), least, 0.0)


def _inf(c: Floats, l: Floats, u: Floats) -> Floats:
    return np.minimum(c * l, c * u)
