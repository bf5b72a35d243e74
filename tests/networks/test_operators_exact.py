"""Nothing a loader does to a number rounds: enclosures, folding, and whole networks in rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from math import inf, nextafter

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from certify.errors import UnsupportedModel
from certify.networks import Affine, Input, Network, Relu, load
from certify.networks.maps import Scale
from certify.networks.operators._exact import enclose, fold, inverse_root

positive = st.floats(min_value=1e-30, max_value=1e30, allow_nan=False)
finite = st.floats(allow_nan=False, allow_infinity=False)


def model(nodes, shape, stored, kind=TensorProto.FLOAT, opset=17):
    """A one-input ONNX model whose last node's first output is the output."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(nodes[-1].output[0], kind, None)],
        [numpy_helper.from_array(a, n) for n, a in stored.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def exact(net: Network, x: list[Fraction]) -> list[Fraction]:
    """The network in rational arithmetic; maps are read off by applying them to unit vectors, which is exact."""
    values: list[list[Fraction]] = []
    for node in net.nodes:
        if isinstance(node, Input):
            values.append(x)
        elif isinstance(node, Relu):
            values.append([max(v, Fraction(0)) for v in values[node.source]])
        else:
            assert isinstance(node, Affine)
            out = [Fraction(0)] * node.size
            if node.bias is not None:
                out = [Fraction(float(b)) for b in np.repeat(node.bias, node.repeat)]
            for t in node.terms:
                assert not isinstance(t.map, Scale) or t.map.exact
                matrix = t.map.apply(np.eye(t.map.n_in)).T
                for i, j in zip(*np.nonzero(matrix), strict=True):
                    out[i] += Fraction(t.num, t.den) * Fraction(matrix[i, j]) * values[t.source][j]
            values.append(out)
    return values[net.output]


@given(positive)
def test_an_inverse_root_lies_between_adjacent_floats(v):
    q = Fraction(v)
    lo, hi = inverse_root(q)
    assert Fraction(lo) ** 2 * q <= 1 <= Fraction(hi) ** 2 * q
    assert hi in (lo, nextafter(lo, inf))


@given(st.integers(-300, 300))
def test_the_inverse_root_of_a_power_of_four_is_a_float(k):
    assert inverse_root(Fraction(4) ** k) == (2.0**-k, 2.0**-k)


@given(finite.filter(lambda v: abs(v) > 1e-300))
def test_a_reciprocal_lies_between_adjacent_floats(v):
    q = 1 / Fraction(v)
    lo, hi = enclose(q)
    assert Fraction(lo) <= q <= Fraction(hi)
    assert hi in (lo, nextafter(lo, inf))


@given(st.sampled_from(["Add", "Sub", "Mul", "Div"]), finite, finite)
def test_folding_constants_gives_the_exact_result_or_none(op, a, b):
    folded = fold(op, np.array(a), np.array(b))
    if folded is None:
        return
    p, q = Fraction(a), Fraction(b)
    want = p + q if op == "Add" else p - q if op == "Sub" else p * q if op == "Mul" else p / q
    assert Fraction(float(folded)) == want


@given(st.sampled_from(["Add", "Sub", "Mul"]), st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_folding_small_dyadics_never_gives_up(op, a, b):
    folded = fold(op, np.array(a / 8, np.float32), np.array(b / 64, np.float32))
    assert folded is not None and folded.dtype == np.float32


@given(st.integers(-(2**70), 2**70), st.integers(-50, 50))
def test_integer_division_truncates_and_overflow_is_refused(a, b):
    a = max(-(2**63), min(2**63 - 1, a))
    folded = fold("Div", np.array(a), np.array(b))
    if b == 0 or (a, b) == (-(2**63), -1):
        assert folded is None
    else:
        assert int(folded) == (abs(a) // abs(b)) * (1 if (a < 0) == (b < 0) else -1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_a_lowered_network_equals_the_direct_rational_evaluation(seed):
    """Conv, leaky relu, average pooling with partial windows, max-pooling, Gemm with alpha and beta, a residual."""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(2, 1, 3, 3)).astype(np.float32)
    b = rng.normal(size=2).astype(np.float32)
    m = rng.normal(size=(3, 8)).astype(np.float32)
    c = rng.normal(size=3).astype(np.float32)
    alpha, beta, slope = 0.3, 1.7, 0.1
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["1"], pads=[1, 1, 1, 1]),
        helper.make_node("LeakyRelu", ["1"], ["2"], alpha=slope),
        helper.make_node("AveragePool", ["2"], ["3"], kernel_shape=[2, 2], pads=[1, 1, 0, 0]),
        helper.make_node("Add", ["3", "2"], ["4"]),
        helper.make_node("MaxPool", ["4"], ["5"], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
        helper.make_node("Flatten", ["5"], ["6"]),
        helper.make_node("Gemm", ["6", "m", "c"], ["y"], alpha=alpha, beta=beta, transB=1),
    ]
    net = load(model(nodes, [1, 1, 3, 3], {"w": w, "b": b, "m": m, "c": c}))
    x = rng.normal(size=(3, 3)).astype(np.float32)
    q = np.vectorize(lambda v: Fraction(float(v)), otypes=[object])
    alpha, beta, slope = (Fraction(float(np.float32(v))) for v in (alpha, beta, slope))

    padded = np.full((5, 5), Fraction(0), dtype=object)
    padded[1:4, 1:4] = q(x)
    conv = np.empty((2, 3, 3), dtype=object)
    for o, i, j in np.ndindex(2, 3, 3):
        conv[o, i, j] = (q(w)[o, 0] * padded[i : i + 3, j : j + 3]).sum() + q(b)[o]
    act = np.vectorize(lambda v: v if v > 0 else slope * v, otypes=[object])(conv)
    mixed, pooled = np.empty((2, 3, 3), dtype=object), np.empty((2, 2, 2), dtype=object)
    for o, i, j in np.ndindex(2, 3, 3):
        window = act[o, max(0, i - 1) : i + 1, max(0, j - 1) : j + 1]
        mixed[o, i, j] = window.sum() / window.size + act[o, i, j]
    for o, i, j in np.ndindex(2, 2, 2):
        pooled[o, i, j] = mixed[o, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max()
    want = alpha * (q(m) @ pooled.ravel()) + beta * q(c)

    assert exact(net, list(q(x).ravel())) == list(want)


def test_batch_normalisation_gives_the_same_symbol_when_only_gamma_and_beta_differ():
    rng = np.random.default_rng(0)
    mean, variance = rng.normal(size=3).astype(np.float32), rng.random(3).astype(np.float32)
    scales = []
    for _ in range(2):
        gamma, beta = rng.normal(size=(2, 3)).astype(np.float32)
        stored = {"g": gamma, "b": beta, "m": mean, "v": variance}
        node = helper.make_node("BatchNormalization", ["x", "g", "b", "m", "v"], ["y"], epsilon=1e-3)
        net = load(model([node], ["N", 3, 2], stored))
        (symbol,) = (
            t.map
            for n in net.nodes
            if isinstance(n, Affine)
            for t in n.terms
            if isinstance(t.map, Scale) and not t.map.exact
        )
        epsilon = Fraction(float(np.float32(1e-3)))
        for lo, hi, v in zip(symbol.lo, symbol.hi, variance, strict=True):
            q = Fraction(float(v)) + epsilon
            assert Fraction(lo) ** 2 * q <= 1 <= Fraction(hi) ** 2 * q
            assert 0 < hi - lo <= 2.0**-36 * hi
        scales.append((symbol.lo.tobytes(), symbol.hi.tobytes(), symbol.repeat))
    assert scales[0] == scales[1]


def symbol_of(node, shape, stored):
    net = load(model([node], shape, stored, TensorProto.DOUBLE))
    scales = [t.map for n in net.nodes if isinstance(n, Affine) for t in n.terms if isinstance(t.map, Scale)]
    (symbol,) = (s for s in scales if not s.exact)
    return symbol


def test_constants_that_agree_to_53_bits_are_still_different_symbols():
    """A pair of tensors names its symbol: taking 0 and 1e-38 for the same variance would prove too much."""
    ones, found = np.ones(16), []
    node = helper.make_node("BatchNormalization", ["x", "g", "g", "g", "v"], ["y"])
    for tiny in (0.0, 1e-38, 2e-38):
        variance = ones.copy()
        variance[3] = tiny
        symbol = symbol_of(node, ["N", 16, 2], {"g": ones, "v": variance})
        found.append(symbol.lo.tobytes() + symbol.hi.tobytes())
        assert np.array_equal(symbol.lo[3:4], [inverse_root(Fraction(float(np.float32(1e-5))))[0]])
    assert len(set(found)) == 3


def test_neighbouring_divisors_are_different_symbols_and_types_play_no_part():
    node = helper.make_node("Div", ["x", "d"], ["y"])
    found = set()
    for last in (1.9, nextafter(1.9, 2), nextafter(1.9, 1)):
        symbol = symbol_of(node, ["N", 3], {"d": np.array([-3.0, 2.0, last])})
        for lo, hi, c in zip(symbol.lo, symbol.hi, (-3.0, 2.0, last), strict=True):
            assert Fraction(lo) <= 1 / Fraction(c) <= Fraction(hi)
            assert bool(lo == hi) is (c == 2.0) and hi - lo <= 2.0**-36
        found.add(symbol.lo.tobytes() + symbol.hi.tobytes())
    assert len(found) == 3
    narrow, wide = (symbol_of(node, ["N", 2], {"d": np.array([3.0, 5.0], t)}) for t in (np.float32, np.float64))
    assert narrow.lo.tobytes() == wide.lo.tobytes() and narrow.hi.tobytes() == wide.hi.tobytes()


def test_division_by_powers_of_two_is_exact_and_by_three_is_not():
    for divisor, is_exact in (([2.0, 4.0], True), ([2.0, 3.0], False)):
        node = helper.make_node("Div", ["x", "d"], ["y"])
        net = load(model([node], ["N", 2], {"d": np.array(divisor, np.float32)}))
        (term,) = net.nodes[net.output].terms
        assert isinstance(term.map, Scale) and term.map.exact is is_exact


def test_division_by_one_number_is_a_rational():
    node = helper.make_node("Div", ["x", "d"], ["y"])
    net = load(model([node], ["N", 2], {"d": np.array([255.0], np.float32)}))
    (term,) = net.nodes[net.output].terms
    assert (term.num, term.den) == (1, 255)


def test_folding_that_would_round_is_refused_by_name():
    a = numpy_helper.from_array(np.array([0.1]), "a")
    nodes = [
        helper.make_node("Constant", [], ["a"], value=a),
        helper.make_node("Mul", ["a", "k"], ["s"], name="scaling"),
        helper.make_node("Add", ["x", "s"], ["y"]),
    ]
    with pytest.raises(UnsupportedModel, match=r"node 'scaling' \(Mul\): folding .* would round"):
        load(model(nodes, ["N", 1], {"k": np.array([0.3])}, TensorProto.DOUBLE))


def test_bfloat16_tensors_become_the_same_numbers_in_float32():
    weight = onnx.helper.make_tensor("w", TensorProto.BFLOAT16, [2, 2], np.array([1.5, -0.25, 3.0, 2.0**-100]))
    proto = model([helper.make_node("MatMul", ["x", "w"], ["y"])], ["N", 2], {}, TensorProto.BFLOAT16)
    proto.graph.initializer.append(weight)
    (term,) = load(proto).nodes[1].terms
    assert term.map.weight.dtype == np.float32
    assert term.map.weight.T.ravel().tolist() == [1.5, -0.25, 3.0, 2.0**-100]
