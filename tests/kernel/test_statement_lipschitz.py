"""Kinds *lipschitz*, *difference-gain* and *local-lipschitz*: the forms that are checked, and what accepted claims say.

The oracle is Fractions: of the S-procedure's inequality at random vectors, and of networks at random pairs of inputs.
"""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from certify.certificate import check
from certify.kernel.arithmetic import fast, pure
from certify.kernel.exact import Matrix
from certify.kernel.statements import difference_gain, lipschitz, local_lipschitz
from certify.kernel.verdict import Rejected
from certify.statements.bundle import certificate
from certify.statements.exact import exact
from certify.statements.factor import factor

TESTED_RULES = ("lipschitz", "difference-gain", "local-lipschitz")
SEEDS = range(8)
Rows = list[list[Fraction]]


def matrix(rows: Rows, arithmetic=fast) -> Matrix:
    den = 1
    for v in (v for row in rows for v in row):
        den *= v.denominator
    return Matrix(arithmetic, arithmetic.matrix([[int(v * den) for v in row] for row in rows]), den)


def rows(m: Matrix) -> Rows:
    n, flat = m.shape[1], [Fraction(v, m.den) for v in m.n.tolist()]
    return [flat[i : i + n] for i in range(0, len(flat), n)]


def draw(rng: random.Random, r: int, c: int, zeros: bool = False) -> Rows:
    return [[Fraction(rng.randint(-6, 6), rng.choice((1, 2, 3))) * (not zeros) for _ in range(c)] for _ in range(r)]


def dot(a, b) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))


def apply(m: Rows, x) -> list[Fraction]:
    return [dot(row, x) for row in m]


def form(m: Rows, x) -> Fraction:
    return dot(x, apply(m, x))


class Recorded:
    """Evidence that keeps the matrices which the kernel wants positive, and accepts them all."""

    def __init__(self, matrices) -> None:
        self.matrices, self.forms = matrices, []

    def matrix(self, k):
        return self.matrices[k]

    def positive(self, m, first, place) -> None:
        self.forms.append(rows(m))


@pytest.mark.parametrize("arithmetic", [fast, pure])
@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_each_form_is_the_inequality_of_its_step(seed, relu, arithmetic) -> None:
    rng = random.Random(seed)
    sizes = [rng.randint(1, 3) for _ in range(rng.randint(3, 5))]
    layers = [draw(rng, n, m) for m, n in pairwise(sizes)]
    hidden = sum(sizes[1:-1])
    slopes = [[Fraction(0), Fraction(1)] for _ in range(hidden)] if relu else draw(rng, hidden, 2)
    t = [abs(v) for v in draw(rng, 1, hidden)[0]]
    limit = Fraction(rng.randint(1, 9), rng.randint(1, 4))
    storages = [draw(rng, n, n) for n in sizes[1:-2]]
    e = Recorded([matrix([t], arithmetic), *(matrix(x, arithmetic) for x in storages)])
    lipschitz.gain([matrix(w, arithmetic) for w in layers], matrix(slopes, arithmetic), limit, e)
    assert len(e.forms) == len(layers) - 1
    last = layers[-1]
    before, start = None, 0
    for k, (w, checked) in enumerate(zip(layers[:-1], e.forms, strict=True)):
        n, m = len(w), len(w[0])
        h = draw(rng, 1, n)[0]
        own = range(start, start + n)
        # Eliminated: the input where the inequality is least.
        pulled = [
            sum((w[i][j] * t[start + i] * sum(slopes[start + i]) * h[i] for i in range(n)), Fraction(0))
            for j in range(m)
        ]
        gone = len(checked) == n and before is None and not any(t[i] * slopes[i][0] * slopes[i][1] for i in own)
        u = [v / limit**2 for v in pulled] if gone else draw(rng, 1, m)[0]
        z = apply(w, u)
        held = [
            (h[i - start] - slopes[i][0] * z[i - start]) * (slopes[i][1] * z[i - start] - h[i - start]) for i in own
        ]
        after = dot(apply(last, h), apply(last, h)) if k == len(layers) - 2 else form(storages[k], h)
        size = limit**2 * dot(u, u) if before is None else form(before, u)
        left = size - after - 2 * sum((t[i] * p for i, p in zip(own, held, strict=True)), Fraction(0))
        assert form(checked, h if gone else u + h) == (limit**2 * left if gone else left)
        before, start = None if k == len(layers) - 2 else storages[k], start + n


def relu(x):
    return [max(v, Fraction(0)) for v in x]


def network(layers, biases, x, slopes=None):
    """Slope beta above zero and alpha below; relu without slopes."""
    start = 0
    for w, b in zip(layers[:-1], biases[:-1], strict=True):
        z = [v + c for v, c in zip(apply(w, x), b, strict=True)]
        own = [(Fraction(0), Fraction(1))] * len(w) if slopes is None else slopes[start : start + len(w)]
        x = [v * (s[1] if v > 0 else s[0]) for v, s in zip(z, own, strict=True)]
        start += len(w)
    return [v + c for v, c in zip(apply(layers[-1], x), biases[-1], strict=True)]


def proved(kind, of, layers, slopes, t, storages) -> bool:
    """Whether the kernel accepts the claim with the best hints that are found."""

    class Sought(Recorded):
        def __init__(self) -> None:
            super().__init__([matrix([t]), *(matrix(x) for x in storages)])
            self.hints = []

        def positive(self, m, first, place) -> None:
            found = factor(m)
            if found is None:
                raise Rejected("not-positive", place, "")
            self.hints.append(found)

    e = Sought()
    try:
        lipschitz.gain(layers, slopes, of["limit"], e)
    except Rejected:
        return False
    evidence = [np.array(m, dtype=object) for m in ([t], *storages)]
    return check(certificate(kind, of, [*evidence, *e.hints])).verdict == "accepted"


