"""Gaps of reversible transfer operators, of exact Gram matrices, and what they survive; and what has no such gap."""

from __future__ import annotations

import json
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import certify as ct
from certify.cli import run
from certify.convex.spectra.reversible import symmetrised, timescale
from certify.errors import BadInput
from certify.models import path
from certify.statements.exact import exact, floats


def blocks(n=24, count=3, seed=0, weak=1):
    """Symmetric integer weights of a chain with ``count`` metastable sets."""
    r = np.random.default_rng(seed)
    label = np.arange(n) % count
    w = r.integers(0, weak + 1, (n, n)) + np.where(label[:, None] == label, r.integers(40, 90, (n, n)), 0)
    return w + w.T


def chain(w):
    """Its exact transition matrix and stationary law."""
    p = np.array([[Fraction(int(v), int(sum(row))) for v in row] for row in w], dtype=object)
    pi = np.array([Fraction(int(sum(row)), int(w.sum())) for row in w], dtype=object)
    return p, pi


def eigenvalues(w):
    d = 1 / np.sqrt(w.sum(axis=1))
    return np.linalg.eigvalsh(w * d[:, None] * d)


@pytest.mark.parametrize("seed", range(4))
def test_metastable_sets_are_counted(seed):
    w = blocks(seed=seed)
    p, pi = chain(w)
    values = eigenvalues(w)
    for found in (
        ct.spectral_gap(p, stationary=pi),
        ct.spectral_gap(p, stationary=7 * pi),
        ct.spectral_gap(p, stationary="auto"),
        ct.spectral_gap(w, stationary="weights"),
    ):
        d = found.details
        assert found.status == "proved" and d["m"] == 3 and ct.check(found.certificate).accepted
        assert values[-4] < float(d["low"]) < float(d["high"]) < values[-3]
        assert float(d["gap"]) > 0.999 * (values[-3] - values[-4])
        assert 0 < d["fast"] * (1 - 1e-3) < -1 / np.log(values[-4]) < d["fast"]
        assert d["slow"] < -1 / np.log(values[-3]) < d["slow"] * 1.001


def test_eigenvalues_by_many_digits_agree_with_the_count():
    w = blocks(12, 2, 3)
    p, pi = chain(w)
    found = ct.spectral_gap(p, stationary=pi)
    with mpmath.workdps(40):
        m = mpmath.matrix(12, 12)
        for i in range(12):
            for j in range(12):
                m[i, j] = mpmath.mpf(int(w[i, j])) / mpmath.sqrt(int(w[i].sum()) * int(w[j].sum()))
        values = sorted((mpmath.eigsy(m, eigvals_only=True)), reverse=True)
        count = found.details["m"]
        high, low = (mpmath.mpf(q.numerator) / q.denominator for q in (found.details["high"], found.details["low"]))
        assert values[count - 1] >= high > low >= values[count]


def test_the_certified_matrix_is_the_operator_in_other_coordinates():
    p, pi = chain(blocks(10, 2, 5))
    s = symmetrised(p, pi, False)
    scale = pi[0] / s.weights[0]
    root = np.array(s.roots, dtype=object)
    whole = np.array([[root[i] * pi[i] / scale * p[i, j] * root[j] for j in range(10)] for i in range(10)])
    lost = floats(exact(whole) - s.matrix)
    assert np.linalg.norm(lost, 2) <= float(s.rounding) < 1e-12 and s.delta < Fraction(1, 2**45)
    assert max(abs(a * a * w - 1) for a, w in zip(s.roots, s.weights, strict=True)) <= s.delta
    for q in (Fraction(1, 3), Fraction(-1, 3)):
        assert s.high(q) < q < s.low(q)


