"""How units get to workers: the problem goes with the first tasks, later ones name it by a token.

A worker that lacks the problem says so (worker.Missing), and the same unit is shipped again with the problem.
"""

from __future__ import annotations

import pickle
import uuid
from concurrent.futures import Future
from typing import Any

from certify.errors import CertifyError
from certify.scheduling import worker
from certify.scheduling.executors import Pool
from certify.scheduling.processes import Processes
from certify.scheduling.units import Solve, Unit


class NoWorkers(Exception):
    """Workers died and cannot be had again."""


class Shipping:
    """One problem and its solve function on the way to the workers of one pool."""

    def __init__(self, problem: object, solve: Solve, pool: Pool) -> None:
        self._problem, self._solve, self._pool = problem, solve, pool
        self._token = uuid.uuid4().hex
        self._packed: bytes | None = None
        self._shipments = 0

    def prepare(self) -> None:
        """Whatever can be done before there are workers."""
        if self._pool.shares_memory:
            worker.install(self._token, self._problem)
        elif isinstance(self._pool, Processes) and "__main__" in (
            getattr(self._solve, "__module__", ""), type(self._problem).__module__,
        ):  # fmt: skip
            self._pool.needs_main()

    def submit(self, unit: Unit, seconds: float, ship: bool = False) -> Future[Any]:
        """Hand a unit to the pool, with the problem if ``ship`` says so or not all workers can have it yet.

        Raises NoWorkers when there are none, BrokenExecutor or RuntimeError when they died, CertifyError when the
        problem cannot travel.
        """
        if not self._pool.shares_memory and (ship or self._shipments < self._pool.count()):
            self._shipments += 1
            ship = True
        packed = self._pack() if ship else None
        try:
            executor = self._pool.executor()
        except CertifyError as e:
            raise NoWorkers(str(e)) from None
        return executor.submit(worker.work, self._token, packed, self._solve, unit, seconds)

    def _pack(self) -> bytes:
        if self._packed is None:
            try:
                self._packed = pickle.dumps(self._problem, protocol=5)
            except Exception as e:
                raise CertifyError(f"problem: expected one that can be sent to workers, found {e}") from None
        return self._packed

    def again(self) -> None:
        """The pool is a fresh one: its workers have nothing."""
        self._shipments = 0

    def forget(self) -> None:
        """Drop the problem from this process."""
        worker.forget(self._token)
