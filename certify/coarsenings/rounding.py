"""Round to a float type: weights, biases and exact factors, each to the nearest (halves to even).

Only the stored numbers are rounded; the coarse network is still evaluated in the reals. Factors known only by
an enclosure (a batch normalisation's inverse root) stay as they are, and a note says so.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from certify.coarsenings.correspondence import by_position
from certify.coarsenings.declaration import Coarsening
from certify.coarsenings.layers import with_weight
from certify.coarsenings.rewriting import derive
from certify.errors import BadInput
from certify.networks.graph import Affine, Network, Node, Term
from certify.networks.maps import Conv, Dense, LinearMap, Scale

BFLOAT16_BITS, BFLOAT16_LEAST = 8, -133  # significant bits; exponent of the smallest subnormal
TYPES = ("float16", "bfloat16", "float32")


def round_to(net: Network, dtype: Literal["float16", "bfloat16", "float32"] = "float16") -> Network:
    """Every weight, bias and exact factor rounded to ``dtype`` (bfloat16 is stored as float32).

    A tensor of that type already is left as it is. Raises BadInput for an unknown type, and for a number that
    would become infinite, naming its layer.
    """
    if dtype not in TYPES:
        raise BadInput(f"dtype: expected one of {', '.join(TYPES)}, found {dtype!r}")
    made: dict[int, NDArray[np.floating]] = {}
    changed = 0

    def tensor(a: NDArray[np.floating], name: str) -> NDArray[np.floating]:
        nonlocal changed
        if id(a) not in made:
            made[id(a)] = _rounded(a, dtype, name)
            changed += int((made[id(a)].astype(np.float64) != a.astype(np.float64)).sum())
        return made[id(a)]

    def linear_map(m: LinearMap, name: str) -> LinearMap:
        if isinstance(m, Dense | Conv):
            return with_weight(m, tensor(m.weight, name))
        if isinstance(m, Scale) and m.exact:
            lo = tensor(m.lo, name)
            return Scale(lo, lo, m.repeat)
        return m

    nodes: list[Node] = []
    kept = 0
    for node, name in zip(net.nodes, net.names, strict=True):
        if isinstance(node, Affine):
            kept += sum(isinstance(t.map, Scale) and not t.map.exact for t in node.terms)
            terms = tuple(Term(t.source, linear_map(t.map, name), t.num, t.den) for t in node.terms)
            bias = None if node.bias is None else tensor(node.bias, name)
            node = Affine(node.size, terms, bias, node.repeat)
        nodes.append(node)
    notes = [f"{changed} numbers changed"]
    if kept:
        notes.append(f"{kept} factors known by an enclosure only were left as they are")
    return derive(net, nodes, net.names, net.output, by_position(net), f"round to {dtype}", notes)


def _rounded(a: NDArray[np.floating], dtype: str, name: str) -> NDArray[np.floating]:
    if a.dtype.name == dtype:
        return a
    if dtype == "bfloat16":
        out = bfloat16(a)
    else:
        with np.errstate(over="ignore"):
            out = a.astype(dtype)
    if not np.isfinite(out).all():
        raise BadInput(f"{name}: expected numbers that {dtype} holds, found {np.abs(a).max():g}")
    return out


def bfloat16(a: NDArray[np.floating]) -> NDArray[np.float32]:
    """Nearest bfloat16, halves to even, subnormals included; an array of float32, infinite on overflow."""
    w = a.astype(np.float64)
    exponent = np.frexp(w)[1]
    unit = np.maximum(exponent - BFLOAT16_BITS, BFLOAT16_LEAST)
    # Scaling by powers of two is exact here, so this rounds once, from the exact value.
    nearest = np.ldexp(np.round(np.ldexp(w, -unit)), unit)
    with np.errstate(over="ignore"):
        return np.asarray(nearest, dtype=np.float32)


COARSENING = Coarsening(
    "round_to",
    round_to,
    "round every stored number to float16, bfloat16 or float32",
    examples=lambda net: [{"dtype": "float16"}, {"dtype": "bfloat16"}],
    neutral=lambda net: [{"dtype": "float32"}] if _single(net) else [],
    refused=lambda net: [{"dtype": "float8"}, {"dtype": "int8"}],
)


def _single(net: Network) -> bool:
    """True when float32 holds every stored number."""
    tensors = [t for n in net.nodes if isinstance(n, Affine) for term in n.terms for t in term.map.tensors()]
    tensors += [n.bias for n in net.nodes if isinstance(n, Affine) and n.bias is not None]
    return all(t.dtype.name in ("float16", "float32") for t in tensors if t.dtype.kind == "f")
