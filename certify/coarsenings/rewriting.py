"""Make a coarse network from a fine one: change weights in place, or splice nodes in behind a layer.

These are the two moves that most coarsenings are made of, together with the book-keeping all of them share:
provenance, notes, and the correspondence to the *first* fine network when coarsenings are chained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from certify.coarsenings.correspondence import by_position, compose, paired_kind
from certify.coarsenings.layers import Weight
from certify.networks.builder import Builder, renumber
from certify.networks.graph import Affine, Input, Network, Node, Pair, Term
from certify.networks.maps import LinearMap


def derive(
    net: Network,
    nodes: Sequence[Node],
    names: Sequence[str],
    output: int,
    pairs: tuple[Pair, ...],
    did: str,
    notes: Sequence[str] = (),
) -> Network:
    """The coarse network of these nodes; a coarsening of a coarsening is related to the first fine one."""
    chained = bool(net.origin)
    return net.with_(
        nodes=tuple(nodes),
        names=tuple(names),
        output=output,
        source=f"{net.source or 'network'} | {did}",
        notes=(*net.notes, did, *notes),
        correspondence=compose(net.correspondence, pairs) if chained else pairs,
        origin=net.origin if chained else net.digest,
    )


def reweight(net: Network, new: Mapping[tuple[int, int], LinearMap], did: str, notes: Sequence[str] = ()) -> Network:
    """The same graph with other maps at some (node, term)."""
    nodes: list[Node] = list(net.nodes)
    for i, node in enumerate(net.nodes):
        if isinstance(node, Affine) and any((i, k) in new for k in range(len(node.terms))):
            terms = (Term(t.source, new.get((i, k), t.map), t.num, t.den) for k, t in enumerate(node.terms))
            nodes[i] = Affine(node.size, tuple(terms), node.bias, node.repeat)
    return derive(net, nodes, net.names, net.output, by_position(net), did, notes)


def reweight_each(
    net: Network,
    layers: Sequence[Weight],
    change: Callable[[Weight], LinearMap],
    did: str,
    notes: Sequence[str] = (),
) -> Network:
    """Change each weight layer by itself; a map that stands at several places is changed once."""
    made: dict[int, LinearMap] = {}
    for w in layers:
        if id(w.map) not in made:
            made[id(w.map)] = change(w)
    return reweight(net, {(w.node, w.term): made[id(w.map)] for w in layers}, did, notes)


def splice(
    net: Network,
    at: int,
    insert: Callable[[Builder, int, dict[int, int]], int],
    did: str,
    notes: Sequence[str] = (),
    *,
    second_input: bool = False,
) -> Network:
    """Copy a network and put new nodes behind node ``at``: whoever read it reads their result instead.

    ``insert(builder, w, inputs)`` gets the copy w of node ``at`` and the inputs by role, and returns the node
    that takes w's place. u is paired with w and with that node: both differences are useful. With
    ``second_input`` the network has an input x', which a role-1 copy of a prefix reads.
    """
    b = Builder()
    now: dict[int, int] = {}
    inputs: dict[int, int] = {}
    # Inputs first: a spliced prefix may need x' before the place where the fine graph introduces it.
    for i, node in enumerate(net.nodes):
        if isinstance(node, Input):
            now[i] = inputs[node.role] = b.add(node, net.names[i])
    if second_input and 1 not in inputs:
        inputs[1] = b.input(net.n_in, 1, "x'")
    pairs = []
    for i, node in enumerate(net.nodes):
        if isinstance(node, Input):
            continue
        now[i] = b.add(renumber(node, now), net.names[i])
        if paired_kind(node):
            pairs.append(Pair(i, now[i]))
        if i == at:
            now[i] = insert(b, now[i], inputs)
            pairs.append(Pair(i, now[i]))
    return derive(net, b.nodes, b.names, now[net.output], tuple(pairs), did, notes)
