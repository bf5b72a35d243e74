"""*gain*: the output of a linear system is at most gamma times its input, in energy, from rest.

    X >= 0 (rule psd)      the dissipation inequality below (rule psd)
    ----------------------------------------------------------------------------------------------  gain
    discrete: sum over t < T of |y_t|^2 <= gamma^2 sum |u_t|^2; continuous: the integrals, for every input and T

for x+ = A x + B u (discrete) or x' = A x + B u (continuous), y = C x + D u, from x = 0. The inequality, g = gamma^2:
discrete [X - A'XA - C'C, -(A'XB + C'D); ., g I - D'D - B'XB] >= 0; continuous -[A'X + XA + C'C, XB + C'D; ., D'D - g I]
>= 0. Eight matrices are two systems: the output is then the first's less the second's, under one input.
Evidence: matrix 0 is X; shifts and factor for X; shifts and factor for the inequality.
Rejects with: continuous, count, shape, hint, negative-limit, not-symmetric, not-positive. Spec: statements.md#gain.
Proof: gain_correct.
"""

from __future__ import annotations

from certify.kernel.exact import above, beside, identity, same_shape, square, zeros
from certify.kernel.verdict import require

# continuous: 0 or 1. systems: A (n, n), B (n, m), C (p, n), D (p, m), and the same of a second system. limit: gamma.
SIGNATURE = (("continuous", "count"), ("systems", "matrices"), ("limit", "rational"))


def system(parts):
    """A, B, C, D of four matrices whose shapes agree."""
    a, b, c, d = parts
    n, m, p = square(a, "A"), b.shape[1], c.shape[0]
    same_shape(b, n, m, "B")
    same_shape(c, p, n, "C")
    same_shape(d, p, m, "D")
    return a, b, c, d


def check(s, e) -> None:
    parts, gamma = s["systems"], s["limit"]
    require(s["continuous"] in (0, 1), "continuous", "claim", "1 for continuous time, 0 for discrete time")
    require(len(parts) in (4, 8), "count", "claim", f"{len(parts)} matrices; a system has 4, two have 8")
    require(gamma >= 0, "negative-limit", "claim", "a gain is not negative")
    a, b, c, d = system(parts[:4])
    if len(parts) == 8:
        f, g, h, k = system(parts[4:])
        same_shape(k, d.shape[0], d.shape[1], "D of the second system")
        n, r = a.shape[0], f.shape[0]
        a = above(beside(a, zeros(s.a, n, r)), beside(zeros(s.a, r, n), f))
        b, c, d = above(b, g), beside(c, -h), d - k
    x = e.matrix(0)
    same_shape(x, a.shape[0], a.shape[0], "X", "proof")
    e.positive(x, 1, "X")
    if s["continuous"]:
        state, mixed, inputs = a.T @ x + x @ a, x @ b, zeros(s.a, b.shape[1], b.shape[1])
    else:
        state, mixed, inputs = a.T @ x @ a - x, a.T @ x @ b, b.T @ x @ b
    state, mixed, inputs = state + c.T @ c, mixed + c.T @ d, inputs + d.T @ d
    square_of = gamma * gamma
    inputs = inputs - identity(s.a, b.shape[1]).times(square_of.numerator, square_of.denominator)
    e.positive(-above(beside(state, mixed), beside(mixed.T, inputs)), 3, "the dissipation inequality")
