"""Gaussian marginals: brackets against many digits, both sides, locality, divergences; and what has no certificate."""

from __future__ import annotations

import json
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import certify as ct
from certify.cli import run
from certify.convex.forms import scalar
from certify.convex.marginals.marginal import statement
from certify.errors import BadInput
from certify.statements.bundle import certificate
from certify.statements.exact import exact


def precision(n, seed=0, weak=0.3):
    r = np.random.default_rng(seed)
    x = r.standard_normal((n, 2 * n))
    j = np.round(x @ x.T / n + weak * np.eye(n), 6)
    return (j + j.T) / 2


def lattice(m, mass):
    """A free field on an m x m lattice: its precision, and the places of its variables."""
    at = np.array([(i, k) for i in range(m) for k in range(m)])
    apart = np.abs(at[:, None] - at).sum(axis=2)
    j = -(apart == 1).astype(float)
    return j + np.diag(mass - j.sum(axis=1)), at, apart


def schur(j, keep):
    out = [i for i in range(len(j)) if i not in set(keep)]
    return j[np.ix_(keep, keep)] - j[np.ix_(keep, out)] @ np.linalg.solve(j[np.ix_(out, out)], j[np.ix_(out, keep)])


def error(s, c, relative=True):
    values = scipy.linalg.eigvalsh(s - c, c if relative else None)
    return np.abs(values).max()


@pytest.mark.parametrize("seed", range(4))
def test_the_bracket_holds_the_error_of_a_rough_candidate(seed):
    r = np.random.default_rng(seed)
    j, keep = precision(12, seed), r.permutation(12)[:5].tolist()
    s = schur(j, keep)
    c = np.round(s * (1 + 0.05 * r.standard_normal(s.shape)), 2)
    c = np.tril(c) + np.tril(c, -1).T
    for norm in ("relative", "absolute"):
        found = ct.marginalise(j, keep, c, norm=norm)
        true = error(s, c, norm == "relative")
        assert found.status == "proved" and ct.check(found.certificate).accepted
        assert found.witnessed <= true * (1 + 1e-9) and true <= found.bound * (1 + 1e-9)
        assert found.bound <= 1.000001 * found.witnessed


def test_the_exact_marginal_is_certified_to_many_digits():
    j, keep = precision(14, 7), [3, 0, 9, 11]
    found = ct.marginalise(j, keep)
    assert found.status == "proved" and found.bound < 1e-9
    c = np.array(found.details["candidate"])
    with mpmath.workdps(40):
        out = [i for i in range(14) if i not in keep]
        m = mpmath.matrix(j.tolist())
        a = mpmath.matrix([[m[p, q] for q in keep] for p in keep])
        b = mpmath.matrix([[m[p, q] for q in out] for p in keep])
        d = mpmath.matrix([[m[p, q] for q in out] for p in out])
        s = a - b * mpmath.inverse(d) * b.T
        root = mpmath.cholesky(mpmath.matrix(c.tolist()))
        half = mpmath.inverse(root)
        values = mpmath.eigsy(half * (s - mpmath.matrix(c.tolist())) * half.T, eigvals_only=True)
        true = max(abs(v) for v in values)
        assert found.bracket.lower <= Fraction(str(true)) <= found.bracket.upper
    # Entries, two-sided: one certificate holds for all of them.
    rows = found.details["decay"]
    assert rows[0]["distance"] == 2 and [r["distance"] for r in rows] == sorted(r["distance"] for r in rows)
    apart = np.abs(np.array(keep)[:, None] - np.array(keep))
    exactly = np.array([[float(abs(s[p, q])) for q in range(4)] for p in range(4)])
    for row in rows:
        true = exactly[apart >= row["distance"]].max()
        assert row["at_least"] <= true <= row["at_most"] < row["at_least"] + 1e-8


