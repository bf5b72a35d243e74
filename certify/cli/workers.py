"""The options of commands that search on many workers or check with many kernels: their types and what they mean.

Nothing is started here; a wrong word is misuse (exit code 64) before any work is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from certify.errors import CertifyError

if TYPE_CHECKING:
    from certify.claims import Claim
    from certify.scheduling import Pool, State

Executor = Annotated[
    str | None, Parameter(name="--executor", help="A number of processes, serial, threads, dask, or dask://HOST:PORT.")
]
StateDir = Annotated[str | None, Parameter(name="--state", help="A directory that keeps what was solved.")]
Resume = Annotated[bool, Parameter(name="--resume", negative="", help="Take up the run that --state holds.")]
Jobs = Annotated[int, Parameter(name="--jobs", help="Kernel processes that share the leaves.")]


@dataclass(frozen=True)
class Workers:
    """Where a search runs, and where it keeps its state; pool is None for what the search does by itself."""

    pool: Pool | None
    place: str | None
    resume: bool

    def state(self, claim: Claim) -> State | None:
        """The state of a run on this claim, open; None without --state. Raises CertifyError as State does."""
        if self.place is None:
            return None
        from certify.scheduling import State, digest_of

        return State(self.place, digest_of(claim), resume=self.resume)


def workers(executor: str | None, state: str | None, resume: bool) -> Workers:
    """What --executor, --state and --resume say together; raises CertifyError for what does not go together."""
    if resume and state is None:
        raise CertifyError("--resume: expected --state DIR beside it")
    if state == "":
        raise CertifyError("--state: expected a directory, found nothing")
    if executor is None:
        return Workers(None, state, resume)
    from certify.scheduling import executor_of

    return Workers(executor_of(executor), state, resume)


def jobs(count: int) -> int:
    """A number of kernel processes; raises CertifyError."""
    if count < 1:
        raise CertifyError(f"--jobs: expected at least 1, found {count}")
    return count
