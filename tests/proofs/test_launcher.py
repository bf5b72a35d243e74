"""certify check --kernel rocq: how the program is found and started, and what becomes of what it says."""

from __future__ import annotations

import json

import pytest
from both_kernels import needs_rocq

import make_vectors  # isort: skip

from certify import rocq
from certify.certificate import Certificate, check
from certify.cli import run
from certify.errors import CertifyError, KernelMissing

ACCEPTED = make_vectors.ROOT / "accept" / "conclude--margin"
REJECTED = next((make_vectors.ROOT / "reject").iterdir())


def pretending(tmp_path, monkeypatch, script):
    """A program in the place of the kernel."""
    program = tmp_path / "pretender"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("CERTIFY_ROCQ", str(program))


def test_a_kernel_that_is_not_built_is_said_in_one_line_with_exit_69(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("CERTIFY_ROCQ", str(tmp_path / "nothing"))
    assert run(["check", str(ACCEPTED), "--kernel", "rocq"]) == 69
    assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.delenv("CERTIFY_ROCQ")
    monkeypatch.setattr(rocq, "BUILT", tmp_path / "nothing")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KernelMissing, match="make proofs"):
        rocq.find()
    (tmp_path / "certify-rocq").write_text("")
    (tmp_path / "certify-rocq").chmod(0o755)
    assert rocq.find() == tmp_path / "certify-rocq"


@needs_rocq
def test_the_command_says_which_kernel_judged(capsys):
    assert run(["check", str(ACCEPTED), "--kernel", "rocq"]) == 0
    said = capsys.readouterr().out
    assert "kernel rocq zarith" in said and "extracted from the Rocq development" in said
    assert run(["check", str(REJECTED), "--kernel", "rocq", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["kernel"] == "rocq"
    assert run(["check", str(ACCEPTED)]) == 0
    assert "rocq" not in capsys.readouterr().out


@needs_rocq
def test_python_sees_the_same_verdict_object():
    mine, theirs = check(ACCEPTED, kernel="rocq"), check(ACCEPTED)
    assert mine.bounds == theirs.bounds and mine.id == theirs.id and mine.leaves == theirs.leaves
    assert set(mine.milliseconds) == {"read", "replay"}
    assert check(Certificate.load(ACCEPTED), kernel="rocq").accepted


@needs_rocq
def test_a_verdict_on_a_zip_names_the_zip(tmp_path):
    path = tmp_path / "x.cert"
    certificate = Certificate.load(ACCEPTED)
    certificate.save(path)
    assert rocq.rocq_report(path)["certificate"] == str(path)
    Certificate({n: d for n, d in certificate.files.items() if n != "proof"}).save(path)
    said = rocq.rocq_report(path)
    assert (said["verdict"], said["code"]) == ("rejected", "missing-file") and "certify-" not in said["place"]


def test_a_kernel_out_of_memory_declines_and_a_fault_is_no_verdict(monkeypatch, tmp_path):
    for signal in ("KILL", "SEGV", "ABRT"):
        pretending(tmp_path, monkeypatch, f"kill -{signal} $$")
        verdict = check(ACCEPTED, kernel="rocq")
        assert (verdict.verdict, verdict.code) == ("declined", "resources")
    for script in (
        "exit 70",
        "exit 0",
        'echo \'{"verdict": "accepted"}\'; exit 1',
        "echo nonsense; exit 2",
        "kill -TERM $$",
    ):
        pretending(tmp_path, monkeypatch, script)
        with pytest.raises(CertifyError):
            check(ACCEPTED, kernel="rocq")


def test_the_program_has_all_the_stack_there_is(monkeypatch, tmp_path):
    pretending(tmp_path, monkeypatch, f"ulimit -s > {tmp_path}/stack; ulimit -Hs > {tmp_path}/most; exit 70")
    with pytest.raises(CertifyError):
        check(ACCEPTED, kernel="rocq")
    assert (tmp_path / "stack").read_text() == (tmp_path / "most").read_text()


def test_shares_are_for_the_other_kernel():
    with pytest.raises(CertifyError, match="one process"):
        check(ACCEPTED, kernel="rocq", jobs=2)
