"""Read an ONNX model: a file, its bytes, or a ModelProto.

Walks the part of the graph that the wanted output needs and hands each node to its operator. Runs no checker
and no optimiser, so that every tensor stays what the file stores. Does not follow external data, control flow
or custom domains.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.errors import BadInput, CertifyError, UnsupportedModel
from certify.networks.graph import Network
from certify.networks.loaders.lowering import MALFORMED, Lowering
from certify.networks.operators import Constant, Value

# numpy has no such types; every value of theirs is a float32
WIDENED = ("bfloat16", "float8")


def load_onnx(
    model: str | Path | bytes | Any,
    *,
    input_shape: tuple[int, ...] | None = None,
    output: str | None = None,
) -> Network:
    """The network of an ONNX model.

    model:       a path, the bytes of a file, or an onnx.ModelProto
    input_shape: shape of one input without its batch axis, where the model leaves it open
    output:      name of the value to compute, an output or any value inside; default the first output

    A leading input axis that is symbolic, or 1 with others behind it, is the batch axis: it is fixed to 1 and
    dropped. Raises BadInput (no such file, not ONNX, malformed, NaN or infinity in a tensor) or
    UnsupportedModel (an operator or a use of one; several inputs; an open shape), naming the node.
    """
    proto, source = _parse(model)
    try:
        return _Reader(proto, source).read(input_shape, output)
    except CertifyError:
        raise
    except MALFORMED as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise BadInput(f"{source}: malformed ONNX model: {why}") from error


def _parse(model: str | Path | bytes | Any) -> tuple[Any, str]:
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    if isinstance(model, onnx.ModelProto):
        return model, model.graph.name or "model"
    if isinstance(model, bytes | bytearray | memoryview):
        source, data = "model bytes", bytes(model)
    else:
        path = Path(model)
        source = path.name
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BadInput(f"{path}: cannot read the model: {error.strerror or error}") from None
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(data)
    except (DecodeError, UnicodeDecodeError, RuntimeError):
        raise BadInput(f"{source}: not an ONNX model ({len(data):,} bytes)") from None
    if not proto.graph.output or not proto.opset_import:
        raise BadInput(f"{source}: not an ONNX model: it has no graph with outputs and an opset")
    return proto, source


def tensor(proto: Any, name: str) -> NDArray[Any]:
    """The array a TensorProto holds; bfloat16 and float8 become the float32 they are."""
    import onnx

    if proto.data_location == onnx.TensorProto.EXTERNAL:
        where = {e.key: e.value for e in proto.external_data}.get("location", "?")
        raise BadInput(f"tensor {name!r} is stored outside the file, in {where!r}: save the model in one file")
    try:
        array = np.asarray(onnx.numpy_helper.to_array(proto))
    except (*MALFORMED, NotImplementedError) as error:
        why = " ".join(str(error).split())
        raise BadInput(f"tensor {name!r} is malformed: {why}") from None
    if array.dtype.name.startswith(WIDENED):
        return np.asarray(array.astype(np.float32))
    if array.dtype.name in ("int4", "uint4", "int2", "uint2"):
        return np.asarray(array.astype(np.int32))
    return array


@dataclass(frozen=True, eq=False)
class _Reader:
    """One model while it is read."""

    model: Any
    source: str
    values: dict[str, Value] = field(default_factory=dict)

    @cached_property
    def _read(self) -> set[str]:
        """Names of the values that somebody reads."""
        graph = self.model.graph
        return {i for n in graph.node for i in n.input} | {o.name for o in graph.output}

    def read(self, input_shape: tuple[int, ...] | None, output: str | None) -> Network:
        graph = self.model.graph
        if graph.sparse_initializer:
            raise UnsupportedModel(f"{self.source}: sparse initialisers")
        opset = next((o.version for o in self.model.opset_import if o.domain in ("", "ai.onnx")), 0)
        if opset < 1:
            raise UnsupportedModel(f"{self.source}: no opset of the standard domain")
        stored = {t.name: t for t in graph.initializer}
        nodes = self._needed(output or graph.output[0].name, stored)
        lowering = self._input(stored, input_shape, opset)

        for node in nodes:
            found = [self._get(name, stored) if name else None for name in node.input]
            name = node.name or next((o for o in node.output if o), node.op_type)
            if node.domain not in ("", "ai.onnx"):
                raise UnsupportedModel(f"node {name!r} ({node.domain}.{node.op_type}): not of the standard domain")
            results = lowering.call(
                node.op_type,
                found,
                {a.name: self._attribute(a, name) for a in node.attribute},
                name=name,
                outputs=self._outputs_read(node),
            )
            self.values.update({o: v for o, v in zip(node.output, results, strict=False) if o})
        wanted = output or graph.output[0].name
        value = self._get(wanted, stored)
        notes = [
            f"ONNX: opset {opset}, IR {self.model.ir_version}",
            f"nodes: {len(nodes)} of {len(graph.node)}",
        ]
        if self.model.producer_name:
            notes[0] += f", by {self.model.producer_name} {self.model.producer_version}".rstrip()
        if output is None and len(graph.output) > 1:
            notes.append(f"output: {wanted!r}, the first of {len(graph.output)}")
        return lowering.finish(value, source=self.source, notes=notes)

    def _needed(self, wanted: str, stored: dict[str, Any]) -> list[Any]:
        """The nodes that ``wanted`` needs, in the file's order, which must be topological."""
        graph = self.model.graph
        known = {i.name for i in graph.input} | set(stored) | {o for n in graph.node for o in n.output if o}
        if wanted not in known:
            outputs = ", ".join(repr(o.name) for o in graph.output)
            raise BadInput(f"{self.source}: no value is called {wanted!r}; outputs are {outputs}")
        needed, chosen = {wanted}, []
        for node in reversed(graph.node):
            if needed.intersection(o for o in node.output if o):
                chosen.append(node)
                needed.update(i for i in node.input if i)
        produced = Counter(o for n in graph.node for o in n.output if o)
        twice = next((o for o, n in produced.items() if n > 1), None)
        if twice is not None:
            raise BadInput(f"{self.source}: value {twice!r} is computed twice")
        return chosen[::-1]

    def _outputs_read(self, node: Any) -> int:
        """How many outputs, counted to the last one that somebody reads."""
        return max((k + 1 for k, o in enumerate(node.output) if o in self._read and o), default=1)

    def _get(self, name: str, stored: dict[str, Any]) -> Value:
        if name not in self.values:
            if name not in stored:
                raise BadInput(f"{self.source}: value {name!r} is read before it is computed")
            self.values[name] = Constant(tensor(stored[name], name), name)
        return self.values[name]

    def _attribute(self, attribute: Any, node: str) -> Any:
        import onnx

        if attribute.type == onnx.AttributeProto.TENSOR:
            return tensor(attribute.t, f"{node}.{attribute.name}")
        found = onnx.helper.get_attribute_value(attribute)
        if isinstance(found, bytes):
            return found.decode("utf-8")
        return list(found) if attribute.type in (onnx.AttributeProto.INTS, onnx.AttributeProto.FLOATS) else found

    def _input(self, stored: dict[str, Any], given: tuple[int, ...] | None, opset: int) -> Lowering:
        import onnx

        inputs = [i for i in self.model.graph.input if i.name not in stored]
        if len(inputs) != 1:
            names = ", ".join(repr(i.name) for i in inputs) or "none"
            raise UnsupportedModel(f"{self.source}: expected one input that is not a stored tensor, found {names}")
        (info,) = inputs
        kind = info.type.tensor_type
        floats = {onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16}
        if kind.elem_type not in floats | {onnx.TensorProto.BFLOAT16}:
            found = onnx.TensorProto.DataType.keys()[list(onnx.TensorProto.DataType.values()).index(kind.elem_type)]
            raise UnsupportedModel(f"input {info.name!r}: expected a tensor of floats, found {found}")
        declared: list[int | None] | None = None
        if kind.HasField("shape"):
            declared = [d.dim_value if d.dim_value > 0 else None for d in kind.shape.dim]
        shape, batched = _resolve(info.name, declared, given)
        lowering = Lowering(shape, batched, name=info.name, opset=opset)
        self.values[info.name] = lowering.input
        return lowering


def _resolve(
    name: str, declared: list[int | None] | None, given: tuple[int, ...] | None
) -> tuple[tuple[int, ...], bool]:
    """The full input shape and whether its first axis is the batch axis; None stands for an open axis."""
    if declared is None:
        if given is None:
            raise UnsupportedModel(f"input {name!r} has no shape: pass input_shape")
        return (1, *given), True
    batched = len(declared) > 1 and declared[0] in (None, 1)
    if given is not None:
        full = (1, *given) if batched and len(given) == len(declared) - 1 else tuple(given)
        fits = len(full) == len(declared) and all(d in (None, n) for d, n in zip(declared, full, strict=True))
        if not fits:
            shown = tuple("?" if d is None else d for d in declared)
            raise BadInput(f"input {name!r}: input_shape {given} does not fit the model's {shown}")
        return full, batched and full[0] == 1
    rest = declared[1:] if batched else declared
    if None in rest:
        axis = declared.index(None, 1 if batched else 0)
        raise UnsupportedModel(f"input {name!r}: axis {axis} is open: pass input_shape")
    known = tuple(n for n in rest if n is not None)
    return ((1, *known), True) if batched else (known, False)
