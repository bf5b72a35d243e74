"""Read a claim and its networks back from a bundle's text: the independent judge of damaged certificates.

Trusting and short: it assumes that the kernel has accepted the files, so it checks nothing.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from bundles import Case, Region

from certify.networks.graph import Affine, Free, Input, Network, Relu, Term
from certify.networks.maps import Conv, Dense, Identity, Scale, Select


def _tensors(words, files):
    kinds = {"f2": "<f2", "f4": "<f4", "f8": "<f8", "i4": "<i4", "i8": "<i8"}
    return [np.frombuffer(files[f"blobs/{w[3]}"], dtype=kinds[w[1]]) for w in words if w[0] == "tensor"]


def _words(data: bytes):
    return [line.split(" ") for line in data.decode("ascii").split("\n")[:-1]]


def read_network(files, digest: str) -> Network:
    """A network file as a graph."""
    words = _words(files[f"networks/{digest}"])
    tensors, nodes, output = _tensors(words, files), [], 0
    for i, w in enumerate(words):
        if w[0] == "input":
            nodes.append(Input(int(w[1]), int(w[2])))
        elif w[0] == "relu":
            nodes.append(Relu(int(w[1]), int(w[2])))
        elif w[0] == "free":
            nodes.append(Free(int(w[1]), int(w[2])))
        elif w[0] == "affine":
            size, count, bias, repeat = map(int, w[1:])
            terms = []
            for t in words[i + 1 : i + 1 + count]:
                source, num, den = map(int, t[1:4])
                numbers = list(map(int, t[5:]))
                terms.append(Term(source, _map(t[4], numbers, tensors, nodes[source].size), num, den))
            nodes.append(Affine(size, tuple(terms), None if bias == -1 else tensors[bias], repeat))
        elif w[0] == "output":
            output = int(w[1])
    n = next(node.size for node in nodes if isinstance(node, Input))
    return Network(tuple(nodes), output, (n,), (nodes[output].size,), ("",) * len(nodes))


def _map(kind, v, tensors, n_in):
    if kind == "identity":
        return Identity(n_in)
    if kind == "dense":
        return Dense(tensors[v[0]].reshape(-1, n_in))
    if kind == "select":
        return Select(tensors[v[0]], v[1])
    if kind == "scale":
        return Scale(tensors[v[0]], tensors[v[1]], v[2])
    t, groups, c_in, c_out, d = v[:5]
    rest = v[5:]
    spatial, kernel, strides = rest[:d], rest[d : 2 * d], rest[2 * d : 3 * d]
    pads, dilations = rest[3 * d : 5 * d], rest[5 * d :]
    weight = tensors[t].reshape(c_out, c_in // groups, *kernel)
    return Conv(weight, tuple(spatial), tuple(strides), tuple(pads), tuple(dilations), groups)


def read_case(files) -> Case:
    """The claim of an accepted bundle, without what pairs or proves it."""
    words = _words(files["claim"])
    tensors = _tensors(words, files)
    lines = {w[0]: w[1:] for w in words}
    f = read_network(files, lines["f"][0])
    g = None if lines["g"] == ["zero"] else read_network(files, lines["g"][0])
    d, within = lines["domain"], None
    if "within" in lines:
        a, b, c, e = map(int, lines["within"])
        within = Fraction(a, b), Fraction(c, e)
    if "within-arrays" in lines:
        within = tuple(tensors[int(i)] for i in lines["within-arrays"])
    if d[0] == "box":
        region = Region("box", tuple(tensors[int(i)] for i in d[1:]), within=within)
    elif d[0] == "points":
        region = Region("points", (tensors[int(d[1])].reshape(int(d[2]), -1),), within=within)
    else:
        centres = tensors[int(d[2])].reshape(int(d[3]), -1)
        region = Region("ball", (centres,), d[1], Fraction(int(d[4]), int(d[5])), within)
    q = lines["quantity"]
    if q[0] in ("value",):
        quantity = "value", q[1], int(q[2])
    elif q[0] == "output":
        quantity = "output", int(q[1])
    elif q[0] == "least":
        other = int(q[2])
        quantity = "least", tensors[int(q[1])], tensors[other] if other >= 0 else other, *map(int, q[3:])
    else:
        quantity = q[0], tensors[int(q[1])]
    relation = "at-most" if "at-most" in lines else "below"
    num, den = map(int, lines[relation])
    return Case(f, g, region, quantity, (), Fraction(num, den), relation)
