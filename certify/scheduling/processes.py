"""Processes on this machine: spawned, one BLAS thread each, deaf to the terminal's interrupt.

Spawned rather than forked: a fork of a process with BLAS or torch threads can deadlock. Workers do not run the main
script again, so a script needs no ``if __name__ == "__main__"`` and may come from stdin; a solve function defined in
the main script is the exception.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import types
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM")}


class _Process(SpawnProcess):
    """A spawned process whose environment asks for one thread, and which does not know the main script."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        # The environment must be set before the child starts: BLAS reads it when numpy is first imported.
        before = {k: os.environ.get(k) for k in ONE_THREAD}
        main = sys.modules["__main__"]
        os.environ.update(ONE_THREAD)
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            return _deaf(process_obj)
        finally:
            sys.modules["__main__"] = main
            for k, v in before.items():
                if v is None:
                    del os.environ[k]
                else:
                    os.environ[k] = v


class _MainProcess(SpawnProcess):
    """A process that imports the main script."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        return _deaf(process_obj)


class _Context(SpawnContext):
    Process = _Process


class _MainContext(SpawnContext):
    Process = _MainProcess


def _deaf(process_obj: Any) -> Any:
    """Start a process with interrupts blocked, as it inherits: one that comes before it ignores them would kill it."""
    if not hasattr(signal, "pthread_sigmask"):
        return SpawnProcess._Popen(process_obj)
    # Starting its tracker, which it would do in there, multiprocessing lets interrupts through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return SpawnProcess._Popen(process_obj)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Pool(ProcessPoolExecutor):
    """A pool in which an interrupt waits until a task is handed over and the process for it, if any, has started.

    An interrupt in the middle would leave a process with half of what it is sent, which it complains about, or one
    that nobody ends. A blocked signal is not enough: it goes to another thread, and Python then raises it in the main
    one all the same.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is None:
            return super().submit(fn, *args, **kwargs)
        came: list[tuple[int, types.FrameType | None]] = []
        before = signal.signal(signal.SIGINT, lambda number, frame: came.append((number, frame)))
        try:
            return super().submit(fn, *args, **kwargs)
        finally:
            signal.signal(signal.SIGINT, before)
            if came and callable(before):
                before(*came[-1])


def _start_worker() -> None:
    # Ctrl-C reaches every process of the terminal's group; the scheduler decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A worker waits on a queue that its siblings hold open too: when the parent is killed it would wait for ever.
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


class Processes:
    """A pool of processes; a fresh one replaces it when a worker dies."""

    name = "processes"
    shares_memory = False

    def __init__(self, count: int, *, main: bool = False) -> None:
        """main: whether workers import the main script, for a solve function defined there."""
        self._count, self._main = count, main
        self._executor: ProcessPoolExecutor | None = None

    def needs_main(self) -> None:
        """Have workers import the main script; called before they start."""
        self._main = True

    def executor(self) -> Executor:
        if self._executor is None:
            context = _MainContext() if self._main else _Context()
            self._executor = _Pool(self._count, mp_context=context, initializer=_start_worker)
        return self._executor

    def count(self) -> int:
        return self._count

    def depth(self) -> int:
        return 2 * self._count

    def renew(self) -> None:
        self.close(kill=True)

    def close(self, kill: bool = False) -> None:
        executor, self._executor = self._executor, None
        if executor is None:
            return
        # The executor has no public way to end running tasks before Python 3.14.
        workers = list((executor._processes or {}).values())
        executor.shutdown(wait=not kill, cancel_futures=True)
        if kill:
            for w in workers:
                w.kill()
            for w in workers:
                w.join(5)
