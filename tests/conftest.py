"""Certificates that tests have checked are judged by the second kernel too, if it is built; else one line says so."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

import certify.certificate
from certify.errors import KernelMissing
from certify.rocq import find, rocq_report

# The second kernel takes about 35 ns for a multiply-add: larger files are left to tests/proofs.
MOST_BYTES, MOST_LEAVES = 300_000, 150


# A shell's background jobs ignore interrupts, and so would all processes that tests start and interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _size(path: Path) -> int:
    return sum(f.stat().st_size for f in path.rglob("*")) if path.is_dir() else path.stat().st_size


def _judged_by_both(report, path):
    """Fail unless the second kernel agrees. Of two faults, one may meet a limit first and the other the error."""
    if _size(Path(path)) > MOST_BYTES or report.get("leaves", 0) > MOST_LEAVES:
        return
    other = rocq_report(path)
    if other.get("code") == "no-such-kind":
        return  # its theorem is pending: the table of specs/statements.md says so
    words = {report["verdict"], other["verdict"]}
    at_limit = words == {"rejected", "declined"} and "limit" in (report.get("code"), other.get("code"))
    assert len(words) == 1 or at_limit, f"Python says {report}, Rocq says {other}"
    assert report.get("bounds") == other.get("bounds"), f"Python bounds {report['bounds']}, Rocq {other['bounds']}"


@pytest.fixture(autouse=True, scope="session")
def both_kernels():
    """In-process checks of certificates ask both kernels."""
    try:
        find()
    except KernelMissing:
        yield
        return
    original = certify.certificate.kernel_report

    def asked(path, *rest):
        report = original(path, *rest)
        _judged_by_both(report, path)
        return report

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certify.certificate, "kernel_report", asked)
        yield


def pytest_terminal_summary(terminalreporter):
    skipped = [r for r in terminalreporter.stats.get("skipped", []) if "rocq kernel" in str(r.longrepr)]
    if skipped:
        try:
            find()
        except KernelMissing as e:
            terminalreporter.write_line(f"NOT TESTED, {len(skipped)} tests of tests/proofs: {e}", yellow=True)
