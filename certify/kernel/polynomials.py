"""Polynomials with exact coefficients, and proofs that one is not negative where others are not. Never searches.

    t = sum_k s_k prod_(i in S_k) g_i + sum_j q_j h_j      s_k = z_k' G_k z_k, G_k >= 0 (rule psd)
    ----------------------------------------------------------------------------------------------  leaf
    p >= 0 wherever all g_i >= 0 and all h_j = 0      t: one of p, -1, -p^2, -p^4 ..

    p >= 0 where also r >= 0      p >= 0 where also -r >= 0
    --------------------------------------------------------  split
    p >= 0

With a split on p and W without limit this is complete (Stengle 1974, the Positivstellensatz). Identities hold
coefficient by coefficient. Items of a proof, from the root, the first side of a split first:

    1 E C              split on r = C x^E
    2 E B G K I...     a term of the leaf: G >= 0 by matrices K, K + 1, over z = B x^E, times premises I
    3 J E C            a term of the leaf: C x^E times equality J
    0 W                end of the leaf; what was added up is p (W = 0), or -p^(2 W - 2): no such x, or p = 0 there

B = -1: z is the monomials x^E themselves. K = -1: G is a row of weights >= 0, a diagonal. Matrices E hold exponents, a
row for each term. Premises: those of the statement, then those of the splits.
Spec: statements.md#polynomials. Proof: proved_correct (proofs/polynomials.v).
"""

from __future__ import annotations

from math import lcm
from operator import add

from certify.kernel.exact import diagonal, same_shape
from certify.kernel.limits import DEPTH, TERMS
from certify.kernel.verdict import limit, require

# The largest W of a leaf.
ENDS = 5


class Polynomial:
    """sum_e c_e x^e / den: a dict from tuples of exponents to integers, none of them zero."""

    __slots__ = ("den", "terms")

    def __init__(self, terms, den=1):
        self.terms, self.den = {e: c for e, c in terms.items() if c}, den

    def __add__(self, other):
        den = lcm(self.den, other.den)
        terms = {e: c * (den // self.den) for e, c in self.terms.items()}
        for e, c in other.terms.items():
            terms[e] = terms.get(e, 0) + c * (den // other.den)
        return Polynomial(terms, den)

    def __neg__(self):
        return Polynomial({e: -c for e, c in self.terms.items()}, self.den)

    def __mul__(self, other):
        limit(len(self.terms) * len(other.terms), TERMS, "proof", "terms of a product")
        terms: dict[tuple[int, ...], int] = {}
        for e, c in self.terms.items():
            for f, d in other.terms.items():
                both = tuple(map(add, e, f))
                terms[both] = terms.get(both, 0) + c * d
        return Polynomial(terms, self.den * other.den)

    def moved(self, places, n):
        """The same polynomial of n variables: variable j becomes variable places[j]."""
        return Polynomial({tuple(_spread(e, places, n)): c for e, c in self.terms.items()}, self.den)


def _spread(exponents, places, n):
    out = [0] * n
    for j, k in zip(places, exponents, strict=True):
        out[j] = k
    return out


def exponents(m, n, place):
    """The rows of a matrix of natural numbers (terms, n) as tuples."""
    require(m.shape[1] == n, "shape", place, f"exponents of {m.shape[1]} variables, expected {n}")
    whole = m.n // m.den
    natural = whole.smallest() >= 0 and not m.a.any_true((whole * m.den).differs(m.n))
    require(natural, "exponent", place, "exponents are natural numbers")
    flat = whole.tolist()
    return [tuple(flat[i : i + n]) for i in range(0, len(flat), n)]


def polynomial(powers, coefficients, n, place):
    """A polynomial of n variables from exponents (terms, n) and coefficients (1, terms)."""
    keys = exponents(powers, n, place)
    terms: dict[tuple[int, ...], int] = {}
    same_shape(coefficients, 1, len(keys), "the coefficients", place)
    for e, c in zip(keys, coefficients.n.tolist(), strict=True):
        terms[e] = terms.get(e, 0) + c
    return Polynomial(terms, coefficients.den)


def polynomials(matrices, n):
    """Those of a statement: its matrices are exponents and coefficients in turn."""
    require(len(matrices) % 2 == 0, "shape", "claim", "exponents and coefficients come in pairs")
    return [polynomial(e, c, n, "claim") for e, c in zip(matrices[::2], matrices[1::2], strict=True)]


def follows(e, at, n, goal, premises, equalities):
    """Reject unless the items from number ``at`` prove the goal; returns the number of the item after them."""
    todo, total = [premises], Polynomial({})
    while todo:
        require(at < len(e.items) and len(e.items[at]) >= 2, "item", "proof", f"no item {at} to go on with")
        code, *words = e.items[at]
        count = {0: 1, 1: 2, 2: max(4, len(words)), 3: 3}.get(code)
        require(count == len(words), "item", "proof", f"item {at} is of no kind")
        at += 1
        if code == 0:
            require(0 <= words[0] <= ENDS, "item", "proof", f"a leaf ends with 0 to {ENDS}")
            aim = goal if words[0] == 0 else Polynomial({(0,) * n: -1})
            for _ in range(words[0] - 1):
                aim = aim * goal * goal
            require(not (aim + -total).terms, "identity", "proof", "what was added up is not what was to be shown")
            todo.pop()
            total = Polynomial({})
        elif code == 1:
            known, r = todo.pop(), polynomial(e.matrix(words[0]), e.matrix(words[1]), n, "proof")
            limit(len(known) + 1 - len(premises), DEPTH, "proof", "depth of splits")
            todo += [[*known, -r], [*known, r]]
        elif code == 2:
            term = _square(e, n, *words[:4])
            for k in words[4:]:
                require(0 <= k < len(todo[-1]), "item", "proof", f"premise {k} of {len(todo[-1])}")
                term = term * todo[-1][k]
            total = total + term
        else:
            require(0 <= words[0] < len(equalities), "item", "proof", f"equality {words[0]} of {len(equalities)}")
            q = polynomial(e.matrix(words[1]), e.matrix(words[2]), n, "proof")
            total = total + q * equalities[words[0]]
    return at


def _square(e, n, powers, basis, gram, hint):
    """z' G z, which is nowhere negative."""
    keys, g = exponents(e.matrix(powers), n, "proof"), e.matrix(gram)
    limit(max(len(keys), *g.shape) ** 2, TERMS, "proof", "entries of a form")
    if hint == -1:
        same_shape(g, 1, g.shape[1], "the weights", "proof")
        require(g.n.smallest() >= 0, "negative-multiplier", "proof", "a weight is not negative")
        g = diagonal(g)
    else:
        e.positive(g, hint, "a form of the proof")
    if basis != -1:
        b = e.matrix(basis)
        same_shape(b, g.shape[0], len(keys), "the polynomials of a form", "proof")
        g = b.T @ g @ b
    same_shape(g, len(keys), len(keys), "a form", "proof")
    terms: dict[tuple[int, ...], int] = {}
    entries = iter(g.n.tolist())
    for row in keys:
        for column in keys:
            both, c = tuple(map(add, row, column)), next(entries)
            terms[both] = terms.get(both, 0) + c
    return Polynomial(terms, g.den)
