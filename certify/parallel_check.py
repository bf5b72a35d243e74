"""Several kernel processes on one certificate, each replaying its share of the leaves; and what one process said.

Every process reads the whole certificate and its digests; share I of N replays the leaves whose index is I modulo N.
The verdicts are joined here: accepted only when all accept the same certificate and every part has a bound. This
adds no way to be accepted: a leaf that no share replayed would need a kernel that lies about its share.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from certify.errors import CertifyError

KERNEL = (sys.executable, "-I", "-m", "certify.kernel", "--json")
EXIT_OF = {"accepted": 0, "rejected": 1, "declined": 2}

Report = dict[str, Any]


def kernel_report(path: str | os.PathLike[str], flags: Sequence[str] = (), jobs: int = 1) -> Report:
    """What the kernel says of the file at ``path``, in the fields of its JSON, from ``jobs`` processes.

    Raises CertifyError when a process fails, which is no verdict.
    """
    if jobs < 1:
        raise CertifyError(f"jobs: expected at least one kernel process, found {jobs}")
    if jobs == 1:
        return _run_all([[*KERNEL, *flags, str(path)]])[0]
    return check_in_shares(str(path), jobs, [*KERNEL, *flags])


def check_in_shares(path: str, jobs: int, command: Sequence[str]) -> Report:
    """Run ``command --share I/N PATH`` for I = 0 .. N - 1 at once and join what they say.

    A share reports as the whole would, over its own leaves; the bound of a part none of whose leaves it replayed is
    null. An accepted one names its share ("share": "I/N"), so that a kernel which knows no shares is not mistaken for
    one that does. Raises CertifyError when a process fails or the processes did not see the same certificate.
    """
    # Shares that each started a BLAS thread for every CPU would fight over them.
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    reports = _run_all([[*command, "--share", f"{i}/{jobs}", path] for i in range(jobs)], env)
    for i, r in enumerate(reports):
        if r["verdict"] == "accepted" and r.get("share") != f"{i}/{jobs}":
            raise CertifyError(f"share {i} of {jobs}: expected a report of share {i}/{jobs}, found {r.get('share')}")
    return join_shares(reports)


def join_shares(reports: Sequence[Report]) -> Report:
    """One report from those of all shares of one certificate.

    A rejection is definite, so it outweighs a decline; of several, the lowest share's is kept. Bounds are joined by
    max, leaves are summed, times are those of the slowest. Rejects with contradiction, as the kernel does, when a part
    is left without a bound. Raises CertifyError when accepted reports differ in anything but their leaves.
    """
    for verdict in ("rejected", "declined"):
        for r in reports:
            if r["verdict"] == verdict:
                return r
    first = reports[0]
    for i, r in enumerate(reports):
        for key in ("id", "f", "g", "kernel", "arithmetic"):
            if r.get(key) != first.get(key):
                raise CertifyError(
                    f"share {i} of {len(reports)}: expected {key} {first.get(key)} as of share 0, found {r.get(key)}"
                )
        if len(r["bounds"]) != len(first["bounds"]):
            raise CertifyError(f"share {i}: expected {len(first['bounds'])} parts, found {len(r['bounds'])}")
    bounds = []
    for part, column in enumerate(zip(*(r["bounds"] for r in reports), strict=True)):
        found = [b for b in column if b is not None]
        if not found:
            reason = f"no leaf of part {part} has a point"
            said = {k: first[k] for k in ("certificate", "kernel", "arithmetic") if k in first}
            return said | {"verdict": "rejected", "code": "contradiction", "place": "proof", "reason": reason}
        bounds.append(max(found, key=Fraction))
    leaves = sum(r["leaves"] for r in reports)
    times = [r.get("milliseconds", {}) for r in reports]
    slowest = {k: max(t.get(k, 0) for t in times) for k in times[0]}
    whole = {k: v for k, v in first.items() if k != "share"}
    return whole | {"bounds": bounds, "leaves": leaves, "milliseconds": slowest}


def _run_all(commands: Sequence[Sequence[str]], env: dict[str, str] | None = None) -> list[Report]:
    """Run commands at once; what each said. None outlives this call."""
    running: list[subprocess.Popen[str]] = []
    try:
        for c in commands:
            running.append(subprocess.Popen(c, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env))
        # One that fills its pipe waits for its turn to be read; its work is done by then.
        return [_finished(p) for p in running]
    finally:
        for p in running:
            if p.poll() is None:
                p.kill()
            with contextlib.suppress(OSError, ValueError):
                p.communicate()


def _finished(process: subprocess.Popen[str]) -> Report:
    out, err = process.communicate()
    return report_of(process.returncode, out, err)


def report_of(code: int, out: str, err: str) -> Report:
    """The report that a kernel printed, held to its exit code; raises CertifyError when there is none."""
    if code not in EXIT_OF.values():
        raise CertifyError(f"the kernel failed with exit code {code}: {err.strip()[-300:]}")
    try:
        report: Report = json.loads(out)
        said = EXIT_OF[report["verdict"]]
    except (ValueError, KeyError, TypeError):
        raise CertifyError(f"the kernel exited with {code} without a report: {out.strip()[-300:]}") from None
    if said != code:
        raise CertifyError(f"the kernel said {report['verdict']} and exited with {code}")
    return report
