"""A run finds the known optimum whoever does the work, and keeps its bracket whatever happens to workers."""

from __future__ import annotations

import _thread
import concurrent.futures
import math
import threading
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path as FilePath

import numpy as np
import pytest
import toy
from hypothesis import given, settings
from hypothesis import strategies as st

import certify.scheduling.scheduler as running
from certify.errors import CertifyError
from certify.scheduling import Frontier, Goal, Outcome, Seen, Standing, Unit, run

PROBLEM = toy.toy(n=2)
OPTIMUM = toy.maximum(PROBLEM)
# Above what any solver's own witness rule would stop at, so that outcomes do not depend on their order.
GOAL = OPTIMUM + 0.02
AIMED = replace(PROBLEM, goal=GOAL)


@pytest.fixture(autouse=True)
def _workers_import_the_toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(FilePath(toy.__file__).parent))


def leaves_of(frontier: Frontier, root: Unit) -> list[tuple[tuple[float, ...], tuple[float, ...], bool]]:
    """The boxes of the joined tree, read from its lines alone: lo, hi, whether it is open."""
    out = []
    stack = [(root.lo, root.hi)]
    for _, line in frontier.lines(root.path):
        lo, hi = stack.pop()
        if line is None or line[0] == "leaf":
            out.append((tuple(lo.tolist()), tuple(hi.tolist()), line is None))
            continue
        _, i, numerator, denominator = line
        below, above = hi.copy(), lo.copy()
        below[i] = above[i] = float(Fraction(int(numerator), int(denominator)))
        stack += [(above, hi), (lo, below)]
    assert not stack
    return out


def result_of(frontier: Frontier) -> tuple[object, ...]:
    return frontier.ended, frontier.upper, frontier.lower, sorted(leaves_of(frontier, toy.roots()[0]))


SERIAL = result_of(run(AIMED, toy.roots(), toy.bisect, "serial", seconds=20, goal=Goal(GOAL)))


def check_same(frontier: Frontier) -> None:
    assert result_of(frontier) == SERIAL


def test_a_serial_run_brackets_the_optimum_and_covers_the_box() -> None:
    ended, upper, lower, leaves = SERIAL
    assert ended == "goal"
    assert lower <= OPTIMUM <= upper <= GOAL  # type: ignore[operator]
    assert sum(math.prod(h - l for l, h in zip(lo, hi, strict=True)) for lo, hi, _ in leaves) == 1  # type: ignore[attr-defined]
    assert not any(is_open for *_, is_open in leaves)  # type: ignore[attr-defined]


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 2), cuts=st.integers(1, 9), parts=st.integers(1, 2))
def test_a_run_closes_to_the_gap_on_random_problems(seed: int, n: int, cuts: int, parts: int) -> None:
    problem = toy.toy(seed, n, cuts=cuts)
    optimum = toy.maximum(problem)
    found = run(problem, toy.roots(n, parts), toy.bisect, "serial", seconds=20)
    assert found.ended == "goal"
    assert found.lower - 1e-12 <= optimum <= found.upper + 1e-12
    assert found.upper <= found.lower + 0.01 * abs(found.lower)
    assert len(found.uppers()) == parts


@pytest.mark.parametrize("executor", ["threads", 2])
def test_threads_and_processes_find_what_a_serial_run_finds(executor: str | int) -> None:
    check_same(run(AIMED, toy.roots(), toy.bisect, executor, seconds=30, goal=Goal(GOAL)))


def test_an_executor_of_the_users_own_is_used_and_left_running() -> None:
    with concurrent.futures.ThreadPoolExecutor(2) as mine:
        check_same(run(AIMED, toy.roots(), toy.bisect, mine, seconds=30, goal=Goal(GOAL)))
        assert mine.submit(int, "3").result() == 3


def test_the_problem_travels_to_each_worker_not_with_each_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bool] = []
    submit = running._Run._submit

    def counting(self: running._Run, unit: Unit, seconds: float, ship: bool = False) -> None:
        before = self.shipping._shipments
        submit(self, unit, seconds, ship)
        sent.append(self.shipping._shipments > before)

    monkeypatch.setattr(running._Run, "_submit", counting)
    found = run(AIMED, toy.roots(), toy.bisect, 2, seconds=30, goal=Goal(GOAL))
    # Two at the start, and at most one more for a worker whose first units came while it was still starting.
    assert len(found.outcomes) > 10 and 2 <= sum(sent) <= 4


