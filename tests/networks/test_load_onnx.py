"""The ONNX loader against onnxruntime: real files, the habits of exporters, and files that are broken."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from certify.errors import BadInput, CertifyError, UnsupportedModel
from certify.networks import Affine, load

DATA = Path(os.environ.get("CERTIFY_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))
MODELS = sorted(DATA.glob("**/*.onnx"))
SHIPPED = sorted((Path(__file__).parents[2] / "certify" / "models").glob("*.onnx"))
rng = np.random.default_rng(0)


def model(nodes, shape, stored, kind=TensorProto.FLOAT, opset=17, also_inputs=False):
    """A one-input ONNX model whose last node's first output is the output."""
    inputs = [helper.make_tensor_value_info("x", kind, shape)]
    if also_inputs:
        inputs += [
            helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for n, a in stored.items()
        ]
    graph = helper.make_graph(
        nodes,
        "g",
        inputs,
        [helper.make_tensor_value_info(nodes[-1].output[0], kind, None)],
        [numpy_helper.from_array(a, n) for n, a in stored.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def floats(*shape):
    return rng.normal(size=shape).astype(np.float32)


def agrees(proto, batch=1, **options):
    """Load, compare with onnxruntime on random inputs (float32 tolerance), return the network."""
    net = load(proto, **options)
    assert len(net.digest) == 64  # every lowered graph can be written down
    data = proto.SerializeToString() if isinstance(proto, onnx.ModelProto) else Path(proto).read_bytes()
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 4
    quiet.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, quiet, providers=["CPUExecutionProvider"])
    (given_input, *_) = session.get_inputs()
    kind = np.float64 if "double" in given_input.type else np.float32
    lead = () if len(given_input.shape) == len(net.input_shape) else (1,)
    for k in range(3):
        x = np.random.default_rng(k).uniform(-1, 1, lead + net.input_shape).astype(kind)
        want = session.run(None, {given_input.name: x})[0].ravel()
        np.testing.assert_allclose(
            net(x).ravel(), want, rtol=1e-4, atol=1e-5 * (1 + np.abs(want).max()), err_msg=str(k)
        )
    return net


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_a_shipped_model_agrees_with_onnxruntime(path):
    agrees(path)


def test_every_shared_model_agrees_with_onnxruntime():
    if not MODELS:
        reason = f"no shared models at {DATA}; set CERTIFY_DATA"
        print(reason)
        pytest.skip(reason)
    for path in MODELS:
        net = agrees(path)
        assert any(line.startswith("operators: ") for line in net.notes), path
    assert len(MODELS) >= 24


# --- what exporters do


def test_initialisers_listed_as_inputs_are_not_inputs():
    stored = {"w": floats(4, 3), "b": floats(3)}
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["y"])]
    assert agrees(model(nodes, ["N", 4], stored, also_inputs=True)).input_shape == (4,)


def test_an_input_without_batch_axis_and_weights_on_the_left():
    stored = {"w": floats(3, 5), "b": floats(3)}
    nodes = [helper.make_node("MatMul", ["w", "x"], ["1"]), helper.make_node("Add", ["1", "b"], ["y"])]
    net = agrees(model(nodes, [5], stored))
    assert (net.input_shape, net.output_shape) == ((5,), (3,))
    assert len(net.nodes) == 2  # the bias has joined the matrix


@pytest.mark.parametrize("leading", ["N", 1, 0, -1])
def test_a_symbolic_or_single_leading_axis_is_dropped(leading):
    value = model([helper.make_node("MatMul", ["x", "w"], ["y"])], [leading, 4], {"w": floats(4, 3)})
    net = load(value)
    assert (net.input_shape, net.output_shape) == ((4,), (3,))
    assert any("batch axis dropped" in line for line in net.notes)


def test_a_leading_axis_of_more_than_one_belongs_to_the_input():
    weight = floats(2, 3, 2, 2)
    net = agrees(model([helper.make_node("Conv", ["x", "w"], ["y"])], [2, 3, 4, 4], {"w": weight}))
    assert net.input_shape == (2, 3, 4, 4)
    (term,) = net.nodes[2].terms
    assert term.map.weight.size == weight.size  # stored once, not once for each image


