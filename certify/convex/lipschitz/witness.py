"""The lower end of a gain: two inputs, and their quotient in exact arithmetic.

Inside a region where no neuron changes sign the network is affine, so a short step along the top singular vector of its
matrix attains the matrix's norm. The search moves a point to where that norm is larger; it proves nothing, the replay
does.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.convex.lipschitz.chain import Chain
from certify.kernel.arithmetic import fast
from certify.kernel.exact import Matrix, diagonal
from certify.networks.maps import Floats
from certify.numbers import root_below
from certify.statements.exact import exact

STARTS = 24
CLIMBS = 25


@dataclass(frozen=True, eq=False)
class Witness:
    """Inputs x and y, float64 as they are, and |f(x) - f(y)|^2 / |x - y|^2 exactly."""

    x: Floats
    y: Floats
    square: Fraction

    @property
    def gain(self) -> Fraction:
        """A rational just below the quotient."""
        return root_below(self.square)


def find(chain: Chain, seconds: float, seed: int = 0, box: tuple[Floats, Floats] | None = None) -> Witness | None:
    """The best pair found within about ``seconds``; box: both inputs lie in it, strictly where it has an inside."""
    rng = np.random.default_rng(seed)
    deadline = time.perf_counter() + seconds
    best: tuple[float, Floats, Floats] | None = None
    for k in range(STARTS):
        x = _start(chain, rng, k, box)
        tau = 1.0
        for _ in range(CLIMBS):
            value, v, slope, size = _local(chain, x, tau)
            if best is None or value > best[0]:
                best = (value, x, v)
            length = float(np.linalg.norm(slope))
            if length == 0 or time.perf_counter() > deadline:
                break
            x = _inside(x + 0.3 * size * slope / length, box)
            tau *= 0.85
        if time.perf_counter() > deadline:
            break
    return None if best is None else _replayed(chain, best[1], best[2], box)


def _start(chain: Chain, rng: np.random.Generator, k: int, box: tuple[Floats, Floats] | None) -> Floats:
    if box is not None:
        share = rng.uniform(0.02, 0.98, chain.n_in) if k else np.full(chain.n_in, 0.5)
        return np.asarray(box[0] + share * (box[1] - box[0]))
    scale = 10.0 ** rng.uniform(-1, 1.5)
    return np.asarray((rng.random(chain.n_in) if k % 2 else rng.standard_normal(chain.n_in)) * scale)


def _inside(x: Floats, box: tuple[Floats, Floats] | None) -> Floats:
    if box is None:
        return x
    margin = 1e-3 * (box[1] - box[0])
    return np.clip(x, box[0] + margin, box[1] - margin)


def _local(chain: Chain, x: Floats, tau: float) -> tuple[float, Floats, Floats, float]:
    """The norm of the matrix at x, its top right singular vector, where to move x, and the size of x.

    A neuron whose sign would raise the norm pulls x by how much it would, less the further off it is.
    """
    weights, slopes = chain.weights, chain.per_layer
    h, m = x, np.eye(len(x))
    before: list[tuple[Floats, Floats, Floats]] = []
    for w, b, s in zip(weights[:-1], chain.biases[:-1], slopes, strict=True):
        z, m = w @ h + _column(b), w @ m
        d = np.where(z > 0, s[:, 1], s[:, 0])
        before.append((z, m, d))
        h, m = d * z, d[:, None] * m
    j = weights[-1] @ m
    values, left = np.linalg.eigh(j @ j.T if len(j) <= j.shape[1] else j.T @ j)
    v = j.T @ left[:, -1] if len(j) <= j.shape[1] else left[:, -1]
    v = v / max(float(np.linalg.norm(v)), 1e-300)
    back = j @ v @ weights[-1]
    move = np.zeros(len(x))
    for k in range(len(before) - 1, -1, -1):
        z, m, d = before[k]
        worth = back * (m @ v) * (slopes[k][:, 1] - slopes[k][:, 0])
        width = tau * float(np.sqrt(np.mean(z * z))) + 1e-300
        near = 1 / np.cosh(np.clip(z / width, -30, 30)) ** 2
        move += (worth * near / width) @ m
        back = (back * d) @ weights[k]
    return float(np.sqrt(max(values[-1], 0.0))), v, move, float(np.linalg.norm(x)) or 1.0


def _column(b: Matrix) -> Floats:
    from certify.statements.exact import floats

    return floats(b)[:, 0]


def _replayed(chain: Chain, x: Floats, v: Floats, box: tuple[Floats, Floats] | None) -> Witness | None:
    """The best of some step lengths, exactly."""
    found: list[Witness] = []
    size = max(float(np.abs(x).max()), 1e-3)
    for k in (10, 16, 22, 28):
        # Few bits, so that x, y and their difference are short integers.
        grid = 2.0 ** (np.floor(np.log2(size)) - k - 14)
        a = np.rint(x / grid) * grid
        for sign in (1, -1):
            b = a + sign * np.rint(v * 2.0**14) * grid
            if box is not None and not (_within(a, box) and _within(b, box)):
                continue
            square = quotient(chain, a, b)
            if square is not None:
                found.append(Witness(a, b, square))
            break
    return max(found, key=lambda w: w.square, default=None)


def _within(x: Floats, box: tuple[Floats, Floats]) -> bool:
    return bool(np.all(box[0] <= x) and np.all(x <= box[1]))


def quotient(chain: Chain, x: Floats, y: Floats) -> Fraction | None:
    """|f(x) - f(y)|^2 / |x - y|^2 for the functions max(alpha s, beta s), exactly; None for equal inputs."""
    a, b = exact(x).T, exact(y).T
    below = _squared(a - b)
    if below == 0:
        return None
    return _squared(value(chain, a) - value(chain, b)) / below


def value(chain: Chain, x: Matrix) -> Matrix:
    """The chain at a column, exactly: slope beta above zero, alpha below."""
    h = x
    for w, b, s in zip(chain.matrices[:-1], chain.biases[:-1], chain.per_layer, strict=True):
        z = w @ h + b
        up, down = Matrix(fast, z.n.positive_part(), z.den), Matrix(fast, z.n.negative_part(), z.den)
        h = up if np.all(s == (0, 1)) else diagonal(exact(s[:, 1])) @ up + diagonal(exact(s[:, 0])) @ down
    out: Matrix = chain.matrices[-1] @ h + chain.biases[-1]
    return out


def _squared(x: Matrix) -> Fraction:
    return Fraction(sum(int(v) ** 2 for v in x.n.tolist()), x.den**2)
