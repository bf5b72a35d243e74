"""The single-operator models with reference outputs that the onnx wheel ships, as an importer test-suite.

A case feeds its weights as inputs; the first float input stays the input, the others become stored tensors with
the case's data. Every case either gives the reference output or is refused, and which is which is counted, so
that nothing is skipped in silence.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

from certify.errors import UnsupportedModel
from certify.networks import load
from certify.networks.operators import operators

FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16)

# Cases made of supported operators only that must still be refused, by what the message has to say.
REFUSED = {
    "depend on the input": "a product of two values",
    "depends on the input": "a quotient by a value",
    "batch statistics": "training mode of BatchNormalization",
    "mask of a dropout": "a second output",
    "dropout in training mode": "a random function",
    "indices of a maximum": "a second output",
    "non-empty shape": "tensors without entries",
}


@dataclass(frozen=True)
class Case:
    """A model with one input, a value for it, and the outputs it must give."""

    name: str
    model: onnx.ModelProto
    x: np.ndarray
    expected: dict[str, np.ndarray]

    @property
    def operators(self) -> set[str]:
        return {n.op_type for n in self.model.graph.node}


def one_input(name, model, inputs, outputs) -> Case | None:
    """The case with its other inputs stored; None without a float input or a float tensor as output."""
    inputs, outputs = ([np.asarray(a) if isinstance(a, np.generic) else a for a in s] for s in (inputs, outputs))
    baked = onnx.ModelProto()
    baked.CopyFrom(model)
    graph = baked.graph
    stored = {t.name for t in graph.initializer}
    fed = [i for i in graph.input if i.name not in stored]
    if len(fed) > len(inputs) or not all(isinstance(a, np.ndarray) for a in [*inputs, *outputs]):
        return None
    values = dict(zip((i.name for i in fed), inputs, strict=False))
    chosen = next((i for i in fed if i.type.tensor_type.elem_type in FLOATS), None)
    if chosen is None or not values[chosen.name].size:
        return None
    for i in fed:
        if i.name != chosen.name:
            graph.initializer.append(numpy_helper.from_array(values[i.name], i.name))
    pairs = zip(graph.output, outputs, strict=False)
    expected = {o.name: a for o, a in pairs if a.dtype.kind == "f" and a.size}
    return Case(name, baked, values[chosen.name], expected) if expected else None


def stored_cases() -> Iterator[Case | None]:
    """The pytorch-converted and pytorch-operator folders."""
    for kind in ("pytorch-converted", "pytorch-operator"):
        for test in load_model_tests(kind=kind):
            model = onnx.load(os.path.join(test.model_dir, "model.onnx"))
            folder = os.path.join(test.model_dir, "test_data_set_0")
            found: dict[str, list[np.ndarray]] = {"input": [], "output": []}
            for side, arrays in found.items():
                while os.path.exists(path := os.path.join(folder, f"{side}_{len(arrays)}.pb")):
                    with open(path, "rb") as f:
                        arrays.append(numpy_helper.to_array(onnx.TensorProto.FromString(f.read())))
            yield one_input(test.name, model, found["input"], found["output"])


def node_cases() -> Iterator[Case | None]:
    """The node cases, which the wheel computes rather than stores."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = collect_testcases(None)
    for test in cases:
        if test.model is not None and test.data_sets:
            yield one_input(test.name, test.model, *test.data_sets[0])


def outcome(case: Case) -> str:
    """'pass', or the refusal; a wrong value fails at once. Anything but UnsupportedModel propagates."""
    for name, reference in case.expected.items():
        try:
            net = load(case.model, output=name)
        except UnsupportedModel as error:
            return str(error)
        reference = reference.astype(np.float64)
        got = net(case.x).reshape(-1)
        assert got.size == reference.size == np.prod(net.output_shape), case.name
        # some references are written with four digits; float16 cases are computed in float16
        scale = (1 + np.abs(reference).max()) * (1e-3 if case.x.dtype == np.float16 else 1e-4)
        np.testing.assert_allclose(got, reference.ravel(), atol=scale, rtol=0, err_msg=case.name)
    return "pass"


def run(cases: Iterator[Case | None]) -> tuple[Counter[str], Counter[str]]:
    """(number of cases by outcome, number of passing cases by operator)"""
    known, count, passed = set(operators()), Counter(), Counter()
    for case in cases:
        if case is None:
            count["no float input or output"] += 1
            continue
        found = outcome(case)
        if found == "pass":
            count["pass"] += 1
            passed.update(case.operators)
            continue
        unknown = case.operators - known
        if any(op in found for op in unknown):
            count["unknown operator"] += 1
        else:
            reason = next((r for r in REFUSED if r in found), None)
            assert reason is not None or unknown, f"{case.name}: {found}"
            count[reason or "refused before its unknown operator"] += 1
    return count, passed


@cache
def stored_result():
    return run(stored_cases())


@cache
def node_result():
    return run(node_cases())


def test_stored_single_operator_models_give_their_reference_outputs():
    count, passed = stored_result()
    print(dict(count))
    assert sum(count.values()) == 117
    assert count["pass"] >= 85
    assert passed["Conv"] >= 25 and passed["BatchNormalization"] >= 5 and passed["MaxPool"] >= 8


def test_node_cases_give_their_reference_outputs():
    count, passed = node_result()
    print(dict(count))
    assert count["pass"] >= 276
    assert passed["AveragePool"] >= 18 and passed["MaxPool"] >= 15 and passed["Pad"] >= 4


def test_every_operator_has_a_passing_reference_case():
    passed = stored_result()[1] + node_result()[1]
    # these read or give integers only; models that use them are in test_load_onnx.py
    assert set(operators()) - set(passed) == {"DequantizeLinear", "Equal", "Range", "Size"}