def test_the_bracket_only_narrows_and_the_listener_hears_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "SAY_SECONDS", 0.0)
    heard: list[Standing] = []
    found = run(PROBLEM, toy.roots(parts=2), toy.bisect, "serial", seconds=20, listener=heard.append)
    uppers = [s.upper for s in heard if s.upper is not None]
    lowers = [s.lower for s in heard if s.lower is not None]
    assert len(heard) > 5
    assert uppers == sorted(uppers, reverse=True) and lowers == sorted(lowers)
    assert (uppers[-1], lowers[-1]) == (found.upper, found.lower)


def test_a_witness_that_refutes_ends_the_run() -> None:
    found = run(
        PROBLEM, toy.roots(), toy.bisect, "serial", seconds=20,
        goal=Goal(OPTIMUM - 0.5, refutes=lambda seen: seen.value > OPTIMUM - 0.5),
    )  # fmt: skip
    assert found.ended == "refuted"
    assert found.lower > OPTIMUM - 0.5
    assert len(found.outcomes) < 5


def test_the_deadline_leaves_a_bracket_that_holds() -> None:
    slow = replace(AIMED, pause=0.05)
    found = run(slow, toy.roots(), toy.bisect, "threads", seconds=0.4, goal=Goal(OPTIMUM))
    assert found.ended == "time"
    assert found.lower <= OPTIMUM <= found.upper < math.inf
    assert any(is_open for *_, is_open in leaves_of(found, toy.roots()[0]))


def stuck(problem: toy.Toy, unit: Unit, seconds: float) -> Outcome:
    """Cannot split the lower half of the first cut."""
    found = toy.bisect(replace(problem, cuts=1), unit, seconds)
    return Outcome((("leaf",),), unit.upper, (), found.witness) if unit.path == (0, 0) else found


def test_a_leaf_that_cannot_be_split_ends_the_run_as_exhausted() -> None:
    found = run(PROBLEM, toy.roots(), stuck, "serial", seconds=20)
    assert found.ended == "exhausted"
    assert found.upper == found.outcomes[(0,)].children[0].upper
    assert found.upper >= OPTIMUM


def test_a_unit_that_fails_is_tried_again_and_then_left_open_with_its_reason() -> None:
    found = run(AIMED, toy.roots(), toy.fails_on_one_unit, "serial", seconds=20, goal=Goal(GOAL))
    assert found.ended == "exhausted"
    assert [(f.path, f.attempts, f.left_open) for f in found.failures] == [
        ((0, 0), k, k == running.MOST_ATTEMPTS) for k in range(1, running.MOST_ATTEMPTS + 1)
    ]
    assert found.failures[-1].reason == "ArithmeticError: no bound here"
    assert found.upper == found.open[(0, 0)].upper


def test_a_malformed_outcome_is_named_and_its_unit_stays_open() -> None:
    def solve(problem: toy.Toy, unit: Unit, seconds: float) -> Outcome:
        return Outcome((("open", 0),), children=(Unit((5, 5), 0, unit.lo, unit.hi),))

    found = run(PROBLEM, toy.roots(), solve, "serial", seconds=20)
    assert found.ended == "exhausted" and (0,) in found.open
    assert found.failures[-1].reason == "expected children of (0,) on part 0, found (5, 5) on part 0"


def test_a_bound_worse_than_the_parents_is_cut_to_it() -> None:
    frontier = Frontier([replace(toy.roots()[0], upper=2.0)])
    child = Unit((0, 0), 0, np.zeros(2), np.ones(2), 3.0)
    frontier.merge(frontier.open[(0,)], Outcome((("cut", 0, 1, 2), ("open", 0), ("leaf",)), 2.5, (child,)))
    assert frontier.upper == 2.0 and frontier.open[(0, 0)].upper == 2.0


def test_settling_undoes_a_merge_that_was_cut_short() -> None:
    (root,) = toy.roots()
    outcome = toy.bisect(PROBLEM, root, 1)
    whole, torn = Frontier([root]), Frontier([root])
    whole.merge(root, outcome)
    # Children were opened, the outcome was not noted.
    torn.open |= {c.path: c for c in outcome.children}
    torn.settle()
    assert list(torn.open) == [(0,)] and torn.upper == math.inf
    # The outcome was noted, the parent was not closed.
    whole.open[(0,)] = root
    whole.settle()
    assert set(whole.open) == {c.path for c in outcome.children} and whole.upper == outcome.upper


