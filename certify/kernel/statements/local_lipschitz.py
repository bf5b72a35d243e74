"""*local-lipschitz*: how far a relu network can amplify a difference of two inputs in a box.

    lo <= x <= hi gives by intervals    lo_k <= z_k <= hi_k    W+ lo + W- hi + b    and    W+ hi + W- lo + b
    lipschitz with the slopes 1-1 where lo_k >= 0, 0-0 where hi_k <= 0, 0-1 elsewhere
    ---------------------------------------------------------------------------------------  local-lipschitz
    |f(x) - f(y)|^2 <= L^2 |x - y|^2 for all x, y in the box,   f = W_K relu(.. relu(W_1 x + b_1) ..) + b_K

Evidence: that of lipschitz.
Rejects with: hint, shape, empty-domain, limit-not-positive, negative-multiplier, not-symmetric, not-positive.
Spec: statements.md#local-lipschitz. Proof: local_lipschitz_correct.
"""

from __future__ import annotations

from certify.kernel.exact import Matrix, above, beside, same_shape
from certify.kernel.statements.lipschitz import chained, gain
from certify.kernel.verdict import require

# layers: W_1 .. W_K; biases: b_1 .. b_K, one column each. low, high: the box, one column each. limit: L.
SIGNATURE = (
    ("layers", "matrices"),
    ("biases", "matrices"),
    ("low", "matrix"),
    ("high", "matrix"),
    ("limit", "rational"),
)


def check(s, e) -> None:
    layers = s["layers"]
    gain(layers, slopes(layers, s["biases"], s["low"], s["high"]), s["limit"], e)


def slopes(layers, biases, low, high) -> Matrix:
    """alpha and beta of each hidden neuron (H, 2) on the box."""
    chained(layers)
    require(len(biases) == len(layers), "shape", "claim", f"{len(biases)} biases of {len(layers)} layers")
    for w, b in zip(layers, biases, strict=True):
        same_shape(b, w.shape[0], 1, "a bias")
    a, parts = low.a, []
    for end in (low, high):
        same_shape(end, layers[0].shape[1], 1, "a limit of the box")
    require((high - low).n.smallest() >= 0, "empty-domain", "claim", "a box ends before it begins")
    for w, b in zip(layers[:-1], biases[:-1], strict=True):
        up, down = Matrix(a, w.n.positive_part(), w.den), Matrix(a, w.n.negative_part(), w.den)
        low, high = up @ low + down @ high + b, up @ high + down @ low + b
        parts.append(beside(Matrix(a, a.where(low.n >= 0, 1, 0), 1), Matrix(a, a.where(high.n > 0, 1, 0), 1)))
        low, high = Matrix(a, low.n.positive_part(), low.den), Matrix(a, high.n.positive_part(), high.den)
    return above(*parts)