def test_a_chain_that_is_not_reversible_is_declined_and_the_worst_pair_named():
    p, pi = chain(blocks(9, 3, 1))
    p[2, 5] += Fraction(1, 1000)
    p[2, 2] -= Fraction(1, 1000)
    with pytest.raises(BadInput, match=r"detailed balance.*worst pair is \(2, 5\)"):
        ct.spectral_gap(p, stationary=pi)
    rotation = np.roll(np.eye(5), 1, axis=1) * 0.9 + np.eye(5) * 0.1
    with pytest.raises(BadInput, match="detailed balance"):
        ct.spectral_gap(rotation, stationary="auto")
    with pytest.raises(BadInput, match="detailed balance"):
        ct.spectral_gap(rotation, stationary=np.ones(5))
    for law, said in ((np.ones(4), "expected 5 weights"), (np.zeros(5), "positive"), ("mean", "'auto' or 'weights'")):
        with pytest.raises(BadInput, match=said):
            ct.spectral_gap(np.eye(5), stationary=law)
    with pytest.raises(BadInput, match="not reached"):
        ct.spectral_gap(np.eye(5), stationary="auto")


def test_floats_are_reversible_on_average_and_the_given_operator_is_near():
    w = blocks(15, 3, 2)
    p = w / w.sum(axis=1)[:, None]
    pi = w.sum(axis=1) / w.sum()
    with pytest.raises(BadInput, match="worst pair"):
        ct.spectral_gap(p, stationary=pi)
    found = ct.spectral_gap(p, stationary=pi, symmetrise=True)
    assert found.status == "proved" and found.details["m"] == 3 and "reversal" in found.notes[0]
    assert found.details["skew"] < 1e-14 and "the given operator too has 3" in str(found)
    assert (np.linalg.eigvals(p).real > float(found.details["low"] + found.details["high"]) / 2).sum() == 3
    after = ct.gap_survives(found, p, p, stationary=pi)
    assert after.status == "proved" and after.bound < 1e-12


def test_no_gap_is_said_of_operators_too():
    cycle = np.roll(np.eye(8, dtype=int), 1, axis=1)
    found = ct.spectral_gap(cycle + cycle.T, m=2, stationary="weights")
    # cos(2 pi / 8) is an eigenvalue twice.
    assert found.status == "unknown" and "no gap" in str(found) and found.bracket.upper is None
    assert ct.spectral_gap(cycle + cycle.T, m=3, stationary="weights").status == "proved"


def test_a_gap_survives_what_is_below_its_radius():
    w = blocks(12, 2, 4, weak=3)
    p, pi = chain(w)
    gap = ct.spectral_gap(p, stationary=pi)
    moved = p.copy()
    moved[0, 1] += Fraction(1, 50)
    moved[0, 0] -= Fraction(1, 50)
    root = np.sqrt(pi.astype(float))
    true = np.linalg.norm(root[:, None] * (moved - p).astype(float) / root, 2)
    found = ct.gap_survives(gap, p, moved, stationary=pi)
    assert found.status == "proved" and found.verdict.accepted
    assert found.witnessed <= true * (1 + 1e-9) <= found.bound * (1 + 2e-9) and found.bound < 1.000001 * true
    assert found.details["left"] == gap.details["gap"] - 2 * found.bracket.upper
    middle = float(found.details["middle"])
    assert (np.linalg.eigvals(moved.astype(float)).real > middle).sum() == gap.details["m"]
    far = ct.gap_survives(gap, p, np.eye(12) * 3, stationary=pi)
    assert far.status == "refuted" and far.details["left"] == 0
    counts = ct.gap_survives(ct.spectral_gap(w, stationary="weights"), w, w + np.eye(12, dtype=int),
                             stationary="weights")  # fmt: skip
    assert counts.status == "proved"