def test_a_decimated_free_field_is_local():
    j, at, apart = lattice(7, 0.5)
    keep = [i for i, (p, q) in enumerate(at) if (p + q) % 2 == 0]
    far = apart[np.ix_(keep, keep)]
    s = schur(j, keep)
    # Each variable that is integrated out has kept neighbours only, so that nothing reaches further than 2.
    near = ct.marginalise(j, keep, reach=2, distance=far)
    assert near.status == "proved" and near.bound < 1e-9
    keep = [i for i, (p, q) in enumerate(at) if p % 2 == 0 and q % 2 == 0]
    far, s = apart[np.ix_(keep, keep)], schur(j, keep)
    whole = ct.marginalise(j, keep, distance=far)
    decay = {r["distance"]: r["at_most"] for r in whole.details["decay"]}
    for d, most in decay.items():
        assert np.abs(s[far >= d]).max() * (1 - 1e-9) <= most <= np.abs(s[far >= d]).max() + 1e-9
    assert decay[2] > 4 * decay[4] > 16 * decay[6] and 0 < whole.details["rate"] < 0.5
    errors = []
    for reach in (0, 2, 4):
        found = ct.marginalise(j, keep, reach=reach, distance=far, norm="absolute")
        true = error(s, np.where(far <= reach, s, 0), False)
        assert found.status == "proved" and true * (1 - 1e-9) <= found.bound <= true * (1 + 1e-6) + 1e-9
        errors.append(found.bound)
    assert errors[0] > 4 * errors[1] > 16 * errors[2]


def test_a_truncated_inverse_is_an_approximation_like_any_other():
    j, at, _ = lattice(5, 1.0)
    keep = [i for i, (p, q) in enumerate(at) if p % 2 == 0]
    out = [i for i in range(25) if i not in keep]
    d, b = j[np.ix_(out, out)], j[np.ix_(keep, out)]
    diagonal = np.diag(1 / np.diag(d))
    series, sums, bounds = diagonal, [diagonal], []
    for _ in range(3):
        series = diagonal + diagonal @ (np.diag(np.diag(d)) - d) @ series
        sums.append(series)
    for inverse in sums:
        c = j[np.ix_(keep, keep)] - b @ inverse @ b.T
        found = ct.marginalise(j, keep, (c + c.T) / 2)
        assert found.status == "proved" and found.bound <= 1.00001 * found.witnessed + 1e-9
        bounds.append(found.bound)
    assert all(2 * x < y for x, y in zip(bounds[1:], bounds[:-1], strict=True))


def test_the_divergences_are_above_the_true_ones():
    j, keep = precision(10, 2), [0, 1, 2, 3]
    s = schur(j, keep)
    c = np.round(s, 1)
    found = ct.marginalise(j, keep, c)
    v = scipy.linalg.eigvalsh(s, c)
    first, second = (1 / v - 1 + np.log(v)).sum() / 2, (v - 1 - np.log(v)).sum() / 2
    bounds = found.details["kl"]
    assert found.bound < 1 and first <= bounds[0] and second <= bounds[1] and bounds[1] < 40 * second


def test_both_sides_are_needed_and_an_error_that_is_too_small_is_rejected():
    j = np.array([[2.0, 1.0], [1.0, 1.0]])
    # The marginal precision of the first variable is 1.
    for c, lower in ((0.8, 0.25), (1.25, 0.2)):
        found = ct.marginalise(j, [0], [[c]])
        assert found.witnessed == pytest.approx(lower) and found.bound == pytest.approx(lower)
        evidence = [[Fraction(4)]]
        assert ct.marginalise(j, [0], [[c]], limit=Fraction(lower) * Fraction(99, 100)).status == "refuted"
        assert ct.marginalise(j, [0], [[c]], limit=Fraction(lower) * Fraction(101, 100)).status == "proved"
        between = (found.bracket.lower + found.bracket.upper) / 2
        assert ct.marginalise(j, [0], [[c]], limit=between).status in ("unknown", "proved")
        size = exact(np.array([[c]]))
        for e, said in ((Fraction(1, 2), "accepted"), (Fraction(1, 10), "rejected")):
            of = statement(exact(j), 1, size, size, e)
            hints = _hints(of, 4) or _hints(statement(exact(j), 1, size, size, Fraction(1, 2)), 4)
            made = certificate("s-procedure", of, [np.array(evidence, dtype=object), hints])
            assert ct.check(made).verdict == said


def _hints(of, multiplier):
    from certify.statements.factor import factor

    return factor(of["conclusion"] - of["premises"].times(multiplier))


