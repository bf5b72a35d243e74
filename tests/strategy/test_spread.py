"""A search that many workers share ends as one process alone would end it; interrupts and kills lose nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import certify as ct
from certify.errors import BadInput
from certify.networks.builder import Builder
from certify.networks.graph import Network
from certify.networks.maps import Dense
from certify.scheduling.state import _FRAME


def pair(seed: int = 5, widths: tuple[int, ...] = (4, 16, 16, 2), noise: float = 0.05) -> tuple[Network, Network]:
    """A dense network and one a little different."""
    rng, nets = np.random.default_rng(seed), []
    layers = [(rng.standard_normal((m, n)) / np.sqrt(n), rng.standard_normal(m) / 4) for n, m in pairwise(widths)]
    for size in (0.0, noise):
        b = Builder()
        v = b.input(widths[0], name="x")
        for k, (w, c) in enumerate(layers):
            v = b.linear(v, Dense(w + size * np.sin(np.arange(w.size)).reshape(w.shape)), c, name=f"dense{k}")
            v = b.relu(v, f"relu{k}") if k < len(layers) - 1 else v
        nets.append(b.finish(v, (widths[0],), (widths[-1],)))
    return nets[0], nets[1]


def at_most(limit):
    return VALUE.__le__(limit)


F, G = pair()
VALUE = ct.discrepancy(F, G, over=ct.box(-np.ones((1, 4)), np.ones((1, 4))))


@pytest.fixture(scope="module")
def alone():
    """A tolerance that takes some cutting, and what one process makes of it."""
    first = ct.bound(VALUE, "4s")
    limit = float(first.bracket.lower) * 1.05
    return limit, ct.prove(at_most(limit), "30s")


@pytest.mark.parametrize("executor", ["serial", "threads", 2])
def test_workers_prove_what_one_process_proves(alone, executor):
    limit, result = alone
    assert result.status == "proved" and result.leaves > 20
    shared = ct.prove(at_most(limit), "30s", executor=executor, jobs=2)
    assert shared.status == "proved" and shared.verdict.accepted
    assert ct.check(shared.certificate).accepted
    # Cells are cut in another order, but not in other places.
    assert shared.leaves == result.leaves


def test_a_cluster_of_dask_proves_it_too(alone):
    pytest.importorskip("distributed")
    limit, _ = alone
    assert ct.prove(at_most(limit), "60s", executor="dask").status == "proved"


def test_a_bound_without_a_threshold_closes_in_on_its_witness():
    result = ct.bound(VALUE, "10s", executor=2)
    assert result.status == "proved" and float(result.bracket.upper) <= 1.03 * float(result.bracket.lower)


# ---- a search of seconds, for what happens in the middle of it

WIDER = pair(7, (5, 16, 16, 2))
LONGER = ct.discrepancy(*WIDER, over=ct.box(-np.ones((1, 5)), np.ones((1, 5))))
LIMIT = 0.235

SCRIPT = """
    import sys
    sys.path.insert(0, {here!r})
    from test_spread import LONGER
    import certify as ct
    result = ct.prove(LONGER <= {limit}, "60s", executor="serial", state={state!r}, resume={resume})
    print(result.status, result.leaves, *result.notes)
