"""Best-first branch and bound over workers: hand out the worst units, take what comes back, keep the bracket.

How a unit is bounded and split is the solver's; what a certificate looks like is the elaborator's. A run ends with
a bracket whatever happens to workers: units that were lost are tried again, and at last left open with the bound
they came with and a line in ``failures``.
"""

from __future__ import annotations

import contextlib
import heapq
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from dataclasses import replace
from typing import Any

from certify.errors import BadInput, CertifyError
from certify.scheduling import worker
from certify.scheduling.executors import Pool, executor_of
from certify.scheduling.frontier import Failure, Frontier
from certify.scheduling.shipping import NoWorkers, Shipping
from certify.scheduling.state import State
from certify.scheduling.units import Goal, Listener, Outcome, Path, Solve, Standing, Unit, fault_of

# A unit that is lost this often is left open. From the attempt before the last it runs alone, so that what kills
# workers is told from what happened to run beside it.
MOST_ATTEMPTS = 3
# Fresh pools in a row without an outcome between: then workers cannot work at all.
MOST_RESTARTS = 4
# Seconds a unit gets: few while workers wait for units, more when there are plenty.
SHORT, LONG = 0.5, 5.0
# Of what is left, for units that share it: workers start late, and solvers overstay.
EVEN_SHARE = 0.85
# A unit that is out this much longer than it was given is taken for lost: solvers overstay, but not like this.
OVERDUE_FACTOR, OVERDUE_SECONDS = 20.0, 120.0
# How often the listener hears, and how long running units may overstay the deadline.
SAY_SECONDS = 0.1
GRACE_SECONDS = 2.0


def run(
    problem: object,
    units: Sequence[Unit],
    solve: Solve,
    executor: str | int | Executor | Pool | None = None,
    *,
    seconds: float,
    goal: Goal | None = None,
    listener: Listener | None = None,
    state: State | None = None,
    slices: tuple[float, float] | None = (SHORT, LONG),
) -> Frontier:
    """Refine the worst unit first until the goal is met, a witness refutes, time is up or nothing is left to split.

    problem: anything that pickles; it goes to each worker once. solve: a module-level function. executor: what
    ``executor_of`` takes; what it names is stopped at the end, while a Pool or Executor stays the caller's. state:
    outcomes recorded there are taken up, new ones are recorded. slices: seconds for a unit when units are few and when
    they are many; None: the units that are ready share what is left, for solvers that never split.

    KeyboardInterrupt ends the run as "interrupted" and is not raised again. Raises CertifyError when no workers can
    be had at the start, or the problem cannot travel.
    """
    pool = executor_of(executor)
    work = _Run(problem, units, solve, pool, seconds, goal or Goal(), listener, state, slices)
    try:
        return work.run()
    finally:
        work.shipping.forget()
        if pool is not executor or work.abandoned:
            pool.close(kill=True)


