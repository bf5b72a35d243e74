"""Search for a leaf: programs of growing degree, exact rounding, facial reduction where there is no room to round.

Putinar 1993: on a compact set described by its premises, positive polynomials have representations with one premise in
each term; products of premises (Schmuedgen 1991) are added where they are few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from time import monotonic

import numpy as np

from certify.symbolic.polynomials.basis import Parity, monomials
from certify.symbolic.polynomials.faces import CUTS, reduced
from certify.symbolic.polynomials.frame import Frame
from certify.symbolic.polynomials.poly import Exponents, Poly
from certify.symbolic.polynomials.program import Block, Floats, Free, Program, Solution, consistent, solve
from certify.symbolic.polynomials.rounding import Terms, exact_terms

# Sizes beyond which a program is not tried: rows of a Gram matrix, entries of all of them.
SIDE = 150
ENTRIES = 20_000
# A margin, in units of the target's largest coefficient, that is zero for all a solver can say.
NOTHING = 1e-5
# Facial reductions one after the other.
DEPTH = 4


@dataclass(frozen=True)
class Found:
    """Terms that add up to target (minus value, for a bound)."""

    terms: Terms
    degree: int
    solver: str
    value: Fraction = Fraction(0)
    searched: float = 0.0
    faces: int = 0


class Search:
    """Certificates for targets under fixed premises, in variables scaled to about one."""

    def __init__(self, n: int, inequalities: Sequence[Poly], equalities: Sequence[Poly], seconds: float) -> None:
        self.n, self.until = n, monotonic() + seconds
        self.frame = Frame(inequalities, n)
        self.inequalities = [self.frame.into(g) for g in inequalities]
        self.equalities = [self.frame.into(h) for h in equalities]
        self.premises = _products(self.inequalities)
        self.moments: list[Floats] = []
        self.tried: list[str] = []

    @property
    def late(self) -> bool:
        return monotonic() > self.until

    def degrees(self, target: Poly, most: int | None) -> range:
        """Even degrees from the least that can hold the target on."""
        every = [target.degree, *(g.degree for g in self.inequalities), *(h.degree for h in self.equalities)]
        first = max(2, max(every) + max(every) % 2)
        return range(first, (first + 4 if most is None else max(first, most)) + 1, 2)

    def program(self, target: Poly, degree: int, bound: bool) -> Program | None:
        """None where it is too large."""
        polynomials = [target, *self.inequalities, *self.equalities]
        active = [j for j in range(self.n) if any(e[j] for p in polynomials for e in p.terms)]
        parity = Parity(self.n, polynomials)

        def upto(d: int) -> list[Exponents]:
            return [_wide(e, active, self.n) for e in monomials(len(active), d)]

        if _count(len(active), degree // 2) > 4 * SIDE:
            return None
        blocks = [Block(self.n, tuple(m)) for m in parity.blocks(upto(degree // 2))]
        for chosen, g in self.premises:
            if g.degree <= degree:
                own = upto((degree - g.degree) // 2)
                blocks += [Block(self.n, tuple(m), chosen, g) for m in parity.blocks(own)]
        frees = [
            Free(k, h, tuple(upto(degree - h.degree))) for k, h in enumerate(self.equalities) if h.degree <= degree
        ]
        support = set(target.terms) | ({(0,) * self.n} if bound else set())
        out = consistent(Program(self.n, blocks, frees), support)
        blocks = out.blocks
        small = blocks and max(b.size for b in blocks) <= SIDE and out.triangle <= ENTRIES
        return out if small else None

    def nonnegative(self, target: Poly, most: int | None = None) -> Found | None:
        """Terms that add up to the target."""
        target = self.frame.into(target)
        for degree in self.degrees(target, most):
            program = None if self.late else self.program(target, degree, False)
            if program is None:
                return None
            found = self._exactly(program, target, degree)
            if found is not None:
                return found
        return None

    def _exactly(self, program: Program, target: Poly, degree: int) -> Found | None:
        solution = solve(program, target)
        self.tried.append(f"degree {degree}: " + ("no answer" if solution is None else f"margin {solution.value:.1e}"))
        if solution is None:
            return None
        return self._rounded(program, target, solution, degree)

    def _rounded(self, program: Program, target: Poly, solution: Solution, degree: int, depth: int = 0) -> Found | None:
        size = max((abs(float(c)) for c in target.terms.values()), default=1.0)
        if solution.value > 0:
            terms = exact_terms(program, solution, target)
            if terms is not None:
                return Found(self.frame.carried(terms), degree, solution.solver, faces=depth)
        if abs(solution.value) > NOTHING * size or depth >= DEPTH:
            return None
        seen: set[tuple[int, ...]] = set()
        for cut in CUTS:
            smaller = None if self.late else reduced(program, solution.grams, cut)
            if smaller is None or (sizes := tuple(b.size for b in smaller.blocks)) in seen:
                continue
            seen.add(sizes)
            again = solve(smaller, target)
            found = None if again is None else self._rounded(smaller, target, again, degree, depth + 1)
            if found is not None:
                return found
        return None

    def bounded(self, target: Poly, degree: int) -> Found | None:
        """The largest t found with target - t proved; ``searched`` is the solver's."""
        target = self.frame.into(target)
        program = self.program(target, degree, True)
        solution = None if program is None else solve(program, target, bound=True)
        if program is None or solution is None:
            self.tried.append(f"degree {degree}: no bound")
            return None
        self.tried.append(f"degree {degree}: bound {solution.value:.6g}, {solution.solver}")
        self.moments.append(self._minimiser(solution))
        size = max(abs(solution.value), max((abs(float(c)) for c in target.terms.values()), default=1.0) * 1e-2)
        for k in range(-7, 0):
            if self.late:
                return None
            t = _short(solution.value - size * 10.0**k, size * 10.0 ** (k - 1))
            again = solve(program, target - t)
            if again is None:
                continue
            # Faces are looked for now and then only: they take many more solutions.
            found = self._rounded(program, target - t, again, degree, 0 if k in (-7, -4, -2) else DEPTH)
            if found is not None:
                return Found(found.terms, degree, solution.solver, t, solution.value, found.faces)
        return None

    def _minimiser(self, s: Solution) -> Floats:
        """First moments of the dual: the minimiser, where it is unique and the relaxation is exact."""
        one = s.moments.get((0,) * self.n, 1.0) or 1.0
        units = [tuple(int(i == j) for i in range(self.n)) for j in range(self.n)]
        return np.array(self.frame.point([s.moments.get(e, 0.0) / one for e in units]))


