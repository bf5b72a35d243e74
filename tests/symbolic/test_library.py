"""The library of inequalities: cores that the kernel accepts, and attacks on every bound.

The oracle for exponentials is mpmath at 60 digits; the rest is exact. Attacks draw at the scales at which each bound is
nearly attained as well as far from it.
"""

from __future__ import annotations

from fractions import Fraction as Q
from itertools import pairwise, product

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import certify as ct
from certify.errors import BadInput, CertifyError
from certify.inequalities.declaration import Core, judge
from certify.numbers import root_below

NAMES = [
    "attention_pruning",
    "divergence_of_steps",
    "dropped_features",
    "eigenspace_turn",
    "eigenvalue_shift",
    "interference",
    "log_probability",
    "residual_tower",
    "score_change",
    "softmax_divergence",
    "softmax_total_variation",
    "stack_error",
    "telescoping",
]
library = ct.inequalities
fast = settings(max_examples=80, deadline=None)
small = st.floats(-3, 3).map(lambda v: round(v, 3))
logits = st.lists(st.tuples(st.floats(-6, 6), st.floats(-3, 3)), min_size=2, max_size=6)


@pytest.fixture(autouse=True)
def digits():
    with mpmath.workdps(60):
        yield


def test_discovery_finds_one_inequality_in_each_file():
    assert list(library.discover()) == NAMES
    assert all(getattr(library, n) is i.function for n, i in library.discover().items())
    with pytest.raises(AttributeError):
        library.no_such_inequality  # noqa: B018


@pytest.mark.parametrize("name", NAMES)
def test_every_core_is_accepted_and_everything_is_said(name):
    found = library.discover()[name]
    assert found.certificates() and all(v.accepted for _, v in found.certificates().values())
    assert found.statement and found.latex and found.proof and found.source
    assert found.status == ("cited" if found.cited else "certified")


@pytest.mark.parametrize("name", NAMES)
def test_no_core_is_trivially_true_of_its_premises(name):
    """Without its premises no core that has some would follow by the same identity."""
    for c in library.discover()[name].cores:
        if c.given:
            with pytest.raises((CertifyError, IndexError)):
                judge(Core(c.name, c.reading, c.goal, (), tuple((w, s, ()) for w, s, _ in c.terms)))


def test_a_core_whose_identity_fails_is_refused():
    with pytest.raises(CertifyError, match="leaves"):
        judge(Core("wrong", "", "x", ("x - 1",), (("1", "1", (0,)),)))


def softmax(z):
    e = [mpmath.exp(mpmath.mpf(v)) for v in z]
    return [v / sum(e) for v in e]


@fast
@given(logits, st.sampled_from([0.01, 1.0, 10.0]))
def test_softmax_bounds_hold(pairs, scale):
    z, d = [a for a, _ in pairs], [b * scale for _, b in pairs]
    p, q = softmax(z), softmax([mpmath.mpf(a) + mpmath.mpf(b) for a, b in zip(z, d, strict=True)])
    tv = sum(abs(a - b) for a, b in zip(p, q, strict=True)) / 2
    assert tv <= library.softmax_total_variation(d) + mpmath.mpf(10) ** -50
    for a, b in ((p, q), (q, p)):
        kl = sum(u * mpmath.log(u / v) for u, v in zip(a, b, strict=True))
        assert kl <= library.softmax_divergence(d) + mpmath.mpf(10) ** -50
    moved = max(abs(mpmath.log(a / b)) for a, b in zip(p, q, strict=True))
    assert moved <= library.log_probability(d) + mpmath.mpf(10) ** -50
    target = [mpmath.mpf(1) / len(p)] * len(p)
    entropy = sum(t * (mpmath.log(a) - mpmath.log(b)) for t, a, b in zip(target, p, q, strict=True))
    assert abs(entropy) <= library.log_probability(d) + mpmath.mpf(10) ** -50


@pytest.mark.parametrize("osc", [0.0, 1e-9, 0.1, 1.0, 10.0, 100.0, 1e6])
def test_total_variation_is_attained_by_two_classes_and_rounded_up_by_little(osc):
    exact = mpmath.tanh(mpmath.mpf(osc) / 4)
    found = library.softmax_total_variation(oscillation_of_change=Q(osc))
    assert exact <= found <= exact * (1 + mpmath.mpf(2) ** -50)
    u = mpmath.exp(mpmath.mpf(osc) / 2)
    s = 1 / (u + 1)
    assert abs(s * u**2 / (s * u**2 + 1 - s) - s - exact) < mpmath.mpf(10) ** -40


