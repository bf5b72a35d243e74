"""Discarded modes of a kernel as more ridge: certified changes against numpy, and what must not be certified."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import certify as ct
from certify.cli import run
from certify.convex.forms import factors, grid, scalar, shortened, together
from certify.convex.ridges import resolvent
from certify.errors import BadInput
from certify.models import path
from certify.statements.bundle import certificate
from certify.statements.exact import exact, floats

DATA = Path(os.environ.get("CERTIFY_DATA", Path(__file__).parents[3] / "shared" / "data"))


def kernel(n=24, width=0.15):
    x = np.linspace(0, 1, n)
    return np.exp(-((x[:, None] - x) ** 2) / (2 * width**2))


def norm(a):
    return np.linalg.norm(a, 2)


@pytest.mark.parametrize("of", ["coefficients", "fit"])
@pytest.mark.parametrize("seed", range(4))
def test_the_bracket_holds_the_true_change_when_modes_do_not_commute(seed, of):
    r = np.random.default_rng(seed)
    n, m, s = 12, int(r.integers(1, 10)), float(r.choice([0.01, 0.1, 1]))
    q, p = (np.linalg.qr(r.standard_normal((n, n)))[0] for _ in range(2))
    values = 3 * np.arange(1.0, n + 1) ** -1.5
    low = (q[:, :m] * values[:m]) @ q[:, :m].T
    high = (p[:, m:] * values[m:]) @ p[:, m:].T
    low, high = (low + low.T) / 2, (high + high.T) / 2
    k = low + high
    found = ct.ridge_truncation(k, low, Fraction(s), of=of)
    t = float(found.details["effective"])
    a, b = np.linalg.inv(k + s * np.eye(n)), np.linalg.inv(low + t * np.eye(n))
    true = norm(a - b) if of == "coefficients" else norm(k @ a - low @ b)
    assert found.status == "proved" and ct.check(found.certificate).accepted
    assert found.details["certified"] == "direct"
    assert found.witnessed <= true * (1 + 1e-9) and true <= found.bound * (1 + 1e-9)
    assert found.bound <= found.witnessed * 1.003
    assert norm(a - b) <= float(found.details["closed"])


def test_the_closed_form_is_the_inequality_of_the_resolvent_identity():
    k = kernel()
    found = ct.ridge_flow(k, "0.1", [4], direct=False).cuts[0].error
    low, high = found.details["spectrum"]
    a, b = found.details["least"]
    assert found.details["certified"] == "closed form"
    assert found.bound == pytest.approx((high - low) / 2 / (a * b), rel=1e-6)
    direct = ct.ridge_flow(k, "0.1", [4]).cuts[0].error
    assert direct.witnessed <= direct.bound <= found.bound * 1.001


def test_predictions_and_weights_move_no_more_than_is_certified():
    r = np.random.default_rng(5)
    phi = r.standard_normal((20, 30)) / np.arange(1, 31)
    phi = np.round(phi, 6)
    flow = ct.ridge_flow(phi, "0.05", [3, 8, 20], features=True)
    assert [c.kept for c in flow.cuts] == [20, 8, 3] and flow.status == "proved"
    ridges = [float(c.ridge) for c in flow.cuts]
    assert 0.05 < ridges[0] < ridges[1] < ridges[2]
    a = np.linalg.inv(phi @ phi.T + 0.05 * np.eye(20))
    for c in flow.cuts:
        part = phi[:, : c.kept]
        b = np.linalg.inv(part @ part.T + float(c.ridge) * np.eye(20))
        assert norm(a - b) <= c.error.bound * (1 + 1e-9)
        assert norm(part.T @ (a - b)) <= float(c.error.details["primal"])
        # The primal problem has the same fitted values.
        w = np.linalg.solve(part.T @ part + float(c.ridge) * np.eye(c.kept), part.T)
        assert norm(part @ w - part @ part.T @ b) < 1e-9
        y, x = r.standard_normal(20), r.standard_normal(20)
        assert abs(x @ (a - b) @ y) <= c.error.bound * np.linalg.norm(x) * np.linalg.norm(y)


def test_a_bound_below_the_truth_has_no_certificate():
    k, low = exact(np.diag([2.0, 1.0, 0.5])), exact(np.diag([2.0, 1.0, 0.0]))
    M, N = k + scalar(3, Fraction(1, 10)), low + scalar(3, Fraction(1, 10))
    # |1/0.6 - 1/0.1| = 25/3 is what changes.
    tiny = Fraction(1, 2**30)
    assert factors(resolvent.forms(M, N, Fraction(25, 3) * (1 + 2**10 * tiny), tiny, tiny)) is not None
    assert factors(resolvent.forms(M, N, Fraction(25, 3) * (1 - 2**10 * tiny), tiny, tiny)) is None
    hints = factors(resolvent.forms(M, N, Fraction(9), tiny, tiny))
    for eps, said in ((9, "accepted"), (8, "rejected")):
        form = together(resolvent.forms(M, N, Fraction(eps), tiny, tiny))
        made = certificate("s-procedure", {"conclusion": form, "count": 0, "premises": np.eye(1)}, [hints])
        assert ct.check(made).verdict == said


def test_the_certificate_speaks_of_the_forms_that_anyone_can_write_down():
    k, low = np.diag([2.0, 1.0, 0.5]), np.diag([2.0, 1.0, 0.0])
    found = ct.ridge_truncation(k, low, "0.25", effective="0.5")
    assert abs(found.bound - 2 / 3) < 1e-6  # 1 / 0.75 - 1 / 0.5
    M, N = exact(k) + scalar(3, Fraction(1, 4)), exact(low) + scalar(3, Fraction(1, 2))
    least = 2.0**-24
    a, b = (Fraction(2.0 ** np.floor(np.log2(v * least))) for v in found.details["least"])
    form = together(resolvent.forms(M, N, found.bracket.upper, a, b))
    of = {"conclusion": form, "count": 0, "premises": np.zeros((1, 1), dtype=int)}
    assert certificate("s-procedure", of).files["claim"] == found.certificate.files["claim"]


def test_what_is_no_ridge_problem_is_refused_in_one_line():
    k = kernel(6)
    for args, said in (
        ((k, k[:5, :5], 1), "low: expected the shape of K"),
        ((k, k, 0), "ridge: expected a positive number"),
        ((np.triu(k), k, 1), r"K: expected an exactly symmetric matrix, found K\[0, 1\]"),
        ((np.ones((2, 3)), k, 1), "K: expected a square matrix"),
    ):
        with pytest.raises(BadInput, match=said):
            ct.ridge_truncation(*args)
    with pytest.raises(BadInput, match="cuts: expected"):
        ct.ridge_flow(k, 1, [6])
    # Indefinite: K + ridge has no inverse that is positive.
    found = ct.ridge_truncation(np.diag([1.0, -1.0]), np.diag([1.0, 0.0]), "0.5")
    assert found.status == "unknown" and "not positive definite" in str(found)


def test_nothing_discarded_is_nothing_changed():
    k = np.diag([2.0, 1.0])
    found = ct.ridge_truncation(k, k, "0.5")
    assert found.status == "proved" and found.bound < 1e-40 and found.details["effective"] == Fraction(1, 2)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(-40, 40), st.integers(20, 60))
def test_a_grid_moves_a_matrix_no_further_than_it_says(seed, scale, bits):
    r = np.random.default_rng(seed)
    m = r.standard_normal((5, 5)) * 2.0 ** r.integers(-30, 30, (5, 5)) * 2.0**scale
    m = exact(np.tril(m) + np.tril(m, -1).T)
    near, change = grid(m, bits)
    lost = floats(m - near)
    assert norm(lost) <= float(change) * (1 + 1e-12) and not np.any(near.n.a != near.n.a.T)
    assert float(change) <= 5 * 2.0**-bits * np.abs(floats(m)).max() * 4
    q = Fraction(int(r.integers(1, 2**60)), int(r.integers(1, 2**60)))
    assert q <= shortened(q, 24) <= q * (1 + Fraction(1, 2**20))


def test_a_layer_of_a_real_network_read_as_features():
    onnx = pytest.importorskip("onnx")
    arrays = [onnx.numpy_helper.to_array(t) for t in onnx.load(path("digits.onnx")).graph.initializer]
    w = max((a for a in arrays if a.ndim == 2), key=lambda a: a.size)[:32]
    flow = ct.ridge_flow(ct.gram(w.T) if hasattr(ct, "gram") else exact(w) @ exact(w).T, "0.1", [4, 16])
    k = w.astype("f8") @ w.astype("f8").T
    for c in flow.cuts:
        assert c.error.status == "proved" and c.error.bound <= 1.01 * c.error.witnessed
    assert flow.cuts[0].ridge < flow.cuts[1].ridge < Fraction(1, 10) + Fraction(norm(k))
    assert "16" in flow.show() and "change of coefficients" in str(flow)


def test_images_of_digits_as_features_of_a_real_kernel():
    found = DATA / "mnist" / "mnist_test_100.npz"
    if not found.exists():
        pytest.skip(f"no {found}")
    x = np.load(found)["X"][:40].reshape(40, -1)
    flow = ct.ridge_flow(exact(x) @ exact(x).T, 1, [10])
    assert flow.status == "proved" and flow.cuts[0].error.bound <= 1.01 * flow.cuts[0].error.witnessed


def test_the_command_prints_a_flow_and_writes_one_certificate(tmp_path, capsys):
    np.save(tmp_path / "k.npy", kernel(12))
    name, out = str(tmp_path / "k.npy"), str(tmp_path / "r.cert")
    assert run(["ridge", name, "--ridge", "0.1"]) == 0
    assert "closed form" in capsys.readouterr().out
    assert run(["ridge", name, "--ridge", "0.1", "--cuts", "3", "-o", out]) == 0 and ct.check(out).accepted
    capsys.readouterr()
    assert run(["ridge", name, "--ridge", "0.1", "--cuts", "2-4", "--fit", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [c["kept"] for c in said["cuts"]] == [4, 3, 2] and said["cuts"][0]["verdict"] == "accepted"
    assert run(["ridge", name, "--ridge", "0.1", "--cuts", "3", "--fail-above", "10"]) == 0
    assert run(["ridge", name, "--ridge", "0.1", "--cuts", "3,8", "--fail-above", "5"]) == 1
    assert run(["ridge", name, "--ridge", "0.1", "-o", out]) == 64
    assert run(["ridge", name, "--ridge", "0.1", "--cuts", "x"]) == 64
    assert run(["ridge", name, "--ridge", "-1"]) == 66
