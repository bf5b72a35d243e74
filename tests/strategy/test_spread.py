"""A search that many workers share ends as one process alone would end it; interrupts and kills lose nothing."""

from __future__ import annotations

import os
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
from certify.networks.builder import Builder
from certify.networks.graph import Network
from certify.networks.maps import Dense


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
    # Every worker knows all its unit needs: cells may be cut in another order, but not in other places.
    assert abs(shared.leaves - result.leaves) <= 0.2 * result.leaves


def test_a_cluster_of_dask_proves_it_too(alone):
    pytest.importorskip("distributed")
    limit, _ = alone
    assert ct.prove(at_most(limit), "60s", executor="dask").status == "proved"


def test_a_bound_without_a_threshold_closes_in_on_its_witness():
    result = ct.bound(VALUE, "10s", executor=2)
    assert result.status == "proved" and float(result.bracket.upper) <= 1.03 * float(result.bracket.lower)


SCRIPT = """
    import sys
    sys.path.insert(0, {here!r})
    from test_spread import VALUE
    import certify as ct
    if __name__ == "__main__":
        result = ct.prove(VALUE <= {limit}, "60s", executor="serial", state={state!r}, resume={resume})
        print(result.status, result.leaves, *result.notes)
"""


def started(tmp_path: Path, limit: float, resume: bool) -> subprocess.Popen[str]:
    script = tmp_path / f"run{int(resume)}.py"
    here = str(Path(__file__).parent)
    text = SCRIPT.format(here=here, limit=limit, state=str(tmp_path / "state"), resume=resume)
    script.write_text(textwrap.dedent(text))
    return subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def solved(tmp_path: Path) -> int:
    journal = tmp_path / "state" / "journal"
    return journal.stat().st_size if journal.exists() else 0


def wait_for_work(process: subprocess.Popen[str], tmp_path: Path) -> None:
    end = time.monotonic() + 60
    while not solved(tmp_path) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)


HARD = 1.005


def test_a_killed_run_is_taken_up_where_it_was(tmp_path, alone):
    limit = float(alone[1].bracket.lower) * HARD
    process = started(tmp_path, limit, False)
    wait_for_work(process, tmp_path)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = solved(tmp_path)
    assert before > 0
    out, err = started(tmp_path, limit, True).communicate(timeout=120)
    assert out.split()[0] in ("proved", "unknown"), err
    assert solved(tmp_path) >= before
    with pytest.raises(ct.CertifyError, match="holds a run already"):
        ct.prove(at_most(limit), "1s", state=tmp_path / "state")


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT to send")
def test_an_interrupt_keeps_the_bracket(tmp_path, alone):
    process = started(tmp_path, float(alone[1].bracket.lower) * 1.0001, False)
    wait_for_work(process, tmp_path)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "interrupted" in out or out.startswith("proved")
