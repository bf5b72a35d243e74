"""Properties of real networks: decided, certified, refuted with inputs that onnxruntime reproduces.

A few quick ones run by default. All of ACAS Xu properties 1 to 4 on the five shared networks, with the time of each:

    pytest -m long -s tests/integration/test_vnnlib.py

The results of a run, and what made the hard ones possible, are in specs/vnnlib.md.
"""

from __future__ import annotations

import json
import os
import resource
import time
from pathlib import Path

import numpy as np
import pytest

import certify as ct
from certify.certificate import check
from certify.cli import run
from certify.vnnlib import parse_vnnlib
from certify.vnnlib.decide import decide
from certify.vnnlib.replay import replay

DATA = Path(os.environ.get("CERTIFY_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
ACAS = DATA / "acasxu"
needs_acas = pytest.mark.skipif(not ACAS.is_dir(), reason=f"no ACAS Xu networks at {ACAS}: set CERTIFY_DATA")
NETWORKS = ("1_1", "1_9", "2_1", "3_3", "4_5")
REFUTED = {("1_9", 3), ("1_9", 4), ("2_1", 2), ("4_5", 2)}


def network(name: str) -> str:
    return str(ACAS / f"ACASXU_run2a_{name}_batch_2000.onnx")


def prop(k: int) -> str:
    return str(ACAS / f"prop_{k}.vnnlib")


def cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


@needs_acas
@pytest.mark.parametrize(("name", "k"), [("1_1", 1), ("1_1", 4), ("2_1", 3), ("3_3", 4)])
def test_a_property_that_holds_is_proved_with_a_certificate_of_its_networks(name, k, tmp_path):
    out = tmp_path / "p.cert"
    assert run(["prove", "--onnx", network(name), "--vnnlib", prop(k), "-o", str(out), "--json"]) == 0
    verdict = check(out, ct.load(network(name)))
    assert verdict.accepted and verdict.bounds[0] < 0
    assert not check(out, ct.load(network("4_5"))).accepted


@needs_acas
@pytest.mark.parametrize(("name", "k"), sorted(REFUTED))
def test_a_property_that_fails_is_refuted_by_an_input_of_the_stated_box_that_onnxruntime_reproduces(name, k, tmp_path):
    pytest.importorskip("onnxruntime", reason="onnxruntime replays the input")
    f, p = ct.load(network(name)), ct.read_vnnlib(prop(k))
    found = decide(p, f, None, 30.0)
    assert found.status == "refuted" and found.exact and p.meets(found.witness.x)
    assert found.witness.value >= 0
    again = replay(found.claims[0], found.witness, network(name))
    assert again.violates
    assert again.f == pytest.approx(f(found.witness.x[None])[0], abs=1e-4)


@needs_acas
def test_two_networks_are_proved_close_from_a_file_of_version_2(capsys):
    pair = [network("1_1"), "--onnx2", str(ACAS / "ACASXU_run2a_1_1_batch_2000_pruned5.onnx")]
    code = run(["prove", "--onnx", *pair, "--vnnlib", str(ACAS / "equivalence_1_1.vnnlib"), "--json"])
    said = json.loads(capsys.readouterr().out)
    assert (code, said["status"], said["asserts"], said["claims_in_all"]) == (0, "proved", "claim", 1)
    assert 0.006 < said["claims"][0]["lower"] < said["claims"][0]["upper"] <= 0.05


@needs_acas
def test_the_witness_is_written_beside_the_certificate_and_lies_in_the_box(tmp_path, capsys):
    out = tmp_path / "p.cert"
    assert run(["prove", "--onnx", network("4_5"), "--vnnlib", prop(2), "-o", str(out), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    stored = json.loads((tmp_path / "p.witness.json").read_text())
    assert said["witness"] == stored and stored["in_the_stated_box"]
    assert ct.read_vnnlib(prop(2)).meets(np.array(stored["x"]))


@needs_acas
def test_one_refuted_disjunct_refutes_and_proved_ones_do_not_suffice(tmp_path):
    """Property 1 with a limit that holds, or one that does not: the second decides."""
    text = Path(prop(1)).read_text()
    text = text[: text.index("(assert (>= Y_0")]
    f = ct.load(network("1_1"))
    low = f(np.array([[0.65, 0, 0, 0.475, -0.475]]))[0, 0] - 0.5
    both = parse_vnnlib(text + f"(assert (or (>= Y_0 3.991125645861615) (>= Y_0 {low:.6f})))")
    found = decide(both, f, None, 20.0)
    assert found.status == "refuted" and [r.status for r in found.results] == ["proved", "refuted"]


@needs_acas
def test_networks_that_a_property_is_not_about_are_bad_input_with_its_exit_code(capsys):
    pair = ["--onnx", network("1_1"), "--onnx2", network("1_9")]
    assert run(["prove", *pair, "--vnnlib", prop(1)]) == 66
    assert "expected 1 networks, found 2" in capsys.readouterr().err


def test_a_claim_file_and_a_property_at_once_are_misuse(capsys):
    assert run(["prove", "claim.toml", "--vnnlib", "p.vnnlib"]) == 64
    assert run(["prove", "--onnx", "n.onnx"]) == 64
    assert "found both" in capsys.readouterr().err


@pytest.mark.long
@needs_acas
@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("name", NETWORKS)
def test_acas_xu_campaign(name, k):
    began, wall = cpu(), time.perf_counter()
    found = decide(ct.read_vnnlib(prop(k)), ct.load(network(name)), None, 120.0)
    (r,) = found.results
    spent = f"{cpu() - began:.2f} s CPU, {time.perf_counter() - wall:.2f} s"
    print(f"\n{name} property {k}: {found.status}, {r.bracket}, {r.leaves} leaves, {r.size:,} bytes, {spent}")
    assert r.verdict is not None and r.verdict.accepted
    assert found.status == ("refuted" if (name, k) in REFUTED else "proved")