@pytest.mark.parametrize("seed", range(3))
def test_what_is_accepted_holds_for_pairs_of_inputs(seed) -> None:
    rng = random.Random(seed)
    layers = [draw(rng, 3, 2), draw(rng, 2, 3)]
    slopes = [[Fraction(rng.choice((0, 0, 1)), 4), Fraction(1)] for _ in range(3)]
    arrays = [np.array(w, dtype=object) for w in layers]
    t = [Fraction(rng.randint(20, 60)) for _ in range(3)]
    low, high = 1, 1 << 10
    # The least limit of these multipliers, to a unit.
    while high - low > 1:
        middle = (low + high) // 2
        of = {"layers": arrays, "slopes": np.array(slopes, dtype=object), "limit": Fraction(middle, 8)}
        good = proved("lipschitz", of, [exact(w) for w in arrays], exact(of["slopes"]), t, [])
        low, high = (low, middle) if good else (middle, high)
    limit = Fraction(high, 8)
    assert high < 1 << 10
    largest = Fraction(0)
    for _ in range(300):
        biases = [draw(rng, 1, 3)[0], draw(rng, 1, 2)[0]]
        x, y = draw(rng, 1, 2)[0], draw(rng, 1, 2)[0]
        if x != y:
            out = [
                a - b
                for a, b in zip(network(layers, biases, x, slopes), network(layers, biases, y, slopes), strict=True)
            ]
            largest = max(
                largest,
                dot(out, out)
                / dot([a - b for a, b in zip(x, y, strict=True)], [a - b for a, b in zip(x, y, strict=True)]),
            )
    assert 0 < largest <= limit**2


@pytest.mark.parametrize("arithmetic", [fast, pure])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_difference_is_the_two_networks_side_by_side(seed, arithmetic, monkeypatch) -> None:
    rng = random.Random(seed)
    depth = rng.randint(2, 4)
    ends = rng.randint(1, 3), rng.randint(1, 2)
    f, g = ([ends[0], *(rng.randint(1, 3) for _ in range(depth - 1)), ends[1]] for _ in range(2))
    nets = [[draw(rng, n, m) for m, n in pairwise(sizes)] for sizes in (f, g)]
    slopes = [draw(rng, sum(sizes[1:-1]), 2) for sizes in (f, g)]
    seen = {}
    monkeypatch.setattr(difference_gain, "gain", lambda layers, s, limit, e: seen.update(layers=layers, slopes=s))
    names = ("layers_f", "slopes_f", "layers_g", "slopes_g")
    of = dict(zip(names, (nets[0], slopes[0], nets[1], slopes[1]), strict=True))
    made = {k: [matrix(w, arithmetic) for w in v] if "layers" in k else matrix(v, arithmetic) for k, v in of.items()}
    difference_gain.check(made | {"limit": Fraction(1)}, None)
    layers, both = [rows(w) for w in seen["layers"]], rows(seen["slopes"])
    x = draw(rng, 1, ends[0])[0]
    none = [[Fraction(0)] * len(w) for w in layers]
    apart = [network(n, [[Fraction(0)] * len(w) for w in n], x, s) for n, s in zip(nets, slopes, strict=True)]
    assert network(layers, none, x, both) == [a - b for a, b in zip(*apart, strict=True)]


@pytest.mark.parametrize("arithmetic", [fast, pure])
@pytest.mark.parametrize("seed", SEEDS)
def test_slopes_on_a_box_are_those_of_every_pair_in_it(seed, arithmetic) -> None:
    rng = random.Random(seed)
    sizes = [rng.randint(1, 3) for _ in range(4)]
    layers = [draw(rng, n, m) for m, n in pairwise(sizes)]
    biases = [draw(rng, 1, n)[0] for n in sizes[1:]]
    low = draw(rng, 1, sizes[0])[0]
    high = [v + abs(w) / 4 for v, w in zip(low, draw(rng, 1, sizes[0])[0], strict=True)]

    def column(v):
        return matrix([[w] for w in v], arithmetic)

    found = rows(
        local_lipschitz.slopes(
            [matrix(w, arithmetic) for w in layers], [column(b) for b in biases], column(low), column(high)
        )
    )
    assert all(a in (0, 1) and b in (0, 1) for a, b in found)
    for _ in range(20):
        pair = [
            [a + (b - a) * Fraction(rng.randint(0, 8), 8) for a, b in zip(low, high, strict=True)] for _ in range(2)
        ]
        start = 0
        for w, b in zip(layers[:-1], biases[:-1], strict=True):
            z = [[v + c for v, c in zip(apply(w, x), b, strict=True)] for x in pair]
            pair = [relu(v) for v in z]
            for i in range(len(w)):
                s, d = z[0][i] - z[1][i], pair[0][i] - pair[1][i]
                alpha, beta = found[start + i]
                assert (d - alpha * s) * (beta * s - d) >= 0
            start += len(w)


def test_a_neuron_is_fixed_up_to_zero_and_not_beyond() -> None:
    def found(low, high):
        ends = [matrix([[Fraction(v)]]) for v in (low, high)]
        one = [matrix([[Fraction(1)]])] * 2
        return rows(local_lipschitz.slopes(one, [matrix([[Fraction(0)]])] * 2, *ends))[0]

    tiny = Fraction(1, 1 << 80)
    assert found(0, 1) == [1, 1]
    assert found(-tiny, 1) == [0, 1]
    assert found(-1, 0) == [0, 0]
    assert found(-1, tiny) == [0, 1]
