"""ct.lump and ct.refine_partition: bounds that hold on every path in Fractions, and chains that are not closed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from exact_chains import (
    apart,
    chains,
    corner,
    dobrushin,
    errors,
    formula,
    laws,
    lost,
    merged,
    normalised,
    partitions,
    stationary,
    table,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import certify as ct
from certify.convex.lumping import lump as module
from certify.convex.lumping.chains import chain, rounded_laws
from certify.convex.lumping.contraction import established, short
from certify.convex.lumping.macro import candidates
from certify.errors import BadInput
from certify.statements.exact import exact, fractions

# A check starts an interpreter: few examples, none of them small.
FEW = settings(max_examples=25, deadline=None)
STEPS = 8


def macro_of(found):
    """The macro chain that a certificate speaks of, exactly: its floats are dyadic numbers."""
    return table([[Fraction(v) for v in row] for row in found.details["macro"]])


@FEW
@given(st.data())
def test_the_error_on_every_path_stays_below_the_bound(data):
    p = data.draw(chains(2, 5))
    index = data.draw(partitions(len(p)))
    macro = data.draw(chains(int(index.max()) + 1, int(index.max()) + 1))
    start = Fraction(data.draw(st.integers(0, 4)), 8)
    found = ct.lump(p, index, macro=macro, start=start)
    assert found.status in ("proved", "unknown")
    limit = found.bracket.upper
    worst = Fraction(0)
    for i in range(len(p)):
        worst = max(worst, *errors(p, macro, index, corner(i, len(p)), corner(int(index[i]), len(macro)), STEPS))
    law, other = data.draw(laws(len(p))), data.draw(laws(len(macro)))
    # Another law of the blocks at the start, exactly as far as allowed or nearer.
    first = merged(law, index)
    far = apart(first, other)
    small = [a + (b - a) * min(Fraction(1), start / far) if far else a for a, b in zip(first, other, strict=True)]
    assert apart(first, small) <= start
    worst = max(worst, *errors(p, macro, index, law, small, STEPS))
    assert worst <= limit
    assert found.bracket.lower <= limit
    if found.status == "proved":
        assert found.verdict.accepted
        assert limit < 1


@FEW
@given(st.data())
def test_the_bound_is_that_of_the_formula(data):
    p = data.draw(chains(2, 5))
    index = data.draw(partitions(len(p)))
    macro = data.draw(chains(int(index.max()) + 1, int(index.max()) + 1))
    start = Fraction(data.draw(st.integers(0, 4)), 16)
    found = ct.lump(p, index, macro=macro, start=start)
    eps = lost(p, macro, index)
    if found.status == "unknown":
        assert found.bracket.upper == 1
        assert found.vacuous
        return
    if not eps:
        assert found.bracket.upper == start
        return
    said = formula(p, macro, index, found.details["power"], start)
    assert said <= found.bracket.upper <= said + Fraction(1, 10**9)
    # No power is much better.
    others = (s for s in range(9) if dobrushin(np.linalg.matrix_power(macro, s)) < 1)
    assert all(found.bracket.upper <= formula(p, macro, index, s, start) * Fraction(102, 100) for s in others)


@FEW
@given(st.data())
def test_a_macro_chain_is_found_that_is_no_worse_than_the_mean(data):
    p = data.draw(chains(3, 6))
    index = data.draw(partitions(len(p)))
    assume(len(set(index.tolist())) > 1)
    found = ct.lump(p, index)
    rows = [np.mean([np.array(merged(p[i], index)) for i in np.flatnonzero(index == k)], axis=0) for k in set(index)]
    mean = table(rows)
    if found.details["closure"] == "exact":
        assert found.bracket.upper == 0
        return
    seen = max(
        max(errors(p, macro_of(found), index, corner(i, len(p)), corner(int(index[i]), len(mean)), STEPS))
        for i in range(len(p))
    )
    assert seen <= found.bracket.upper
    for s in range(6):
        if dobrushin(np.linalg.matrix_power(mean, s)) < 1:
            assert found.bracket.upper <= min(1, formula(p, mean, index, s)) * Fraction(102, 100)


@FEW
@given(st.data())
def test_stationary_laws_are_within_the_bound_whatever_the_start(data):
    p = data.draw(chains(2, 5))
    index = data.draw(partitions(len(p)))
    macro = data.draw(chains(int(index.max()) + 1, int(index.max()) + 1))
    found = ct.lump(p, index, macro=macro, start="1/3")
    fine, coarse = stationary(p), stationary(macro)
    if found.status == "proved" and found.details["eps"] and fine is not None:
        # A power of the macro chain contracts: it has one stationary law.
        assert apart(merged(fine, index), coarse) <= found.bracket.upper
        assert np.allclose(found.details["stationary"], [float(v) for v in coarse])


def lifted(macro, sizes, seed):
    """An exactly lumpable chain: the mass that goes to a block is spread in another way from every state."""
    r = np.random.default_rng(seed)
    index = np.repeat(np.arange(len(macro)), sizes)
    p = np.zeros((len(index), len(index)), dtype=object) + Fraction(0)
    for i, k in enumerate(index):
        for b in range(len(macro)):
            to = np.flatnonzero(index == b)
            spread = r.integers(1, 5, to.size)
            for j, v in zip(to, spread, strict=True):
                p[i, j] = Fraction(macro[k][b]) * Fraction(int(v), int(spread.sum()))
    return p, index


MACRO = normalised([[3, 1, 0], [1, 2, 1], [0, 1, 5]])


def test_an_exact_lumping_has_no_error_and_one_macro_chain():
    p, index = lifted(MACRO, (2, 3, 2), 0)
    found = ct.lump(p, index)
    assert found.details["closure"] == "exact"
    assert found.bracket.upper == found.bracket.lower == 0
    assert "closed exactly" in str(found)
    assert np.allclose(found.details["macro"], MACRO.astype(float))
    # Labels may be any integers; their order is that of the macro chain.
    assert ct.lump(p, np.array([7, -2, 40])[index]).bracket.upper == 0
    # Unequal laws at the start stay within their distance, and no bound below it is possible.
    other = ct.lump(p, index, start="1/7")
    assert other.bracket.upper == other.bracket.lower == Fraction(1, 7)
    # A macro chain that is not the right one is charged for that.
    wrong = ct.lump(p, index, macro=normalised([[1, 1, 1]] * 3))
    assert wrong.bracket.upper >= apart(MACRO[2], [Fraction(1, 3)] * 3)


def test_one_unit_below_the_exact_distance_at_the_start_is_not_proved():
    p, index = lifted(MACRO, (2, 2, 1), 1)
    found = ct.lump(p, index, start="1/7")
    name = "claim"
    text = found.certificate.files[name].decode()
    assert " 1 7 1 7\n" in text
    # The same claim with a smaller limit is another certificate, which the kernel rejects.
    files = dict(found.certificate.files) | {name: text.replace(" 1 7 1 7\n", " 1 7 1 8\n").encode()}
    assert not ct.check(replace(found.certificate, files=files)).accepted


def test_floats_of_a_lumpable_chain_are_closed_up_to_their_rounding():
    p, index = lifted(MACRO, (2, 3, 2), 0)
    found = ct.lump(p.astype(float), index)
    assert found.details["closure"] == "approximate"
    assert 0 < found.bracket.upper < 1e-13
    assert "normalised" in str(found)


def near(seed, n=12, blocks=3, noise=0.01):
    r = np.random.default_rng(seed)
    index = np.arange(n) * blocks // n
    small = r.random((blocks, blocks)) + 0.2
    p = small[index][:, index] + noise * r.random((n, n))
    return p / p.sum(axis=1, keepdims=True), index


@pytest.mark.parametrize("seed", range(5))
def test_floats_become_a_chain_that_is_exact_and_near(seed):
    p, _ = near(seed)
    for dtype, far in ((np.float64, 1e-14), (np.float32, 1e-6), (np.float16, 1e-2)):
        stored = p.astype(dtype)
        made = chain(stored)
        rows = fractions(made.exact)
        assert all(sum(row) == 1 and min(row) >= 0 for row in rows)
        change = max(
            sum(abs(a - Fraction(float(b))) for a, b in zip(*rs, strict=True)) for rs in zip(rows, stored, strict=True)
        )
        assert float(change) <= made.changed * (1 + 1e-9) + 1e-30
        assert made.changed < far
        assert "normalised" in made.notes[0]
    whole = chain(np.array([[0.5, 0.5], [0.25, 0.75]]))
    assert whole.changed == 0
    assert whole.notes == ()


@given(st.lists(st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4).filter(any), min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_rounded_laws_are_laws(rows):
    p = np.array(rows)
    p = p / p.sum(axis=1, keepdims=True)
    for bits in (4, 20, 52):
        whole = rounded_laws(p, bits)
        assert (whole.sum(axis=1) == 1 << bits).all()
        assert whole.min() >= 0
        assert np.abs(np.ldexp(whole.astype(float), -bits) - p).sum(axis=1).max() <= 4 * 2.0**-bits + 1e-15


def test_a_given_macro_chain_of_floats_is_normalised_and_says_so():
    p, index = near(0)
    found = ct.lump(p, index, macro=np.array([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4], [0.7, 0.2, 0.1]]))
    assert any(note.startswith("macro: rows were normalised") for note in found.notes)


@pytest.mark.parametrize("seed", range(6))
def test_bounds_of_nearly_lumpable_chains_are_near_what_is_observed(seed):
    p, index = near(seed, 60, 4)
    found = ct.lump(p, index)
    assert found.status == "proved"
    assert found.bound <= 5 * found.witnessed
    seen = found.details["observed"]
    q = table([[Fraction(v) for v in row] for row in chain(p).floats])
    real = errors(
        q, macro_of(found), index, corner(seen["state"], 60), corner(int(index[seen["state"]]), 4), seen["steps"]
    )
    # What is reported as observed was attained, and is that value but for the replay's rounding.
    assert found.bracket.lower <= real[-1] <= found.bracket.lower + Fraction(1, 10**12)
    assert ct.check(found.certificate, chain(p).exact, chain(p).exact).accepted
    other = q.copy()
    other[0, :2] = other[0, 1::-1]
    assert ct.check(found.certificate, q, other).code == "other-model"


def test_a_thousand_states_are_searched_and_checked_in_seconds():
    p, index = near(0, 1000, 10, 0.05)
    found = ct.lump(p, index)
    assert found.status == "proved"
    assert found.bound <= 5 * found.witnessed
    assert found.seconds["search"] < 5
    assert found.seconds["check"] < 5


# Two blocks that swap, or stay: errors never die out in any macro chain near them.
SWAP = table(
    [
        [0, 0, 1, 0],
        [0, 0, Fraction(1, 2), Fraction(1, 2)],
        [1, 0, 0, 0],
        [Fraction(1, 2), 0, Fraction(1, 4), Fraction(1, 4)],
    ]
)


@pytest.mark.parametrize("start", [0, "1/2"])
def test_a_chain_whose_macro_chain_does_not_contract_is_not_closed(start):
    index = [0, 0, 1, 1]
    found = ct.lump(SWAP, index, macro=table([[0, 1], [1, 0]]), start=start)
    assert found.status == "unknown"
    assert found.vacuous
    assert found.certificate is None
    assert found.bracket.upper == 1
    assert "not closed: no power of the macro chain contracts" in str(found)
    # One that contracts exists, and another chain for the same blocks is found.
    assert ct.lump(SWAP, index).details["searched_bound"] < float("inf")


def test_a_bound_that_says_nothing_is_called_not_closed():
    # One state of a block leaves it, another never does: what holds after a step says nothing of a long time.
    p = table([[1, 0, 0], [0, Fraction(4, 5), Fraction(1, 5)], [0, 0, 1]])
    found = ct.lump(p, [0, 0, 1])
    assert found.status == "unknown"
    assert "not closed" in str(found)
    split = found.details["split"]
    assert sorted(split["states"]) == [0, 1]
    assert found.details["any_macro_at_least"] == pytest.approx(split["distance"] / 4)


@FEW
@given(st.data())
def test_no_macro_chain_is_better_than_what_a_split_forces(data):
    p = data.draw(chains(2, 5))
    index = data.draw(partitions(len(p)))
    found = ct.lump(p, index)
    if "split" not in found.details:
        assert found.details["closure"] == "exact"
        return
    i, j = found.details["split"]["states"]
    assert index[i] == index[j]
    assert 2 * apart(merged(p[i], index), merged(p[j], index)) == Fraction(
        found.details["split"]["distance"]
    ).limit_denominator(10**6)
    macro = data.draw(chains(int(index.max()) + 1, int(index.max()) + 1))
    worst = max(apart(merged(p[s], index), macro[int(index[s])]) for s in (i, j))
    assert worst >= Fraction(found.details["any_macro_at_least"]) - Fraction(1, 10**12)


def in_fractions(m):
    return table([[Fraction(v) for v in row] for row in m.floats])


def test_a_limit_that_floats_find_too_low_is_raised_until_the_kernel_agrees():
    p, index = near(1)
    whole = chain(p)
    moved = module.gathered(whole.exact, index, 3)
    for _, small in candidates(moved, index, 3):
        half = module._half(moved, small, index)
        fine, coarse = in_fractions(whole), in_fractions(small)
        assert half * 2 == lost(fine, coarse, index)
        limits = [established(small.exact, half, Fraction(0), steps) for steps in range(6)]
        assert limits[0] is None
        assert all(v >= formula(fine, coarse, index, k) for k, v in enumerate(limits) if v is not None)
    assert established(exact(np.eye(3)), Fraction(1, 8), Fraction(0), 5) is None


@given(st.fractions(0, 10**9), st.integers(4, 60))
def test_short_limits_are_above_and_near(q, bits):
    s = short(q, bits)
    assert q <= s <= q * (1 + Fraction(1, 2**bits))
    assert s.denominator & (s.denominator - 1) == 0


def test_sparse_integer_and_float_chains_are_the_same_chain():
    scipy = pytest.importorskip("scipy.sparse")
    p = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    for q in (p, p.tolist(), p.astype(float), scipy.csr_matrix(p), table(p), exact(p)):
        found = ct.lump(q, [0, 1, 2])
        assert found.details["closure"] == "exact"
        assert found.notes == ("closed exactly: the blocks are a Markov chain",)


HALF = [[0.5, 0.5], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([[0.5, 0.6], [0.5, 0.5]], [0, 1]), "row 0 sums to 1.1"),
        (([[0.5, 0.5 + 1e-6], [0.5, 0.5]], [0, 1]), "row 0 sums to 1.000001"),
        (([[1.5, -0.5], [0.5, 0.5]], [0, 1]), "the least entry is -0.5"),
        (([[Fraction(1, 3), Fraction(1, 3)], [0, 1]], [0, 1]), "row 0 sums to 2/3"),
        (([[2, -1], [0, 1]], [0, 1]), "expected entries >= 0, found -1/1"),
        (([[0.5, 0.5]], [0]), "expected a square matrix"),
        (([], []), "expected a square matrix"),
        (([[1, 0], [1]], [0, 1]), "expected rows of numbers"),
        (([[np.nan, 1], [0, 1]], [0, 1]), "expected finite entries"),
        (([["a", "b"], ["c", "d"]], [0, 1]), "expected an array of floats"),
        ((HALF, [0, 0, 1]), "expected 2 integer labels, found int64 of shape"),
        ((HALF, [0.0, 1.0]), "expected 2 integer labels, found float64"),
        ((HALF, [True, False]), "expected 2 integer labels, found bool"),
        ((HALF, [0, 1], np.eye(3)), "macro: expected a chain of 2 blocks, found 3 states"),
        ((HALF, [0, 1], [[1, 1], [0, 1]]), "macro: expected rows that sum to 1"),
        ((HALF, [0, 1], None, 2), "start: expected a distance from 0 to 1, found 2"),
        ((HALF, [0, 1], None, "much"), "start: expected a number"),
        ((HALF, [0, 1], None, -1), "start: expected a distance from 0 to 1"),
    ],
)
def test_what_is_no_chain_is_refused_in_one_line(arguments, said):
    with pytest.raises(BadInput, match=said) as error:
        ct.lump(*arguments)
    assert "\n" not in str(error.value)
    assert "expected" in str(error.value)


@FEW
@given(st.data())
def test_the_exact_refinement_is_the_coarsest_that_is_closed(data):
    p = data.draw(chains(2, 6))
    index = data.draw(partitions(len(p)))
    fine = ct.refine_partition(p, index)
    assert sorted(set(fine.tolist())) == list(range(int(fine.max()) + 1))
    assert all(len(set(index[fine == k].tolist())) == 1 for k in set(fine.tolist()))
    for k in set(fine.tolist()):
        rows = {tuple(merged(p[i], fine)) for i in np.flatnonzero(fine == k)}
        assert len(rows) == 1
    # Coarsest: every closed refinement of the partition refines this one.
    for other in refinements(len(p)):
        if joined(other, index) and closed(p, other):
            assert joined(other, fine)


def refinements(n):
    """All partitions of n states, as labels."""
    if n == 0:
        yield []
        return
    for rest in refinements(n - 1):
        for k in range(max(rest, default=-1) + 2):
            yield [*rest, k]


def joined(fine, coarse):
    return all(len({int(coarse[i]) for i in range(len(fine)) if fine[i] == k}) == 1 for k in set(fine))


def closed(p, index):
    return all(len({tuple(merged(p[i], index)) for i in range(len(p)) if index[i] == k}) == 1 for k in set(index))


@pytest.mark.parametrize("seed", range(4))
def test_the_blocks_of_a_lifted_chain_are_found_again(seed):
    p, index = lifted(MACRO, (3, 2, 3), seed)
    # The last block is seen; the two others are told apart by their ways to it.
    first = ct.refine_partition(p, (index == 2).astype(int))
    assert joined(first, index)
    assert joined(index, first)
    assert ct.lump(p, first).bracket.upper == 0


@pytest.mark.parametrize("tol", ["0.3", 0.05, Fraction(1, 1000)])
def test_a_tolerance_bounds_how_far_rows_of_a_block_are_apart(tol):
    p, index = near(3, 20, 2, 0.5)
    fine = ct.refine_partition(p, index, tol=tol)
    v = np.eye(int(fine.max()) + 1)[fine]
    for k in set(fine.tolist()):
        rows = (p @ v)[fine == k]
        assert max(np.abs(a - b).sum() for a in rows for b in rows) <= float(Fraction(tol)) + 1e-12
    assert joined(fine, index)
    # Its error in one step is at most the tolerance.
    if int(fine.max()) + 1 < len(p):
        assert ct.lump(p, fine).details["eps"] <= float(Fraction(tol)) + 1e-12


@pytest.mark.parametrize("tol", [-1, "much", np.nan])
def test_a_tolerance_that_is_none_is_refused(tol):
    with pytest.raises(BadInput, match="tol: expected"):
        ct.refine_partition(HALF, [0, 1], tol=tol)
