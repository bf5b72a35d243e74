"""The difference zonotope is a fair opponent: sound on random networks, and exact where nothing is open."""

from itertools import pairwise

import numpy as np
import pytest

from tests.benchmarks.zonotope import difference_bounds


def pair(rng, sizes, near):
    """Layers of a random network and of one with weights changed by up to about ``near``."""
    f = [(rng.normal(size=(m, n)), rng.normal(size=m)) for n, m in pairwise(sizes)]
    g = [(W + near * rng.normal(size=W.shape), b + near * rng.normal(size=b.shape)) for W, b in f]
    return f, g


def run(layers, X):
    for k, (W, b) in enumerate(layers):
        X = X @ W.T + b
        if k < len(layers) - 1:
            X = np.maximum(X, 0)
    return X


@pytest.mark.parametrize("seed", range(40))
def test_sampled_differences_lie_within_the_zonotopes_bounds(seed):
    rng = np.random.default_rng(seed)
    f, g = pair(rng, [3, *[6] * (1 + seed % 3), 4], [0.0, 0.01, 0.3, 3.0][seed % 4])
    centre, radius = rng.normal(size=3), rng.choice([0.05, 0.5, 2.0])
    lo, hi = centre - radius * rng.random(3), centre + radius
    low, high = difference_bounds(f, g, lo, hi)
    X = np.concatenate([rng.uniform(lo, hi, (2000, 3)), np.where(rng.random((500, 3)) < 0.5, lo, hi)])
    d = run(f, X) - run(g, X)
    slack = 1e-9 * (1 + np.abs(d).max())
    assert np.all(low <= d.min(axis=0) + slack)
    assert np.all(d.max(axis=0) <= high + slack)


def test_affine_networks_get_their_exact_difference():
    rng = np.random.default_rng(7)
    (f,), (g,) = pair(rng, [5, 3], 0.5)
    lo, hi = -rng.random(5), rng.random(5)
    low, high = difference_bounds([f], [g], lo, hi)
    W, b = f[0] - g[0], f[1] - g[1]
    np.testing.assert_allclose(low, np.minimum(W * lo, W * hi).sum(axis=1) + b, atol=1e-12)
    np.testing.assert_allclose(high, np.maximum(W * lo, W * hi).sum(axis=1) + b, atol=1e-12)


def test_networks_without_open_neurons_get_their_exact_difference():
    rng = np.random.default_rng(8)
    f, g = pair(rng, [4, 6, 3], 0.1)
    f, g = ([(W, b), (V, c)] for (W, b), (V, c) in (f, g))
    for net in (f, g):
        net[0] = (net[0][0], np.where(np.arange(6) < 3, 100.0, -100.0))
    lo, hi = -np.ones(4), np.ones(4)
    low, high = difference_bounds(f, g, lo, hi)
    active = np.arange(6) < 3
    W = f[1][0] @ (f[0][0] * active[:, None]) - g[1][0] @ (g[0][0] * active[:, None])
    b = (f[1][0] - g[1][0]) @ (100.0 * active) + f[1][1] - g[1][1]
    np.testing.assert_allclose(high, np.abs(W).sum(axis=1) + b, atol=1e-9)
    np.testing.assert_allclose(low, -np.abs(W).sum(axis=1) + b, atol=1e-9)
