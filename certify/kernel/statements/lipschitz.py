"""*lipschitz*: how far a network whose hidden neurons have slopes within given intervals can amplify a difference.

    p_i = h_i - alpha_i z_i     q_i = beta_i z_i - h_i     z_k = W_k h_(k-1)     t_i >= 0     X_0 = L^2 I, L > 0
    V_(k-1)(h_(k-1)) - V_k(h_k) - 2 sum_(i in layer k) t_i p_i q_i >= 0 for k = 1 .. K - 1  (rule psd)
    with V_k(h) = h' X_k h, X_(K-1) = W_K' W_K
    --------------------------------------------------------------------------------------------------  lipschitz
    |f(x) - f(y)|^2 <= L^2 |x - y|^2 for all x, y,   f = W_K o phi o ... o phi o W_1 with any biases and any elementwise
    phi that has (phi(s) - phi(t) - alpha (s - t)) (beta (s - t) - (phi(s) - phi(t))) >= 0 for all s, t

The steps add up to LipSDP (Fazlyab et al. 2019, Theorem 2) with diagonal multipliers; coupled ones are unsound (Pauli
et al. 2021). The matrix of that form is block tridiagonal: storage functions V_k between the layers lose nothing, and
what is checked has the size of two layers. Where t alpha beta = 0 throughout layer 1, h_0 is eliminated, since
L^2 |h_0|^2 - 2 h' S W h_0 is least at h_0 = W' S h / L^2, S = diag(t (alpha + beta)).
Evidence: matrix 0 the multipliers t (one row), 1 .. K - 2 the X_k, then shifts and factor for each step in turn.
Rejects with: hint, shape, limit-not-positive, negative-multiplier, not-symmetric, not-positive.
Spec: statements.md#lipschitz. Proof: lipschitz_correct.
"""

from __future__ import annotations

from itertools import pairwise

from certify.kernel.exact import Matrix, above, beside, diagonal, identity, same_shape
from certify.kernel.verdict import require

# layers: W_1 .. W_K, K >= 2. slopes: alpha and beta of each hidden neuron, layer by layer (H, 2). limit: L.
SIGNATURE = (("layers", "matrices"), ("slopes", "matrix"), ("limit", "rational"))


def check(s, e) -> None:
    gain(s["layers"], s["slopes"], s["limit"], e)


def chained(layers) -> None:
    """Reject unless W_(k+1) W_k are products, two of them at least."""
    require(len(layers) >= 2, "shape", "claim", "a network of this kind has a hidden layer")
    for w, after in pairwise(layers):
        require(after.shape[1] == w.shape[0], "shape", "claim", f"{after.shape[1]} columns after {w.shape[0]} rows")


def gain(layers, slopes, limit, e) -> None:
    """Reject unless the evidence shows that differences grow by ``limit`` at most."""
    chained(layers)
    require(limit > 0, "limit-not-positive", "claim", "a limit is above zero")
    a, steps = slopes.a, len(layers) - 1
    hidden = sum(w.shape[0] for w in layers[:-1])
    same_shape(slopes, hidden, 2, "the slopes")
    weights = e.matrix(0)
    same_shape(weights, 1, hidden, "the multipliers", "proof")
    require(weights.n.smallest() >= 0, "negative-multiplier", "proof", "a multiplier is not negative")
    low, high = (Matrix(a, slopes.n.transpose().rows(i, i + 1), slopes.den) for i in (0, 1))
    square = (limit.numerator**2, limit.denominator**2)
    before, start = None, 0
    for k, w in enumerate(layers[:-1], 1):
        rows, columns = w.shape
        own = range(start, start + rows)
        t, alpha, beta = (Matrix(a, m.n.columns(own), m.den) for m in (weights, low, high))
        after = e.matrix(k) if k < steps else layers[-1].T @ layers[-1]
        same_shape(after, rows, rows, f"storage {k}", "proof")
        product = t.each(alpha).each(beta).times(2)
        slope = t.each(alpha + beta)
        rest = diagonal(t).times(2) - after
        if before is None and not a.any_true(product.n.differs(0)):
            form = rest.times(*square) - (w @ w.T).each(slope).T.each(slope)
        else:
            turned = w.T
            start_form = identity(a, columns).times(*square) if before is None else before
            upper = start_form + turned.each(product) @ w
            side = -turned.each(slope)
            form = above(beside(upper, side), beside(side.T, rest))
        e.positive(form, steps + 2 * (k - 1), f"the step over layer {k}")
        before, start = after, start + rows