def test_divergence_is_nearly_attained_for_small_changes():
    p = softmax([0, 0])
    q = softmax([0, mpmath.mpf("0.001")])
    kl = sum(a * mpmath.log(a / b) for a, b in zip(p, q, strict=True))
    assert kl / library.softmax_divergence(oscillation_of_change="0.001") > 0.999999


def test_matrices_of_changes_give_one_bound_for_each_row():
    d = np.array([[0.0, 1.0], [0.0, 0.0]])
    assert library.softmax_total_variation(d).shape == (2,)
    assert library.log_probability(d).tolist() == [1.0, 0.0]


@fast
@given(
    st.lists(st.tuples(st.integers(-40, 40), small, small), min_size=2, max_size=7),
    st.sampled_from(["1/2", 1, 2, 5, 20]),
)
def test_pruned_attention_holds(keys, gap):
    scores, values = [k / 8 for k, *_ in keys], [[a, b] for _, a, b in keys]
    found = library.attention_pruning(scores, gap=gap, values=np.array(values))
    assert found.dropped == tuple(i for i, s in enumerate(scores) if Q(max(scores)) - Q(s) >= Q(gap))
    p = softmax(scores)
    mass = sum((p[i] for i in found.dropped), mpmath.mpf(0))
    assert mass <= found.mass + mpmath.mpf(10) ** -50
    kept = [i for i in range(len(p)) if i not in found.dropped]
    rest = [p[i] / sum(p[j] for j in kept) for i in kept]
    full = [sum(w * mpmath.mpf(v[c]) for w, v in zip(p, values, strict=True)) for c in range(2)]
    cut = [sum(w * mpmath.mpf(values[i][c]) for w, i in zip(rest, kept, strict=True)) for c in range(2)]
    off = mpmath.sqrt(sum((a - b) ** 2 for a, b in zip(full, cut, strict=True)))
    assert off <= found.error + mpmath.mpf(10) ** -50


def test_pruned_attention_is_attained_by_equal_scores_below_the_best():
    found = library.attention_pruning([3.0, 0.0, 0.0], gap=3)
    assert mpmath.mpf(found.mass) / sum(softmax([3, 0, 0])[1:]) - 1 < mpmath.mpf(2) ** -50


entries = st.integers(-8, 8).map(lambda k: k / 8)


@fast
@given(st.integers(1, 5).flatmap(lambda k: st.tuples(
    st.lists(st.lists(entries, min_size=3, max_size=3), min_size=k, max_size=k),
    st.lists(entries, min_size=k, max_size=k))))  # fmt: skip
def test_interference_and_dropping_hold_for_any_dictionary(case):
    """Exact, for directions of any length: how far they are from length one is charged."""
    directions, a = [[Q(v) for v in d] for d in case[0]], [Q(v) for v in case[1]]
    found = library.interference(np.array(case[0]), np.array(case[1]))
    h = [sum((c * d[j] for c, d in zip(a, directions, strict=True)), Q(0)) for j in range(3)]
    for i, d in enumerate(directions):
        assert abs(sum((u * v for u, v in zip(d, h, strict=True)), Q(0)) - a[i]) <= Q(found.readout[i])
    energy, sizes = sum((v * v for v in h), Q(0)), sum((c * c for c in a), Q(0))
    assert abs(energy - sizes) <= Q(found.energy)
    assert energy <= Q(library.dropped_features(np.array(case[0]), np.array(case[1]), range(len(a)))) ** 2


def test_interference_is_attained_by_a_pair():
    d = np.array([[1.0, 0.0], [0.6, 0.8]])
    found = library.interference(d, np.array([1.0, 1.0]))
    total = d[0] + d[1]
    assert abs(total @ total - 2 - found.energy) < 1e-12 and found.active == 2
    assert library.dropped_features(d, np.array([1.0, 1.0]), [1]) == pytest.approx(1.0, abs=1e-15)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.lists(st.integers(-9, 9), min_size=4, max_size=4), min_size=4, max_size=4),
       st.lists(st.lists(st.integers(-9, 9), min_size=4, max_size=4), min_size=4, max_size=4))  # fmt: skip
