"""A proof of a polynomial inequality as text: the identity of each leaf, in the names of the variables."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from certify.symbolic.polynomials.evidence import Gram, Leaf, Multiple, Proof, Split, Squares
from certify.symbolic.polynomials.parse import Problem
from certify.symbolic.polynomials.poly import Poly

# Longer identities are summed up: nobody reads them.
LENGTH = 2_000


def polynomial_text(p: Poly, names: Sequence[str]) -> str:
    """The polynomial in Python's notation, highest terms first."""
    out = ""
    for e, c in sorted(p.terms.items(), key=lambda t: (-sum(t[0]), [-k for k in t[0]])):
        powers = "*".join(v if k == 1 else f"{v}**{k}" for v, k in zip(names, e, strict=True) if k)
        size = abs(c)
        term = powers if size == 1 and powers else f"{size}*{powers}" if powers else str(size)
        out += (" - " if c < 0 else " + ") + term
    return (out[3:] if out.startswith(" + ") else "-" + out[3:]) if out else "0"


def proof_text(proof: Proof, asked: Problem) -> str:
    """One line for each leaf: what is to be shown = the terms that add up to it."""
    return _text(proof, asked, list(asked.inequalities), "")


def _text(proof: Proof, asked: Problem, premises: list[Poly], where: str) -> str:
    if isinstance(proof, Split):
        r = polynomial_text(proof.r, asked.names)
        above = _text(proof.above, asked, [*premises, proof.r], f"{where}where {r} >= 0: ")
        return above + "\n" + _text(proof.below, asked, [*premises, -proof.r], f"{where}where {r} <= 0: ")
    terms = " + ".join(_term(t, asked, premises) for t in proof.terms) or "0"
    aim = polynomial_text(asked.goal, asked.names) if proof.power is None else _power(proof, asked)
    if len(terms) > LENGTH:
        kinds = [type(t) for t in proof.terms]
        squares = len(kinds) - kinds.count(Multiple)
        terms = (
            f"the sum of {squares} sums of squares times premises and {kinds.count(Multiple)} multiples of equalities"
        )
    return f"{where}{aim} = {terms}"


def _power(leaf: Leaf, asked: Problem) -> str:
    return f"-({polynomial_text(asked.goal, asked.names)})**{2 * (leaf.power or 0)}" if leaf.power else "-1"


def _term(t: Squares | Gram | Multiple, asked: Problem, premises: list[Poly]) -> str:
    if isinstance(t, Multiple):
        h = polynomial_text(asked.equalities[t.equality], asked.names)
        return f"({polynomial_text(t.polynomial, asked.names)})*[{h}]"
    times = "".join(f"*[{polynomial_text(premises[k], asked.names)}]" for k in t.premises)
    if isinstance(t, Gram):
        return f"(a positive definite form of {t.matrix.shape[0]} polynomials){times}"
    squares = [_square(w, q, asked.names) for w, q in zip(t.weights, t.polynomials, strict=True)]
    inner = " + ".join(squares)
    if times and inner == "1":
        return times[1:]
    return (f"({inner})" if times and len(squares) > 1 else inner) + times


def _square(w: Fraction, q: Poly, names: Sequence[str]) -> str:
    if q == Poly.constant(q.n, 1):
        return str(w)
    text = f"({polynomial_text(q, names)})**2"
    return text if w == 1 else f"{w}*{text}"
