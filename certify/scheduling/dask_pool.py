"""Workers of dask.distributed: a scheduler somewhere, or a cluster started on this machine.

Dask runs a task again when its worker dies, and gives up after a few deaths; then the run decides. It is an extra:
``pip install certify[dask]``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from typing import Any, ParamSpec, TypeVar

from certify.errors import CertifyError

P = ParamSpec("P")
T = TypeVar("T")

# Asking the scheduler for its workers is a round trip; their number changes rarely.
RECOUNT_SECONDS = 2.0


def address_of(spec: str) -> str | None:
    """The scheduler of "dask://HOST:PORT", or None for "dask"; raises CertifyError."""
    if spec == "dask":
        return None
    place = spec.removeprefix("dask://")
    host, colon, port = place.rpartition(":")
    if not (host and colon and port.isdecimal() and int(port) < 1 << 16):
        raise CertifyError(f"executor: expected dask://HOST:PORT, found {spec!r}")
    return f"tcp://{place}"


class _Tasks(Executor):
    """Tasks of a client as futures that always end.

    Client.get_executor leaves a future pending for ever when its result was on a worker that died before it was
    fetched and the task then fails (distributed 2026.8: the error of the fetch is raised outside of the future).
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        # Pure tasks with equal arguments would share one result; each try of a unit is to be a try of its own.
        task = self._client.submit(fn, *args, pure=False, **kwargs)
        future: Future[T] = Future()

        def cancelled(done: Future[T]) -> None:
            if done.cancelled():
                with contextlib.suppress(Exception):
                    task.cancel()

        future.add_done_callback(cancelled)
        self._client.loop.add_callback(_carry, task, future)
        return future


async def _carry(task: Any, future: Future[Any]) -> None:
    """Bring what a task gave, or why it gave nothing, to a future."""
    value: Any = None
    error: Exception | None = None
    try:
        value = await task.result()
    except (asyncio.CancelledError, CancelledError) as e:
        error = BrokenExecutor(f"the scheduler dropped a task ({e or type(e).__name__})")
    except Exception as e:
        error = e
    # Cancelled by us in the meantime: nobody wants to know.
    if future.set_running_or_notify_cancel():
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)


class Dask:
    """A client of a scheduler; with address None, of a cluster of its own with a process for each CPU."""

    shares_memory = False

    def __init__(self, address: str | None, timeout: float = 10.0) -> None:
        self._address, self._timeout = address, timeout
        self.name = "dask" if address is None else address
        self._client: Any = None
        self._cluster: Any = None
        self._executor: Executor | None = None
        self._counted = (0.0, 1)

    def executor(self) -> Executor:
        if self._executor is None:
            try:
                import distributed
            except ImportError:
                raise CertifyError("executor: dask.distributed is not installed: pip install certify[dask]") from None
            try:
                self._connect(distributed)
            except (OSError, TimeoutError, RuntimeError) as e:
                self.close(kill=True)
                said = str(e).strip().splitlines()[0][:120] if str(e).strip() else type(e).__name__
                if self._address is None:
                    hint = "a script that starts it needs: if __name__ == '__main__':"
                    raise CertifyError(
                        f"executor: dask cannot start workers on this machine ({said}); {hint}"
                    ) from None
                raise CertifyError(f"executor: no workers at {self.name} within {self._timeout:g} s ({said})") from None
            self._executor = _Tasks(self._client)
        assert self._executor is not None
        return self._executor

    def _connect(self, distributed: Any) -> None:
        from certify.scheduling.executors import available_cpus

        if self._address is None:
            self._cluster = distributed.LocalCluster(
                n_workers=available_cpus(), threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            )  # fmt: skip
        self._client = distributed.Client(self._cluster or self._address, timeout=self._timeout, set_as_default=False)
        self._client.wait_for_workers(1, timeout=self._timeout)

    def count(self) -> int:
        """Threads of all workers that the scheduler has now; at least one, since more may join."""
        when, known = self._counted
        if time.monotonic() - when > RECOUNT_SECONDS and self._client is not None:
            with contextlib.suppress(OSError, TimeoutError, RuntimeError):
                known = max(1, sum(self._client.nthreads().values()))
            self._counted = (time.monotonic(), known)
        return known

    def depth(self) -> int:
        return 2 * self.count()

    def renew(self) -> None:
        self.close(kill=True)

    def close(self, kill: bool = False) -> None:
        # Closing must not hide why it was needed.
        for thing in (self._client, self._cluster):
            if thing is not None:
                with contextlib.suppress(Exception):
                    thing.close(timeout=2 if kill else self._timeout)
        self._client = self._cluster = self._executor = None
