"""The semidefinite program of a certificate: target = sum of squares times premises + multiples of equalities.

Built in the solver's conic form: an equality for each monomial, a triangle for each Gram matrix. Two questions:
*bound*: the largest t with target - t representable; *margin*: the largest m with all Gram matrices at least m, which
is positive where there is room for rounding. Solvers are Clarabel, then SCS; what they report is believed by nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from certify.symbolic.polynomials.basis import plus
from certify.symbolic.polynomials.poly import Exponents, Poly, total

Floats = NDArray[np.float64]
Column = dict[Exponents, Fraction]


@dataclass(frozen=True)
class Block:
    """z' X z times ``factor``, the product of ``premises``; z: the monomials, or polynomials in them."""

    n: int
    monomials: tuple[Exponents, ...]
    premises: tuple[int, ...] = ()
    factor: Poly | None = None
    basis: tuple[Poly, ...] | None = None

    @property
    def size(self) -> int:
        return len(self.monomials) if self.basis is None else len(self.basis)

    @cached_property
    def polynomials(self) -> tuple[Poly, ...]:
        return tuple(Poly.monomial(e) for e in self.monomials) if self.basis is None else self.basis

    def column(self, i: int, j: int) -> Column:
        """What entry (i, j) of X, with (j, i), adds to each coefficient."""
        times = Fraction(1 if i == j else 2)
        if self.basis is None:
            both = plus(self.monomials[i], self.monomials[j])
            if self.factor is None:
                return {both: times}
            return {plus(both, e): times * c for e, c in self.factor.terms.items()}
        found = self.basis[i] * self.basis[j] * times
        return dict((found if self.factor is None else found * self.factor).terms)

    def pairs(self) -> list[tuple[int, int]]:
        """The upper triangle, column by column."""
        return [(i, j) for j in range(self.size) for i in range(j + 1)]


@dataclass(frozen=True)
class Free:
    """A polynomial with these monomials times equality number ``equality``."""

    equality: int
    factor: Poly
    monomials: tuple[Exponents, ...]

    def column(self, k: int) -> Column:
        e = self.monomials[k]
        return {plus(e, f): c for f, c in self.factor.terms.items()}