def test_an_interrupt_keeps_the_bracket_and_what_was_solved() -> None:
    count = 0

    def solve(problem: toy.Toy, unit: Unit, seconds: float) -> Outcome:
        nonlocal count
        count += 1
        if count == 6:
            raise KeyboardInterrupt
        return toy.bisect(problem, unit, seconds)

    found = run(AIMED, toy.roots(), solve, "serial", seconds=20, goal=Goal(GOAL))
    assert found.ended == "interrupted" and len(found.outcomes) == 5
    assert found.lower <= OPTIMUM <= found.upper < math.inf


def test_an_interrupt_while_processes_work_keeps_the_bracket() -> None:
    slow = replace(AIMED, pause=0.02)
    timer: list[threading.Timer] = []

    def on_progress(standing: Standing) -> None:
        if standing.done >= 3 and not timer:
            timer.append(threading.Timer(0.0, _thread.interrupt_main))
            timer[0].start()

    found = run(slow, toy.roots(), toy.bisect, 2, seconds=30, goal=Goal(GOAL), listener=on_progress)
    assert found.ended == "interrupted" and len(found.outcomes) >= 3
    assert found.lower <= OPTIMUM <= found.upper < math.inf


def test_a_worker_killed_in_mid_run_costs_only_its_units(tmp_path: FilePath) -> None:
    problem = replace(AIMED, log=str(tmp_path))
    found = run(problem, toy.roots(), toy.dies_once, 2, seconds=30, goal=Goal(GOAL))
    check_same(found)
    assert (tmp_path / "died").exists()
    assert found.failures and not any(f.left_open for f in found.failures)


def test_a_unit_that_kills_every_worker_is_left_open_and_no_other() -> None:
    found = run(AIMED, toy.roots(), toy.dies_on_one_unit, 2, seconds=60, goal=Goal(GOAL))
    assert found.ended == "exhausted"
    assert {f.path for f in found.failures if f.left_open} == {(0, 0)}
    assert {p for p, u in found.open.items() if u.upper > GOAL} == {(0, 0)}
    assert found.upper == found.open[(0, 0)].upper


def hangs_once(problem: toy.Toy, unit: Unit, seconds: float) -> Outcome:
    if unit.path == (0, 1) and not (FilePath(problem.log) / "hung").exists():
        (FilePath(problem.log) / "hung").touch()
        time.sleep(60)
    return toy.bisect(replace(problem, log=""), unit, seconds)


def test_a_worker_that_hangs_costs_only_its_unit(tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "OVERDUE_SECONDS", 3.0)
    monkeypatch.setattr(running, "OVERDUE_FACTOR", 0.0)
    started = time.perf_counter()
    problem = replace(AIMED, log=str(tmp_path))
    check_same(run(problem, toy.roots(), hangs_once, 2, seconds=30, goal=Goal(GOAL)))
    assert (tmp_path / "hung").exists() and time.perf_counter() - started < 20


def test_workers_that_always_die_end_the_run_with_a_bracket() -> None:
    roots = [replace(u, upper=7.0) for u in toy.roots(parts=3)]
    found = run(PROBLEM, roots, toy.always_dies, 1, seconds=60)
    assert found.ended in ("lost", "exhausted")
    assert found.upper == 7.0 and len(found.open) == 3
    assert found.failures[-1].left_open


def test_a_problem_that_cannot_travel_is_refused() -> None:
    with pytest.raises(CertifyError, match="problem: expected one that can be sent to workers"):
        run(lambda: 0, toy.roots(), toy.bisect, 1, seconds=5)


def test_roots_below_one_another_are_refused() -> None:
    inside = [Unit(p, 0, np.zeros(1), np.ones(1)) for p in ((0,), (0, 1))]
    with pytest.raises(CertifyError, match=r"expected roots apart, found \(0, 1\) at or below \(0,\)"):
        Frontier(inside)


def test_a_better_witness_of_one_part_says_nothing_of_another() -> None:
    frontier = Frontier(toy.roots(parts=2))
    assert frontier.see(0, Seen(1.0, np.zeros(2))) and not frontier.see(0, Seen(0.5, np.zeros(2)))
    assert (frontier.lower_of(0), frontier.lower_of(1), frontier.lower) == (1.0, -math.inf, 1.0)
