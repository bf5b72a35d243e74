"""*difference-gain*: how far the difference of two networks on one input can amplify a difference of inputs.

    lipschitz for the network with first layer (W_1; V_1), then diag(W_k, V_k), last (W_K, -V_K), limit L
    ----------------------------------------------------------------------------------------------  difference-gain
    |(f - g)(x) - (f - g)(y)|^2 <= L^2 |x - y|^2 for all x, y

for f of layers W and g of layers V, as in lipschitz, with biases and functions of their own.
Evidence: that of lipschitz; the neurons of a layer are those of f, then those of g.
Rejects with: hint, shape, limit-not-positive, negative-multiplier, not-symmetric, not-positive.
Spec: statements.md#difference-gain. Proof: difference_gain_correct.
"""

from __future__ import annotations

from certify.kernel.exact import Matrix, above, beside, same_shape, zeros
from certify.kernel.statements.lipschitz import chained, gain
from certify.kernel.verdict import require

SIGNATURE = (
    ("layers_f", "matrices"),
    ("slopes_f", "matrix"),
    ("layers_g", "matrices"),
    ("slopes_g", "matrix"),
    ("limit", "rational"),
)


def check(s, e) -> None:
    f, g, of_f, of_g = s["layers_f"], s["layers_g"], s["slopes_f"], s["slopes_g"]
    chained(f)
    chained(g)
    require(len(f) == len(g), "shape", "claim", f"{len(f)} layers and {len(g)}")
    ends = (f[0].shape[1] == g[0].shape[1]) and (f[-1].shape[0] == g[-1].shape[0])
    require(ends, "shape", "claim", "two networks with other inputs or outputs")
    for slopes, layers in ((of_f, f), (of_g, g)):
        same_shape(slopes, sum(w.shape[0] for w in layers[:-1]), 2, "the slopes")
    parts, i, j = [], 0, 0
    for w, v in zip(f[:-1], g[:-1], strict=True):
        parts += [_rows(of_f, i, i + w.shape[0]), _rows(of_g, j, j + v.shape[0])]
        i, j = i + w.shape[0], j + v.shape[0]
    inner = [_blocks(w, v) for w, v in zip(f[1:-1], g[1:-1], strict=True)]
    gain([above(f[0], g[0]), *inner, beside(f[-1], -g[-1])], above(*parts), s["limit"], e)


def _rows(m, start, stop):
    return Matrix(m.a, m.n.rows(start, stop), m.den)


def _blocks(w, v):
    """diag(w, v)"""
    right, left = zeros(w.a, w.shape[0], v.shape[1]), zeros(w.a, v.shape[0], w.shape[1])
    return above(beside(w, right), beside(left, v))
