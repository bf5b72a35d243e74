"""Kind *gain* against exact simulation in Fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import scipy.linalg
from bundles import word_of_both
from statement_vectors import gain

from certify.statements.bundle import certificate
from certify.statements.exact import exact
from certify.statements.factor import Factor, factor

TESTED_RULES = ("gain",)


def verdict(files, folder) -> str:
    return word_of_both(files, folder)


@pytest.mark.parametrize("name", gain.accept())
def test_accepted(tmp_path, name):
    assert verdict(gain.accept()[name], tmp_path) == "accepted"


@pytest.mark.parametrize("name", gain.reject())
def test_rejected_for_its_reason(tmp_path, name):
    assert verdict(gain.reject()[name], tmp_path) == name.split("--")[0]


def energies(system, inputs) -> tuple[Fraction, Fraction]:
    """The sums of |y|^2 and |u|^2 from rest, exactly."""
    a, b, c, d = (np.vectorize(Fraction, otypes=[object])(m) for m in system)
    x, out, into = np.array([Fraction(0)] * a.shape[0], dtype=object), Fraction(0), Fraction(0)
    for row in inputs:
        u = np.array([Fraction(float(v)) for v in row], dtype=object)
        y = c @ x + d @ u
        out, into, x = out + (y * y).sum(), into + (u * u).sum(), a @ x + b @ u
    return out, into


def peak(system) -> tuple[float, float]:
    """The largest gain on a grid of frequencies, and its frequency."""
    a, b, c, d = system
    grid = np.linspace(0, np.pi, 400)
    gains = [np.linalg.norm(c @ np.linalg.solve(np.exp(1j * w) * np.eye(len(a)) - a, b) + d, 2) for w in grid]
    return max(gains), float(grid[int(np.argmax(gains))])


def claim(system, limit: float, folder) -> str:
    a, b, c, d = system
    n, m = b.shape
    x = scipy.linalg.solve_discrete_are(a, b, c.T @ c + 1e-9 * np.eye(n), d.T @ d - limit**2 * np.eye(m), s=c.T @ d)
    x = (x + x.T) / 2
    ex = exact(x)
    big = exact(np.diag([0.0] * n + [Fraction(limit) ** 2] * m))
    low = exact(np.vstack([np.eye(n), np.zeros((m, n))]))
    ab, cd = exact(np.hstack([a, b])), exact(np.hstack([c, d]))
    form = big + low @ ex @ low.T - ab.T @ ex @ ab - cd.T @ cd
    none = [Factor([0] * k, [0] * (k * (k + 1) // 2)) for k in (n, n + m)]
    hints = [factor(ex) or none[0], factor(form) or none[1]]
    of = {"continuous": 0, "systems": [a, b, c, d], "limit": Fraction(limit)}
    low_limit = of | {"limit": Fraction(limit) * Fraction(9, 10)}
    (folder / "low").mkdir()
    assert verdict(certificate("gain", low_limit, [x, *hints]).files, folder / "low") == "not-positive"
    return verdict(certificate("gain", of, [x, *hints]).files, folder)


@pytest.mark.parametrize("seed", range(12))
def test_what_is_accepted_holds_for_exact_inputs_and_a_smaller_gain_is_not(tmp_path, seed):
    r = np.random.default_rng(seed)
    n, m, p = (int(v) for v in r.integers(1, 4, 3))
    a = r.integers(-8, 9, (n, n)) / 8
    a = a * 2.0 ** -np.ceil(np.log2(max(1.25 * abs(np.linalg.eigvals(a)).max(), 1e-3)))
    system = a, r.integers(-3, 4, (n, m)) * 1.0, r.integers(-3, 4, (p, n)) * 1.0, r.integers(-1, 2, (p, m)) * 1.0
    top, w = peak(system)
    limit = 1.01 * top + 0.001
    assert claim(system, limit, tmp_path) == "accepted"
    square = Fraction(limit) ** 2
    for _ in range(5):
        out, into = energies(system, r.integers(-5, 6, (12, m)))
        assert out <= square * into
    waves = np.round(np.cos(w * np.arange(20))[:, None] * r.integers(-3, 4, m) * 64) / 64
    out, into = energies(system, waves)
    assert out <= square * into
