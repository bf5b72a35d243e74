"""Intervals from samples: exact counts, coverage over many draws, known values, and types that never mix."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats

import certify as ct
from certify.cli import run
from certify.errors import CertifyError
from certify.models import path
from certify.statistics import (
    StatisticalClaim,
    betting,
    clopper_pearson,
    confidence_sequence,
    disagreement,
    empirical_bernstein,
    hoeffding,
)
from certify.statistics.betting import _bets, _end, _wealth
from certify.symbolic import bound, close, lipschitz, maps, statistical, vectors

MEANS = (hoeffding, empirical_bernstein, betting)
DRAWS = 400


@pytest.mark.parametrize(
    ("k", "n", "level"), [(0, 50, "0.95"), (3, 1000, "0.99"), (50, 50, "0.9"), (700, 1000, "0.95")]
)
def test_counts_give_the_exact_interval_of_scipy_with_accepted_certificates(k, n, level):
    found = clopper_pearson(k, n, level)
    known = scipy.stats.binomtest(k, n).proportion_ci(float(level), "exact")
    assert found.low == pytest.approx(known.low, abs=1e-9) and found.high == pytest.approx(known.high, abs=1e-9)
    assert found.low <= known.low + 1e-14 and found.high >= known.high - 1e-14
    ends = {end for end, _ in found.certificates}
    assert ends == ({"upper"} if k < n else set()) | ({"lower"} if k > 0 else set())
    assert all(ct.check(c).accepted for _, c in found.certificates)
    claims = [c.claim for _, c in found.certificates]
    assert all(c["statement"] == "tail" and c["of"]["trials"] == n for c in claims)
    assert all(Fraction(c["of"]["level"]) == (1 - Fraction(level)) / 2 for c in claims)


def test_one_side_uses_the_whole_risk_and_many_trials_have_no_certificate():
    one, both = clopper_pearson(2, 100, side="upper"), clopper_pearson(2, 100)
    assert one.low == 0 and one.high < both.high and len(one.certificates) == 1
    many = clopper_pearson(10, 30_000)
    assert not many.certificates and "no certificate" in many.notes[0]


def missed(interval, draw, mean, level, seed) -> int:
    """How many of many intervals do not cover the mean."""
    r = np.random.default_rng(seed)
    found = [interval(draw(r), 0, 1, level) for _ in range(DRAWS)]
    return sum(not c.low <= mean <= c.high for c in found)


LAWS = {
    "bernoulli": (lambda r: (r.random(100) < 0.1).astype(float), 0.1),
    "skew": (lambda r: r.beta(2, 20, 100), 2 / 22),
    "ends": (lambda r: np.where(r.random(100) < 0.5, 0.02, 0.98), 0.5),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("interval", MEANS)
def test_intervals_cover_as_often_as_they_say(interval, law):
    draw, mean = LAWS[law]
    # 1 - 10^-6 quantile of the number of misses at the stated risk.
    most = scipy.stats.binom.ppf(1 - 1e-6, DRAWS, 0.1)
    assert missed(interval, draw, mean, "0.9", 1) <= most


def test_the_test_of_coverage_catches_an_interval_that_is_too_short():
    def short(x, low, high, level):
        half = 0.5 * x.std() / np.sqrt(len(x))
        return StatisticalClaim("mean", x.mean(), x.mean() - half, x.mean() + half, Fraction(level), len(x), "none")

    draw, mean = LAWS["bernoulli"]
    assert missed(short, draw, mean, "0.9", 1) > scipy.stats.binom.ppf(1 - 1e-6, DRAWS, 0.1)


def test_a_confidence_sequence_covers_at_all_times_at_once_and_never_widens():
    r = np.random.default_rng(2)
    misses = 0
    for _ in range(100):
        low, high = confidence_sequence(r.beta(1, 3, 300), 0, 1, "0.9")
        misses += bool((low > 0.25).any() or (high < 0.25).any())
        assert (np.diff(low) >= 0).all() and (np.diff(high) <= 0).all()
    assert misses <= scipy.stats.binom.ppf(1 - 1e-6, 100, 0.1)


def test_known_radii():
    x = np.linspace(0, 1, 101)
    assert hoeffding(x, 0, 1, side="upper").high == pytest.approx(0.5 + np.sqrt(np.log(20) / 202))
    v, log = x.var(ddof=1), np.log(2 / 0.05)
    radius = np.sqrt(2 * v * log / 101) + 7 * log / 300
    assert empirical_bernstein(x, 0, 1, side="lower").low == pytest.approx(0.5 - radius)


def test_betting_is_narrowest_where_numbers_vary_little_and_its_wealth_is_monotone():
    x = np.random.default_rng(3).beta(2, 20, 2000)
    widths = [f(x, 0, 1).width for f in (betting, empirical_bernstein, hoeffding)]
    assert widths == sorted(widths) and widths[0] < widths[2] / 4
    bets = _bets(x, np.full(2000, 2000.0), 0.025)
    wealth = _wealth(x, bets, np.linspace(0, 1, 50))[:, -1]
    assert (np.diff(wealth) < 0).all()
    end = _end(x, bets, np.log(40))
    assert _wealth(x, bets, np.array([end])).max() >= np.log(40) > _wealth(x, bets, np.array([end + 1e-9])).max()


@pytest.mark.parametrize("interval", MEANS)
def test_another_range_is_the_same_interval_in_its_units(interval):
    x = np.random.default_rng(4).random(200)
    a, b = interval(x, 0, 1), interval(10 * x - 3, -3, 7)
    assert b.low == pytest.approx(10 * a.low - 3) and b.high == pytest.approx(10 * a.high - 3)


def test_networks_that_decide_differently_are_found_out_and_a_copy_is_not():
    net = ct.load(path("digits.onnx"))
    images = np.load(path("digits.npz"))["X"]
    same, cut = disagreement(net, net, images), disagreement(net, ct.prune(net, fraction=0.9), images)
    assert same.estimate == 0 < cut.estimate and cut.low > 0 and same.n == len(images)

    def uniform(generator, n):
        return generator.random((n, net.n_in))

    one, two = (disagreement(net, ct.prune(net, fraction=0.5), uniform, n=300, seed=7) for _ in range(2))
    assert one.estimate == two.estimate and "300 draws of uniform, seed 7" in one.protocol


def test_a_statistical_claim_is_nobodys_worst_case():
    claim = clopper_pearson(1, 100)
    assert not isinstance(claim, ct.Bracket | ct.Result)
    with pytest.raises(CertifyError, match="neither true nor false"):
        assert claim
    with pytest.raises(TypeError):
        float(claim)
    with pytest.raises(TypeError):
        claim <= 0.1  # noqa: B015
    with pytest.raises(CertifyError):
        ct.range_bound("x", {"x": (0, claim)})
    with pytest.raises(CertifyError):
        ct.symbolic.checked(close(*maps("f g"), "0.1"), by=claim)
    with pytest.raises(CertifyError, match="statistical claim"):
        hoeffding(claim, 0, 1)
    assert "not a worst case" in str(claim) and claim.as_json()["type"] == "statistical"


def test_what_rests_on_a_sample_is_statistical_and_carries_its_level():
    x, (f, g) = vectors("x"), maps("f g")
    errors = np.random.default_rng(5).random(5000) / 10
    claim = betting(errors, 0, 1, "0.99")
    near = statistical(close(f, g, "0.1"), by=claim)
    found = ct.derive([lipschitz(f, 2), near], bound(abs(f(f(x)) - g(g(x)))))
    assert found.status == "statistical" and found.level == Fraction(99, 100)
    assert "99 %" in str(found) and json.loads(json.dumps(found.as_json()))["level"] == "99/100"
    with pytest.raises(CertifyError, match="the sample gives"):
        statistical(close(f, g, "0.01"), by=claim)
    with pytest.raises(CertifyError, match="expected a StatisticalClaim"):
        statistical(close(f, g, "0.01"), by=0.01)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: clopper_pearson(3, 2), "no more failures than trials"),
        (lambda: clopper_pearson(-1, 2), "whole number"),
        (lambda: clopper_pearson(1, 2, 1), "between 0 and 1"),
        (lambda: clopper_pearson(1, 2, side="left"), "both, upper or lower"),
        (lambda: hoeffding([0.5, 1.5], 0, 1), "found 1.5 in place 1"),
        (lambda: betting([0.5, float("nan")], 0, 1), "in place 1"),
        (lambda: empirical_bernstein([0.5], 0, 1), "2 numbers or more"),
        (lambda: hoeffding([[0.5]], 0, 1), "expected a vector"),
        (lambda: hoeffding(["a"], 0, 1), "expected numbers"),
        (lambda: hoeffding([0.5], 1, 1), "low < high"),
        (lambda: disagreement(lambda x: x, lambda x: x, lambda r, n: np.ones((n, 2))), "number of draws"),
        (lambda: disagreement(lambda x: x[:, :1], lambda x: x, np.ones((2, 2))), "two or more"),
    ],
)
def test_bad_input_is_one_clear_line(call, said):
    with pytest.raises(CertifyError, match=said):
        call()


def test_the_command_prints_the_claim_and_writes_the_certificate(tmp_path, capsys):
    out = tmp_path / "rate.cert"
    assert run(["rate", "0", "300", "--side", "upper", "--fail-above", "0.01", "--out", str(out), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["type"] == "statistical" and shown["verdicts"] == {"upper": "accepted"}
    assert ct.check(out).accepted
    assert run(["rate", "0", "100", "--side", "upper", "--fail-above", "0.01"]) == 2
    assert "not a worst case" in capsys.readouterr().out
    assert run(["rate", "5", "2"]) not in (0, 1, 2, 70)
