"""Truncations and gaps of real matrices: brackets that close, gaps that are there or not, and what the commands say."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest

import certify as ct
from certify.cli import run
from certify.errors import BadInput
from certify.models import path
from certify.statements.factor import factor


def weights():
    onnx = pytest.importorskip("onnx")
    model = onnx.load(path("digits.onnx"))
    arrays = [onnx.numpy_helper.to_array(t) for t in model.graph.initializer]
    return max((a for a in arrays if a.ndim == 2), key=lambda a: a.size)


def cut(a, rank):
    u, s, v = np.linalg.svd(a.astype("f8"), full_matrices=False)
    return ((u[:, :rank] * s[:rank]) @ v[:rank]).astype(a.dtype), s


def test_a_truncated_layer_is_as_far_as_its_next_singular_value():
    a = weights()
    b, s = cut(a, 8)
    found = ct.truncation(a, b)
    assert found.status == "proved" and found.verdict.accepted and ct.check(found.certificate, a, b).accepted
    assert float(found.bracket.upper - found.bracket.lower) <= 1e-6 * float(found.bracket.upper)
    # The floats that ship, not the exact truncation: they differ in the last digits of float32.
    assert abs(found.bound - s[8]) < 1e-4 * s[0] and found.lost < 1e-6


def test_an_ellipsoid_weighs_directions():
    a, b = np.diag([4.0, 2.0]), np.diag([4.0, 0.0])
    q = np.diag([1.0, 16.0])
    assert abs(ct.truncation(a, b, over=q).bound - 0.5) < 1e-9
    assert ct.truncation(a, b, limit=2).status in ("proved", "unknown")
    assert ct.truncation(a, b, limit=3).status == "proved"
    assert ct.truncation(a, b, limit="1.9").status == "refuted"
    assert ct.truncation(a, a).bracket.upper == 0
    # Where the ellipsoid is unbounded nothing is proved unless nothing is discarded there.
    flat = ct.truncation(a, b, over=np.diag([1.0, 0.0]))
    assert flat.status == "unknown" and flat.bracket.upper is None


def test_matrices_that_do_not_fit_are_refused_in_one_line():
    for args in (
        (np.eye(2), np.eye(3)),
        (np.eye(2), np.eye(2), np.eye(3)),
        (np.eye(2), np.eye(2), np.triu(np.ones((2, 2)))),
    ):
        with pytest.raises(BadInput, match="expected"):
            ct.truncation(*args)
    for bad in (np.ones((2, 3)), np.array([[1.0, 2.0], [3.0, 1.0]]), np.eye(1)):
        with pytest.raises(BadInput, match="K: expected"):
            ct.spectral_gap(bad)
    for m in (0, 3, True, "two"):
        with pytest.raises(BadInput, match="m: expected"):
            ct.spectral_gap(np.eye(3), m=m)


def covariance(n=40, strong=4, seed=0):
    r = np.random.default_rng(seed)
    x = r.standard_normal((n, 3 * n)) * np.r_[np.full(3 * n, 0.1)]
    x += r.standard_normal((n, strong)) @ r.standard_normal((strong, 3 * n))
    k = x @ x.T
    return (k + k.T) / 2


def test_a_gap_is_found_where_scales_separate():
    k = covariance()
    found = ct.spectral_gap(k)
    d = found.details
    assert found.status == "proved" and d["m"] == 4 and d["radius"] > 0 and ct.check(found.certificate, k).accepted
    values = np.linalg.eigvalsh(k)
    assert values[-5] < float(d["low"]) < float(d["high"]) < values[-4]
    assert float(d["gap"]) > 0.9 * (values[-4] - values[-5])
    # It survives what is smaller than its radius, and Davis and Kahan say how far the directions turn.
    e = np.random.default_rng(1).standard_normal(k.shape)
    e = (e + e.T) * (0.2 * float(d["radius"]) / np.linalg.norm(e + e.T, 2))
    assert (np.linalg.eigvalsh(k + e) > float(d["low"] + d["high"]) / 2).sum() == 4
    turn = ct.inequalities.eigenspace_turn(found, Fraction(np.linalg.norm(e, 2) * 1.0001))
    first, second = np.linalg.eigh(k)[1][:, -4:], np.linalg.eigh(k + e)[1][:, -4:]
    assert np.linalg.norm(first @ first.T - second @ second.T, 2) <= turn.sine < 1


def test_no_gap_is_said_where_there_is_none():
    found = ct.spectral_gap(np.eye(5))
    assert found.status == "unknown" and found.bracket.upper is None and "no gap" in str(found)
    asked = ct.spectral_gap(np.diag([3.0, 1.0, 1.0]), m=2)
    assert asked.status == "unknown" and "no gap" in str(asked)
    assert ct.spectral_gap(np.diag([3.0, 1.0, 1.0]), m=1).status == "proved"


def test_an_average_is_called_one():
    k = covariance()
    k[0, 1] += 1e-12
    with pytest.raises(BadInput, match=r"K\[0, 1\]"):
        ct.spectral_gap(k)
    found = ct.spectral_gap(k, symmetrise=True)
    assert found.status == "proved" and "average" in found.notes[0]


def test_the_commands_leave_with_the_status(tmp_path, capsys):
    k = covariance(20)
    np.save(tmp_path / "k.npy", k)
    np.save(tmp_path / "l.npy", np.round(k, 1))
    names = [str(tmp_path / "k.npy"), str(tmp_path / "l.npy")]
    assert run(["gap", names[0], "-o", str(tmp_path / "g.cert"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["m"] == 4 and ct.check(tmp_path / "g.cert", k).accepted
    assert run(["gap", str(tmp_path / "l.npy"), "--modes", "19"]) in (0, 2)
    assert run(["truncation", *names, "--fail-above", "100"]) == 0
    assert run(["truncation", *names, "--fail-above", "1e-9"]) == 1
    assert run(["truncation", *names[:1], str(tmp_path / "none.npy")]) == 66
    assert run(["inequality", "x**2 + 1 >= 2*x"]) == 0
    assert run(["inequality", "x**2 >= x"]) == 1
    assert run(["inequality", "x >= 1", "x >= 2"]) == 0
    assert "proved" in capsys.readouterr().out


def test_nearly_singular_matrices_end_without_an_error():
    from certify.statements.exact import exact

    a = np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-52]])
    assert factor(exact(a)) is None or factor(exact(a)).packed
    assert factor(exact(a - np.array([[0, 0], [0, 2.0**-51]]))) is None


def test_a_matrix_whose_least_eigenvalue_is_below_rounding_has_no_factor_and_no_fault():
    from certify.statements.exact import exact

    n = 60
    hilbert = 1 / (np.arange(n)[:, None] + np.arange(n) + 1.0)
    for shift in 2.0 ** -np.arange(44, 60):
        found = factor(exact(hilbert + shift * np.eye(n)))
        assert found is None or len(found.shifts) == n
