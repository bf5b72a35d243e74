"""Chains of 1,000 states: lumping against the observed error, and stationary means of walks that mix slowly."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np

import certify as ct
from tests.benchmarks.matrices import peers
from tests.benchmarks.matrices.figures import Figure, medians, short

STATES, BLOCKS, NOISE = 1000, 10, 0.01
# Chance to stay in a block before anything else: how slowly the macro chain mixes.
STAYS = (0.0, 0.5, 0.9, 0.99)
HEIGHTS = (0, 5, 20, 60)


def nearly(blocks: int, stay: float) -> tuple[np.ndarray, np.ndarray]:
    """A chain that is lumpable but for a noise of rows: laws on blocks, spread over their states at random."""
    r, index = np.random.default_rng(0), np.arange(STATES) * blocks // STATES
    macro, inner = r.random((blocks, blocks)) ** 3, r.random((STATES, STATES))
    macro = (1 - stay) * macro / macro.sum(axis=1, keepdims=True) + stay * np.eye(blocks)
    for k in range(blocks):
        inner[:, index == k] /= inner[:, index == k].sum(axis=1, keepdims=True)
    noise = r.random((STATES, blocks))
    rows = (1 - NOISE) * macro[index] + NOISE * noise / noise.sum(axis=1, keepdims=True)
    return inner * rows[:, index], index


def walk(height: float) -> tuple[np.ndarray, np.ndarray]:
    """A walk between two wells, exp(2 height) steps apart, and its positions; height 0: a plain walk."""
    x = np.linspace(0, 1, STATES)
    u = height * np.cos(4 * np.pi * x) + 0.3 * height * x
    p, k = np.zeros((STATES, STATES)), np.arange(STATES - 1)
    p[k, k + 1] = np.minimum(1, np.exp(u[:-1] - u[1:])) / 2
    p[k + 1, k] = np.minimum(1, np.exp(u[1:] - u[:-1])) / 2
    np.fill_diagonal(p, 1 - p.sum(axis=1))
    return p, x


def figures(repeats: int) -> list[Figure]:
    out = []
    for stay in STAYS:
        out.append(_lumped(f"lumping to {BLOCKS} blocks, stay {stay:g}", *nearly(BLOCKS, stay), repeats))
    for blocks in (3, 50, 200):
        out.append(_lumped(f"lumping to {blocks} blocks, stay 0", *nearly(blocks, 0.0), repeats))
    p, index = nearly(BLOCKS, 0.0)
    whole = np.rint(p * 10**6).astype(int)
    whole[np.arange(STATES), whole.argmax(axis=1)] += 10**6 - whole.sum(axis=1)
    rational = np.array([[Fraction(int(v), 10**6) for v in row] for row in whole], dtype=object)
    out.append(_lumped(f"lumping to {BLOCKS} blocks, Fractions", rational, index, repeats))
    for height in HEIGHTS:
        out += _slow(height, repeats)
    return out


def _lumped(name: str, p: np.ndarray, index: np.ndarray, repeats: int) -> Figure:
    spent, r = medians(lambda: ct.lump(p, index), repeats)
    ratio = r.bound / r.details["observed"]["searched"]
    said = f"TV <= {r.bound:.4g}, {ratio:.1f} x observed; {_times(spent)}"
    met = ratio < 5 and max(spent.values()) < 5
    return Figure(name, "5 x, 5 s and 5 s", said, met)


def _times(spent: dict[str, float]) -> str:
    return f"search {short(spent['search'])}, check {short(spent['check'])}"


def _slow(height: float, repeats: int) -> list[Figure]:
    p, x = walk(height)
    name, f = f"slow walk, wells exp({2 * height:g}) steps apart", (x > 0.4).astype(float)
    spent, r = medians(lambda: ct.stationary_bounds(p, f), repeats)
    width = r.details["width"]
    said = f"width {width:.0e} at {r.bound:.6g}; {_times(spent)}"
    out = [Figure(f"{name}: Poisson equation", "not vacuous", said, width < 1e-3)]
    if not height:
        indicators = np.eye(20)[np.arange(STATES) * 20 // STATES]
        cosines = np.cos(np.pi * np.outer(x, np.arange(1, 13)))
        for what, columns, target in (("20 indicators", indicators, ""), ("12 cosines", cosines, "not vacuous")):
            spent, r = medians(lambda c=columns: ct.stationary_bounds(p, x**2, basis=c), repeats)
            said = f"{r.details['low']:.4g} .. {r.bound:.4g}{' (vacuous)' if r.vacuous else ''}; {_times(spent)}"
            out.append(Figure(f"{name}, mean of x^2: {what}", target, said, not r.vacuous if target else None))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "walk.npz"
        np.savez(path, chain=p, states=f.astype(int))
        for solver in ("sound", "eigen"):
            found = peers.ask("peer_storm.py", solver, str(path))
            said = found.get("failed") or f"{found['value']:.6g} in {short(found['seconds'])}"
            out.append(Figure(f"{name}: Storm, {solver}", "", said))
    return out