def test_the_certificate_speaks_of_the_forms_that_anyone_can_write_down():
    j, c = exact([[4, 1, 1], [1, 3, 0], [1, 0, 2]]), exact([[3]])
    found = ct.marginalise(j, [0], c, norm="absolute")
    assert abs(found.bound - 1 / 6) < 1e-8  # 4 - 1/3 - 1/2 - 3
    of = statement(j, 2, c, scalar(1, Fraction(1)), found.bracket.upper)
    assert certificate("s-procedure", of).files["claim"] == found.certificate.files["claim"]


def test_what_is_no_marginal_is_refused_in_one_line():
    j = precision(4)
    for args, keywords, said in (
        ((np.triu(j), [0]), {}, r"J: expected an exactly symmetric"),
        ((j, []), {}, "keep: expected some of 4"),
        ((j, [0, 0]), {}, "keep: expected"),
        ((j, [0, 1, 2, 3]), {}, "keep: expected"),
        ((j, [4]), {}, "keep: expected"),
        ((j, [0], np.eye(2)), {}, "candidate: expected shape"),
        ((j, [0, 1]), {"distance": np.eye(2)}, "distance: expected"),
        ((j, [0]), {"norm": "trace"}, "norm: expected"),
    ):
        with pytest.raises(BadInput, match=said):
            ct.marginalise(*args, **keywords)
    flat = ct.marginalise(np.ones((3, 3)), [0])
    assert flat.status == "unknown" and "not positive definite" in str(flat)
    negative = ct.marginalise(j, [0], [[-1.0]])
    assert negative.status == "unknown" and "absolute" in str(negative)
    assert ct.marginalise(j, [0], [[-1.0]], norm="absolute").status == "proved"


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 7), st.integers(0, 2**32 - 1), st.integers(-20, 20))
def test_any_positive_definite_matrix_and_any_choice(n, seed, scale):
    r = np.random.default_rng(seed)
    j = precision(n, seed % 1000) * 2.0**scale
    keep = r.permutation(n)[: int(r.integers(1, n))].tolist()
    found = ct.marginalise(j, keep)
    assert found.status == "proved" and found.bracket.lower <= found.bracket.upper < Fraction(1, 10**6)


def test_badly_conditioned_marginals_lose_little():
    r = np.random.default_rng(9)
    q = np.linalg.qr(r.standard_normal((8, 8)))[0]
    j = (q * 10.0 ** -np.arange(8)) @ q.T
    j = (j + j.T) / 2
    s = schur(j, [0, 1, 2])
    c = (s + s.T) / 2 * 1.01
    for norm in ("relative", "absolute"):
        found = ct.marginalise(j, [0, 1, 2], c, norm=norm)
        assert found.status == "proved" and found.bound < 1.002 * found.witnessed


def test_what_rounding_stored_floats_costs_is_added_to_the_bound():
    r = np.random.default_rng(1)
    x = r.standard_normal((8, 20)) * np.exp(r.standard_normal((8, 1)))
    j = x @ x.T + np.eye(8)
    j = (j + j.T) / 2
    found = ct.marginalise(j, [0, 3, 5])
    assert found.status == "proved" and "short dyadics" in found.notes[0] and found.bound < 1e-8


def test_the_command_prints_couplings_by_distance(tmp_path, capsys):
    j, _, _ = lattice(4, 1.0)
    np.save(tmp_path / "j.npy", j)
    np.save(tmp_path / "c.npy", np.eye(4) * 2)
    name, c, out = (str(tmp_path / n) for n in ("j.npy", "c.npy", "m.cert"))
    assert run(["marginal", name, "--keep", "0,3,12,15", "-o", out]) == 0 and ct.check(out).accepted
    assert "couplings" in capsys.readouterr().out
    assert run(["marginal", name, "--keep", "0-3", "--candidate", c, "--absolute", "--fail-above", "0.01"]) == 1
    assert run(["marginal", name, "--keep", "0-3", "--candidate", c, "--fail-above", "10", "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["kept"] == 4 and said["verdict"] == "accepted"
    assert run(["marginal", name, "--keep", "all"]) == 64
    assert run(["marginal", name, "--keep", "0-20"]) == 66