@pytest.mark.parametrize("pad", ["SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_auto_pad(pad, stride):
    options = {"auto_pad": pad, "strides": [stride, 2]}
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["1"], group=2, **options),
        helper.make_node("MaxPool", ["1"], ["y"], kernel_shape=[3, 2], **options),
    ]
    agrees(model(nodes, ["N", 2, 11, 9], {"w": floats(4, 1, 3, 2), "b": floats(4)}))


def test_images_with_channels_last():
    nodes = [
        helper.make_node("Transpose", ["x"], ["1"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["1", "w"], ["2"]),
        helper.make_node("Transpose", ["2"], ["y"], perm=[0, 2, 3, 1]),
    ]
    net = agrees(model(nodes, ["N", 5, 5, 2], {"w": floats(3, 2, 2, 2)}))
    assert (net.input_shape, net.output_shape) == ((5, 5, 2), (4, 4, 3))


def test_shapes_computed_by_the_graph_are_folded():
    """What exporters write for x.view(x.size(0), -1) and expand: Shape, Gather, Concat, Where, Equal, Range."""
    stored = {
        "zero": np.array([0]),
        "rest": np.array([-1]),
        "w": floats(6, 2),
        "wanted": np.array([-1, 2]),
        "minus": np.array(-1),
        "n0": np.array(0),
        "n1": np.array(1),
        "two": np.array([2]),
        "row": floats(1, 1),
    }
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["batch"]),
        helper.make_node("Concat", ["batch", "rest"], ["flat"], axis=0),
        helper.make_node("Reshape", ["x", "flat"], ["1"]),
        helper.make_node("MatMul", ["1", "w"], ["2"]),
        helper.make_node("Equal", ["wanted", "minus"], ["open"]),
        helper.make_node("ConstantOfShape", ["two"], ["ones"], value=numpy_helper.from_array(np.array([1]))),
        helper.make_node("Where", ["open", "ones", "wanted"], ["full"]),
        helper.make_node("Expand", ["row", "full"], ["wide"]),
        helper.make_node("Add", ["2", "wide"], ["3"]),
        helper.make_node("Size", ["two"], ["one"]),
        helper.make_node("Mul", ["one", "n1"], ["limit"]),
        helper.make_node("Add", ["limit", "n1"], ["end"]),
        helper.make_node("Range", ["n0", "end", "n1"], ["both"]),
        helper.make_node("Gather", ["3", "both"], ["y"], axis=1),
    ]
    assert len(agrees(model(nodes, ["N", 3, 2], stored)).nodes) == 2


@pytest.mark.parametrize("opset", range(8, 23))
def test_a_plain_network_reads_the_same_in_every_opset(opset):
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["1"], transB=1, alpha=0.5),
        helper.make_node("Relu", ["1"], ["2"]),
        helper.make_node("Dropout", ["2"], ["3"]),
        helper.make_node("Concat", ["3", "x"], ["4"], axis=1),
        helper.make_node("MatMul", ["4", "v"], ["y"]),
    ]
    stored = {"w": floats(4, 3), "b": floats(4), "v": floats(7, 2)}
    net = agrees(model(nodes, ["N", 3], stored, opset=opset))
    assert f"ONNX: opset {opset}" in net.notes[0]


def test_float64_networks_keep_their_type():
    w = rng.normal(size=(3, 2))
    net = agrees(model([helper.make_node("MatMul", ["x", "w"], ["y"])], ["N", 3], {"w": w}, TensorProto.DOUBLE))
    (term,) = net.nodes[1].terms
    assert term.map.weight.dtype == np.float64 and np.array_equal(term.map.weight, w.T)


