"""Maxima and minima by max(a, b) = b + relu(a - b), in a balanced tree, one layer of relus for each level.

Entries that do not exist (padding) take no part: where only one of a pair exists it passes through unchanged
and no relu is spent on it. Nothing is added for them, so differences of networks still pair up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from certify.networks.graph import Term
from certify.networks.maps import Identity, LinearMap, Select
from certify.networks.operators._call import Call


def extreme(call: Call, node: int, choices: NDArray[np.int32], sign: int) -> int:
    """For each column of ``choices`` (positions in the node, -1 for none): the max (sign 1) or min (-1).

    Returns a node with one entry for each column. Raises BadInput if a column has no entry.
    """
    if (choices < 0).all(axis=0).any():
        raise call.bad("a window lies wholly in the padding")
    builder, level = call.builder, 0
    while len(choices) > 1:
        level += 1
        name = f"{call.name}.level{level}"
        if len(choices) % 2:
            choices = np.vstack([choices, np.full_like(choices[:1], -1)])
        a, b = choices[0::2].ravel(), choices[1::2].ravel()
        base = np.where(b >= 0, b, a)
        exists = base >= 0
        both = np.flatnonzero((a >= 0) & (b >= 0))
        size, terms = builder.size(node), [Term(node, Select(base.astype(np.int32), builder.size(node)))]
        if both.size:
            # max: b + relu(a - b); min: b - relu(b - a)
            gap = builder.affine(
                [Term(node, Select(a[both], size), sign), Term(node, Select(b[both], size), -sign)],
                name=f"{name}.gap",
            )
            place = np.full(base.size, -1, np.int32)
            place[both] = np.arange(both.size)
            back: LinearMap = Identity(base.size) if both.size == base.size else Select(place, both.size)
            terms.append(Term(builder.relu(gap, f"{name}.relu"), back, sign))
        node = builder.affine(terms, name=name)
        choices = np.where(exists, np.arange(base.size), -1).astype(np.int32).reshape(len(choices) // 2, -1)
    return builder.select(node, choices[0], call.name)
