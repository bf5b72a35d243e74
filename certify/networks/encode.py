"""The canonical file of a network: the text both kernels read, and the tensor bytes it names.

The text is normative (specs/format.md#network). Two networks have the same digest exactly when they are the
same graph with the same tensor bits; names and provenance play no part.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.networks.graph import Affine, Free, Input, Network, Relu
from certify.networks.maps import Conv, Dense, Identity, LinearMap, Scale, Select

DTYPES = {"float16": "f2", "float32": "f4", "float64": "f8", "int32": "i4", "int64": "i8"}


@dataclass(frozen=True)
class Encoded:
    """A canonical file: its bytes, its SHA-256, and the tensors it names by theirs."""

    text: bytes
    blobs: dict[str, bytes]

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text).hexdigest()


class TensorTable:
    """Collects tensors for a file: one line for each distinct tensor, in order of first use."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.blobs: dict[str, bytes] = {}
        self._index: dict[tuple[str, str], int] = {}

    def add(self, tensor: NDArray[np.generic]) -> int:
        """Register a tensor; returns its index in the file."""
        name = tensor.dtype.name
        if name not in DTYPES:
            raise TypeError(f"tensors are {', '.join(DTYPES)}; got {name}")
        data = np.ascontiguousarray(tensor, dtype=tensor.dtype.newbyteorder("<")).tobytes()
        digest = hashlib.sha256(data).hexdigest()
        key = (DTYPES[name], digest)
        if key not in self._index:
            self._index[key] = len(self.lines)
            self.lines.append(f"tensor {DTYPES[name]} {tensor.size} {digest}")
            self.blobs[digest] = data
        return self._index[key]


def _map_words(m: LinearMap, table: TensorTable) -> str:
    match m:
        case Identity():
            return "identity"
        case Dense():
            return f"dense {table.add(m.weight)}"
        case Conv():
            d = len(m.in_spatial)
            numbers = [table.add(m.weight), m.groups, m.c_in, m.c_out, d, *m.in_spatial, *m.weight.shape[2:]]
            numbers += [*m.strides, *m.pads, *m.dilations]
            return "conv " + " ".join(map(str, numbers))
        case Select():
            return f"select {table.add(m.index)} {m.size_in}"
        case Scale():
            return f"scale {table.add(m.lo)} {table.add(m.hi)} {m.repeat}"
    raise TypeError(f"no such linear map: {type(m).__name__}")


def network_text(net: Network) -> Encoded:
    """Write a network in the canonical form of specs/format.md#network."""
    table = TensorTable()
    body: list[str] = []
    for node in net.nodes:
        match node:
            case Input():
                body.append(f"input {node.size} {node.role}")
            case Relu():
                body.append(f"relu {node.size} {node.source}")
            case Free():
                body.append(f"free {node.size} {node.source}")
            case Affine():
                terms = [f"term {t.source} {t.num} {t.den} {_map_words(t.map, table)}" for t in node.terms]
                bias = -1 if node.bias is None else table.add(node.bias)
                body.append(f"affine {node.size} {len(terms)} {bias} {node.repeat if bias >= 0 else 1}")
                body.extend(terms)
    lines = ["certify-network 1", *table.lines, *body, f"output {net.output}", "end", ""]
    return Encoded("\n".join(lines).encode("ascii"), table.blobs)
