"""Kinds *s-procedure*, *inertia* and *truncation*, and rule *psd* under them, against exact Fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from bundles import word_of_both
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.kernel.arithmetic import fast, pure
from certify.kernel.exact import Matrix
from certify.kernel.rules.psd import positive
from certify.kernel.verdict import Rejected
from certify.statements.bundle import certificate
from certify.statements.exact import exact, fractions, of_integers
from certify.statements.factor import Factor, factor

TESTED_RULES = ("s-procedure", "inertia", "truncation", "psd")
SMALL = st.integers(-6, 6)


def verdict(kind, of, evidence, folder) -> str:
    return word_of_both(certificate(kind, of, evidence).files, folder)


def is_psd(rows: list[list[Fraction]]) -> bool:
    """Exactly, by elimination: a pivot of zero must have a row of zeros."""
    a = [list(r) for r in rows]
    n = len(a)
    for k in range(n):
        if a[k][k] < 0 or (a[k][k] == 0 and any(a[k][j] != 0 for j in range(k, n))):
            return False
        for i in range(k + 1, n) if a[k][k] else ():
            ratio = a[i][k] / a[k][k]
            a[i] = [x - ratio * y for x, y in zip(a[i], a[k], strict=True)]
    return True


def above(rows: list[list[Fraction]], limit: Fraction) -> int:
    """How many eigenvalues are above a number that is none: Sylvester's law, by elimination with pivots of 2 x 2."""
    a = [[v - (limit if i == j else 0) for j, v in enumerate(r)] for i, r in enumerate(rows)]
    count = 0
    while a:
        n = len(a)
        k = next((i for i in range(n) if a[i][i]), None)
        if k is None:
            pair = next(((i, j) for i in range(n) for j in range(i) if a[i][j]), None)
            if pair is None:
                return count
            i, j = pair  # add row and column j to i: the diagonal entry becomes 2 a_ij
            a[i] = [x + y for x, y in zip(a[i], a[j], strict=True)]
            for row in a:
                row[i] += row[j]
            continue
        count += a[k][k] > 0
        rest = [i for i in range(n) if i != k]
        a = [[a[i][j] - a[i][k] * a[k][j] / a[k][k] for j in rest] for i in rest]
    return count


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 4), st.data())
def test_no_hints_show_that_an_indefinite_matrix_is_positive(n, data):
    entries = data.draw(st.lists(SMALL, min_size=n * n, max_size=n * n))
    m = np.array(entries, dtype=object).reshape(n, n)
    m = m + m.T
    den = data.draw(st.sampled_from([1, 2, 3, 7]))
    shifts = data.draw(st.lists(st.integers(-3, 4), min_size=n, max_size=n))
    packed = data.draw(st.lists(st.integers(-20, 20), min_size=n * (n + 1) // 2, max_size=n * (n + 1) // 2))
    outcomes = []
    for a in (fast, pure):
        whole = Matrix(a, a.vector(m.ravel().tolist()).shaped(n, n), den)
        # The same matrix in other words: hints mean the same.
        again = Matrix(a, a.vector((6 * m).ravel().tolist()).shaped(n, n), 6 * den)
        for x in (whole, again):
            try:
                positive(x, shifts, a.vector(packed).row(), "here")
                outcomes.append(True)
            except Rejected:
                outcomes.append(False)
    assert len(set(outcomes)) == 1
    if outcomes[0]:
        assert is_psd([[Fraction(v, den) for v in row] for row in m])


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_a_factor_is_found_for_definite_matrices_of_any_scale(n, seed):
    r = np.random.default_rng(seed)
    a = r.integers(-9, 10, (n, n))
    scale = 10.0 ** r.integers(-8, 9, n)
    m = exact(np.diag(scale)) @ exact(a @ a.T + np.eye(n, dtype=int)) @ exact(np.diag(scale))
    found = factor(m)
    assert found is not None
    packed = fast.vector(found.packed).row()
    positive(m, found.shifts, packed, "here")


def random_premises(r: np.random.Generator, n: int, k: int) -> np.ndarray:
    out = []
    for _ in range(k):
        a = r.integers(-3, 4, (n, n))
        out.append(a + a.T)
    return np.vstack(out)


@pytest.mark.parametrize("seed", range(25))
def test_what_an_accepted_s_procedure_says_holds_at_exact_vectors(tmp_path, seed):
    r = np.random.default_rng(seed)
    n, k, dimension = int(r.integers(1, 4)), int(r.integers(0, 3)), int(r.integers(1, 4))
    premises = random_premises(r, n, k) if k else None
    weights = r.integers(0, 4, k)
    b = r.integers(-2, 3, (n, n))
    total = sum((int(w) * premises[i * n : (i + 1) * n] for i, w in enumerate(weights)), np.zeros((n, n), dtype=int))
    q = b @ b.T + total + np.eye(n, dtype=int) * int(r.integers(0, 2)) - (np.eye(n, dtype=int) if seed % 5 == 0 else 0)
    rest = exact(q - total)
    hints = factor(rest) or Factor([0] * n, np.zeros(n * (n + 1) // 2, dtype=int).tolist())
    evidence = [np.array([weights]), hints] if k else [hints]
    word = verdict("s-procedure", {"conclusion": q, "count": k, "premises": premises if k else q}, evidence, tmp_path)
    if not is_psd(fractions(rest)):
        assert word == "not-positive"
    if word == "accepted":
        for _ in range(50):
            u = r.integers(-5, 6, (n, dimension))
            gram = u @ u.T
            if all((premises[i * n : (i + 1) * n] * gram).sum() >= 0 for i in range(k)):
                assert (q * gram).sum() >= 0


@pytest.mark.parametrize("seed", range(20))
def test_an_accepted_gap_has_the_eigenvalues_it_says(tmp_path, seed):
    r = np.random.default_rng(seed)
    n = int(r.integers(2, 6))
    a = r.integers(-4, 5, (n, n))
    m = a + a.T
    values, vectors = np.linalg.eigh(m.astype(float))
    above_ = int(r.integers(1, n))
    low, high = Fraction(values[n - above_ - 1]), Fraction(values[n - above_])
    # Ends inside the gap, or one of them a little outside: the claim is then false.
    shift = Fraction(float(high - low) / 8) * (1 if seed % 3 else -1)
    low, high = low + shift, high - abs(shift)
    if low >= high:
        return

    def modes(columns, sizes):
        return np.round(columns * np.sqrt(np.maximum(sizes, 0)) * 2**20) / 2**20

    p = modes(vectors[:, n - above_ :], values[n - above_ :] - float(low) + abs(float(shift)))
    q = modes(vectors[:, : n - above_], float(high) - values[: n - above_] + abs(float(shift)))
    one = of_integers(np.eye(n, dtype=int), n, n)
    down = one.times(low.numerator, low.denominator) - exact(m) + exact(p) @ exact(p).T
    up = exact(m) - one.times(high.numerator, high.denominator) + exact(q) @ exact(q).T
    none = Factor([0] * n, [0] * (n * (n + 1) // 2))
    evidence = [p, factor(down) or none, q, factor(up) or none]
    word = verdict("inertia", {"of": m, "above": above_, "low": low, "high": high}, evidence, tmp_path)
    rows = [[Fraction(int(v)) for v in row] for row in m]
    if word == "accepted":
        middle = (low + high) / 2
        assert (
            above(rows, middle)
            == above_
            == above(rows, low + (high - low) / 64)
            == above(rows, high - (high - low) / 64)
        )
    if seed % 3 and shift > Fraction(1, 100):
        assert word == "accepted"
    if not seed % 3:
        assert word != "accepted"


@pytest.mark.parametrize("seed", range(15))
def test_an_accepted_truncation_bounds_every_exact_vector(tmp_path, seed):
    r = np.random.default_rng(seed)
    rows, columns = int(r.integers(1, 5)), int(r.integers(1, 5))
    full, coarse = r.standard_normal((rows, columns)), r.standard_normal((rows, columns)).astype("f4")
    top = float(np.linalg.norm(full - coarse, 2))
    for limit, expected in ((Fraction(top * (1 + 1e-6)), True), (Fraction(top * (1 - 1e-9)), False)):
        rest = exact(full) - exact(coarse)
        square = limit * limit
        form = of_integers(np.eye(columns, dtype=int), columns, columns).times(square.numerator, square.denominator)
        hints = factor(form - rest.T @ rest) or Factor([0] * columns, [0] * (columns * (columns + 1) // 2))
        of = {"full": full, "coarse": coarse, "shape": np.eye(columns), "limit": limit}
        assert (verdict("truncation", of, [hints], tmp_path) == "accepted") == expected
        if expected:
            e = np.array(fractions(rest))
            for _ in range(20):
                x = np.array([Fraction(int(v)) for v in r.integers(-9, 10, columns)])
                y = e @ x
                assert (y * y).sum() <= square * (x * x).sum()
