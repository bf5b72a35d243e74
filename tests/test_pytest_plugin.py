"""The fixture ``certified`` in real pytest runs, in process: what is re-checked, proved anew, written, refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# Pytester forgets the modules that an inner run imports first, and numpy cannot be imported twice.
import certify.strategy
from certify.certificate import Certificate
from certify.pytest_plugin import file_stem

pytest_plugins = ["pytester"]

MODULE = """
    import numpy as np
    import pytest
    import certify as ct
    from certify.networks.builder import Builder
    from certify.networks.maps import Dense

    def net(scale):
        b = Builder()
        hidden = b.relu(b.linear(b.input(2), Dense(np.eye(2)), name="first"), "hidden")
        out = b.linear(hidden, Dense(scale * np.ones((1, 2))), name="last")
        return b.finish(out, (2,), (1,))

    X = ct.box(0, 1)
    f, g = net(1.0), net({weight})
"""
# |f - g| = |1 - weight| (x_0 + x_1): 1/2 at the corner for weight 3/4.
ONE_TEST = (
    MODULE
    + """
    def test_close(certified):
        done = certified(ct.discrepancy(f, g, over=X) <= {threshold})
        assert done.how == {how!r}
        assert done.bound <= 2
"""
)
KEPT = Path("__certificates__")


def write(pytester: pytest.Pytester, text: str = ONE_TEST, **fields: object) -> None:
    values = {"weight": 0.75, "threshold": "'0.6'", "how": "proved anew"} | fields
    pytester.makepyfile(test_small=text.format(**values))


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:randomly", *arguments)


def stored(pytester: pytest.Pytester) -> list[Path]:
    return sorted((pytester.path / KEPT).rglob("*.cert"))


def record(pytester: pytest.Pytester, text: str = ONE_TEST, **fields: object) -> Path:
    write(pytester, text, **fields)
    run(pytester, "--certify-update").assert_outcomes(passed=1)
    (path,) = stored(pytester)
    return path


def test_importing_the_plugin_imports_nothing_heavy():
    code = "import sys, certify.pytest_plugin; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split())
    assert {m for m in loaded if m.startswith("certify")} == {"certify", "certify.pytest_plugin"}
    assert not loaded & {"numpy", "scipy", "torch", "onnx", "hypothesis", "rich"}


def test_a_claim_without_certificate_is_proved_and_nothing_is_written(pytester):
    write(pytester)
    result = run(pytester)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["certify: 1 proved anew (store them with --certify-update)"])
    assert not (pytester.path / KEPT).exists()


def test_update_records_beside_the_test_and_the_next_run_re_checks(pytester, monkeypatch):
    path = record(pytester)
    assert path == pytester.path / KEPT / "test_small" / "test_close.cert"
    before = path.read_bytes()
    write(pytester, how="re-checked")
    monkeypatch.setattr(certify.strategy, "prove", lambda *a, **k: pytest.fail("searched"))
    for arguments in ((), ("--certify=check",), ("--certify-update",)):
        result = run(pytester, *arguments)
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(["certify: 1 re-checked"])
        assert path.read_bytes() == before


def test_prove_searches_again_and_writes_only_when_told_to_update(pytester):
    path = record(pytester)
    path.write_bytes(b"gone")
    run(pytester, "--certify=prove").assert_outcomes(passed=1)
    assert path.read_bytes() == b"gone"
    result = run(pytester, "--certify=prove", "--certify-update")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["certify: 1 proved anew, 1 recorded"])
    assert Certificate.load(path).claim["threshold"] == "3/5"


@pytest.mark.parametrize("change", [{"weight": 0.8}, {"threshold": "'0.55'"}])
def test_changed_weights_or_claim_are_proved_anew_and_recorded_on_update(pytester, change):
    path = record(pytester)
    before = path.read_bytes()
    write(pytester, **change)
    run(pytester).assert_outcomes(passed=1)
    assert path.read_bytes() == before
    run(pytester, "--certify-update").assert_outcomes(passed=1)
    assert path.read_bytes() != before


def test_a_refuted_claim_fails_with_bracket_scale_and_reason_and_is_not_stored(pytester):
    path = record(pytester)
    before = path.read_bytes()
    write(pytester, weight=0.5)
    result = run(pytester, "--certify-update")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*refuted: sup ||f - g||_inf <= 3/5 over a box of 2 coordinates*",
            "*bracket: 1 <= sup <= 1*",
            "*witness: part 0*",
            "*to blame: last, which contributes 1 of the bound*",
            "*changed since the certificate was recorded: the weights of g*",
            "certify: 1 not proved",
        ]
    )
    assert path.read_bytes() == before


def test_an_undecided_claim_fails_with_its_bracket(pytester, monkeypatch):
    from dataclasses import replace

    honest = certify.strategy.prove

    def undecided(claim, **options):
        return replace(honest(claim, **options), status="unknown", witness=None)

    monkeypatch.setattr(certify.strategy, "prove", undecided)
    write(pytester)
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*unknown: sup*", "*bracket: 0.5 <= sup <= 0.5*", "*no certificate is stored*"])


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not a zip", "truncated", "proof"])
def test_a_damaged_certificate_fails_until_it_is_recorded_anew(pytester, damage):
    path = record(pytester)
    whole = path.read_bytes()
    if damage == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "proof":
        kept = Certificate.load(path)
        Certificate({**kept.files, "proof": kept.files["proof"].replace(b"conclude", b"concluse")}).save(path)
    else:
        path.write_bytes(damage)
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*test_close.cert: expected a certificate that the kernel accepts*", "*1 damaged"])
    run(pytester, "--certify-update").assert_outcomes(passed=1)
    assert path.read_bytes() == whole


def test_a_certificate_of_another_claim_put_in_its_place_does_not_stand(pytester):
    weak = record(pytester, threshold="'1.5'")
    forged = weak.read_bytes()
    write(pytester, threshold="'0.4'")
    weak.write_bytes(forged)
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*refuted*", "*recorded: threshold*"])


def test_a_stored_claim_text_with_a_proof_of_a_weaker_claim_is_rejected(pytester):
    path = record(pytester, threshold="'0.6'")
    kept = Certificate.load(path)
    for _ in (0,):
        assert b"3/5" in kept.files["claim.json"] and b"at-most 3 5" in kept.files["claim"]
    files = kept.files | {
        "claim": kept.files["claim"].replace(b"at-most 3 5", b"at-most 2 5"),
        "claim.json": kept.files["claim.json"].replace(b"3/5", b"2/5"),
    }
    Certificate(files).save(path)
    write(pytester, threshold="'0.4'")
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*rejected*bound-too-high*"])


def test_several_claims_classes_and_parameters_have_files_of_their_own(pytester):
    text = (
        MODULE
        + """
    class TestPair:
        @pytest.mark.parametrize("norm", ["linf", "l1"])
        def test_norm(self, certified, norm):
            certified(ct.discrepancy(f, g, over=X, norm=norm) <= 1)
            certified(ct.discrepancy(f, g, over=X, norm=norm) <= 2)
    """
    )
    write(pytester, text)
    run(pytester, "--certify-update").assert_outcomes(passed=2)
    names = [p.name for p in stored(pytester)]
    tests = ["TestPair.test_norm[l1]", "TestPair.test_norm[linf]"]
    assert names == sorted(f"{t}{n}.cert" for t in tests for n in ("", "-2"))
    thresholds = {p.name: Certificate.load(p).claim["threshold"] for p in stored(pytester)}
    assert {n: "2/1" if n.endswith("-2.cert") else "1/1" for n in names} == thresholds
    run(pytester).stdout.fnmatch_lines(["certify: 4 re-checked"])


def test_what_is_no_claim_is_refused(pytester):
    text = (
        MODULE
        + """
    def test_quantity(certified):
        with pytest.raises(TypeError, match="expected a claim, found Quantity; compare"):
            certified(ct.discrepancy(f, g, over=X))
    """
    )
    write(pytester, text)
    result = run(pytester)
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("certify:*")


def test_counts_of_parallel_workers_are_added_up(pytester):
    text = (
        MODULE
        + """
    @pytest.mark.parametrize("k", range(3))
    def test_close(certified, k):
        certified(ct.discrepancy(f, g, over=X) <= 1 + k)
    """
    )
    write(pytester, text)
    result = run(pytester, "-n", "2", "--certify-update")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["certify: 3 proved anew, 3 recorded"])
    assert len(stored(pytester)) == 3


def test_file_names_are_portable_and_distinct():
    assert file_stem("test_a[1-x]") == "test_a[1-x]"
    odd = [file_stem(n) for n in ("test_a[x/y]", "test_a[x\\y]", "test_a[x:y]", "t" * 400, "t" * 401)]
    assert len(set(odd)) == len(odd)
    assert all(len(n) < 200 and not set(n) & set('/\\:*?"<>|') for n in odd)
