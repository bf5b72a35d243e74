"""The cases of the benchmark run: pairs of networks, boxes, budgets; and any of these networks as plain layers."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import certify as ct
from certify.domains import Domain
from certify.networks.graph import Affine, Input, Network, Relu
from certify.networks.maps import Floats

DATA = Path(os.environ.get("CERTIFY_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data"))
Layers = list[tuple[Floats, Floats]]


@dataclass(frozen=True)
class Case:
    """sup |f - g| over a box within a budget of seconds, which is also the target's time.

    ratio, upper: the target, upper / witness or the upper itself. threshold: prove that it is at most this instead.
    """

    name: str
    make: Callable[[], tuple[Network, Network, Domain]]
    budget: float
    ratio: float | None = None
    upper: float | None = None
    threshold: str | None = None


def digits(net: str, change: str, radius: str | None) -> Callable[[], tuple[Network, Network, Domain]]:
    def make() -> tuple[Network, Network, Domain]:
        f, g = ct.load(DATA / f"digits/{net}_f.onnx"), ct.load(DATA / f"digits/{net}_{change}.onnx")
        X = np.load(DATA / "digits/points.npz")["X"][:1]
        box = ct.box(np.zeros_like(X), np.ones_like(X)) if radius is None else ct.linf(X, radius) & ct.box(0, 1)
        return f, g, box

    return make


def mnist(k: int) -> tuple[Network, Network, Domain]:
    f = ct.load(DATA / "mnist/mnist-net_256x2.onnx")
    g = ct.prune(f, fraction=0.2) if k == 1 else ct.round_to(f, "float16")
    z = np.load(DATA / f"mnist/prop_{k}_box.npz")
    return f, g, ct.box(z["lo"].reshape(f.input_shape), z["hi"].reshape(f.input_shape))


def acas() -> tuple[Network, Network, Domain]:
    stem = "acasxu/ACASXU_run2a_1_1_batch_2000"
    f, g = ct.load(DATA / f"{stem}.onnx"), ct.load(DATA / f"{stem}_pruned5.onnx")
    lo, hi = np.array([0.6, -0.5, -0.5, 0.45, -0.45]), np.array([0.679857769, 0.5, 0.5, 0.5, -0.45])
    return f, g, ct.box(lo, hi)


CASES = [
    Case("digits S p20 0.05", digits("S", "p20", "0.05"), 1, 1.01),
    Case("digits S p20 0.1", digits("S", "p20", "0.1"), 2, 1.02),
    Case("digits S p20 whole box", digits("S", "p20", None), 60, 1.1),
    Case("digits S svd 0.1", digits("S", "svd", "0.1"), 20, 1.1),
    Case("digits S svd whole box", digits("S", "svd", None), 60, 1.4),
    Case("digits S int8 0.1", digits("S", "int8", "0.1"), 8, 1.05),
    Case("digits S float16 0.1", digits("S", "f16", "0.1"), 8, 1.1),
    Case("digits S merge 0.1", digits("S", "merge", "0.1"), 8),
    Case("digits M p20 0.05", digits("M", "p20", "0.05"), 15, 1.1),
    Case("digits M p20 0.1", digits("M", "p20", "0.1"), 60, 1.2),
    Case("MNIST 256x2 prop_0 float16", lambda: mnist(0), 10, upper=0.0006),
    Case("MNIST 256x2 prop_1 p20", lambda: mnist(1), 60, upper=0.10),
    Case("ACAS Xu 1_1 pruned5, 0.05", acas, 5, threshold="0.05"),
]


def layers(net: Network) -> Layers:
    """A sequential ReLU network as [(W, b), ...]: affine nodes between activations are multiplied out."""
    seen: list[tuple[Floats, Floats]] = []
    out: Layers = []
    for node in net.nodes:
        match node:
            case Input():
                seen.append((np.eye(node.size), np.zeros(node.size)))
            case Relu():
                out.append(seen[node.source])
                seen.append((np.eye(node.size), np.zeros(node.size)))
            case Affine():
                b = np.zeros(node.size) if node.bias is None else np.repeat(node.bias.astype(np.float64), node.repeat)
                n = seen[node.terms[0].source][0].shape[1]
                W = np.zeros((node.size, n))
                for t in node.terms:
                    A, c = seen[t.source]
                    W += t.num / t.den * t.map.apply(np.ascontiguousarray(A.T)).T
                    b = b + t.num / t.den * t.map.apply(c[None])[0]
                seen.append((W, b))
            case _:
                raise ValueError(f"{type(node).__name__} has no place in a plain network")
    return [*out, seen[net.output]]
