"""*super-solution*: a budget that gains and sources cannot pass.

    G >= 0      b >= 0      w >= G w + b      w >= 0
    -------------------------------------------------------------------------------------------  super-solution
    b <= w, and every sequence with x_0 <= w and x_(k+1) <= G x_k + b stays below: x_k <= w for all k

entrywise; so every partial sum of G^j b is at most w. With ``implicit`` 1 also

    v > 0      G v < v
    -----------------------------------------------
    every real vector x with x <= G x + b has x <= w

Evidence: with implicit 1, matrix 0 is v (n, 1); else none.
Rejects with: implicit, negative, not-above, not-contracting, shape. Spec: statements.md#super-solution.
Proof: super_solution_correct.
"""

from __future__ import annotations

from certify.kernel.exact import same_shape, square
from certify.kernel.verdict import require

# gains: G (n, n). sources: b (n, 1). bound: w (n, 1). implicit: 0 or 1.
SIGNATURE = (("gains", "matrix"), ("sources", "matrix"), ("bound", "matrix"), ("implicit", "count"))


def check(s, e) -> None:
    gains, sources, bound, implicit = s["gains"], s["sources"], s["bound"], s["implicit"]
    require(implicit <= 1, "implicit", "claim", f"implicit is {implicit}, expected 0 or 1")
    n = square(gains, "the gains")
    same_shape(sources, n, 1, "the sources")
    same_shape(bound, n, 1, "the bound")
    for m, what in ((gains, "gains"), (sources, "sources"), (bound, "bound")):
        require(m.n.smallest() >= 0, "negative", "claim", f"the {what} are not all >= 0")
    rest = bound - gains @ bound - sources
    require(rest.n.smallest() >= 0, "not-above", "claim", "the bound is not above G w + b")
    if implicit:
        v = e.matrix(0)
        same_shape(v, n, 1, "v", "proof")
        shrinks = v.n.smallest() > 0 and (v - gains @ v).n.smallest() > 0
        require(shrinks, "not-contracting", "proof", "not v > 0 and G v < v")