def _products(inequalities: Sequence[Poly]) -> list[tuple[tuple[int, ...], Poly]]:
    """Premises and products of two of them: those of the two ends of an interval instead of the ends, others if few."""
    n = inequalities[0].n if inequalities else 0
    ends: dict[tuple[int, int], int] = {}
    for k, g in enumerate(inequalities):
        own = [(e.index(1), c) for e, c in g.terms.items() if any(e)] if g.degree == 1 else []
        if len(own) == 1:
            ends.setdefault((own[0][0], 1 if own[0][1] > 0 else -1), k)
    paired = [(ends[j, 1], ends[j, -1]) for j in range(n) if (j, 1) in ends and (j, -1) in ends]
    # x - a and b - x are squares plus multiples of (x - a) (b - x).
    within = {k for p in paired for k in p}
    out: list[tuple[tuple[int, ...], Poly]] = [
        ((k,), g) for k, g in enumerate(inequalities) if g.terms and k not in within
    ]
    out += [(p, inequalities[p[0]] * inequalities[p[1]]) for p in paired]
    if len(out) <= 6:
        out += [((*a, *b), g * h) for (a, g), (b, h) in combinations(out, 2)]
    return out


def _wide(e: Exponents, active: Sequence[int], n: int) -> Exponents:
    out = [0] * n
    for j, k in zip(active, e, strict=True):
        out[j] = k
    return tuple(out)


def _count(n: int, d: int) -> int:
    out = 1
    for k in range(1, d + 1):
        out = out * (n + k) // k
    return out


def _short(v: float, unit: float) -> Fraction:
    """A dyadic number below v, within about ``unit``."""
    bits = max(0, int(np.ceil(-np.log2(unit)))) if unit > 0 else 0
    return Fraction(int(np.floor(v * 2.0**bits)), 1 << bits) if bits < 1000 else Fraction(v)
