"""Leaves proved by optimised slopes: their hints, in slots of shared plans, prove the same leaves to the kernel."""

from __future__ import annotations

import numpy as np
import pytest

import certify as ct
from certify.networks.builder import Builder
from certify.networks.maps import Dense
from certify.strategy import plans, sharpen


def network(seed):
    """Two inputs, two hidden layers of eight, two outputs."""
    rng = np.random.default_rng(seed)
    b = Builder()
    h = b.input(2)
    for n, m in ((2, 8), (8, 8)):
        h = b.relu(b.linear(h, Dense(rng.normal(size=(m, n))), rng.normal(size=m)))
    return b.finish(b.linear(h, Dense(rng.normal(size=(2, 8))), rng.normal(size=2)), (2,), (2,))


def tight(f, over):
    """A claim with little room: its limits are just above the best value on a fine grid."""
    axis = np.linspace(-1, 1, 400)
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    rows = np.array([[1.0, 0.0], [0.0, 1.0]])
    best = float((f(points) @ rows.T).min(axis=1).max())
    return ct.least(f, over=over, on_f=rows, limits=[best + 0.05] * 2) < 0


def trees(monkeypatch, seed, after, slots=512):
    monkeypatch.setattr(sharpen, "AFTER", after)
    monkeypatch.setattr(plans, "SLOTS", slots)
    f = network(seed)
    return ct.prove(tight(f, ct.box([-1.0, -1.0], [1.0, 1.0])), "20s")


@pytest.mark.parametrize("seed", [0, 4, 6])
def test_sharpened_leaves_are_accepted_and_fewer(monkeypatch, seed):
    plain, sharp = trees(monkeypatch, seed, 10**9), trees(monkeypatch, seed, 0)
    assert plain.status == sharp.status == "proved"
    assert sharp.leaves < plain.leaves
    assert b"slopes" in sharp.certificate.files["proof"] and b"slopes" not in plain.certificate.files["proof"]


def test_leaves_share_plans_by_slots_and_plans_hold_no_more_than_they_may(monkeypatch):
    one, few = trees(monkeypatch, 5, 0), trees(monkeypatch, 5, 0, slots=3)
    assert one.leaves == few.leaves and one.bracket.upper < 0 and few.bracket.upper < 0
    heads = [line.split() for line in few.certificate.files["proof"].decode().splitlines() if line.startswith("plan")]
    assert 3 in {int(w[4]) for w in heads} and max(int(w[4]) for w in heads) == 3