def test_a_gap_of_a_kernel_survives_drift_and_is_one_of_its_own_matrix():
    r = np.random.default_rng(3)
    x = r.standard_normal((20, 3)) @ r.standard_normal((3, 50)) + 0.1 * r.standard_normal((20, 50))
    k = ct.gram(x)
    gap = ct.spectral_gap(k)
    assert gap.status == "proved" and gap.details["m"] == 3
    drifted = ct.gram(x + 1e-3 * r.standard_normal(x.shape))
    found = ct.gap_survives(gap, k, drifted)
    change = np.linalg.norm(floats(drifted) - floats(k), 2)
    assert found.status == "proved" and abs(found.bound - change) < 1e-6 * change
    assert ct.gap_survives(gap, k, ct.gram(2 * x)).status == "refuted"
    with pytest.raises(BadInput, match="before: expected the matrix"):
        ct.gap_survives(gap, drifted, k)
    with pytest.raises(BadInput, match=r"that ct\.spectral_gap proved"):
        ct.gap_survives(ct.spectral_gap(np.eye(4)), np.eye(4), np.eye(4))
    with pytest.raises(BadInput, match="shape of before"):
        ct.gap_survives(gap, k, np.eye(4))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_inner_products_are_exact(rows, columns, seed):
    r = np.random.default_rng(seed)
    x = r.standard_normal((rows, columns)) * 2.0 ** r.integers(-40, 40, (rows, columns))
    w = [Fraction(int(v), 7) for v in r.integers(0, 9, rows)]
    q = [[Fraction(v) for v in row] for row in x]
    g = ct.gram(x, "columns", w)
    assert g.shape == (columns, columns) and ct.gram(x).shape == (rows, rows)
    i, j = int(r.integers(columns)), int(r.integers(columns))
    assert Fraction(int(g.n.a[i, j]), g.den) == sum(w[k] * q[k][i] * q[k][j] for k in range(rows))
    c = ct.covariance(x)
    mean = [sum(q[k][v] for k in range(rows)) / rows for v in (i, j)]
    expected = sum((q[k][i] - mean[0]) * (q[k][j] - mean[1]) for k in range(rows)) / rows
    assert Fraction(int(c.n.a[i, j]), c.den) == expected


def test_weights_of_inner_products_have_to_fit():
    for weights in (np.ones(2), -np.ones(3)):
        with pytest.raises(BadInput, match="weights: expected 3 numbers"):
            ct.gram(np.ones((3, 2)), "columns", weights)
    with pytest.raises(BadInput, match="sum to one"):
        ct.covariance(np.ones((3, 2)), [1, 1, 1])
    with pytest.raises(BadInput, match="side: expected"):
        ct.gram(np.ones((3, 2)), "both")


def test_times_are_rounded_outward():
    for q in (Fraction(1, 10**9), Fraction(1, 3), Fraction(2, 3), 1 - Fraction(1, 10**15)):
        low, high = timescale(q, False), timescale(q, True)
        with mpmath.workdps(40):
            true = -1 / mpmath.log(mpmath.mpf(q.numerator) / q.denominator)
            assert low <= true <= high and high - low < 1e-14 * high
    assert timescale(Fraction(1), True) is timescale(Fraction(-1, 2), True) is None


def test_a_layer_of_a_real_network_has_a_gap_that_a_float16_export_keeps():
    onnx = pytest.importorskip("onnx")
    arrays = [onnx.numpy_helper.to_array(t) for t in onnx.load(path("digits.onnx")).graph.initializer]
    w = max((a for a in arrays if a.ndim == 2), key=lambda a: a.size)
    k = ct.gram(w)
    gap = ct.spectral_gap(k, m=1)
    found = ct.gap_survives(gap, k, ct.gram(w.astype(np.float16)))
    assert gap.status == "proved" and found.status == "proved" and found.details["left"] > 0


def test_the_command_takes_a_stationary_law(tmp_path, capsys):
    w = blocks(9, 3, 1)
    np.save(tmp_path / "w.npy", w)
    np.save(tmp_path / "p.npy", np.diag([0.25, 0.25, 0.25]) + 0.25)
    np.save(tmp_path / "pi.npy", np.ones(3))
    names = [str(tmp_path / n) for n in ("w.npy", "p.npy", "pi.npy", "g.cert")]
    assert run(["gap", names[0], "--stationary", "weights", "-o", names[3], "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["m"] == 3 and said["slow"] > said["fast"] and ct.check(names[3]).accepted
    assert run(["gap", names[1], "--stationary", names[2]]) == 0
    assert run(["gap", names[1], "--stationary", "auto"]) == 0
    np.save(tmp_path / "p.npy", np.roll(np.eye(3), 1, axis=1))
    assert run(["gap", names[1], "--stationary", names[2]]) == 66
