"""From what a user says of workers to something that runs tasks: this process, threads, processes, dask, an executor.

A ``Pool`` starts its executor when it is first needed and can start a fresh one when workers died. What to run and
what to run again is certify.scheduling.scheduler's.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, ParamSpec, Protocol, TypeVar

from certify.errors import CertifyError

P = ParamSpec("P")
T = TypeVar("T")

SPECS = "serial, threads, dask, dask://HOST:PORT or a number of processes"


class Pool(Protocol):
    """Workers that can be started, counted, replaced and stopped."""

    name: str
    # Whether workers share this process, so that the problem need not travel.
    shares_memory: bool

    def executor(self) -> Executor:
        """The running executor, started if need be; raises CertifyError when it cannot be."""
        ...

    def count(self) -> int:
        """How many tasks run at once; it may change while a run lasts."""
        ...

    def depth(self) -> int:
        """How many tasks to keep handed out: more than run at once, so that no worker waits for the scheduler."""
        ...

    def renew(self) -> None:
        """Give up the executor, so that the next call of ``executor`` starts a fresh one; raises CertifyError."""
        ...

    def close(self, kill: bool = False) -> None:
        """Stop what was started here; with ``kill`` without waiting for running tasks. It may be started again."""
        ...


class _Inline(Executor):
    """Runs a task when it is submitted. KeyboardInterrupt passes, so that a run can be interrupted."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as e:
            future.set_exception(e)
        return future


class Serial:
    """One task at a time, in this process."""

    name = "serial"
    shares_memory = True

    def executor(self) -> Executor:
        return _Inline()

    def count(self) -> int:
        return 1

    def depth(self) -> int:
        return 1

    def renew(self) -> None:
        """There is nothing to start again."""

    def close(self, kill: bool = False) -> None:
        """There is nothing to stop."""


class Threads:
    """Threads of this process: they overlap where numpy lets go of the interpreter."""

    name = "threads"
    shares_memory = True

    def __init__(self, count: int | None = None) -> None:
        self._count = count or available_cpus()
        self._executor: ThreadPoolExecutor | None = None

    def executor(self) -> Executor:
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._count, thread_name_prefix="certify")
        return self._executor

    def count(self) -> int:
        return self._count

    def depth(self) -> int:
        return 2 * self._count

    def renew(self) -> None:
        self.close(kill=True)

    def close(self, kill: bool = False) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=not kill, cancel_futures=True)
            self._executor = None


class Given:
    """An executor of the user's: used as it is, neither restarted nor shut down."""

    shares_memory = False

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self.name = type(executor).__name__
        found: Any = getattr(executor, "_max_workers", None)
        self._count = found if isinstance(found, int) and found > 0 else available_cpus()

    def executor(self) -> Executor:
        return self._executor

    def count(self) -> int:
        return self._count

    def depth(self) -> int:
        return 2 * self._count

    def renew(self) -> None:
        raise CertifyError(f"executor: {self.name} broke, and one that was given cannot be started again")

    def close(self, kill: bool = False) -> None:
        """It is its owner's to stop."""


def executor_of(spec: str | int | Executor | Pool | None = None, *, timeout: float = 10.0) -> Pool:
    """Workers as a user names them.

    None: processes on this machine, one for each CPU available; a number (or its digits): so many processes;
    "serial": this process; "threads"; "dask": a cluster on this machine; "dask://HOST:PORT": that scheduler, which
    must answer within ``timeout`` seconds; an Executor: itself. Nothing is started yet. Raises CertifyError.
    """
    from certify.scheduling.processes import Processes

    if isinstance(spec, str) and spec.isdecimal():
        spec = int(spec)
    if spec is None:
        return Processes(available_cpus())
    if isinstance(spec, int):
        if spec < 1:
            raise CertifyError(f"executor: expected at least one process, found {spec}")
        return Processes(spec)
    if isinstance(spec, Executor):
        return Given(spec)
    if not isinstance(spec, str):
        return spec
    if spec == "serial":
        return Serial()
    if spec == "threads":
        return Threads()
    if spec == "dask" or spec.startswith("dask://"):
        from certify.scheduling.dask_pool import Dask, address_of

        return Dask(address_of(spec), timeout)
    raise CertifyError(f"executor: expected {SPECS}; found {spec!r}")


def available_cpus() -> int:
    """CPUs that this process may use: its affinity, and a container's quota where there is one."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as f:
            quota, period = f.read().split()
        if quota != "max":
            count = min(count, -(-int(quota) // int(period)))
    except (OSError, ValueError):
        pass
    return max(1, count)
