"""Facial reduction with rational numbers: drop the directions in which every solution of a program is singular.

Where the target vanishes, z z' at such a point annihilates every Gram matrix. The null space is read from a solution
of largest rank, put in reduced form and rounded to short fractions; what it annihilates gets a new basis of
polynomials. A guess: wrong directions lead to no proof, never to a wrong one.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.symbolic.polynomials.poly import total
from certify.symbolic.polynomials.program import Block, Floats, Program
from certify.symbolic.polynomials.rational import rational_rows

# Eigenvalues below this share of the largest belong to the null space; tried in turn.
CUTS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
DENOMINATORS = (12, 64, 1000)


def reduced(program: Program, grams: list[Floats], cut: float) -> Program | None:
    """The program on the range of the Gram matrices; None where nothing is dropped or no short fractions are near."""
    largest = max((float(np.linalg.eigvalsh(g)[-1]) for g in grams), default=0.0)
    blocks: list[Block] = []
    changed = False
    for b, g in zip(program.blocks, grams, strict=True):
        values, vectors = np.linalg.eigh(g)
        null = vectors[:, values < cut * largest]
        if null.shape[1] == 0:
            blocks.append(b)
            continue
        changed = True
        if null.shape[1] == b.size:
            continue
        smaller = _complement(b, null)
        if smaller is None:
            return None
        blocks.append(smaller)
    return Program(program.n, blocks, program.frees) if changed and blocks else None


def _complement(b: Block, null: Floats) -> Block | None:
    rows = next((r for d in DENOMINATORS if (r := rational_rows(null.T, d, 0.02 / d)) is not None), None)
    if rows is None:
        return None
    pivots = [next(j for j, v in enumerate(r) if v == 1 and _alone(rows, i, j)) for i, r in enumerate(rows)]
    z = b.polynomials
    kept = [j for j in range(b.size) if j not in pivots]
    found = [z[j] + total(b.n, (z[p] * -r[j] for p, r in zip(pivots, rows, strict=True))) for j in kept]
    return Block(b.n, b.monomials, b.premises, b.factor, tuple(found))


def _alone(rows: list[list[Fraction]], i: int, j: int) -> bool:
    return all(r[j] == 0 for k, r in enumerate(rows) if k != i)
