"""*invariant*: a polynomial inequality holds along every run of a discrete system, however long.

    Q(y, s), I(y, s) imply h_j(y, s) >= 0
    Q(y, s), Q(y, s'), R(y, s, s'), all h(y, s) >= 0 imply h_j(y, s') >= 0
    Q(y, s), all h(y, s) >= 0 imply p(y, s) >= 0
    -------------------------------------------------------------------------------------------------  invariant
    p(y, s_T) >= 0 for every y and s_0 .. s_T with Q(y, s_t), I(y, s_0) and R(y, s_t, s_(t+1)) for all t, for all T

Q, I, R: polynomials that are >= 0 and, the last of each, = 0. Each implication is shown as in *polynomial*.
Evidence: item 0: how many invariants, then their matrices, exponents and coefficients; then the proofs: of the start
for all j, of the step for all j, of the conclusion. Premises in the order shown.
Rejects with: exponent, hint, identity, item, negative-multiplier, not-positive, not-symmetric, shape.
Spec: statements.md#invariant. Proof: invariant_correct.
"""

from __future__ import annotations

from certify.kernel.polynomials import follows, polynomial, polynomials
from certify.kernel.verdict import require

# Pairs of matrices for p (y, s), those of Q (y, s), I (y, s), R (y, s, s'), in this order; how many, and how many of
# them, the last, are equalities.
SIGNATURE = (
    ("parameters", "count"),
    ("state", "count"),
    ("shared", "count"),
    ("shared-equalities", "count"),
    ("initial", "count"),
    ("initial-equalities", "count"),
    ("relation-equalities", "count"),
    ("points", "matrices"),
    ("relation", "matrices"),
)


def check(s, e) -> None:
    m, k = s["parameters"], s["state"]
    n = m + k
    goal, *points = polynomials(s["points"], n)
    first = s["shared"]
    require(len(points) == first + s["initial"], "shape", "claim", f"{len(points)} conditions on a point")
    shared, shared_zero = _halves(points[:first], s["shared-equalities"])
    initial, initial_zero = _halves(points[first:], s["initial-equalities"])
    relation, relation_zero = _halves(polynomials(s["relation"], n + k), s["relation-equalities"])
    count, *words = e.items[0] if e.items and e.items[0] else [-1]
    require(len(words) == 2 * count, "item", "proof", "item 0 is no list of invariants")
    pairs = zip(words[::2], words[1::2], strict=True)
    kept, at = [polynomial(e.matrix(i), e.matrix(j), n, "proof") for i, j in pairs], 1

    def now(found):
        return [f.moved(range(n), n + k) for f in found]

    def then(found):
        return [f.moved([*range(m), *range(n, n + k)], n + k) for f in found]

    for h in kept:
        at = follows(e, at, n, h, shared + initial, shared_zero + initial_zero)
    known = now(shared) + then(shared) + relation + now(kept)
    zero = now(shared_zero) + then(shared_zero) + relation_zero
    for h in then(kept):
        at = follows(e, at, n + k, h, known, zero)
    follows(e, at, n, goal, shared + kept, shared_zero)


def _halves(found, equalities):
    """Inequalities and equalities."""
    first = len(found) - equalities
    require(first >= 0, "shape", "claim", f"{equalities} equalities among {len(found)} conditions")
    return found[:first], found[first:]
