"""The two arithmetics agree on every function, shape and magnitude; decoding is exact; a wrong BLAS is noticed."""

from __future__ import annotations

import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.kernel.arithmetic import fast, pure
from certify.kernel.verdict import MachineFault

# Magnitudes that matter: small, the float64 and int64 edges, several limbs.
EDGES = [0, 1, 2, 21, 22, 26, 31, 32, 52, 53, 54, 60, 61, 62, 63, 64, 65, 106, 200]
integer = st.tuples(st.sampled_from(EDGES), st.integers(-3, 3), st.sampled_from([-1, 1]), st.integers(0, 2**200)).map(
    lambda t: t[2] * (((1 << t[0]) + t[1]) if t[3] % 2 else t[3] % ((1 << t[0]) + 1))
)
bounded = st.tuples(st.sampled_from(EDGES), st.integers(0, 2**32)).flatmap(
    lambda t: st.lists(st.integers(-(1 << t[0]), 1 << t[0]), min_size=24, max_size=24)
)
FEW = settings(max_examples=60, deadline=None)


def both(values, rows=None):
    out = fast.vector(values), pure.vector(values)
    return out if rows is None else tuple(v.shaped(rows, len(values) // rows) for v in out)


def same(x, y):
    assert tuple(x.shape) == tuple(y.shape)
    assert x.tolist() == y.tolist()
    assert all(abs(v) <= x.m for v in x.tolist()), "the magnitude kept with an array bounds it"


def mask(x, y):
    assert [bool(v) for v in x.reshape(-1)] == [bool(v) for v in y.d]


@FEW
@given(a=bounded, b=bounded, k=st.integers(0, 210), d=st.integers(1, 2**80))
def test_elementwise_operations_agree(a, b, k, d):
    for rows in (None, 4):
        (x, p), (y, q) = both(a, rows), both(b, rows)
        for f, g in ((x + y, p + q), (x - y, p - q), (x * y, p * q), (-x, -p), (x << k, p << k), (x >> k, p >> k)):
            same(f, g)
        same(x // d, p // d)
        same(x.negative_part(), p.negative_part())
        same(x.positive_part(), p.positive_part())
        same(fast.minimum(x, y), pure.minimum(p, q))
        same(fast.maximum(x, y), pure.maximum(p, q))
        same(fast.where(x < y, x, y), pure.where(p < q, p, q))
        same(fast.where(x >= 0, 1, 0), pure.where(p >= 0, 1, 0))
        for m, n in ((x < y, p < q), (x <= y, p <= q), (x > y, p > q), (x >= y, p >= q), (x.differs(y), p.differs(q))):
            mask(m, n)
        mask((x < 0) & ~(y > 0) | (x > y), (p < 0) & ~(q > 0) | (p > q))
        assert fast.any_true(x < y) == pure.any_true(p < q) and fast.all_true(x < y) == pure.all_true(p < q)
        assert (x.largest(), x.smallest()) == (p.largest(), p.smallest())
        positive = [abs(v) + 1 for v in b]
        same(fast.quotient(x, both(positive, rows)[0]), pure.quotient(p, both(positive, rows)[1]))


@FEW
@given(a=bounded, b=bounded, c=integer)
def test_rows_broadcast_alike(a, b, c):
    (x, p), (y, q) = both(a, 4), both(b[:6])
    for f, g in ((x + y, p + q), (x * y, p * q), (x * c, p * c), (x + c, p + c), (x - y, p - q)):
        same(f, g)
    one, other = both(b[:1])
    same(x * one, p * other)
    same(fast.where(y > 0, x, 0), pure.where(q > 0, p, 0))
    same(fast.where(y > 0, 0, y), pure.where(q > 0, 0, q))


@FEW
@given(a=bounded, b=bounded, index=st.lists(st.integers(0, 5), min_size=1, max_size=6, unique=True))
def test_rearrangements_agree(a, b, index):
    (x, p), (y, q) = both(a, 4), both(b, 4)
    same(x.rows(1, 3), p.rows(1, 3))
    same(x.rows(2, 9), p.rows(2, 9))
    same(x.columns(index), p.columns(index))
    same(x.transpose(), p.transpose())
    same(x.row_sums(), p.row_sums())
    same(x.flat(), p.flat())
    same(x.take_rows([2, -1, 0, 2]), p.take_rows([2, -1, 0, 2]))
    same(fast.stack(x, y), pure.stack(p, q))
    v, w = both(a)
    same(v.repeat(3), w.repeat(3))
    same(v.gather([5, -1, 5]), w.gather([5, -1, 5]))
    same(x.gather([5, -1, 0]), p.gather([5, -1, 0]))
    same(v.columns(index), w.columns(index))
    same(v.row(), w.row())
    same(fast.join([x, y, x]), pure.join([p, q, p]))
    same(fast.matrix([a, b]), pure.matrix([a, b]))
    same(fast.unit_rows(index, 6, a[0]), pure.unit_rows(index, 6, a[0]))
    same(fast.zeros(2, 3), pure.zeros(2, 3))


@FEW
@given(a=bounded, b=bounded, c=bounded)
def test_places_and_owners_agree(a, b, c):
    """Entries where a mask holds, in rows of their own or in the rows that others own."""
    (x, p), (y, q), (one, other) = both(a, 4), both(b, 4), both(c[:6], 1)
    for mask, twin in ((x > y, p > q), (one > 0, other > 0)):
        where, there = fast.places(mask, (4, 6)), pure.places(twin, (4, 6))
        assert [list(map(int, k)) for k in where] == [list(k) for k in there]
        same(x.at(where), p.at(there))
        same(one.at(where), other.at(there))
        same(x.set(where, y.at(where)), p.set(there, q.at(there)))
        owner = [2, 0, 3, 3]
        mine, theirs = fast.owned(where, fast.index(owner)), pure.owned(there, pure.index(owner))
        same(y.at(mine), q.at(theirs))
        assert fast.owned(where, None) is where and pure.owned(there, None) is there
    owner = [1, 1, 0]
    same(fast.spread(x, fast.index(owner)), pure.spread(p, pure.index(owner)))
    same(fast.where(fast.spread(x > y, fast.index(owner)), 1, 0), pure.where(pure.spread(p > q, owner), 1, 0))
    same(fast.rowdot(x, y), pure.rowdot(p, q))
    same(fast.rowdot(x, one), pure.rowdot(p, other))


@FEW
@given(a=bounded, index=st.lists(st.integers(-1, 4), min_size=6, max_size=6))
def test_folding_agrees(a, index):
    x, p = both(a, 4)
    same(fast.fold(x, index, 5), pure.fold(p, index, 5))


@FEW
@given(a=bounded, b=bounded, at=st.lists(st.integers(0, 2), min_size=1, max_size=3, unique=True))
def test_positions_agree(a, b, at):
    x, p = both(a[:12], 2)  # two rows of two channels of three positions
    same(fast.to_positions(x, 2, 0, 2, at), pure.to_positions(p, 2, 0, 2, at))
    same(fast.to_positions(x, 2, 1, 2, at), pure.to_positions(p, 2, 1, 2, at))
    y, q = both(b[: 2 * len(at)], 2 * len(at))
    out, twin = both(a[:12], 2)
    same(fast.add_positions(out + 0, y, 2, 1, at), pure.add_positions(twin, q, 2, 1, at))


@settings(max_examples=150, deadline=None)
@given(a=bounded, b=bounded, split=st.sampled_from([(1, 24), (2, 12), (4, 6), (12, 2), (24, 1)]), zero=st.booleans())
def test_products_agree(a, b, split, zero):
    if zero:
        a = [v if i % 5 == 0 else 0 for i, v in enumerate(a)]
    (x, p), (y, q) = both(a, split[0]), both(b, split[1])
    same(fast.matmul(x, y), pure.matmul(p, q))


@settings(max_examples=60, deadline=None)
@given(e=st.integers(0, 130), f=st.integers(0, 130), k=st.integers(1, 40), sign=st.sampled_from([-1, 1]))
def test_products_of_extreme_entries_agree(e, f, k, sign):
    """All entries at the edge of their magnitude: partial sums are as large as they get."""
    x, p = both([sign << e] * k, 1)
    y, q = both([(1 << f) - 1] * k, k)
    same(fast.matmul(x, y), pure.matmul(p, q))


@pytest.mark.parametrize("delta", [-2, -1, 0, 1, 2])
@pytest.mark.parametrize("bits", [52, 53, 62, 63, 64])
def test_products_at_the_bound_of_exactness(bits, delta):
    """Sums of magnitude 2^53 and 2^62 plus and minus one, by one large and many small factors."""
    total = (1 << bits) + delta
    for a, b in (([total], [1]), ([total, 1, -1], [1, 1, 1]), ([total // 3] * 3 + [total % 3], [1, 1, 1, 1])):
        x, p = both(a, 1)
        y, q = both(b, len(b))
        same(fast.matmul(x, y), pure.matmul(p, q))
        same(fast.matmul(y.transpose(), x.transpose()), pure.matmul(q.transpose(), p.transpose()))


@pytest.mark.parametrize("bits", [61, 62, 63])
def test_sums_beyond_int64_do_not_wrap(bits):
    top = (1 << bits) - 1
    x, p = both([top, -top, top, top], 2)
    same(x + x, p + p)
    same(x.row_sums(), p.row_sums())
    same(fast.fold(x, [0, 0], 1), pure.fold(p, [0, 0], 1))
    same(x - (-x), p - (-p))
    same((x + x) + (x + x), (p + p) + (p + p))


# ---- decoding


def meaning(kind, raw):
    """The rational an IEEE bit pattern stands for."""
    code = {"f2": "<e", "f4": "<f", "f8": "<d"}[kind]
    return Fraction(struct.unpack(code, raw)[0])


@settings(max_examples=150, deadline=None)
@given(data=st.data(), kind=st.sampled_from(["f2", "f4", "f8"]))
def test_decoding_encloses_every_value_within_one_unit(data, kind):
    width = int(kind[1])
    pattern = st.one_of(
        st.binary(min_size=width, max_size=width),
        st.sampled_from([0, 1, 2, 3]).map(lambda v: v.to_bytes(width, "little")),  # zero and the least subnormals
        st.integers(0, 1023).map(lambda v: (v | 1 << (8 * width - 1)).to_bytes(width, "little")),
    )
    raw = data.draw(st.lists(pattern, min_size=1, max_size=5))
    if not all(np.isfinite(np.frombuffer(v, dtype=f"<{kind}")).all() for v in raw):
        assert fast.decode(kind, b"".join(raw)) is None and pure.decode(kind, b"".join(raw)) is None
        return
    values = [meaning(kind, v) for v in raw]
    (lo, hi, h), (plo, phi, ph) = fast.decode(kind, b"".join(raw)), pure.decode(kind, b"".join(raw))
    same(lo, plo)
    same(hi, phi)
    assert h == ph
    unit = Fraction(2) ** h
    for v, low, high in zip(values, lo.tolist(), hi.tolist(), strict=True):
        assert low == (v * unit).__floor__() and high == -((-v * unit).__floor__())
    if any(values):
        assert max(map(abs, values)) * unit < 2**60
    else:
        assert h == 0


def test_the_smallest_subnormal_beside_the_largest_number_is_enclosed():
    for kind, tiny, top in (("f2", 1, 0x7BFF), ("f4", 1, 0x7F7FFFFF), ("f8", 1, 0x7FEFFFFFFFFFFFFF)):
        width = int(kind[1])
        data = tiny.to_bytes(width, "little") + (tiny | 1 << (8 * width - 1)).to_bytes(width, "little")
        data += top.to_bytes(width, "little")
        lo, hi, _ = fast.decode(kind, data)
        assert (lo.tolist(), hi.tolist()) == tuple(v.tolist() for v in pure.decode(kind, data)[:2])
        if kind != "f2":
            assert lo.tolist()[:2] == [0, -1] and hi.tolist()[:2] == [1, 0]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5))
def test_integer_tensors_decode_alike(values):
    data = np.array(values, dtype="<i8").tobytes()
    same(fast.integers("i8", data), pure.integers("i8", data))
    assert fast.integers("i8", data).tolist() == values
    same(fast.integers("i4", data), pure.integers("i4", data))


# ---- machine faults


class Liar(np.ndarray):
    """A float64 matrix whose products are wrong in one entry."""

    def __matmul__(self, other):
        out = np.asarray(self) @ np.asarray(other)
        out[0, 0] += 1
        return out


def test_the_self_test_notices_a_wrong_product(monkeypatch):
    honest = fast._blas
    monkeypatch.setattr(fast, "_blas", lambda a, b: honest(a, b) + 1)
    with pytest.raises(MachineFault, match="self-test"):
        fast.self_test()


def test_a_blas_that_is_wrong_in_one_entry_is_noticed_by_the_randomised_check():
    """Each call catches it with probability one half; sixty calls in a row cannot miss it."""

    class Wrong(np.ndarray):
        def astype(self, kind, **more):
            out = np.asarray(self).astype(kind, **more)
            return out.view(Liar) if kind == np.float64 else out

    a = np.arange(12).reshape(3, 4).view(Wrong)
    b = np.arange(20).reshape(4, 5)
    with pytest.raises(MachineFault, match="randomised"):
        for _ in range(60):
            fast._blas(a, b)
    assert np.array_equal(fast._blas(np.asarray(a), b), np.asarray(a) @ b)