def test_products_with_several_rows_and_with_stacks_of_matrices():
    for left, right, shape in (
        ("x", "w", [1, 2, 5, 4]),
        ("x", "stack", [1, 2, 5, 4]),
        ("tall", "x", [1, 2, 5, 4]),
        ("pile", "x", [1, 2, 5, 4]),
        ("x", "v", [1, 2, 5, 4]),
    ):
        stored = {"w": floats(4, 3), "stack": floats(2, 4, 3), "tall": floats(6, 5), "pile": floats(2, 6, 5)}
        stored = {n: a for n, a in {**stored, "v": floats(4)}.items() if n in (left, right)}
        agrees(model([helper.make_node("MatMul", [left, right], ["y"])], shape, stored))


def test_every_kind_of_broadcast_with_a_constant():
    for shape in ((), (1,), (4,), (3, 1), (2, 1, 1), (1, 2, 3, 4), (2, 3, 4), (1, 1, 4)):
        c = floats(*shape) + np.float32(3)
        for op in ("Add", "Sub", "Mul", "Div", "Max", "Min"):
            agrees(model([helper.make_node(op, ["x", "c"], ["y"])], ["N", 2, 3, 4], {"c": c}))
            if op != "Div":
                agrees(model([helper.make_node(op, ["c", "x"], ["y"])], ["N", 2, 3, 4], {"c": c}))


def test_a_constant_that_widens_the_value():
    for op in ("Add", "Mul"):
        net = agrees(model([helper.make_node(op, ["x", "c"], ["y"])], ["N", 1, 4], {"c": floats(3, 1)}))
        assert net.output_shape == (3, 4)


def test_a_bias_is_not_joined_to_a_layer_that_others_read():
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["1"]),
        helper.make_node("Identity", ["1"], ["alias"]),
        helper.make_node("Add", ["alias", "b"], ["2"]),
        helper.make_node("Relu", ["2"], ["3"]),
        helper.make_node("Add", ["1", "3"], ["y"]),
    ]
    agrees(model(nodes, ["N", 3], {"w": floats(3, 3), "b": floats(3)}))


def test_another_output_or_an_inner_value_can_be_chosen():
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["y"], name="last"),
    ]
    proto = model(nodes, ["N", 3], {"w": floats(3, 4)})
    assert load(proto, output="logits").output_shape == (4,)
    with pytest.raises(UnsupportedModel, match=r"node 'last' \(Softmax\)"):
        load(proto)
    with pytest.raises(BadInput, match="no value is called 'nowhere'"):
        load(proto, output="nowhere")


def test_weights_stored_as_integers_are_dequantised_exactly():
    q, scale = rng.integers(-128, 128, (3, 4)).astype(np.int8), np.float32([0.1, 0.2, 0.3])
    for axis_scale, zero in ((scale, np.int8([1, 0, -2])), (np.array(0.1, np.float32), np.array(3, np.int8))):
        nodes = [
            helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"], axis=0),
            helper.make_node("Gemm", ["x", "w"], ["y"], transB=1),
        ]
        net = agrees(model(nodes, ["N", 4], {"q": q, "s": axis_scale, "z": zero}))
        exact = (q.astype(float) - zero.reshape(-1, 1).astype(float)) * axis_scale.reshape(-1, 1).astype(float)
        (term,) = net.nodes[1].terms
        assert np.array_equal(term.map.weight, exact)


