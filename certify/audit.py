"""Audit: every claim file of a directory, each tried, none hidden.

A file that cannot be read is a row of its own and does not stop the others. There is no score: a table of claims and
statuses, and the worst of them. Worst first: an error, a refuted claim, an unknown one, a proved one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from certify.claim_file import read_claim_file
from certify.errors import BadInput, CertifyError

if TYPE_CHECKING:
    from certify.results import Result
    from certify.strategy import Listener

EXIT = {"proved": 0, "refuted": 1, "unknown": 2}
FAULT = 70


@dataclass(frozen=True)
class Row:
    """One claim file: its claim in words and its result, or the error that stopped it (result None).

    expected: the status its author wrote down, if any. exit_code: what ``certify prove`` would exit with.
    """

    path: Path
    claim: str
    result: Result | None
    error: str
    exit_code: int
    expected: str | None
    seconds: float

    @property
    def status(self) -> str:
        """proved, refuted, unknown or error."""
        return "error" if self.result is None else self.result.status

    @property
    def as_expected(self) -> bool | None:
        """Whether the status is the expected one; None when nothing was expected."""
        return None if self.expected is None else self.expected == self.status

    def as_json(self) -> dict[str, Any]:
        """One entry of ``certify audit --json``."""
        out: dict[str, Any] = {"file": str(self.path), "claim": self.claim, "status": self.status}
        out |= {"expected": self.expected, "as_expected": self.as_expected, "exit": self.exit_code}
        if self.result is None:
            return out | {"error": self.error}
        return out | {k: v for k, v in self.result.as_json().items() if k != "status"}


def claim_files(directory: str | os.PathLike[str]) -> list[Path]:
    """The ``*.toml`` files of a directory (not of those below it), sorted; raises BadInput when there is none."""
    root = Path(directory)
    if not root.is_dir():
        raise BadInput(f"{root}: expected a directory of claim files, found none")
    found = sorted(p for p in root.glob("*.toml") if p.is_file())
    if not found:
        raise BadInput(f"{root}: expected claim files (*.toml), found none")
    return found


def audit(
    directory: str | os.PathLike[str], budget: float | None = None, *, listener: Listener | None = None
) -> list[Row]:
    """Try every claim file of a directory, in alphabetical order.

    budget: seconds for each claim instead of the file's own. listener: told how each search goes.
    Raises BadInput for a directory without claim files; errors of single files become rows. An interrupt ends the
    audit after the claim that it struck, whose bracket is kept; later ones have no row.
    """
    rows: list[Row] = []
    for p in claim_files(directory):
        rows.append(_row(p, budget, listener))
        if rows[-1].result is not None and rows[-1].result.interrupted:
            break
    return rows


def _row(path: Path, budget: float | None, listener: Listener | None) -> Row:
    from certify.strategy import prove

    started = time.perf_counter()
    claim, expected = "", None
    try:
        read = read_claim_file(path)
        claim, expected = str(read.claim), read.expect
        seconds = read.budget if budget is None else budget
        result = prove(read.claim, seconds, progress=listener, seed=read.seed)
    except CertifyError as e:
        return Row(path, claim, None, str(e), e.exit_code, expected, time.perf_counter() - started)
    except Exception as e:
        # Our own bug, said as such: it must not hide what the other files have to say.
        error = f"internal error, please report it: {type(e).__name__}: {e}"
        return Row(path, claim, None, error, FAULT, expected, time.perf_counter() - started)
    return Row(path, claim, result, "", EXIT[result.status], expected, time.perf_counter() - started)


def worst_exit(rows: Sequence[Row]) -> int:
    """The exit code of the worst row: an error before refuted before unknown before proved."""
    severity = {0: 0, 2: 1, 1: 2}
    return max((r.exit_code for r in rows), key=lambda c: severity.get(c, c), default=0)
