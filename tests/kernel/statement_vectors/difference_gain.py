"""Kind *difference-gain*: gains that are met exactly, and by one unit not."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.statements.bundle import certificate
from certify.statements.factor import Factor

Files = dict[str, bytes]

UNIT = Fraction(1, 10**6)


def made(f, g, limit, evidence, slopes=((0.0, 1.0), (0.0, 1.0))) -> Files:
    """One slope interval for all neurons of f, one for those of g."""
    of = {"limit": limit}
    for name, layers, s in (("f", f, slopes[0]), ("g", g, slopes[1])):
        hidden = sum(len(w) for w in layers[:-1]) or 1
        of["layers_" + name] = [np.array(w, dtype="f8") for w in layers]
        of["slopes_" + name] = np.array([s] * hidden)
    return certificate("difference-gain", of, evidence).files


F, G = ([[2.0]], [[3.0]]), ([[1.0]], [[1.0]])


def two(f=F, g=G, limit=Fraction(6), t=(9, 6), **changed) -> Files:
    """3 relu(2 x) - relu(x), each with a bias of its own: between -1 and 6."""
    return made(f, g, limit, [np.array([t], dtype=object), Factor([0, 0], [0, 0, 0])], **changed)


def constant(t=(9, 150), slopes=((0.0, 1.0), (0.0, 0.0))) -> Files:
    """The neuron of g has slope zero: (117, 1029; 1029, 12299) for L = 7."""
    hints = Factor([0, 0], [10, 102, 43])
    return made(F, ([[5.0]], [[7.0]]), Fraction(7), [np.array([t]), hints], slopes)


def deep(limit=Fraction(2), t=(2, 2, 2, 2), last=1.0) -> Files:
    """relu(relu(x)) - relu(relu(x)): X_1 = 2 I and L = 2."""
    layers = [[1.0]], [[1.0]], [[last]]
    first = Factor([0, 0], [2, -2, 0])
    second = Factor([0, 0, 0, 0], [1, 0, 1, -1, 0, 0, 0, -1, 0, 0])
    return made(layers, layers, limit, [np.array([t]), 2 * np.eye(2), first, second])


def accept() -> dict[str, Files]:
    return {
        "difference-gain--exactly-the-gain": two(),
        "difference-gain--the-same-the-other-way": two(G, F, t=(6, 9)),
        "difference-gain--slopes-of-each": constant(),
        "difference-gain--two-hidden-layers": deep(),
    }


def reject() -> dict[str, Files]:
    outputs = ([[1.0]], [[1.0], [1.0]])
    inputs = ([[1.0, 1.0]], [[1.0]])
    return {
        "not-positive--difference-gain-one-unit-below": two(limit=6 - UNIT),
        "not-positive--difference-gain-multipliers-the-other-way": two(t=(6, 9)),
        "not-positive--difference-gain-a-slope-that-is-not-zero": constant(slopes=((0.0, 1.0), (0.0, 1.0))),
        "not-positive--difference-gain-slopes-the-other-way": constant(slopes=((0.0, 0.0), (0.0, 1.0))),
        "not-positive--difference-gain-two-hidden-layers": deep(last=1.0009765625),
        "not-symmetric--difference-gain-storage": made(
            ([[1.0]], [[1.0]], [[1.0]]), ([[1.0]], [[1.0]], [[1.0]]), Fraction(2),
            [np.array([[2, 2, 2, 2]]), np.array([[2, 1], [0, 2]]), Factor([0, 0], [2, -2, 0])],
        ),
        "negative-multiplier--difference-gain": two(t=(9, -UNIT)),
        "limit-not-positive--difference-gain": two(limit=0),
        "shape--difference-gain-depths": two(g=([[1.0]], [[1.0]], [[1.0]])),
        "shape--difference-gain-outputs": two(g=outputs),
        "shape--difference-gain-inputs": two(g=inputs),
        "shape--difference-gain-one-layer": two(f=([[1.0]],), g=([[1.0]],)),
        "shape--difference-gain-layers": two(g=([[1.0]], [[1.0, 1.0]])),
        "shape--difference-gain-multipliers": two(t=(9, 6, 0)),
        "hint--difference-gain-a-factor-of-another-size": made(F, G, 6, [np.array([[9, 6]]), Factor([0], [0])]),
    }  # fmt: skip