@dataclass
class Program:
    """Gram blocks and free multiples."""

    n: int
    blocks: list[Block]
    frees: list[Free] = field(default_factory=list)

    @cached_property
    def columns(self) -> list[Column]:
        """One for each entry of each triangle, then one for each free coefficient."""
        out = [b.column(i, j) for b in self.blocks for i, j in b.pairs()]
        return out + [f.column(k) for f in self.frees for k in range(len(f.monomials))]

    @cached_property
    def rows(self) -> dict[Exponents, int]:
        """Numbers of the monomials that the columns reach."""
        out: dict[Exponents, int] = {}
        for c in self.columns:
            for e in c:
                out.setdefault(e, len(out))
        return out

    def reaches(self, target: Poly) -> bool:
        return all(e in self.rows for e in target.terms)

    @property
    def triangle(self) -> int:
        """Entries of all triangles."""
        return sum(b.size * (b.size + 1) // 2 for b in self.blocks)

    @cached_property
    def scaled(self) -> sp.csc_matrix:
        """Rows by columns in floats; the columns of off-diagonal entries by 1 / sqrt 2, as cones have them."""
        root = [1.0 if i == j else 0.5**0.5 for b in self.blocks for i, j in b.pairs()]
        root += [1.0] * (len(self.columns) - len(root))
        data = [(self.rows[e], k, float(v) * root[k]) for k, c in enumerate(self.columns) for e, v in c.items()]
        rows, columns, values = zip(*data, strict=True)
        return sp.csc_matrix((values, (rows, columns)), shape=(len(self.rows), len(self.columns)))

    def split(self, x: Floats) -> tuple[list[Floats], list[Floats]]:
        """Symmetric Gram matrices and free coefficients from a vector in the scaling of cones."""
        grams, frees, at = [], [], 0
        for b in self.blocks:
            g = np.zeros((b.size, b.size))
            for i, j in b.pairs():
                g[i, j] = g[j, i] = x[at] * (1.0 if i == j else 0.5**0.5)
                at += 1
            grams.append(g)
        for f in self.frees:
            frees.append(x[at : at + len(f.monomials)])
            at += len(f.monomials)
        return grams, frees


def consistent(program: Program, kept: set[Exponents]) -> Program:
    """Without monomials whose squares nothing can cancel; ``kept``: the monomials of the target.

    Where a monomial outside the target is reached by diagonal entries only, all with one sign, these entries are zero,
    and their rows with them. For sums of squares alone this ends within half the Newton polytope (Reznick 1978): a
    vertex of what is left has a square of its own.
    """
    while True:
        signs: dict[Exponents, set[int]] = {}
        diagonal: dict[Exponents, list[tuple[int, int]]] = {}
        for k, b in enumerate(program.blocks):
            for i, j in b.pairs():
                for e, c in b.column(i, j).items():
                    signs.setdefault(e, set()).add(0 if i != j else 1 if c > 0 else -1)
                    if i == j:
                        diagonal.setdefault(e, []).append((k, i))
        for f in program.frees:
            for k in range(len(f.monomials)):
                for e in f.column(k):
                    signs.setdefault(e, set()).add(0)
        gone = {at for e, s in signs.items() if e not in kept and s in ({1}, {-1}) for at in diagonal[e]}
        if not gone:
            return program
        blocks = []
        for k, b in enumerate(program.blocks):
            left = tuple(m for i, m in enumerate(b.monomials) if (k, i) not in gone)
            if left:
                blocks.append(Block(b.n, left, b.premises, b.factor))
        program = Program(program.n, blocks, program.frees)


@dataclass(frozen=True)
class Solution:
    """Grams and free coefficients in floats; value: the bound or the margin; moments: the dual, by monomial."""

    value: float
    grams: list[Floats]
    frees: list[Floats]
    moments: dict[Exponents, float]
    solver: str


def expand(program: Program, grams: Sequence[Any], frees: Sequence[Any]) -> Poly:
    """The sum, exactly, for matrices and coefficients of Fractions."""
    parts = []
    for b, g in zip(program.blocks, grams, strict=True):
        inner = total(program.n, (Poly(program.n, b_column) for b_column in _plain(b, g)))
        parts.append(inner if b.factor is None else inner * b.factor)
    for f, q in zip(program.frees, frees, strict=True):
        parts.append(Poly(program.n, dict(zip(f.monomials, q, strict=True))) * f.factor)
    return total(program.n, parts)


def _plain(b: Block, g: Any) -> list[Column]:
    if b.basis is None:
        out: Column = {}
        for i, e in enumerate(b.monomials):
            for j in range(i + 1):
                both = plus(e, b.monomials[j])
                out[both] = out.get(both, Fraction(0)) + g[i][j] * (1 if i == j else 2)
        return [out]
    rows = [total(b.n, (q * g[i][j] for j, q in enumerate(b.basis))) * b.basis[i] for i in range(b.size)]
    return [dict(r.terms) for r in rows]


def solve(program: Program, target: Poly, bound: bool = False, tolerance: float = 1e-8) -> Solution | None:
    """Ask *bound* or *margin*; None when no solver has an answer, or the target is out of reach."""
    zero = (0,) * program.n
    if not program.reaches(target) or (bound and zero not in program.rows):
        return None
    # Coefficients of the size of one.
    size = max((abs(float(c)) for c in target.terms.values()), default=0.0) or 1.0
    if not np.isfinite(size):
        return None
    b = np.zeros(len(program.rows))
    for e, c in target.terms.items():
        b[program.rows[e]] = float(c) / size
    m, k = program.scaled.shape
    extra = np.zeros((m, 1))
    if bound:
        extra[program.rows[zero]] = 1
    else:
        ones = [1.0 if i == j else 0.0 for blk in program.blocks for i, j in blk.pairs()]
        extra[:, 0] = program.scaled @ np.array(ones + [0.0] * (k - len(ones)))
    equal = sp.hstack([program.scaled, sp.csc_matrix(extra)]).tocsc()
    for run in (_clarabel, _scs):
        found = run(program, equal, b, bound, tolerance)
        if found is None:
            continue
        x, y, name = found
        grams, frees = program.split(x[:-1])
        if not bound:
            grams = [g + x[-1] * np.eye(len(g)) for g in grams]
        moments = {e: float(-y[r]) for e, r in program.rows.items()}
        return Solution(float(x[-1]) * size, [g * size for g in grams], [f * size for f in frees], moments, name)
    return None


def _cone(program: Program, equal: sp.csc_matrix, b: Floats, bound: bool) -> tuple[sp.csc_matrix, Floats, Floats, int]:
    """A x + s = b with s in zeros, then nonnegative (a cap of the margin, for that question), then triangles."""
    t, k = program.triangle, equal.shape[1]
    cap = sp.csc_matrix(([1.0], ([0], [k - 1])), shape=(1, k))
    cones = sp.hstack([-sp.eye(t), sp.csc_matrix((t, k - t))])
    parts = [equal, cones] if bound else [equal, cap, cones]
    cost = np.zeros(k)
    cost[-1] = -1.0
    right = np.concatenate([b, [] if bound else [1.0], np.zeros(t)])
    return sp.vstack(parts).tocsc(), right, cost, 0 if bound else 1


def _clarabel(
    program: Program, equal: sp.csc_matrix, b: Floats, bound: bool, tolerance: float
) -> tuple[Floats, Floats, str] | None:
    import clarabel

    a, right, cost, caps = _cone(program, equal, b, bound)
    cones: list[Any] = [clarabel.ZeroConeT(len(b))]
    if caps:
        cones.append(clarabel.NonnegativeConeT(caps))
    cones += [clarabel.PSDTriangleConeT(blk.size) for blk in program.blocks]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = tolerance
    settings.tol_feas = min(tolerance, 1e-8)
    settings.max_threads = 1
    settings.time_limit = 300.0
    n = a.shape[1]
    found = clarabel.DefaultSolver(sp.csc_matrix((n, n)), cost, a, right, cones, settings).solve()
    if str(found.status) not in ("Solved", "AlmostSolved", "InsufficientProgress", "MaxIterations"):
        return None
    x, z = np.array(found.x), np.array(found.z)
    if not (np.isfinite(x).all() and np.isfinite(z).all()):
        return None
    return x, z, f"clarabel, {found.status}"


def _scs(
    program: Program, equal: sp.csc_matrix, b: Floats, bound: bool, tolerance: float
) -> tuple[Floats, Floats, str] | None:
    import scs

    a, right, cost, caps = _cone(program, equal, b, bound)
    # SCS has lower triangles column by column: those of the symmetric matrix, in another order.
    order, at = list(range(len(b) + caps)), len(b) + caps
    for blk in program.blocks:
        place = {p: at + k for k, p in enumerate(blk.pairs())}
        order += [place[j, i] for j in range(blk.size) for i in range(j, blk.size)]
        at += len(place)
    data = {"A": a[order], "b": right[order], "c": cost}
    cone = {"z": len(b), "l": caps, "s": [blk.size for blk in program.blocks]}
    solver = scs.SCS(data, cone, verbose=False, eps_abs=1e-7, eps_rel=1e-7, max_iters=20_000, time_limit_secs=60.0)
    found = solver.solve()
    if found["info"]["status"] not in ("solved", "solved (inaccurate - reached max_iters)"):
        return None
    return np.array(found["x"]), np.array(found["y"]), f"scs, {found['info']['status']}"
