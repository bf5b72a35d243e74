"""A state on disk survives kills and torn writes, and is taken up only by the run it belongs to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path as FilePath

import numpy as np
import pytest
import toy
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import certify.domains
from certify.claims import discrepancy
from certify.errors import BadInput, CertifyError
from certify.networks.builder import Builder
from certify.networks.graph import Network
from certify.networks.maps import Dense
from certify.scheduling import Goal, Outcome, Seen, State, Unit, digest_of, run
from certify.scheduling.encoding import decode_outcome, encode_outcome, roots_digest

PROBLEM = toy.toy(n=2)
GOAL = toy.maximum(PROBLEM) + 0.02
AIMED = replace(PROBLEM, goal=GOAL)
WHOLE = run(AIMED, toy.roots(), toy.bisect, "serial", seconds=20, goal=Goal(GOAL))


def lines_of(frontier: object) -> list[object]:
    return list(frontier.lines((0,)))  # type: ignore[attr-defined]


def interrupted(place: FilePath, after: int) -> None:
    """Leave a state with so many solved units."""
    count = 0

    def solve(problem: toy.Toy, unit: Unit, seconds: float) -> Outcome:
        nonlocal count
        count += 1
        if count > after:
            raise KeyboardInterrupt
        return toy.bisect(problem, unit, seconds)

    state = State(place, "toy")
    found = run(AIMED, toy.roots(), solve, "serial", seconds=20, goal=Goal(GOAL), state=state)
    assert found.ended == "interrupted" and len(state) == after
    state.close()


def resumed(place: FilePath, problem: toy.Toy = AIMED) -> tuple[object, State]:
    state = State(place, "toy", resume=True)
    return run(problem, toy.roots(), toy.bisect, "serial", seconds=20, goal=Goal(GOAL), state=state), state


floats = st.floats(allow_nan=False)


@settings(max_examples=30, deadline=None)
@given(
    box=arrays(np.float64, st.integers(0, 5), elements=floats),
    hints=st.dictionaries(st.text("ab/é", max_size=3), arrays(np.float32, array_shapes(max_side=3)), max_size=2),
    signs=arrays(np.int64, st.tuples(st.integers(0, 3), st.just(3))),
    numbers=st.tuples(floats, floats, floats),
    line=st.lists(st.integers(-(1 << 200), 1 << 200) | st.text(max_size=3), max_size=4),
    seen=st.booleans(),
)
def test_an_outcome_comes_back_from_bytes_as_it_was(
    box: np.ndarray, hints: dict, signs: np.ndarray, numbers: tuple[float, float, float], line: list, seen: bool
) -> None:
    child = Unit((0, 0), 3, box, box + 1, numbers[0], signs, numbers[1], hints)
    tree = (("cut", *line), ("open", 0), ("leaf",))
    outcome = Outcome(tree, numbers[2], (child,), Seen(numbers[0], box) if seen else None, hints, 0.5)
    path, back = decode_outcome(*encode_outcome((0,), outcome))
    assert (path, back.tree, back.finished, back.seconds) == ((0,), tree, outcome.finished, 0.5)
    (c,) = back.children
    assert (c.path, c.part, c.upper, c.floor) == (child.path, child.part, child.upper, child.floor)
    assert roots_digest([c]) == roots_digest([child])
    for a, b in ((c.hints, hints), (back.arrays, hints)):
        assert a.keys() == b.keys()
        assert all(np.array_equal(a[k], b[k], equal_nan=True) and a[k].dtype == b[k].dtype for k in b)
    assert (back.witness is None) is not seen
    assert back.witness is None or (back.witness.value == numbers[0] and np.array_equal(back.witness.point, box))


def test_a_resumed_run_ends_as_an_unbroken_one_and_redoes_nothing(tmp_path: FilePath) -> None:
    interrupted(tmp_path / "s", 5)
    log = tmp_path / "log"
    log.mkdir()
    found, state = resumed(tmp_path / "s", replace(AIMED, log=str(log)))
    assert (found.ended, found.upper, found.lower) == ("goal", WHOLE.upper, WHOLE.lower)  # type: ignore[attr-defined]
    assert lines_of(found) == lines_of(WHOLE)
    assert len(toy.marks(log)) == len(WHOLE.outcomes) - 5
    assert state.outcome((0,)).arrays["pid"] == os.getpid()


def test_a_finished_run_resumes_without_starting_workers(tmp_path: FilePath) -> None:
    interrupted(tmp_path / "s", 3)
    resumed(tmp_path / "s")[1].close()
    state = State(tmp_path / "s", "toy", resume=True)
    found = run(AIMED, toy.roots(), toy.bisect, "dask://127.0.0.1:1", seconds=5, goal=Goal(GOAL), state=state)
    assert (found.ended, found.upper) == ("goal", WHOLE.upper)


@settings(max_examples=12, deadline=None)
@given(keep=st.floats(0, 1), junk=st.binary(max_size=40))
@example(keep=0.5, junk=bytes(8) + b"\x80" + bytes(4))  # completes a header that announces 2^63 bytes
def test_a_torn_last_record_is_dropped_and_solved_again(
    tmp_path_factory: pytest.TempPathFactory, keep: float, junk: bytes
) -> None:
    place = tmp_path_factory.mktemp("state") / "s"
    interrupted(place, 4)
    whole = (place / "journal").read_bytes()
    cut = whole[: int(keep * len(whole))]
    (place / "journal").write_bytes(cut + junk)
    found, state = resumed(place)
    assert (found.ended, found.upper) == ("goal", WHOLE.upper)  # type: ignore[attr-defined]
    assert lines_of(found) == lines_of(WHOLE)
    # What was written after the tear is whole.
    count = len(state)
    state.close()
    assert len(State(place, "toy", resume=True)) == count == len(WHOLE.outcomes)


def test_a_state_of_another_problem_is_refused(tmp_path: FilePath) -> None:
    interrupted(tmp_path, 2)
    with pytest.raises(CertifyError, match="expected a run of problem other, found one of toy"):
        State(tmp_path, "other", resume=True)


def test_a_state_is_not_overwritten_without_resume(tmp_path: FilePath) -> None:
    interrupted(tmp_path, 2)
    with pytest.raises(CertifyError, match="holds a run already; resume it, or name another directory"):
        State(tmp_path, "toy")


def test_resuming_where_nothing_is_starts_anew(tmp_path: FilePath) -> None:
    found, state = resumed(tmp_path / "new")
    assert found.upper == WHOLE.upper and len(state) == len(WHOLE.outcomes)  # type: ignore[attr-defined]


def test_a_state_of_other_regions_is_refused(tmp_path: FilePath) -> None:
    interrupted(tmp_path, 2)
    moved = [replace(toy.roots()[0], hi=np.full(2, 0.5))]
    with (
        pytest.raises(CertifyError, match="expected the regions this run starts from, found other ones"),
    ):
        run(AIMED, moved, toy.bisect, "serial", seconds=5, state=State(tmp_path, "toy", resume=True))


def test_a_directory_of_other_things_is_refused(tmp_path: FilePath) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(CertifyError, match="expected an empty directory or a state, found other files"):
        State(tmp_path, "toy", resume=True)
    assert (tmp_path / "thesis.tex").exists()


@pytest.mark.parametrize("head", ["", "[]", "{}", '{"format": "certify-state 9", "problem": "toy", "roots": ""}'])
def test_a_head_that_is_none_is_named(tmp_path: FilePath, head: str) -> None:
    interrupted(tmp_path, 1)
    (tmp_path / "head.json").write_text(head)
    with pytest.raises(BadInput, match=r"head\.json: expected"):
        State(tmp_path, "toy", resume=True)


def test_two_runs_do_not_share_a_state(tmp_path: FilePath) -> None:
    first = State(tmp_path, "toy")
    with pytest.raises(CertifyError, match="expected a state nobody works on, found another run using it"):
        State(tmp_path, "toy", resume=True)
    first.close()
    State(tmp_path, "toy", resume=True).close()


def test_a_place_that_cannot_hold_a_state_is_named(tmp_path: FilePath) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="file: cannot hold a state"):
        State(tmp_path / "file", "toy")


def test_a_full_disk_ends_the_recording_and_not_the_run(tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch) -> None:
    state = State(tmp_path, "toy")
    append, room = State.append, 3

    def full(self: State, path: tuple[int, ...], outcome: Outcome) -> None:
        if len(self) >= room:
            raise BadInput("disk: cannot be written (No space left on device)")
        append(self, path, outcome)

    monkeypatch.setattr(State, "append", full)
    found = run(AIMED, toy.roots(), toy.bisect, "serial", seconds=20, goal=Goal(GOAL), state=state)
    assert lines_of(found) == lines_of(WHOLE)
    assert [f.reason for f in found.failures] == ["disk: cannot be written (No space left on device)"]
    assert len(state) == room


def test_the_state_holds_no_pickles(tmp_path: FilePath) -> None:
    interrupted(tmp_path, 3)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["head.json", "journal", "lock"]
    assert json.loads((tmp_path / "head.json").read_text())["format"] == "certify-state 1"
    hostile = Outcome((("leaf",),), 0.0, arrays={"a": np.array([object()], dtype=object)})
    with pytest.raises(ValueError, match="pickle"):
        decode_outcome(*encode_outcome((0,), hostile))


def network(weight: int) -> Network:
    b = Builder()
    x = b.input(2, name="x")
    return b.finish(
        b.linear(x, Dense(np.full((1, 2), weight, np.float32)), np.zeros(1, np.float32), name="y"), (2,), (1,)
    )


def test_claims_that_differ_in_anything_have_digests_of_their_own() -> None:
    f, g = network(1), network(2)
    X, Y = (certify.domains.linf(np.zeros((1, 2)), r) for r in ("1/8", "1/4"))
    claims = [
        discrepancy(f, g, over=X) <= "1/2",
        discrepancy(f, g, over=X) <= "1/3",
        discrepancy(f, f, over=X) <= "1/2",
        discrepancy(f, g, over=Y) <= "1/2",
    ]
    assert len({digest_of(c) for c in claims}) == 4
    assert digest_of(claims[0]) == digest_of(discrepancy(f, network(2), over=X) <= "1/2")


KILLED = """
import sys, toy
from dataclasses import replace
from certify.scheduling import Goal, State, run
problem = replace(toy.toy(n=2), goal=float(sys.argv[3]), log=sys.argv[2], pause=0.03)
state = State(sys.argv[1], "toy", resume=True)
found = run(problem, toy.roots(), toy.bisect, 2, seconds=60, goal=Goal(problem.goal), state=state)
print(found.ended, found.upper, found.lower)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Without anyone to collect it, a dead process stays in the table.
    return " Z " not in FilePath(f"/proc/{pid}/stat").read_text()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_resumes_and_does_not_redo_what_was_solved(
    tmp_path: FilePath, how: signal.Signals
) -> None:
    place, log = tmp_path / "s", tmp_path / "log"
    log.mkdir()
    env = os.environ | {"PYTHONPATH": str(FilePath(toy.__file__).parent)}
    # From stdin: workers must not need a main script.
    command = [sys.executable, "-", str(place), str(log), repr(GOAL)]
    first = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env,
        start_new_session=True,
    )  # fmt: skip
    assert first.stdin is not None
    first.stdin.write(KILLED)
    first.stdin.close()
    wait_until = time.monotonic() + 30
    while len(toy.marks(log)) < 6 and time.monotonic() < wait_until:
        time.sleep(0.01)
    if how == signal.SIGINT:
        # A terminal's Ctrl-C goes to workers too.
        os.killpg(first.pid, how)
        out, err = first.stdout.read(), first.stderr.read()  # type: ignore[union-attr]
        assert first.wait() == 0 and out.startswith("interrupted") and err == ""
    else:
        os.kill(first.pid, how)
        assert first.wait() == -how
    state = State(place, "toy", resume=True)
    solved = {path: int(outcome.arrays["pid"]) for path, outcome in state}
    state.close()
    assert 1 <= len(solved) < len(WHOLE.outcomes)
    while any(map(alive, solved.values())) and time.monotonic() < wait_until:
        time.sleep(0.01)
    assert not any(map(alive, solved.values())), "workers outlive the parent that was killed"
    for p in log.iterdir():
        p.unlink()
    again = subprocess.run(command, input=KILLED, capture_output=True, text=True, env=env, check=True)
    assert again.stdout.split() == ["goal", repr(WHOLE.upper), repr(WHOLE.lower)]
    assert not solved.keys() & set(toy.marks(log))
    assert solved.keys() | set(toy.marks(log)) == set(WHOLE.outcomes)
