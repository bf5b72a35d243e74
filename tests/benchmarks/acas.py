"""ACAS Xu properties 1-4 on five networks: our command against nnenum's, each a fresh command with one BLAS thread.

    python -m tests.benchmarks.acas [SECONDS]

CPU seconds of whole commands, start-up included, and of the decision alone as each tool tells it (wall time). Ours
includes certificates and their check by the kernel; nnenum writes none and answers in float64.
"""

from __future__ import annotations

import json
import math
import os
import re
import resource
import signal
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import peers
from tests.benchmarks.cases import DATA

NETWORKS = ("1_1", "1_9", "2_1", "3_3", "4_5")
PROPERTIES = (1, 2, 3, 4)
WORDS = {"SAFE": "proved", "UNSAFE": "refuted", "proved": "proved", "refuted": "refuted"}


@dataclass(frozen=True)
class Run:
    """An answer, CPU seconds of the command, and the tool's own seconds for the decision."""

    answer: str
    cpu: float
    told: float


def _run(command: list[str], seconds: float) -> tuple[str, float]:
    """What a command printed, and its CPU seconds with all its processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # A budget is for the search: the rest is for the check. Told to stop, a tool may still stop its own processes.
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | peers.ONE_THREAD,
        start_new_session=True,
    )  # fmt: skip
    try:
        said, _ = running.communicate(timeout=3 * seconds)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        said = ""
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return said, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ours(onnx: str, vnnlib: str, seconds: float) -> Run:
    """``certify prove`` as it comes: processes where it takes them."""
    said, spent = _run(
        [str(Path(sys.executable).with_name("certify")), "prove", "--onnx", onnx, "--vnnlib", vnnlib,
         "--budget", f"{seconds:g}s", "--json"], seconds,
    )  # fmt: skip
    if not said:
        return Run("none", spent, math.inf)
    found = json.loads(said)
    told = sum(sum(c["seconds"].values()) for c in found["claims"])
    return Run(WORDS.get(found["status"], found["status"]), spent, told)


def nnenum(onnx: str, vnnlib: str, seconds: float) -> Run:
    """nnenum with one process and its own settings."""
    said, spent = _run(
        [str(peers.PEERS / "bin/python"), "-m", "nnenum.nnenum", onnx, vnnlib, f"{seconds:g}", os.devnull, "1"], seconds
    )
    answers = re.findall(r"Result: network (?:is|seems) (\w+)", said)
    told = sum(float(t) for t in re.findall(r"^Runtime: .*?([\d.]+) sec", said, flags=re.MULTILINE))
    # Of several boxes the last one decides: it stops at the first that is not safe.
    return Run(WORDS.get(answers[-1], answers[-1]) if answers else "none", spent, told if answers else math.inf)


def table(seconds: float = 60.0) -> list[str]:
    """Lines of Markdown: the twenty instances, and the medians."""
    missing = peers.available("nnenum")
    head = (
        "| network, property | ours | CPU, whole command | search + check | nnenum | CPU, whole command | its runtime |"
    )
    lines = [head, "|---" * 7 + "|"]
    pairs = []
    for net in NETWORKS:
        for k in PROPERTIES:
            files = str(DATA / f"acasxu/ACASXU_run2a_{net}_batch_2000.onnx"), str(DATA / f"acasxu/prop_{k}.vnnlib")
            a = ours(*files, seconds)
            cells = [f"{net}, {k}", a.answer, f"{a.cpu:.2f} s", f"{a.told:.2f} s"]
            if missing is None:
                b = nnenum(*files, seconds)
                pairs.append((a, b))
                cells += [b.answer, f"{b.cpu:.2f} s", f"{b.told:.2f} s"]
            else:
                cells += ["not asked", "-", "-"]
            lines.append("| " + " | ".join(cells) + " |")
            print(lines[-1], flush=True)
    if missing is not None:
        return [*lines, "", f"nnenum is missing: {missing}"]
    return [*lines, "", _summary(pairs)]


def _summary(pairs: list[tuple[Run, Run]]) -> str:
    # nnenum tells tenths of a second: ratios of its own times would be ratios of rounding.
    ratio = statistics.median(a.cpu / b.cpu for a, b in pairs)
    both = list(zip(*pairs, strict=True))
    (whole, its_whole), (bare, its_bare) = (
        [statistics.median(getattr(r, field) for r in runs) for runs in both] for field in ("cpu", "told")
    )
    decided, its_decided = (sum(r.answer in WORDS.values() for r in runs) for runs in both)
    contrary = sum({a.answer, b.answer} == set(WORDS.values()) for a, b in pairs)
    return (
        f"Medians, ours and nnenum's: whole commands {whole:.2f} and {its_whole:.2f} s, median ratio {ratio:.2f}; "
        f"without start-up {bare:.2f} and {its_bare:.2f} s. Decided: {decided} and {its_decided} of {len(pairs)}; "
        f"contrary answers: {contrary}."
    )


if __name__ == "__main__":
    print("\n".join(table(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)))
