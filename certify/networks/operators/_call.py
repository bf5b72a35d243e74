"""What an operator sees: its inputs (constants or values that depend on x), its attributes and a builder.

Shapes here include the batch axis, which the loaders fix to 1. Constants keep the dtype of the file until
they are used as numbers; no method does float arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.errors import BadInput, UnsupportedModel
from certify.networks.builder import Builder
from certify.networks.graph import Term
from certify.networks.maps import Select

Array = NDArray[Any]
Shape = tuple[int, ...]

# specs/format.md#limits: a node and a tensor may not be larger, so nothing larger need be built.
MAX_NODE = 4_000_000
MAX_TENSOR = 100_000_000


@dataclass(frozen=True, eq=False)
class Constant:
    """A value that does not depend on the input, with the name of the tensor it comes from."""

    array: Array
    name: str = ""

    @property
    def shape(self) -> Shape:
        return self.array.shape


@dataclass(frozen=True, eq=False)
class Variable:
    """A value held by a node of the graph, row-major in ``shape``."""

    node: int
    shape: Shape


Value = Constant | Variable


@dataclass(frozen=True, eq=False)
class Call:
    """One use of an operator. Every method raises UnsupportedModel or BadInput naming node and operator."""

    op: str
    name: str
    inputs: tuple[Value | None, ...]
    attributes: Mapping[str, Any]
    builder: Builder
    opset: int = 21
    outputs: int = 1
    anchor: int = field(default=0, repr=False)
    looked_at: set[str] = field(default_factory=set, repr=False)
    origin: str = ""

    # --- errors

    def refuse(self, why: str) -> UnsupportedModel:
        return UnsupportedModel(f"node {self.name!r} ({self.origin or self.op}): {why}")

    def bad(self, why: str) -> BadInput:
        return BadInput(f"node {self.name!r} ({self.origin or self.op}): {why}")

    def limit(self, shape: Sequence[int], most: int = MAX_NODE) -> Shape:
        """The shape, if it is non-empty and within the format's limits."""
        if any(n < 1 for n in shape):
            raise self.refuse(f"expected a non-empty shape, found {tuple(shape)}")
        if prod(shape) > most:
            raise self.refuse(f"a value of shape {tuple(shape)} has more than {most:,} entries")
        return tuple(int(n) for n in shape)

    # --- what the file says

    def attr(self, name: str, default: Any = None) -> Any:
        self.looked_at.add(name)
        return self.attributes.get(name, default)

    def has(self, k: int) -> bool:
        return k < len(self.inputs) and self.inputs[k] is not None

    def value(self, k: int) -> Value:
        value = self.inputs[k] if k < len(self.inputs) else None
        if value is None:
            raise self.bad(f"expected an input {k}, found none")
        return value

    def constant(self, k: int, what: str) -> Constant:
        value = self.value(k)
        if not isinstance(value, Constant):
            raise self.refuse(f"expected constant {what}, found a value that depends on the input")
        return value

    def numbers(self, constant: Constant, what: str = "constant") -> NDArray[np.floating]:
        """The entries as floats that mean exactly what the file says; BadInput names a tensor with NaN."""
        a = constant.array
        if a.dtype.kind in "iub":
            as_float = a.astype(np.float64)
            if a.dtype.itemsize == 8 and not all(
                int(f) == int(i) for f, i in zip(as_float.ravel(), a.ravel(), strict=True)
            ):
                raise self.refuse(f"{what} {constant.name!r}: an integer above 2^53 is no float64")
            return as_float
        if a.dtype.kind != "f":
            raise self.bad(f"{what} {constant.name!r}: expected numbers, found {a.dtype}")
        if not np.isfinite(a).all():
            raise self.bad(f"{what} tensor {constant.name!r} holds NaN or infinity")
        return a

    def integers(self, k: int, attribute: str) -> list[int] | None:
        """Integers given as input k in newer opsets, as an attribute in older ones; None when absent."""
        found = self.attr(attribute)
        if self.has(k):
            a = self.constant(k, attribute).array
            if a.dtype.kind not in "iu":
                raise self.bad(f"{attribute}: expected integers, found {a.dtype}")
            return [int(i) for i in a.ravel()]
        return None if found is None else [int(i) for i in np.atleast_1d(found)]

    def axis(self, axis: int, rank: int) -> int:
        if not -rank <= axis < rank:
            raise self.bad(f"axis {axis} is outside a value of rank {rank}")
        return axis % rank

    # --- values

    def rearrange(self, value: Value, change: Callable[[Array], Array]) -> Value:
        """Apply a numpy function that only moves, drops or repeats entries.

        For a variable the function is applied to the array of positions, so one definition serves both.
        """
        if isinstance(value, Constant):
            return Constant(np.ascontiguousarray(change(value.array)), value.name)
        places = np.arange(prod(value.shape), dtype=np.int32).reshape(value.shape)
        chosen = change(places)
        self.limit(chosen.shape)
        return Variable(self.builder.select(value.node, chosen, self.name), chosen.shape)

    def expand(self, value: Value, shape: Shape) -> Value:
        """Broadcast to a shape."""
        self.limit(shape)
        return value if value.shape == shape else self.rearrange(value, lambda a: np.broadcast_to(a, shape))

    def variable(self, value: Value) -> Variable:
        """The value as a node; a constant becomes an affine node that ignores its source."""
        if isinstance(value, Variable):
            return value
        entries, repeat = spread(self.numbers(value), self.limit(value.shape))
        return Variable(self.constant_node(entries, repeat), value.shape)

    def constant_node(self, entries: NDArray[np.floating], repeat: int = 1) -> int:
        size = entries.size * repeat
        nothing = Select(np.full(size, -1, np.int32), self.builder.size(self.anchor))
        return self.builder.affine([Term(self.anchor, nothing)], entries, repeat, f"{self.name}.constant")

    def shape_of(self, *values: Value) -> Shape:
        """The shape the values broadcast to."""
        try:
            return self.limit(np.broadcast_shapes(*(v.shape for v in values)), MAX_TENSOR)
        except ValueError:
            shapes = " and ".join(str(v.shape) for v in values)
            raise self.bad(f"shapes {shapes} do not broadcast") from None


def spread(array: NDArray[np.floating], shape: Shape) -> tuple[NDArray[np.floating], int]:
    """A constant broadcast to ``shape``, flat, without the trailing axes on which it is constant.

    Returns (entries, repeat): each entry serves ``repeat`` consecutive coordinates.
    """
    own = (1,) * (len(shape) - array.ndim) + array.shape
    keep = len(shape)
    while keep and own[keep - 1] == 1:
        keep -= 1
    full = np.broadcast_to(array, shape)
    repeat = prod(shape[keep:])
    return np.ascontiguousarray(full.reshape(-1, repeat)[:, 0]), repeat
