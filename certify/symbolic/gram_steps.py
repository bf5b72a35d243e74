"""The proof behind multipliers, to be read: vectors, conditions, and the identity with its squares.

Numbers are shown to six digits; the certificate has them exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from certify.symbolic.expressions import Norm
from certify.symbolic.goals import Goal
from certify.symbolic.latex import form, name, norm, vector
from certify.symbolic.quadratics import Problem, Quadratic

# More terms than that are not written out.
MOST = 12


def steps(p: Problem, goal: Goal, weights: Sequence[Fraction], limit: Fraction) -> list[tuple[str, str]]:
    """Pairs (LaTeX, reason)."""
    out = [(rf"u_{{{i + 1}}} &= {vector(v)}", "definition") for i, v in enumerate(p.basis)]
    for k, q in enumerate(p.premises):
        out.append((rf"q_{{{k + 1}}} = {_written(p, q)} &\ge 0", q.said))
    what = norm(goal.of.vector) + "^2" if isinstance(goal.of, Norm) else rf"\bigl({form(goal.of)}\bigr)"
    parts = [rf"{_digits(w)}\,q_{{{k + 1}}}" for k, w in enumerate(weights) if w]
    squares = _squares(p, weights)
    parts += squares if len(squares) <= MOST else [r"\text{squares}"]
    total = " + ".join(parts) or "0"
    out.append((rf"{_digits(limit, 9)} - {what} &= {total} \ge 0", "identity; exact in the certificate"))
    return out


def _digits(v: Fraction, count: int = 6) -> str:
    return f"{float(v):.{count}g}"


def _signed(c: Fraction, what: str) -> str:
    size = "" if abs(c) == 1 and what else _digits(abs(c)) + (r"\," if what else "")
    return ("- " if c < 0 else "+ ") + size + what


def _written(p: Problem, q: Quadratic) -> str:
    """A condition in the vectors u."""
    parts = []
    for (i, j), c in q.products.items():
        one, two = rf"u_{{{i + 1}}}", rf"u_{{{j + 1}}}"
        parts.append(_signed(c, rf"\|{one}\|^2" if i == j else rf"\langle {one}, {two} \rangle"))
    parts += [_signed(c, f"{name(p.values[k][0])}({vector(p.values[k][1])})") for k, c in q.values.items()]
    if q.constant:
        parts.append(_signed(q.constant, ""))
    if len(parts) > MOST:
        return r"\cdots"
    return " ".join(parts).removeprefix("+ ") or "0"


def _squares(p: Problem, weights: Sequence[Fraction]) -> list[str]:
    """The rest, minus goal minus weighted conditions, as d_i |u_i + ...|^2, by elimination in rationals."""
    n = len(p.basis)
    rest = [[Fraction(0)] * n for _ in range(n)]
    for w, q in [(Fraction(1), p.goal), *zip(weights, p.premises, strict=True)]:
        for (i, j), c in q.products.items():
            rest[i][j] -= w * c / 2
            rest[j][i] -= w * c / 2
    out = []
    for k in range(n):
        d = rest[k][k]
        if d <= 0:
            continue
        row = [v / d for v in rest[k]]
        terms = [_signed(row[j], rf"u_{{{j + 1}}}") for j in range(k, n) if row[j]]
        out.append(rf"{_digits(d)}\,\|{' '.join(terms).removeprefix('+ ')}\|^2")
        for i in range(k + 1, n):
            c = rest[i][k]
            rest[i] = [a - c * b for a, b in zip(rest[i], row, strict=True)]
    return out
