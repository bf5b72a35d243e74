"""The bound of a lumping: how long an error lives in the macro chain, in floats and as the kernel will compute it.

    sup_t TV <= max over t < s of delta tau_t + (eps/2) sum_(j<t) tau_j, and delta tau_s + (eps/2) S / (1 - tau_s)

with S = sum_(j<s) tau_j. Floats choose s; integers give the limit that the certificate claims.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.kernel.arithmetic import fast
from certify.kernel.exact import Matrix, identity
from certify.kernel.limits import POWERS
from certify.kernel.statements.lumping import row_norm
from certify.statements.exact import Floats

# Powers of the macro chain are rounded to so many bits in the check; s m 2^-BITS is added to each tau.
BITS = 44
# Beyond this the bound is within 1 % of that for all powers.
SMALL = 0.01


@dataclass(frozen=True)
class Contraction:
    """The power s to use, tau(Pi^s), the sum of tau(Pi^j) for j < s, and the bound, in floats; inf: none contracts."""

    steps: int
    tau: float
    total: float
    bound: float


def dobrushin(m: Floats) -> float:
    """Half the largest l1 distance of two rows."""
    return max((0.5 * float(np.abs(m[i + 1 :] - m[i]).sum(axis=1).max()) for i in range(len(m) - 1)), default=0.0)


def search(macro: Floats, eps: float, start: float) -> Contraction:
    """The power of the macro chain with the least bound; eps in l1."""
    m = macro.shape[0]
    best = Contraction(0, 1.0, 0.0, math.inf)
    power, total, worst = np.eye(m), 0.0, 0.0
    for t in range(min(POWERS, max(50, 200_000_000 // m**3)) + 1):
        tau = dobrushin(power)
        if tau < 1:
            bound = max(worst, start * tau + eps / 2 * total / (1 - tau))
            if bound < best.bound:
                best = Contraction(t, tau, total, bound)
        if tau < SMALL:
            break
        worst = max(worst, start * tau + eps / 2 * total)
        total += tau
        power = power @ macro
    return best


def established(macro: Matrix, half: Fraction, start: Fraction, steps: int, bits: int = BITS) -> Fraction | None:
    """The least limit that the kernel accepts for this power, or None: it does not contract. half: eps / 2."""
    m = macro.shape[0]
    turned = [[(i + d) % m for i in range(m)] for d in range(1, m // 2 + 1)]
    power, total, most = identity(fast, m).n << bits, Fraction(0), Fraction(0)
    for t in range(steps + 1):
        apart = max(row_norm(power - power.take_rows(rows)) for rows in turned)
        tau = Fraction(apart + 2 * t * m, 2 << bits)
        if t == steps:
            break
        most, total = max(most, start * tau + half * total), total + tau
        power = fast.matmul(power, macro.n) // macro.den
    return max(most, start * tau + half * total / (1 - tau)) if tau < 1 else None


def short(q: Fraction, bits: int = 48) -> Fraction:
    """A dyadic number at least q >= 0 and at most (1 + 2^-bits) q: limits that people can read."""
    if not q:
        return q
    k = bits + q.denominator.bit_length() - q.numerator.bit_length() + 1
    return Fraction(-(-(q.numerator << max(k, 0)) // (q.denominator << max(-k, 0)))) * Fraction(2) ** -k
