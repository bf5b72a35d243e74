"""Numbers become files and come back exactly; users are told what a certificate of a statement is about."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import certify as ct
from certify.cli import run
from certify.errors import BadInput, CertifyError
from certify.kernel.arithmetic import fast, pure
from certify.kernel.exact import Table
from certify.kernel.tensors import Tensor
from certify.kernel.words import Lines
from certify.models import path as path_of
from certify.statements.arrays import load_array, load_system
from certify.statements.bound import Bound, judged
from certify.statements.bundle import certificate
from certify.statements.exact import exact, floats, fractions, of_integers
from certify.statements.factor import factor, holds

WIDE = st.integers(-(2**1000), 2**1000)
FLOAT = st.floats(allow_nan=False, allow_infinity=False)


class Blobs:
    """A bundle of nothing but tensors."""

    def __init__(self, files):
        self.files = files

    def read(self, name):
        return self.files[name]


def read_back(files, arithmetic):
    """The matrices of the claim of a bundle, as Fractions, by the kernel's reading."""
    lines = Lines("claim", files["claim"])
    lines.next("certify-statement"), lines.next("rules")
    tensors = []
    while (words := lines.peek())[0] == "tensor":
        lines.next("tensor")
        tensors.append(Tensor(words[1], int(words[2]), words[3], Blobs(files), ""))
    table = Table(lines, tensors, arithmetic)
    return [[Fraction(v, table[k].den) for v in table[k].n.tolist()] for k in range(len(table.words))]


@settings(max_examples=60, deadline=None)
@given(st.lists(FLOAT, min_size=1, max_size=6), st.sampled_from(["f4", "f8", "f2"]))
def test_floats_are_read_as_the_numbers_they_are(values, kind):
    with np.errstate(over="ignore"):
        a = np.array(values).astype(kind)
    a = np.where(np.isfinite(a), a, 0).astype(kind)[None]
    files = certificate("s-procedure", {"conclusion": a, "count": 0, "premises": a}).files
    expected = [Fraction(float(v)) for v in a[0]]
    assert read_back(files, fast) == read_back(files, pure) == [expected]
    assert [v for row in fractions(exact(a)) for v in row] == expected
    assert floats(exact(a)).tolist() == [[float(v) for v in a[0]]]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(WIDE, st.integers(1, 2**40)), min_size=1, max_size=5))
def test_rationals_of_any_size_are_read_back(pairs):
    values = [Fraction(*p) for p in pairs]
    a = np.array([values], dtype=object)
    try:
        files = certificate("s-procedure", {"conclusion": a, "count": 0, "premises": a}).files
    except CertifyError as e:
        assert "1,024" in str(e) and max(abs(v.numerator).bit_length() for v in values) > 700
        return
    assert read_back(files, fast) == read_back(files, pure) == [values]


def test_what_is_no_matrix_is_refused_in_one_line():
    for bad in (np.array([[np.nan]]), np.zeros((2, 0)), np.zeros((1, 1, 1)), np.array([["a"]]), [[True, None]]):
        with pytest.raises(BadInput, match="expected"):
            exact(bad, "m")


def test_a_factor_is_found_where_there_is_one_and_only_there():
    r = np.random.default_rng(1)
    for n in (1, 2, 7, 30):
        a = r.standard_normal((n, n)) * 10.0 ** r.integers(-12, 12)
        good = exact(a) @ exact(a).T + exact(np.eye(n) * float(np.abs(a).max()) ** 2 * 1e-3)
        found = factor(good)
        assert found is not None and holds(good, found)
        assert factor(-good) is None
    zero = of_integers([0] * 9, 3, 3)
    assert holds(zero, factor(zero))
    assert factor(exact(np.array([[1.0, 2.0], [2.0, 1.0]]))) is None


Q = np.array([[2.0, -1.0], [-1.0, 2.0]])


def test_a_statement_is_judged_explained_and_compared_with_arrays(tmp_path, capsys):
    made, verdict = judged("s-procedure", {"conclusion": Q, "count": 0, "premises": Q}, [factor(exact(Q))])
    assert verdict.accepted and verdict.bounds == ()
    path = str(made.save(tmp_path / "q.cert"))
    assert ct.check(path, Q).accepted and ct.check(path, kernel="pure").accepted
    for other in (Q + 1, Q.astype("f4"), Q.ravel(), ct.load(path_of("digits.onnx"))):
        assert ct.check(path, other).code == "other-model"
    np.save(tmp_path / "q.npy", Q)
    assert run(["check", path, str(tmp_path / "q.npy")]) == 0
    assert run(["explain", path]) == 0
    assert "2 x 2, f8" in capsys.readouterr().out
    assert run(["explain", path, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["claim"]["statement"] == "s-procedure"
    for jobs in (2, 3):
        assert ct.check(path, jobs=jobs).accepted


def test_arrays_and_systems_come_from_files(tmp_path):
    scipy_io = pytest.importorskip("scipy.io")
    np.save(tmp_path / "a.npy", Q)
    np.savez(tmp_path / "b.npz", Q=Q)
    assert (load_array(str(tmp_path / "a.npy")) == Q).all() and (load_array(f"{tmp_path}/b.npz:Q") == Q).all()
    abc = {"A": Q.astype(np.int8), "B": Q[:, :1], "C": Q[:1]}
    np.savez(tmp_path / "s.npz", **abc)
    scipy_io.savemat(tmp_path / "s.mat", abc)
    for name in ("s.npz", "s.mat"):
        a, b, c, d = load_system(str(tmp_path / name))
        assert (
            a.dtype == np.float64 and (a == Q).all() and b.shape == (2, 1) and (d == np.zeros((1, 1))).all() and c.any()
        )
    (tmp_path / "c.npz").write_bytes(b"nothing")
    (tmp_path / "c.mat").write_bytes(b"nothing")
    for bad in ("b.npz", "c.npz", "c.mat", "d.mat"):
        with pytest.raises(BadInput, match=bad):
            load_system(str(tmp_path / bad))


def test_a_bound_says_how_much_exactness_cost():
    from certify.results import Bracket

    b = Bound("the norm", "proved", Bracket(Fraction(1), Fraction(1001, 1000), "proved"), searched=1.0)
    assert abs(b.lost - 1e-3) < 1e-12 and b.bound >= 1.001 and "the norm" in str(b)
    assert b.as_json()["status"] == "proved"
