"""Which node of a fine network corresponds to which node of a coarse one.

A correspondence is a tuple of ``Pair(fine, coarse, sigma)``: the provers may form d = u - S w with
(S w)_i = w[sigma_i]. Pairs are advice, not assumptions: any pairing of nodes is sound, a good one makes small
differences. Only affine and relu nodes are paired; inputs are one and the same vector, and a free node of f
and one of g are different choices.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from certify.networks.graph import Affine, Network, Node, Pair, Relu


def paired_kind(node: Node) -> bool:
    """True for the nodes a correspondence may speak of."""
    return isinstance(node, Affine | Relu)


def by_position(net: Network) -> tuple[Pair, ...]:
    """Every affine and relu node with the node at the same place: for coarsenings that keep the graph."""
    return tuple(Pair(i, i) for i, n in enumerate(net.nodes) if paired_kind(n))


def compose(first: Iterable[Pair], second: Iterable[Pair]) -> tuple[Pair, ...]:
    """Pairs f ~ h from pairs f ~ g and g ~ h: u ~ w[s] and w ~ v[t] give u ~ v[t[s]]; -1 stays -1."""
    onward: dict[int, list[Pair]] = {}
    for p in second:
        onward.setdefault(p.fine, []).append(p)
    out: dict[tuple[int, int], Pair] = {}
    for p in first:
        for q in onward.get(p.coarse, ()):
            if p.sigma is None or q.sigma is None:
                sigma = q.sigma if p.sigma is None else p.sigma
            else:
                sigma = np.where(p.sigma >= 0, q.sigma[p.sigma], -1).astype(np.int32)
            out.setdefault((p.fine, q.coarse), Pair(p.fine, q.coarse, sigma))
    return tuple(out.values())


def align(f: Network, g: Network) -> tuple[Pair, ...]:
    """The correspondence of g to f: the remembered one if g was made from f, else one found by structure.

    By structure: node for node where both graphs have the same kinds and sizes in the same order; otherwise a
    longest common subsequence of (kind, size) among affine and relu nodes. Relus come with their sources, and
    the outputs are paired whenever their sizes agree.
    """
    if g.origin and g.origin == f.digest:
        return g.correspondence
    shapes_f, shapes_g = ([(type(n), n.size) for n in net.nodes] for net in (f, g))
    if shapes_f == shapes_g and f.output == g.output:
        return by_position(f)
    return _by_sequence(f, g)


def _by_sequence(f: Network, g: Network) -> tuple[Pair, ...]:
    """Structural pairs of two graphs of different shape."""
    fine = [i for i, n in enumerate(f.nodes) if paired_kind(n)]
    coarse = [i for i, n in enumerate(g.nodes) if paired_kind(n)]
    keys_f = [(type(f.nodes[i]), f.nodes[i].size) for i in fine]
    keys_g = [(type(g.nodes[i]), g.nodes[i].size) for i in coarse]
    found = [(fine[i], coarse[j]) for i, j in _common(keys_f, keys_g)]
    pairs: dict[tuple[int, int], Pair] = {}
    for i, j in found:
        u, w = f.nodes[i], g.nodes[j]
        if isinstance(u, Relu) and isinstance(w, Relu):
            # The difference of two relus is formed from that of their sources, so that pair must exist.
            if not (paired_kind(f.nodes[u.source]) and paired_kind(g.nodes[w.source])):
                continue
            pairs.setdefault((u.source, w.source), Pair(u.source, w.source))
        pairs.setdefault((i, j), Pair(i, j))
    ends = f.nodes[f.output], g.nodes[g.output]
    if ends[0].size == ends[1].size and all(paired_kind(n) for n in ends):
        pairs.setdefault((f.output, g.output), Pair(f.output, g.output))
    return tuple(pairs[k] for k in sorted(pairs))


def _common(a: Sequence[object], b: Sequence[object]) -> list[tuple[int, int]]:
    """Positions of a longest common subsequence, matched from the end: late layers count most."""
    best = np.zeros((len(a) + 1, len(b) + 1), dtype=np.int32)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            best[i + 1, j + 1] = best[i, j] + 1 if x == y else max(best[i, j + 1], best[i + 1, j])
    out = []
    i, j = len(a), len(b)
    while i and j:
        if a[i - 1] == b[j - 1]:
            i, j = i - 1, j - 1
            out.append((i, j))
        elif best[i - 1, j] >= best[i, j - 1]:
            i -= 1
        else:
            j -= 1
    return out[::-1]