def test_open_axes_are_filled_by_input_shape():
    proto = model([helper.make_node("Relu", ["x"], ["y"])], ["N", 3, "H", "W"], {})
    assert load(proto, input_shape=(3, 2, 5)).input_shape == (3, 2, 5)
    with pytest.raises(UnsupportedModel, match="axis 2 is open: pass input_shape"):
        load(proto)
    with pytest.raises(BadInput, match="does not fit the model's"):
        load(proto, input_shape=(4, 2, 5))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_pooling_windows_agree_with_onnxruntime(data):
    """Padding never counts in a maximum; averages divide by the right count; ceil_mode, strides, dilations."""
    d = data.draw(st.integers(1, 3))
    draw = [data.draw(st.integers(1, 3)) for _ in range(d)]
    inside = [data.draw(st.integers(3, 6)) for _ in range(d)]
    pads = [data.draw(st.integers(0, k - 1)) for k in draw * 2]
    options = {
        "kernel_shape": draw,
        "pads": pads,
        "strides": [data.draw(st.integers(1, 3)) for _ in range(d)],
        "ceil_mode": data.draw(st.integers(0, 1)),
    }
    op = data.draw(st.sampled_from(["MaxPool", "AveragePool"]))
    if op == "AveragePool":
        options["count_include_pad"] = data.draw(st.integers(0, 1))
    agrees(model([helper.make_node(op, ["x"], ["y"], **options)], ["N", 2, *inside], {}, opset=19))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_convolutions_agree_with_onnxruntime(data):
    d, groups = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2))
    kernel = [data.draw(st.integers(1, 3)) for _ in range(d)]
    inside = [data.draw(st.integers(5, 6)) for _ in range(d)]
    options = {
        "pads": [data.draw(st.integers(0, 2)) for _ in range(2 * d)],
        "strides": [data.draw(st.integers(1, 3)) for _ in range(d)],
        "dilations": [data.draw(st.integers(1, 2)) for _ in range(d)],
        "group": groups,
    }
    stored = {"w": floats(2 * groups, 2, *kernel), "b": floats(2 * groups)}
    batch = data.draw(st.integers(1, 2))
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], **options)
    agrees(model([node], [batch, 2 * groups, *inside], stored))


def test_averages_over_many_entries_are_not_stored_as_weights():
    nodes = [helper.make_node("GlobalAveragePool", ["x"], ["y"])]
    net = agrees(model(nodes, ["N", 2, 28, 28], {}))
    assert net.parameters == 0
    assert sum(len(n.terms) for n in net.nodes if isinstance(n, Affine)) == 56


# --- what is refused


def refused(kind, pattern, *args, **options):
    with pytest.raises(kind, match=pattern) as caught:
        load(*args, **options)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_clear_line(tmp_path):
    refused(BadInput, r"nowhere.onnx: cannot read the model: No such file", tmp_path / "nowhere.onnx")
    refused(BadInput, "cannot read the model: Is a directory", tmp_path)


def test_a_file_that_is_not_onnx_is_one_clear_line(tmp_path):
    for content in (b"", b"PK\x03\x04 not a model", b"\x80\x04\x95 a pickle", os.urandom(200)):
        path = tmp_path / "file.onnx"
        path.write_bytes(content)
        refused(BadInput, "file.onnx: not an ONNX model", path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_not_finite_is_named(value):
    weight = floats(3, 2)
    weight[1, 1] = value
    proto = model([helper.make_node("MatMul", ["x", "layer.w"], ["y"])], ["N", 3], {"layer.w": weight})
    refused(BadInput, "tensor 'layer.w' holds NaN or infinity", proto)


def test_an_unknown_operator_names_node_and_operator():
    node = helper.make_node("Tanh", ["x"], ["y"], name="squash")
    refused(UnsupportedModel, r"node 'squash' \(Tanh\): this operator is not supported", model([node], [1, 3], {}))


def test_an_unknown_attribute_is_refused():
    node = helper.make_node("Relu", ["x"], ["y"], name="r", leak=0.5)
    refused(UnsupportedModel, r"node 'r' \(Relu\): attribute 'leak'", model([node], [1, 3], {}))


def test_an_operator_of_another_domain_is_refused():
    node = helper.make_node("Relu", ["x"], ["y"], name="r", domain="com.example")
    refused(UnsupportedModel, r"node 'r' \(com.example.Relu\)", model([node], [1, 3], {}))


def test_products_of_two_values_are_refused():
    node = helper.make_node("Mul", ["x", "x"], ["y"], name="square")
    refused(UnsupportedModel, r"node 'square' \(Mul\): a product of two values", model([node], [1, 3], {}))


def test_tensors_stored_outside_the_file_are_refused():
    proto = model([helper.make_node("MatMul", ["x", "w"], ["y"])], ["N", 3], {"w": floats(3, 2)})
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    refused(BadInput, "tensor 'w' is stored outside the file, in 'weights.bin'", proto)


def test_several_inputs_and_integer_inputs_are_refused():
    proto = model([helper.make_node("Add", ["x", "z"], ["y"])], [1, 3], {})
    proto.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 3]))
    refused(UnsupportedModel, "expected one input that is not a stored tensor, found 'x', 'z'", proto)
    tokens = model([helper.make_node("Relu", ["x"], ["y"])], [1, 3], {}, TensorProto.INT64)
    refused(UnsupportedModel, "input 'x': expected a tensor of floats, found INT64", tokens)