"""


@pytest.fixture(scope="module")
def longer():
    """What one process proves of it: which cells are cut depends on the tolerance alone."""
    result = ct.prove(LONGER <= LIMIT, "60s")
    assert result.status == "proved" and result.leaves > 500
    return result


def started(tmp_path: Path, limit: float, resume: bool) -> subprocess.Popen[str]:
    script = tmp_path / f"run{int(resume)}.py"
    here = str(Path(__file__).parent)
    text = SCRIPT.format(here=here, limit=limit, state=str(tmp_path / "state"), resume=resume)
    script.write_text(textwrap.dedent(text))
    return subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def solved(tmp_path: Path) -> int:
    journal = tmp_path / "state" / "journal"
    return journal.stat().st_size if journal.exists() else 0


def whole(journal: bytes) -> bytes:
    """The records of a journal that a kill did not tear."""
    end = 0
    while len(journal) >= end + _FRAME.size:
        _, n, m, _ = _FRAME.unpack(journal[end : end + _FRAME.size])
        if end + _FRAME.size + n + m > len(journal):
            break
        end += _FRAME.size + n + m
    return journal[:end]


def wait_for_work(process: subprocess.Popen[str], tmp_path: Path) -> None:
    end = time.monotonic() + 60
    while not solved(tmp_path) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    assert process.poll() is None and solved(tmp_path)


def test_a_killed_run_ends_as_one_that_was_not_once_it_is_resumed(tmp_path, longer):
    # On a busy machine the kill may come when all is recorded, or tear the first record: then it is tried again.
    for _ in range(6):
        process = started(tmp_path, LIMIT, False)
        wait_for_work(process, tmp_path)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        before = whole((tmp_path / "state" / "journal").read_bytes())
        out, err = started(tmp_path, LIMIT, True).communicate(timeout=120)
        assert out.split() == ["proved", str(longer.leaves)], err
        after = (tmp_path / "state" / "journal").read_bytes()
        if before and len(after) > len(before):
            break
        shutil.rmtree(tmp_path / "state")
    # A record that the kill tore is solved again; what was whole stays.
    assert before and len(after) > len(before) and after.startswith(before)
    with pytest.raises(ct.CertifyError, match="holds a run already"):
        ct.prove(LONGER <= LIMIT, "1s", state=tmp_path / "state")


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="no SIGINT to send")
def test_an_interrupt_keeps_the_bracket_and_a_state_to_go_on_with(tmp_path):
    process = started(tmp_path, 0.2045, False)
    wait_for_work(process, tmp_path)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0 and out.startswith("unknown") and "interrupted" in out, err
    leaves = int(out.split()[1])
    again = started(tmp_path, 0.2045, True)
    time.sleep(4)
    again.send_signal(signal.SIGINT)
    out, err = again.communicate(timeout=120)
    assert "interrupted" in out and int(out.split()[1]) >= leaves > 1, err


def test_an_interrupt_in_this_process_keeps_what_was_cut_until_then():
    def impatient(p):
        if p.phase == "split" and p.done > 100:
            raise KeyboardInterrupt

    result = ct.prove(LONGER <= 0.2045, "60s", progress=impatient)
    assert result.interrupted and result.status == "unknown" and 100 < result.leaves < 1000
    assert result.verdict.accepted and result.bracket.lower < result.bracket.upper


def test_the_command_line_reports_what_an_interrupted_search_proved(tmp_path):
    """Ctrl-C goes to all processes of a terminal: workers stay deaf to it, and the kernel is still asked."""
    onnx = pytest.importorskip("onnx")
    h, rng = onnx.helper, np.random.default_rng(2)
    sizes, nodes, tensors = (5, 16, 16, 2), [], []
    for k, (n, m) in enumerate(pairwise(sizes)):
        for name, v in ((f"w{k}", rng.standard_normal((n, m)) / np.sqrt(n)), (f"b{k}", rng.standard_normal(m) / 4)):
            tensors.append(onnx.numpy_helper.from_array(v.astype(np.float32), name))
        last = "y" if k == 2 else f"r{k}"
        nodes.append(
            h.make_node("Gemm", ["x" if k == 0 else f"r{k - 1}", f"w{k}", f"b{k}"], ["y" if k == 2 else f"v{k}"])
        )
        if k < 2:
            nodes.append(h.make_node("Relu", [f"v{k}"], [last]))
    ends = [h.make_tensor_value_info(v, 1, [None, n]) for v, n in (("x", 5), ("y", 2))]
    model = h.make_model(h.make_graph(nodes, "g", ends[:1], ends[1:], tensors), opset_imports=[h.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, tmp_path / "net.onnx")
    np.savez(tmp_path / "x.npz", X=np.zeros((1, 5)))
    (tmp_path / "claim.toml").write_text(
        f"""
        [models]
        f = "{tmp_path}/net.onnx"
        g = {{ coarsen = "quantise", bits = 4 }}
        [domain]
        kind = "linf"
        points = "{tmp_path}/x.npz:X"
        radius = "1"
        [claim]
        quantity = "value"
        at_most = "{{limit}}"
        """
    )
    # A tolerance hardly above what is witnessed, which takes far longer to prove than anybody here waits.
    text = (tmp_path / "claim.toml").read_text()
    (tmp_path / "claim.toml").write_text(text.replace("{limit}", "1000"))
    from certify.claim_file import read_claim_file

    low = float(ct.bound(read_claim_file(tmp_path / "claim.toml").claim.quantity, "1s").bracket.lower)
    (tmp_path / "claim.toml").write_text(text.replace("{limit}", f"{low * 1.0005:.9f}"))
    words = [str(tmp_path / "claim.toml"), "--executor", "2", "--state", str(tmp_path / "state"), "--json"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from certify.cli import main; main()", "prove", *words, "--budget", "60s"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    wait_for_work(process, tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    said = json.loads(out)
    assert process.returncode in (1, 2) and said["status"] in ("refuted", "unknown") and err == ""
    assert said["lower"] <= said["upper"] and "interrupted" in said["notes"][0]


@pytest.mark.long
def test_a_dask_worker_killed_in_mid_run_costs_nothing_but_time(longer):
    distributed = pytest.importorskip("distributed")
    killed = []
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):

        def kill_one(p):
            if p.phase == "split" and p.done >= 1 and not killed:
                killed.extend(client.run(os.getpid).values())
                os.kill(killed[0], signal.SIGKILL)

        address = cluster.scheduler_address.replace("tcp://", "dask://")
        result = ct.prove(LONGER <= LIMIT, "90s", executor=address, progress=kill_one)
    assert killed and result.status == "proved" and result.leaves == longer.leaves


# ---- parts that are not cut


@pytest.mark.long
def test_wide_parts_are_improved_by_workers_and_their_proofs_come_back(tmp_path):
    f, g = pair(3, (40, 8, 8, 2))
    points = np.random.default_rng(0).standard_normal((3, 40))
    q = ct.discrepancy(f, g, over=ct.linf(points, 0.1))
    result = ct.bound(q, "4s", executor=2, state=tmp_path / "state")
    assert result.status == "proved" and result.verdict.accepted and result.leaves == 3
    default = ct.bound(q, "1ms").bracket.upper
    assert result.bracket.upper < default
    # What the state holds is enough for the same certificate: nothing is left to solve.
    held = solved(tmp_path)
    again = ct.bound(q, "4s", executor="serial", state=tmp_path / "state", resume=True)
    assert again.bracket.upper == result.bracket.upper and solved(tmp_path) == held


def test_a_packed_leaf_that_is_not_one_is_bad_input():
    from certify.strategy.packing import FORM, unpack

    for form in (b"", b"1", b'["class","Path","x"]', b'["array","gone"]', b'["class","Hints"]', b'["what"]'):
        with pytest.raises(BadInput, match="state: expected a packed"):
            unpack({FORM: np.frombuffer(form, np.uint8)})
    assert unpack({}) is None
