"""A network under construction: what every loader feeds operators into.

Fixes what loaders share: the batch axis, one input, errors that name the node, notes for the report, and the
joining of bias and matrix. Reads no file format.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from certify.errors import BadInput, CertifyError
from certify.networks.builder import Builder, renumber
from certify.networks.graph import Affine, Network
from certify.networks.maps import Identity
from certify.networks.operators import Call, Value, Variable, lower
from certify.networks.operators._call import MAX_NODE, Shape

# What numpy and our own checks raise when a malformed model asks for the impossible.
MALFORMED = (ValueError, IndexError, KeyError, TypeError, AttributeError, ArithmeticError, MemoryError)


class Lowering:
    """Collects operator calls into a network.

    shape:   the input's shape with its batch axis, every axis known
    batched: whether the first axis is a batch axis of 1, dropped from the network's shapes
    """

    def __init__(self, shape: Shape, batched: bool, *, name: str = "input", opset: int = 21) -> None:
        if any(n < 1 for n in shape) or prod(shape) > MAX_NODE:
            raise BadInput(f"input {name!r}: expected 1 to {MAX_NODE:,} entries, found shape {shape}")
        self.builder = Builder()
        self.batched = batched
        self.opset = opset
        self.used: Counter[str] = Counter()
        self.input = Variable(self.builder.input(prod(shape), name=name), shape)

    def call(
        self,
        op: str,
        inputs: Sequence[Value | None],
        attributes: Mapping[str, Any] | None = None,
        *,
        name: str = "",
        outputs: int = 1,
        origin: str = "",
        count: bool = True,
    ) -> list[Value]:
        """Lower one operator; returns at least one value.

        Raises UnsupportedModel for an operator (or a use of one) that is not exact and piecewise linear, and
        BadInput for a malformed one; both name the node. ``origin`` is the operator's name in the model, when
        that is not ONNX's.
        """
        name = name or op
        call = Call(
            op,
            name,
            tuple(inputs),
            attributes or {},
            self.builder,
            self.opset,
            outputs,
            self.input.node,
            origin=origin,
        )
        try:
            results = lower(call)
        except CertifyError:
            raise
        except MALFORMED as error:
            why = " ".join(str(error).split()) or type(error).__name__
            raise call.bad(f"malformed: {why}") from error
        if count:
            self.used[op] += 1
        return results

    def finish(self, output: Value, *, source: str, notes: Sequence[str] = ()) -> Network:
        """The network that computes ``output``."""
        anchor = Call("output", "output", (), {}, self.builder, anchor=self.input.node)
        value = anchor.variable(output)
        shape, input_shape = value.shape, self.input.shape
        dropped = self.batched
        if dropped:
            input_shape = input_shape[1:]
            shape = shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
        last = join_biases(self.builder, value.node)
        net = self.builder.finish(last, input_shape, shape, source=source)
        operators_used = ", ".join(f"{op} x{n}" if n > 1 else op for op, n in sorted(self.used.items()))
        types = sorted(
            {t.dtype.name for n in net.nodes if isinstance(n, Affine) for m in n.terms for t in m.map.tensors()}
            - {"int32"}
        )
        lines = [
            *notes,
            f"operators: {operators_used or 'none'}",
            f"parameters: {net.parameters:,} in {', '.join(types) or 'no tensors'}",
            f"input {input_shape} -> output {shape}" + (", batch axis dropped" if dropped else ", no batch axis"),
        ]
        return dataclasses.replace(net, notes=tuple(lines))


def join_biases(builder: Builder, output: int) -> int:
    """Give a constant that is added right after a biasless affine node to that node; returns the output node.

    Done on the finished graph, because only then it is known that nobody else reads the node in between.
    """
    live = {output}
    readers: Counter[int] = Counter()
    for i in range(len(builder.nodes) - 1, -1, -1):
        if i in live:
            live.update(builder.nodes[i].sources)
            readers.update(builder.nodes[i].sources)
    readers[output] += 1
    new = {i: i for i in range(len(builder.nodes))}
    for i, node in enumerate(builder.nodes):
        builder.nodes[i] = node = renumber(node, new)
        if i not in live or not isinstance(node, Affine) or node.bias is None or len(node.terms) != 1:
            continue
        (term,) = node.terms
        before = builder.nodes[term.source]
        plain = isinstance(term.map, Identity) and term.num == term.den == 1
        if plain and isinstance(before, Affine) and before.bias is None and readers[term.source] == 1:
            builder.nodes[term.source] = Affine(before.size, before.terms, node.bias, node.repeat)
            readers[term.source] = readers[i]
            new[i] = term.source
    return new[output]
