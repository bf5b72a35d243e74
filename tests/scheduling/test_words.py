"""The command line's words for workers, state and jobs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from certify.claims import Claim, discrepancy
from certify.cli.workers import Executor, Jobs, Resume, StateDir
from certify.domains import linf
from certify.errors import CertifyError
from certify.networks.builder import Builder
from certify.networks.maps import Dense
from certify.strategy import prove


def claim(threshold: str) -> Claim:
    b = Builder()
    x = b.input(2, name="x")
    net = b.finish(b.linear(x, Dense(np.ones((1, 2), np.float32)), np.zeros(1, np.float32), name="y"), (2,), (1,))
    return discrepancy(net, net, over=linf(np.zeros((1, 2)), "1/8")) <= threshold


def test_a_state_goes_with_its_claim_alone(tmp_path: Path) -> None:
    place = tmp_path / "s"
    prove(claim("1/2"), "1s", executor="serial", state=place)
    (place / "head.json").write_text('{"format": "certify-state 1", "problem": "another", "roots": ""}')
    with pytest.raises(CertifyError, match="found one of another"):
        prove(claim("1/2"), "1s", state=place, resume=True)


def test_words_that_do_not_go_together_are_misuse() -> None:
    with pytest.raises(CertifyError, match="resume: expected a state") as e:
        prove(claim("1/2"), "1s", resume=True)
    assert e.value.exit_code == 64
    with pytest.raises(CertifyError, match="executor: expected"):
        prove(claim("1/2"), "1s", executor="everywhere")
    with pytest.raises(CertifyError, match="jobs: expected at least one kernel process, found 0"):
        prove(claim("1/2"), "1s", jobs=0)


def test_options_parse_on_a_command_as_they_are_meant_to() -> None:
    from cyclopts import App

    app, heard = App(), []

    @app.command
    def prove(name: str, /, *, executor: Executor = None, state: StateDir = None, resume: Resume = False) -> None:
        heard.append((name, executor, state, resume))

    @app.command
    def check(name: str, /, *, jobs: Jobs = 1) -> None:
        heard.append((name, jobs))

    for words in ("prove c --executor dask://h:1 --state d --resume", "prove c", "check c --jobs 3"):
        command, bound, _ = app.parse_args(words.split(), print_error=False, exit_on_error=False)
        command(*bound.args, **bound.kwargs)
    assert heard == [("c", "dask://h:1", "d", True), ("c", None, None, False), ("c", 3)]
