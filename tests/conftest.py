"""Says in one line, at the end of a run, that the second kernel was not tested."""

from __future__ import annotations

from certify.errors import KernelMissing
from certify.rocq import find


def pytest_terminal_summary(terminalreporter):
    skipped = [r for r in terminalreporter.stats.get("skipped", []) if "rocq kernel" in str(r.longrepr)]
    if skipped:
        try:
            find()
        except KernelMissing as e:
            terminalreporter.write_line(f"NOT TESTED, {len(skipped)} tests of tests/proofs: {e}", yellow=True)
