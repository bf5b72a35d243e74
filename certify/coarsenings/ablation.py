"""Ablate: replace some units of a layer by zero, by their mean, or by any value they can reach on the domain.

"Any value they can reach" reads an independent point x' of the same domain: the discarded units carry no
information about x, and the claim covers every way they could behave. It is the strongest of the three.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from certify.coarsenings.declaration import Coarsening
from certify.coarsenings.layers import (
    Layer,
    Units,
    check_fraction,
    find_activation,
    sample_data,
    share,
    units_of,
    values_at,
)
from certify.coarsenings.rewriting import splice
from certify.errors import BadInput
from certify.networks.builder import Builder, renumber
from certify.networks.graph import Free, Input, Network, Term
from certify.networks.maps import Floats, Scale


def ablate(
    net: Network,
    layer: Layer,
    *,
    units: Sequence[int] | None = None,
    fraction: float | None = None,
    value: Literal["zero", "mean", "reach"] = "zero",
    joint: bool = True,
    data: ArrayLike | None = None,
) -> Network:
    """Replace units of a layer: w~ = keep * w + (1 - keep) * value.

    layer:    a relu or affine node by name, or a relu by its index; after a convolution its units are
              channels
    units:    which, by number; or ``fraction``: the floor(fraction * count) of smallest mean |activation| on
              ``data`` (without data: on a fixed sample of the unit cube)
    value:    "zero"; "mean", the mean of each unit over ``data``; "reach", the value at another input x'
    joint:    for "reach": all discarded values come from one x', or each coordinate has an x' of its own

    Raises BadInput for unknown layers or units, "mean" without data, and "reach" behind a layer whose values
    are replaced already: ablate the later layer first.
    """
    at = find_activation(net, layer)
    group = units_of(net, at)
    chosen = _choose(net, at, group, units, fraction, data)
    keep = np.ones(group.count)
    keep[chosen] = 0.0
    # Full length: as a plain diagonal it cancels against the identity in the difference u - w~.
    scale = group.spread(keep)
    did = f"ablate {len(chosen)} of {group.count} {group.word} of {net.names[at]}"
    shown = ", ".join(map(str, chosen[:20])) + (", ..." if len(chosen) > 20 else "")
    notes = [f"ablated {group.word}: {shown or 'none'}"]
    name = f"{net.names[at]}.ablated"

    def keeping(w: int) -> Term:
        return Term(w, Scale(scale, scale))

    if value == "zero":
        return splice(net, at, lambda b, w, _: b.affine([keeping(w)], name=name), f"{did}, zero", notes)
    if value == "mean":
        if data is None:
            raise BadInput("data: expected inputs to take the mean over, found none")
        mean = values_at(net, at, data).mean(axis=0).reshape(group.count, -1).mean(axis=1)
        bias = np.where(keep > 0, 0.0, mean)
        return splice(
            net,
            at,
            lambda b, w, _: b.affine([keeping(w)], bias, group.repeat, name),
            f"{did}, mean",
            [*notes, f"means over {len(np.asarray(data).reshape(-1, net.n_in))} inputs"],
        )
    if value != "reach":
        raise BadInput(f"value: expected 'zero', 'mean' or 'reach', found {value!r}")

    def insert(b: Builder, w: int, inputs: dict[int, int]) -> int:
        other = _copy_prefix(net, at, b, inputs[1])
        if not joint:
            other = b.free(other, f"{net.names[at]}.free")
        dropped: Floats = 1.0 - scale
        return b.affine([keeping(w), Term(other, Scale(dropped, dropped))], name=name)

    _check_clean(net, at)
    how = "jointly" if joint else "each coordinate by itself"
    return splice(net, at, insert, f"{did}, any value they reach", [*notes, f"values move {how}"], second_input=True)


def _choose(
    net: Network,
    at: int,
    group: Units,
    units: Sequence[int] | None,
    fraction: float | None,
    data: ArrayLike | None,
) -> NDArray[np.intp]:
    """The unit numbers, sorted and distinct."""
    if (units is None) == (fraction is None):
        raise BadInput("ablate: expected either units or a fraction")
    if units is None:
        count = share(check_fraction(fraction, "fraction"), group.count)
        size = np.abs(values_at(net, at, data)).mean(axis=0).reshape(group.count, -1).mean(axis=1)
        return np.sort(np.argsort(size, kind="stable")[:count])
    asked = np.asarray(units)
    if asked.size == 0:
        return np.zeros(0, dtype=np.intp)
    if asked.ndim != 1 or asked.dtype.kind not in "iu" or asked.min() < 0 or asked.max() >= group.count:
        raise BadInput(f"units: expected numbers from 0 to {group.count - 1} ({group.word}), found {units!r}")
    return np.unique(asked).astype(np.intp)


def _ancestors(net: Network, at: int) -> list[int]:
    """The node and all it depends on, in graph order."""
    needed = {at}
    for i in range(at, -1, -1):
        if i in needed:
            needed.update(net.nodes[i].sources)
    return sorted(needed)


def _check_clean(net: Network, at: int) -> None:
    """Reject a layer that reads x': "what it reaches" would depend on what was put in before it."""
    before = [net.nodes[i] for i in _ancestors(net, at)]
    if any(isinstance(n, Free) or (isinstance(n, Input) and n.role) for n in before):
        raise BadInput(f"layer {net.names[at]}: expected one before all replaced values; ablate the later layer first")


def _copy_prefix(net: Network, at: int, b: Builder, second: int) -> int:
    """The node evaluated at x': a copy of everything it depends on."""
    now: dict[int, int] = {}
    for i in _ancestors(net, at):
        node = net.nodes[i]
        now[i] = second if isinstance(node, Input) else b.add(renumber(node, now), f"{net.names[i]}'")
    return now[at]


COARSENING = Coarsening(
    "ablate",
    ablate,
    "replace units of a layer by zero, their mean, or any value they can reach",
    examples=lambda net: [
        {"layer": 0, "units": [0, 2]},
        {"layer": 0, "fraction": 0.5, "value": "mean", "data": sample_data(net)},
        {"layer": 0, "units": [1], "value": "reach"},
        {"layer": 0, "units": [1, 2], "value": "reach", "joint": False},
    ],
    neutral=lambda net: [
        {"layer": 0, "units": []},
        {"layer": -1, "fraction": 0, "value": "mean", "data": sample_data(net)},
        {"layer": -1, "units": [], "value": "reach"},
        {"layer": 0, "units": [], "value": "reach", "joint": False},
    ],
    refused=lambda net: [
        {"layer": 0},
        {"layer": 0, "units": [0], "fraction": 0.5},
        {"layer": 0, "units": [10**6]},
        {"layer": 0, "units": [-1]},
        {"layer": 0, "units": [0.5]},
        {"layer": 99, "units": [0]},
        {"layer": "no such layer", "units": [0]},
        {"layer": 0, "units": [0], "value": "median"},
        {"layer": 0, "units": [0], "value": "mean"},
        {"layer": 0, "units": [0], "value": "mean", "data": np.full((2, net.n_in), np.nan)},
        {"layer": 0, "fraction": -0.1},
    ],
)
