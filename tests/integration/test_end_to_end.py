"""The main job on real networks: claims, certificates, the kernel in a fresh interpreter, and claims that are wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import certify as ct
from certify.errors import BadInput, EmptyDomain
from certify.models import path

DATA = Path(os.environ.get("CERTIFY_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data"))
IMAGES = np.load(path("digits.npz"))["X"][:2]
BALLS = ct.linf(IMAGES, "0.01") & ct.box(0, 1)


@pytest.fixture(scope="module")
def net():
    return ct.load(path("digits.onnx"))


@pytest.mark.parametrize("name", ["digits.onnx", "digits_cnn.onnx"])
def test_a_network_against_itself_differs_by_exactly_zero(name):
    f = ct.load(path(name))
    r = ct.prove(ct.discrepancy(f, f, over=BALLS if f.input_shape == (64,) else images_balls()) <= 0, budget="5s")
    assert r.status == "proved" and r.bracket.upper == 0


def images_balls():
    return ct.linf(IMAGES.reshape(-1, 1, 8, 8), "0.01") & ct.box(0, 1)


def test_contributions_by_scale_sum_to_the_bound(net):
    r = ct.bound(ct.discrepancy(net, ct.low_rank(net), over=BALLS), budget="5s")
    assert r.verdict.accepted and r.bracket.lower <= r.bracket.upper
    assert sum(r.by_scale().values()) == pytest.approx(float(r.bracket.upper), rel=1e-9)


def test_equal_searches_write_equal_bytes(net):
    # A goal ends both searches at the same step; a budget alone would end them where the machine happens to be.
    q = ct.discrepancy(net, ct.quantise(net), over=BALLS)
    goal = q <= 1.2 * float(ct.bound(q, budget="3s").bracket.upper)
    found = [ct.prove(goal, budget="60s") for _ in range(2)]
    assert [r.status for r in found] == ["proved", "proved"]
    assert found[0].certificate.id == found[1].certificate.id


def test_a_mean_error_is_refuted_as_a_supremum(net):
    g = ct.prune(net, fraction=0.3)
    mean = float(np.abs(net(IMAGES) - g(IMAGES)).max(axis=1).mean())
    assert ct.prove(ct.discrepancy(net, g, over=BALLS) <= mean, budget="5s").status == "refuted"


def test_parts_that_are_irrelevant_one_by_one_are_not_so_jointly(net):
    single = [ct.ablate(net, 0, units=[u]) for u in range(12)]
    each = max(ct.bound(ct.discrepancy(net, g, over=BALLS), budget="2s").bracket.upper for g in single)
    together = ct.ablate(net, 0, units=list(range(12)))
    assert ct.prove(ct.discrepancy(net, together, over=BALLS) <= each, budget="5s").status == "refuted"


def test_a_certificate_for_other_weights_is_rejected(net, tmp_path):
    g = ct.prune(net, fraction=0.3)
    saved = ct.bound(ct.discrepancy(net, g, over=BALLS), budget="5s").certificate.save(tmp_path / "c.cert")
    assert ct.check(saved, net, g).accepted
    assert ct.check(saved, net, ct.prune(net, fraction=0.31)).code == "other-model"


def test_an_empty_domain_and_a_single_output_modulo_its_mean_are_refused(net):
    with pytest.raises(EmptyDomain):
        ct.linf(IMAGES + 5, "0.01") & ct.box(0, 1)
    with pytest.raises(EmptyDomain):
        ct.box(np.ones(64), np.zeros(64))
    with pytest.raises(BadInput):
        ct.discrepancy(net, net, over=BALLS, norm="l3")


@pytest.mark.skipif(not DATA.exists(), reason=f"no shared data at {DATA}")
@pytest.mark.parametrize("box,most", [(0, 0.0026), (1, 0.35)])
def test_the_mnist_network_is_as_tight_as_asked(box, most):
    f = ct.load(DATA / "mnist" / "mnist-net_256x2.onnx")
    g = ct.round_to(f, "float16") if box == 0 else ct.prune(f, fraction=0.2)
    z = np.load(DATA / "mnist" / f"prop_{box}_box.npz")
    X = ct.box(z["lo"].reshape(784, 1), z["hi"].reshape(784, 1))
    r = ct.prove(ct.discrepancy(f, g, over=X) <= most, budget="10s")
    assert r.status == "proved"
    assert r.certificate.proof_size < 0.01 * (DATA / "mnist" / "mnist-net_256x2.onnx").stat().st_size


def test_importing_certify_loads_nothing_heavy():
    code = "import sys, certify; print(json.dumps(sorted(sys.modules)))".replace("sys,", "sys, json,")
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"numpy", "scipy", "onnx", "torch", "rich", "cyclopts"} & set(json.loads(out))


def cli(*arguments):
    command = [str(Path(sys.executable).parent / "certify"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_diff_prints_one_json_object_and_exits_by_the_threshold(tmp_path):
    a, X = path("digits.onnx"), f"{path('digits.npz')}:X[0:2]"
    b = DATA / "digits" / "S_f.onnx"
    if not b.exists():
        pytest.skip(f"no shared data at {DATA}")
    over = ["--over", X, "--linf", "0.01", "--within", "0,1", "--json"]
    r = cli("diff", a, b, *over, "--fail-above", "0.001", "--budget", "5s")
    said = json.loads(r.stdout)
    assert r.returncode == 1 and said["status"] == "refuted" and said["lower"] <= said["upper"]
    assert {"points", "certificate", "seconds"} <= set(said) and len(said["points"]) == 2
    assert cli("diff", a, a, *over, "--fail-above", "0").returncode == 0
    assert cli("diff", a, tmp_path / "missing.onnx", *over).returncode == 66
