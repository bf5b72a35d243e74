"""Error gains of reduced systems, in both times: gains known by hand, random systems, and the SLICOT collection."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg

import certify as ct
from certify.cli import run
from certify.convex.reduction.norm import h_infinity
from certify.convex.reduction.systems import system
from certify.errors import BadInput
from certify.statements.arrays import load_system

DATA = Path(os.environ.get("CERTIFY_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data")) / "systems"
DAMPING = 0.01


def scalars(*values: float):
    return tuple(np.array([[float(v)]]) for v in values)


NOTHING, NOTHING_DISCRETE = scalars(-1, 1, 0, 0), scalars(0.5, 1, 0, 0)
OSCILLATOR = (np.array([[0, 1], [-1, -2 * DAMPING]]), np.array([[0], [1.0]]), np.array([[1.0, 0]]), np.zeros((1, 1)))

# System, continuous, the gain of its difference to nothing, and at which frequency.
KNOWN = {
    "1 / (s + 1)": (scalars(-1, 1, 1, 0), True, 1, 0),
    "s / (s + 1)": (scalars(-1, 1, -1, 1), True, 1, np.inf),
    "3 - 1 / (s + 1)": (scalars(-1, 1, -1, 3), True, 3, np.inf),
    "an oscillator": (
        OSCILLATOR, True, 1 / (2 * DAMPING * np.sqrt(1 - DAMPING**2)), np.sqrt(1 - 2 * DAMPING**2),
    ),
    "1 / (z - 0.75)": (scalars(0.75, 1, 1, 0), False, 4, 0),
    "1 / (z + 0.75)": (scalars(-0.75, 1, 1, 0), False, 4, np.pi),
}  # fmt: skip


def random_system(seed: int, continuous: bool, n: int = 12, m: int = 2, p: int = 3):
    r = np.random.default_rng(seed)
    a = r.standard_normal((n, n))
    roots = np.linalg.eigvals(a)
    a = a - (roots.real.max() + 0.1) * np.eye(n) if continuous else 0.95 * a / abs(roots).max()
    return a, r.standard_normal((n, m)), r.standard_normal((p, n)), r.standard_normal((p, m))


def on_a_grid(parts, continuous: bool) -> float:
    """The largest gain at many frequencies."""
    a, b, c, d = parts
    points = 1j * np.geomspace(1e-3, 1e3, 3000) if continuous else np.exp(1j * np.linspace(0, np.pi, 3000))
    one = np.eye(len(a))
    return max(np.linalg.norm(c @ np.linalg.solve(z * one - a, b) + d, 2) for z in points)


@pytest.mark.parametrize("name", KNOWN)
def test_gains_known_by_hand_are_between_the_ends(name):
    full, continuous, gain, frequency = KNOWN[name]
    nothing = NOTHING if continuous else NOTHING_DISCRETE
    found = ct.reduction_error(full, nothing, continuous)
    assert found.status == "proved" and found.verdict.verdict == "accepted"
    assert found.witnessed <= gain * (1 + 1e-12) and gain <= found.bound <= 1.0011 * gain
    assert found.witnessed >= gain * (1 - 1e-6) and found.searched == pytest.approx(gain, rel=1e-6)
    assert found.details["frequency"] == pytest.approx(frequency, rel=1e-5, abs=1e-5)
    assert found.details["witness"]["frequency"] == found.details["frequency"]


@pytest.mark.parametrize("continuous", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_an_error_gain_is_proved_within_a_thousandth(continuous, seed):
    full = random_system(seed, continuous)
    reduced = ct.balanced_truncation(full, 5, continuous)
    found = ct.reduction_error(full, reduced, continuous)
    assert found.status == "proved" and found.verdict.verdict == "accepted"
    error = system(full, continuous).minus(system(reduced.system, continuous))
    seen = on_a_grid(error.parts, continuous)
    assert seen <= found.searched * (1 + 1e-9) and found.searched <= 1.01 * seen
    assert found.witnessed <= found.searched * (1 + 1e-9) and found.searched <= found.witnessed * (1 + 1e-6)
    assert found.searched <= found.bound <= 1.0011 * found.searched
    assert found.bound <= 1.0011 * reduced.tail_bound


@pytest.mark.parametrize("continuous", [True, False])
def test_a_limit_is_proved_above_the_gain_and_refuted_below_it(continuous):
    full = random_system(7, continuous)
    reduced = ct.balanced_truncation(full, 4, continuous).system
    gain = ct.reduction_error(full, reduced, continuous).witnessed
    above = ct.reduction_error(full, reduced, continuous, limit=1.0001 * gain)
    assert above.status == "proved" and above.bracket.upper <= Fraction(str(1.0001 * gain))
    below = ct.reduction_error(full, reduced, continuous, limit=0.9999 * gain)
    assert below.status == "refuted" and below.bracket.lower > Fraction(str(0.9999 * gain)) and below.bound is None


@pytest.mark.parametrize("continuous", [True, False])
def test_units_of_the_states_do_not_matter(continuous):
    a, b, c, d = random_system(3, continuous)
    reduced = ct.balanced_truncation((a, b, c, d), 5, continuous)
    unit = 2.0 ** np.random.default_rng(0).integers(-40, 40, len(a))
    other = (a * unit[:, None] / unit, b * unit[:, None], c / unit, d)
    found = [ct.reduction_error(s, reduced, continuous) for s in ((a, b, c, d), other)]
    assert found[1].status == "proved" and found[1].bound == pytest.approx(found[0].bound, rel=1e-6)


def test_a_limit_at_the_gain_itself_is_unknown_with_both_ends():
    found = ct.reduction_error(scalars(-1, 1, 1, 0), NOTHING, limit=1)
    assert found.status == "unknown" and found.bracket.lower == 1 and 1 < found.bound <= 1.0011


@pytest.mark.parametrize("change", [0, 1e-15, 1e-9])
def test_an_error_near_rounding_has_a_small_bound(change):
    found = ct.reduction_error(scalars(-1, 1, 1, 0), scalars(-1, 1, 1 + change, 0))
    assert found.status == "proved" and change * 0.9 <= found.bound <= max(1e-6, 10 * change)


@pytest.mark.parametrize("name", KNOWN)
def test_a_witness_can_be_replayed(name):
    full, continuous, _, _ = KNOWN[name]
    seen = ct.reduction_error(full, NOTHING if continuous else NOTHING_DISCRETE, continuous).details["witness"]
    a, b, c, d = full
    v = np.array([complex(*z) for z in seen["direction"]])
    g = d
    if seen["point"] is not None:
        re, im = (Fraction(z) for z in seen["point"])
        assert re == 0 if continuous else re**2 + im**2 == 1
        g = d + c @ np.linalg.solve(complex(re, im) * np.eye(len(a)) - a, b)
    assert np.linalg.norm(g @ v) / np.linalg.norm(v) == pytest.approx(seen["gain"], rel=1e-12)


def test_numbers_beyond_float64_are_unknown_with_a_reason():
    found = ct.reduction_error(scalars(-1, 1e200, 1e200, 0), NOTHING)
    assert found.status == "unknown" and found.bound is None and "float64" in found.details["blame"]


def test_balanced_truncation_keeps_what_is_large():
    full = (np.diag([-1.0, -2.0, -50.0]), np.array([[1.0], [1.0], [1e-4]]), np.array([[1.0, 1.0, 1e-4]]))
    reduced = ct.balanced_truncation(full, 2)
    assert np.all(np.diff(reduced.hankel) <= 0) and len(reduced.hankel) == 3
    assert reduced.tail_bound == pytest.approx(2 * reduced.hankel[2])
    assert np.sort(np.linalg.eigvals(reduced.a).real) == pytest.approx([-2, -1], rel=1e-4)
    gramian = scipy.linalg.solve_continuous_lyapunov(reduced.a, -reduced.b @ reduced.b.T)
    assert np.diag(gramian) == pytest.approx(reduced.hankel[:2], rel=1e-6)


def test_the_norm_finds_a_narrow_peak_that_a_grid_misses():
    a = scipy.linalg.block_diag(*(np.array([[-1e-6 * w, w], [-w, -1e-6 * w]]) for w in (1.0, 1.37, 2.2)))
    b, c = np.tile([[0.0], [1.0]], (3, 1)), np.tile([[1.0, 0.0]], (1, 3))
    peak = h_infinity(system((a, b, c)))
    exact = [1 / (2e-6 * w) for w in (1.0, 1.37, 2.2)]
    assert peak.gain == pytest.approx(max(exact), rel=1e-5) and peak.frequency == pytest.approx(1, rel=1e-6)


FULL = random_system(0, True)
WRONG = {
    "a missing matrix": ((FULL[:2], FULL), "full system: expected A, B, C, D, found 2"),
    "A not square": (((FULL[0][:, :5], *FULL[1:]), FULL), r"full system: expected A of shape \(12, 12\)"),
    "B too short": ((FULL, (FULL[0], FULL[1][:3], *FULL[2:])), r"reduced system: expected B of shape \(12, 2\)"),
    "other outputs": ((FULL, (*FULL[:2], FULL[2][:1], FULL[3][:1])), "expected 2 inputs and 3 outputs"),
    "not finite": (((FULL[0] * np.nan, *FULL[1:]), FULL), "finite"),
    "not stable": (((-FULL[0], *FULL[1:]), FULL), "full system: not stable"),
    "reduced, not stable": ((FULL, (-FULL[0], *FULL[1:])), "reduced system: not stable"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_pair_of_stable_systems_is_one_clear_line(case):
    systems, message = WRONG[case]
    with pytest.raises(BadInput, match=message) as e:
        ct.reduction_error(*systems)
    assert "\n" not in str(e.value)


def test_an_order_that_float64_does_not_see_is_refused():
    with pytest.raises(BadInput, match="order: expected 1 to 12, found 13"):
        ct.balanced_truncation(FULL, 13)
    full = (np.diag([-1.0, -2.0]), np.array([[1.0], [0.0]]), np.array([[1.0, 1.0]]))
    with pytest.raises(BadInput, match="order: expected at most 1, found 2"):
        ct.balanced_truncation(full, 2)


def saved(path, parts):
    np.savez(path, **dict(zip("ABCD", parts, strict=False)))
    return str(path)


def test_the_command_reduces_proves_and_refutes(tmp_path, capsys):
    full, small, cert = saved(tmp_path / "full.npz", FULL), str(tmp_path / "small.npz"), str(tmp_path / "gain.cert")
    assert run(["reduction", full, "--order", "5", "--save", small, "-o", cert]) == 0
    assert "proved" in capsys.readouterr().out and ct.check(cert).verdict == "accepted"
    assert run(["reduction", full, small, "--fail-above", "0.438"]) == 0
    assert run(["reduction", full, small, "--fail-above", "0.437", "--json"]) == 1
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["status"] == "refuted" and said["lower"] > 0.437 and len(said["witness"]["direction"]) == 2


def test_the_command_in_discrete_time(tmp_path):
    full = saved(tmp_path / "full.npz", random_system(1, False))
    assert run(["reduction", full, "--order", "6", "--discrete"]) == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 64, "expected a reduced system or --order"),
        (["--order", "3", "--save", "small.mat"], 64, "ends in .npz"),
        (["none.npz"], 66, "none.npz: no such file"),
        (["--order", "0"], 66, "order: expected 1 to 12, found 0"),
        (["--order", "3", "--discrete"], 66, "not stable"),
    ],
)
def test_misuse_of_the_command_is_one_line(tmp_path, capsys, words, code, message):
    assert run(["reduction", saved(tmp_path / "full.npz", FULL), *words]) == code
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


# The numeric error of the reduced model, as published in the README of the data.
SLICOT = {("build", 10): 6.025e-4, ("pde", 4): 4.992e-5, ("CDplayer", 20): 0.76311, ("heat-cont", 5): 3.695e-6}


@pytest.mark.parametrize(("name", "order"), SLICOT)
@pytest.mark.skipif(not DATA.is_dir(), reason=f"NOT TESTED: no systems in {DATA}: CERTIFY_DATA says where they are")
def test_slicot_systems_are_certified_within_one_percent(name, order):
    full = load_system(str(DATA / f"{name}.mat"))
    reduced = ct.balanced_truncation(full, order)
    found = ct.reduction_error(full, reduced.system)
    assert found.status == "proved" and found.verdict.verdict == "accepted"
    assert found.searched == pytest.approx(SLICOT[name, order], rel=2e-4)
    assert found.witnessed <= found.bound <= 1.01 * found.witnessed
    assert found.bound < reduced.tail_bound


# Errors down to 8e-14 of the full system's gain, and the larger systems.
FINE = [
    ("build", 30),
    ("pde", 10),
    *(pytest.param(n, r, marks=pytest.mark.long) for n, r in (("iss1R", 26), ("beam", 20))),
]


@pytest.mark.parametrize(("name", "order"), FINE)
@pytest.mark.skipif(not DATA.is_dir(), reason=f"NOT TESTED: no systems in {DATA}: CERTIFY_DATA says where they are")
def test_small_errors_of_large_systems_are_certified_within_one_percent(name, order):
    full = load_system(str(DATA / f"{name}.mat"))
    reduced = ct.balanced_truncation(full, order)
    found = ct.reduction_error(full, reduced.system)
    assert found.status == "proved" and found.witnessed <= found.bound <= 1.01 * found.witnessed
    assert found.bound < reduced.tail_bound