def test_weyl_and_davis_kahan_hold(rows, more):
    a = np.array(rows, dtype=float)
    a = a + a.T
    e = np.array(more, dtype=float) / 8
    e = e + e.T
    shift = library.eigenvalue_shift(e)
    assert shift.status == "proved" and shift.verdict.accepted
    assert shift.bracket.lower <= shift.bracket.upper <= shift.bracket.lower * (1 + Q(1, 10**6)) + Q(1, 10**9)
    values, vectors = np.linalg.eigh(a)
    other, turned = np.linalg.eigh(a + e)
    assert np.abs(values - other).max() <= float(shift.bracket.upper) + 1e-9
    for m in range(1, 4):
        gap = values[4 - m] - values[3 - m]
        assume(gap >= 0)
        found = library.eigenspace_turn(max(gap - 1e-9, 0.0), shift)
        sine = np.linalg.norm(vectors[:, 4 - m :].T @ turned[:, : 4 - m], 2)
        assert sine <= found.sine + 1e-6
        assert found.vacuous == (found.sine == 1.0) or found.sine > 1 - 1e-9
        assert found.conditional and found.rests_on == (shift.certificate.id,)


def test_an_eigenvalue_moves_by_all_of_it():
    shift = library.eigenvalue_shift(np.diag([0.5, -0.25]))
    assert shift.bracket.lower == Q(1, 2) and shift.lost < 1e-8


def test_a_float_gap_is_no_proof_and_is_said_to_be_none():
    found = library.eigenspace_turn(0.3, library.eigenvalue_shift([[0.1]]))
    assert "without a certificate" in found.conditional[0] and 0.4 < found.sine < 0.6


sizes = st.one_of(st.just(0.0), st.floats(2.0**-60, 4), st.just(5e-324))


def stack(gains, errors, start, residual):
    value = Q(start)
    for k, e in zip(gains, errors, strict=True):
        value = (Q(k) + residual) * value + Q(e)
    return value


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(sizes, sizes), min_size=1, max_size=8), sizes, st.booleans())
def test_budgets_of_layers_are_the_exact_sums_rounded_up(layers, start, residual):
    gains, errors = [a for a, _ in layers], [b for _, b in layers]
    found = (library.residual_tower if residual else library.telescoping)(gains, errors, start=np.float64(start))
    exact = stack(gains, errors, Q(start), int(residual))
    assert found.status == "proved" and found.verdict.accepted
    assert found.bracket.lower == exact <= found.bracket.upper <= exact * (1 + Q(1, 2**50)) + Q(1, 2**100)


def test_a_hundred_layers_take_one_small_certificate():
    rng = np.random.default_rng(0)
    found = library.residual_tower(rng.random(100), rng.random(100))
    assert found.verdict.accepted and found.certificate.size < 200_000


def test_budgets_hold_for_networks_of_tanh():
    """Matrices in float64 with margins far above rounding; norms from certified bounds."""
    rng = np.random.default_rng(3)
    for residual in (False, True):
        fine = [rng.normal(size=(5, 5)) / 3 for _ in range(4)]
        coarse = [w + rng.normal(size=(5, 5)) / 50 for w in fine]
        gains = [_norm(w) for w in fine]
        changes = [_norm(w - v) for w, v in zip(fine, coarse, strict=True)]
        for _ in range(20):
            x = rng.normal(size=5)
            a, b, errors = x, x, []
            for w, v, c in zip(fine, coarse, changes, strict=True):
                errors.append(c.bracket.upper * Q(np.linalg.norm(b) + 1e-9))
                step_a, step_b = np.tanh(w @ a), np.tanh(v @ b)
                a, b = (a + step_a, b + step_b) if residual else (step_a, step_b)
            limit = stack([g.bracket.upper for g in gains], errors, 0, int(residual))
            assert np.linalg.norm(a - b) <= float(limit) + 1e-9
        found = (library.residual_tower if residual else library.telescoping)(gains, changes)
        assert len(found.details["rests_on"]) == 8 and not found.details["conditional_on"]