class _Run:
    def __init__(
        self, problem: object, units: Sequence[Unit], solve: Solve, pool: Pool, seconds: float, goal: Goal,
        listener: Listener | None, state: State | None, slices: tuple[float, float] | None,
    ) -> None:  # fmt: skip
        self._pool, self._goal = pool, goal
        self._listener, self._state, self._slices = listener, state, slices
        self._seconds, self._deadline = seconds, time.monotonic() + seconds
        self.abandoned = False
        self.shipping = Shipping(problem, solve, pool)
        self._restarts = 0
        self._attempts: dict[Path, int] = {}
        self._flying: dict[Future[Any], Unit] = {}
        self._due: dict[Path, float] = {}
        self._refuted = False
        self._said = 0.0
        self.frontier = Frontier(units, None if state is None else state.outcome)
        if state is not None:
            state.bind(units)
            self._take_up(state)
        self._ready = [(-u.upper, u.path) for u in self.frontier.open.values()]
        heapq.heapify(self._ready)

    def _take_up(self, state: State) -> None:
        for path, outcome in state:
            unit = self.frontier.open.get(path)
            if unit is None or fault_of(unit, outcome) is not None:
                raise CertifyError(f"{state.place}: expected outcomes of this run's units, found one at {path}")
            self._merge(unit, outcome)

    # ---- the loop

    def run(self) -> Frontier:
        try:
            self.frontier.ended = self._loop()
        except KeyboardInterrupt:
            self.frontier.settle()
            self.frontier.ended = "interrupted"
        self._abandon()
        self._say(force=True)
        return self.frontier

    def _loop(self) -> str:
        self.shipping.prepare()
        self._say(force=True)
        # Refused here rather than later: without workers at the start there is no run to keep.
        if self._worth_handing_out() and not self._refuted:
            self._pool.executor()
        while True:
            if self._refuted or self.frontier.size >= self._goal.most:
                return "refuted" if self._refuted else "full"
            if time.monotonic() >= self._deadline:
                self._harvest()
                return "refuted" if self._refuted else "goal" if self._met() else "time"
            if not self._worth_handing_out() and not any(u.upper > self._bar(u.part) for u in self._flying.values()):
                return "goal" if self._met() else "exhausted"
            try:
                self._hand_out()
                left = max(0.0, self._deadline - time.monotonic())
                self._take(wait(self._flying, timeout=min(left, 0.5), return_when=FIRST_COMPLETED).done)
                self._drop_overdue()
            except NoWorkers as e:
                self.frontier.failures.append(Failure((), self._restarts, str(e), True))
                return "lost"
            self._say()

    def _bar(self, part: int) -> float:
        """Units of the part at most this need no work: good enough, or no better than what cannot be split."""
        return max(self._goal.bar(self.frontier.lower_of(part)), self.frontier.finished_of(part))

    def _met(self) -> bool:
        return all(u <= self._goal.bar(self.frontier.lower_of(p)) for p, u in self.frontier.uppers().items())

    # ---- handing out

    def _worth_handing_out(self) -> bool:
        """Whether a ready unit is above its part's bar; drops those that are not, since bars only rise."""
        while self._ready:
            unit = self.frontier.open.get(self._ready[0][1])
            if unit is not None and unit.upper > self._bar(unit.part):
                return True
            heapq.heappop(self._ready)
        return False

    def _hand_out(self) -> None:
        # Units of even shares must not wait behind others: their time is counted from now on.
        depth = self._pool.count() if self._slices is None else self._pool.depth()
        while len(self._flying) < depth and not self._refuted and self._worth_handing_out():
            unit = self.frontier.open[self._ready[0][1]]
            alone = self._attempts.get(unit.path, 0) >= MOST_ATTEMPTS - 1
            if self._flying and (alone or self._quarantined()):
                return
            left = self._deadline - time.monotonic()
            if left <= 0:
                return
            share = self._share(left, depth)
            heapq.heappop(self._ready)
            self._submit(replace(unit, floor=self.frontier.lower_of(unit.part)), share)

    def _share(self, left: float, depth: int) -> float:
        """Seconds for the next unit."""
        if self._slices is None:
            ready = sum(
                -upper > self._bar(self.frontier.open[p].part) for upper, p in self._ready if p in self.frontier.open
            )
            return EVEN_SHARE * left / max(1, -(-ready // self._pool.count()))
        plenty = len(self._ready) - 1 + len(self._flying) >= depth
        return min(self._slices[plenty], left if depth == 1 else left / 2)

    def _quarantined(self) -> bool:
        return any(self._attempts.get(u.path, 0) >= MOST_ATTEMPTS - 1 for u in self._flying.values())

    def _submit(self, unit: Unit, seconds: float, ship: bool = False) -> None:
        try:
            future = self.shipping.submit(unit, seconds, ship)
        except (BrokenExecutor, RuntimeError) as e:
            self._fail(unit, f"workers died: {e}")
            self._renew(str(e))
            return
        self._flying[future] = unit
        self._due[unit.path] = time.monotonic() + OVERDUE_SECONDS + OVERDUE_FACTOR * seconds

    # ---- taking back

    def _take(self, done: set[Future[Any]]) -> None:
        broken: str | None = None
        again: list[Unit] = []
        for future, unit in [(f, self._flying.pop(f)) for f in done]:
            try:
                found = future.result()
            except (CancelledError, BrokenExecutor) as e:
                broken = f"workers died: {str(e) or type(e).__name__}"
                self._fail(unit, broken)
                continue
            except Exception as e:
                self._fail(unit, f"{type(e).__name__}: {(str(e).splitlines() or [''])[0][:200]}")
                continue
            self._restarts = 0
            if isinstance(found, worker.Missing):
                again.append(unit)
            elif (fault := fault_of(unit, found)) is not None:
                self._fail(unit, fault)
            else:
                self._record(unit, found)
                for child in self._merge(unit, found):
                    heapq.heappush(self._ready, (-child.upper, child.path))
        if broken is not None:
            self._renew(broken)
        for unit in again:
            self._submit(unit, self._share(max(0.0, self._deadline - time.monotonic()), 2), ship=True)

    def _record(self, unit: Unit, outcome: Outcome) -> None:
        """Write an outcome to the state; a disk that is full ends the recording, not the run."""
        if self._state is None:
            return
        try:
            self._state.append(unit.path, outcome)
        except BadInput as e:
            self._state = None
            self.frontier.failures.append(Failure(unit.path, 0, str(e), False))

    def _merge(self, unit: Unit, outcome: Outcome) -> list[Unit]:
        children = self.frontier.merge(unit, outcome, slim=self._state is not None)
        best = self.frontier.best.get(unit.part)
        if best is not None and best is outcome.witness and self._goal.refutes is not None:
            self._refuted = self._refuted or self._goal.refutes(best)
        return children

    def _fail(self, unit: Unit, reason: str) -> None:
        """Queue a lost unit again, or leave it open and say so."""
        attempts = self._attempts[unit.path] = self._attempts.get(unit.path, 0) + 1
        left_open = attempts >= MOST_ATTEMPTS
        self.frontier.failures.append(Failure(unit.path, attempts, reason, left_open))
        if not left_open:
            heapq.heappush(self._ready, (-unit.upper, unit.path))

    def _drop_overdue(self) -> None:
        """Take for lost what has been out far too long: its worker hangs, or the news of it was lost."""
        now = time.monotonic()
        for future, unit in list(self._flying.items()):
            if now > self._due[unit.path] and not future.done():
                del self._flying[future]
                self.abandoned |= not future.cancel()
                self._fail(unit, "overdue: no answer from its worker")

    def _renew(self, reason: str) -> None:
        """Start again with a fresh pool; what was handed out to the old one is lost with it."""
        self._restarts += 1
        self.shipping.again()
        for future, unit in list(self._flying.items()):
            future.cancel()
            self._fail(unit, reason)
        self._flying.clear()
        if self._restarts >= MOST_RESTARTS:
            raise NoWorkers(f"{self._restarts} pools of workers in a row died before they solved a unit; {reason}")
        try:
            self._pool.renew()
        except CertifyError as e:
            raise NoWorkers(str(e)) from None

    # ---- ending

    def _harvest(self) -> None:
        """At the deadline: drop what waits, and give what runs a moment to come back."""
        # Not every executor tells what runs from what waits; the oldest have been running longest.
        for future in list(self._flying)[self._pool.count() :]:
            if future.cancel():
                del self._flying[future]
        if self._flying:
            with contextlib.suppress(NoWorkers):
                self._take(wait(self._flying, timeout=min(GRACE_SECONDS, 0.2 + 0.1 * self._seconds)).done)

    def _abandon(self) -> None:
        for future in self._flying:
            future.cancel()
        self.abandoned |= bool(self._flying)
        self._flying.clear()

    def _say(self, force: bool = False) -> None:
        now = time.monotonic()
        if self._listener is None or (not force and now - self._said < SAY_SECONDS):
            return
        self._said = now
        f = self.frontier
        done = len(f.outcomes)
        self._listener(Standing("split", done, done + len(f.open), f.upper, f.lower if f.best else None))