def test_shapes_that_do_not_fit_name_the_node():
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="layer")
    refused(BadInput, r"node 'layer' \(MatMul\): inner sizes differ", model([node], [1, 3], {"w": floats(4, 2)}))


def test_a_huge_shape_is_refused_before_it_is_allocated():
    wanted = np.array([1 << 20, 1 << 20, 3])
    node = helper.make_node("Expand", ["x", "s"], ["y"], name="bomb")
    refused(UnsupportedModel, "node 'bomb' .* has more than", model([node], [1, 3], {"s": wanted}))


def valid_bytes():
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["1"], pads=[1, 1, 1, 1], name="conv"),
        helper.make_node("BatchNormalization", ["1", "b", "b", "b", "v"], ["2"], name="norm"),
        helper.make_node("Clip", ["2", "lo"], ["3"]),
        helper.make_node("MaxPool", ["3"], ["4"], kernel_shape=[2, 2]),
        helper.make_node("Pad", ["4", "pads"], ["5"]),
        helper.make_node("Slice", ["5", "starts", "ends"], ["6"]),
        helper.make_node("Reshape", ["6", "shape"], ["7"]),
        helper.make_node("Gemm", ["7", "m"], ["y"], transB=1, alpha=0.5),
    ]
    stored = {
        "w": floats(2, 1, 2, 2), "b": floats(2), "v": np.ones(2, np.float32), "lo": np.array(-1, np.float32),
        "pads": np.array([0] * 8),
        "starts": np.array([0] * 4), "ends": np.array([9] * 4), "shape": np.array([1, -1]), "m": floats(3, 32),
    }  # fmt: skip
    return model(nodes, ["N", 1, 4, 4], stored).SerializeToString()


VALID = valid_bytes()


def loads_or_refuses(data):
    try:
        load(data)
    except CertifyError as error:
        assert "\n" not in str(error)
        return False
    return True


def test_the_model_that_is_damaged_below_is_itself_sound():
    assert loads_or_refuses(VALID)


def test_every_truncation_gives_a_clear_error_or_a_network():
    assert sum(not loads_or_refuses(VALID[:n]) for n in range(0, len(VALID), 7)) > 0.9 * len(VALID) / 7


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_damaged_bytes_give_a_clear_error_or_a_network(changes):
    damaged = bytearray(VALID)
    for place, byte in changes:
        damaged[place] = byte
    loads_or_refuses(bytes(damaged))


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_damaged_graphs_give_a_clear_error_or_a_network(data):
    """Damage that survives parsing: swapped operators and inputs, changed attributes, changed shapes."""
    proto = onnx.ModelProto.FromString(VALID)
    graph = proto.graph
    names = [t.name for t in graph.initializer] + [o for n in graph.node for o in n.output] + ["x", ""]
    for _ in range(data.draw(st.integers(1, 3))):
        node = data.draw(st.sampled_from(list(graph.node)))
        match data.draw(st.integers(0, 4)):
            case 0:
                node.op_type = data.draw(st.sampled_from(sorted(n.op_type for n in graph.node)))
            case 1:
                node.input[data.draw(st.integers(0, len(node.input) - 1))] = data.draw(st.sampled_from(names))
            case 2 if node.attribute:
                attribute = data.draw(st.sampled_from(list(node.attribute)))
                attribute.ints[:] = data.draw(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5))
            case 3:
                tensor = data.draw(st.sampled_from(list(graph.initializer)))
                tensor.dims[:] = data.draw(st.lists(st.integers(-(2**40), 2**40), max_size=4))
            case 4:
                dims = graph.input[0].type.tensor_type.shape.dim
                dims[data.draw(st.integers(0, 3))].dim_value = data.draw(st.integers(-5, 2**40))
    loads_or_refuses(proto.SerializeToString())