def test_stacks_of_layers_from_weights_hold():
    """Float64 evaluation, margins far above rounding; exact weights, biases, rank and precision changed."""
    rng = np.random.default_rng(5)
    shapes = [(9, 6), (9, 9), (4, 9)]
    fine = [rng.normal(size=s) / 3 for s in shapes]
    biases = [rng.normal(size=s[0]) / 4 for s in shapes]
    for change in (lambda w: w.astype(np.float16).astype(float), lambda w: w * (np.abs(w) > 0.2)):
        coarse, shifted = [change(w) for w in fine], [change(b) for b in biases]
        found = library.stack_error(fine, coarse, radius=2, fine_biases=biases, coarse_biases=shifted)
        assert found.status == "proved" and found.bracket.lower is None and len(found.details["rests_on"]) >= 7
        for s in (np.tanh, lambda z: np.maximum(z, 0)):
            for _ in range(40):
                a = rng.normal(size=6)
                a = b = 2 * a / np.linalg.norm(a)
                for w, v, p, q in zip(fine, coarse, biases, shifted, strict=True):
                    a, b = s(w @ a + p), s(v @ b + q)
                assert np.linalg.norm(a - b) <= found.bound + 1e-9
    with pytest.raises(BadInput):
        library.stack_error(fine, coarse[:-1], radius=2)
    with pytest.raises(BadInput):
        library.stack_error(fine, fine[::-1], radius=2)


def test_a_stack_of_one_layer_is_attained():
    found = library.stack_error([np.diag([2.0, 1.0])], [np.diag([1.5, 1.0])], radius=3)
    assert 1.5 <= found.bound <= 1.5 * (1 + 1e-6)


def _norm(w):
    from certify.inequalities.norms_of_matrices import operator_norm

    return operator_norm(w)


@fast
@given(*[st.lists(entries, min_size=3, max_size=3)] * 4)
def test_score_changes_hold(q, k, dq, dk):
    from certify.numbers import root_above

    size = [root_above(sum((Q(v) ** 2 for v in u), Q(0))) for u in (q, k, dq, dk)]
    limit = library.score_change(query=size[0], key=size[1], query_error=size[2], key_error=size[3])
    before = sum(Q(a) * Q(b) for a, b in zip(q, k, strict=True))
    after = sum((Q(a) + Q(c)) * (Q(b) + Q(d)) for a, b, c, d in zip(q, k, dq, dk, strict=True))
    assert abs(after - before) <= Q(limit)


@fast
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=5))
def test_divergences_of_steps_hold_for_products(coins):
    """Independent coins: the divergence of the sequence is the sum, total variation is by enumeration."""
    kls, heads = [], [(mpmath.mpf(a) / 10, mpmath.mpf(b) / 10) for a, b in coins]
    for a, b in heads:
        kls.append(a * mpmath.log(a / b) + (1 - a) * mpmath.log((1 - a) / (1 - b)))
    each = [Q(str(mpmath.nstr(k + mpmath.mpf(10) ** -12, 20))) if k > 0 else Q(1, 10**12) for k in kls]
    found = library.divergence_of_steps(each)
    assert sum(kls) <= found.divergence
    tv = mpmath.mpf(0)
    for outcome in product((0, 1), repeat=len(heads)):
        p = mpmath.fprod(a if o else 1 - a for o, (a, _) in zip(outcome, heads, strict=True))
        q = mpmath.fprod(b if o else 1 - b for o, (_, b) in zip(outcome, heads, strict=True))
        tv += abs(p - q) / 2
    assert tv <= found.total_variation


@pytest.mark.parametrize(
    "call",
    [
        lambda: library.softmax_total_variation([]),
        lambda: library.softmax_total_variation([0.0, float("nan")]),
        lambda: library.softmax_divergence(oscillation_of_change=-1),
        lambda: library.attention_pruning([[1.0, 2.0]], gap=1),
        lambda: library.attention_pruning([1.0, 2.0], gap=0),
        lambda: library.attention_pruning([1.0, 2.0], gap=1, values=np.eye(3)),
        lambda: library.interference(np.eye(3), [1.0]),
        lambda: library.dropped_features(np.eye(3), [1.0, 1.0, 1.0], [3]),
        lambda: library.eigenvalue_shift([[0.0, 1.0], [0.0, 0.0]]),
        lambda: library.telescoping([1], [1, 2]),
        lambda: library.telescoping([-1], [1]),
        lambda: library.telescoping([float("inf")], [1]),
        lambda: library.divergence_of_steps(0.1),
        lambda: library.score_change(query=None, key=1, query_error=1, key_error=1),
    ],
)
def test_misuse_is_one_clear_line(call):
    with pytest.raises(BadInput) as e:
        call()
    assert "\n" not in str(e.value)


def test_bounds_grow_with_their_arguments():
    found = [library.softmax_total_variation(oscillation_of_change=Q(k, 7)) for k in range(60)]
    assert all(a < b for a, b in pairwise(found)) and root_below(Q(4)) == 2
