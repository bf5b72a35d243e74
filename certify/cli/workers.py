"""The options of commands that search on many workers or check with many kernels; see strategy.prove."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

Executor = Annotated[
    str | None, Parameter(name="--executor", help="A number of processes, serial, threads, dask, or dask://HOST:PORT.")
]
StateDir = Annotated[str | None, Parameter(name="--state", help="A directory that keeps what was solved.")]
Resume = Annotated[bool, Parameter(name="--resume", negative="", help="Take up the run that --state holds.")]
Jobs = Annotated[int, Parameter(name="--jobs", help="Kernel processes that share the leaves.")]
