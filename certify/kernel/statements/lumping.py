"""*lumping*: the law of the blocks of a chain stays near that of a smaller chain, at all times.

    P V = [sum of P over blocks]      eps = max_i |(P V - V Pi)_i|_1      tau_j >= tau(Pi^j)      tau_s < 1
    delta tau_t + (eps / 2) sum_(j<t) tau_j <= limit for t < s
    delta tau_s + (eps / 2) sum_(j<s) tau_j / (1 - tau_s) <= limit
    --------------------------------------------------------------------------------------------------------  lumping
    for all laws mu, nu with TV(mu V, nu) <= delta and all t, TV(mu P^t V, nu Pi^t) <= limit

P, Pi stochastic; V takes a law to that of its blocks; TV is half the l1 distance and tau (Dobrushin's coefficient) half
the largest l1 distance of two rows. With eps = 0, delta <= limit is enough.
tau_j comes from powers rounded down to multiples of 2^-bits, M_0 = I, M_(j+1) = floor(M_j Pi): a row of M_j is
within j m 2^-bits of that of Pi^j in l1, as Pi expands no vector, so tau_j = tau(M_j) + j m 2^-bits.
Evidence: unless eps = 0, item 0 is `s bits`.
Rejects with: blocks, hint, limit-too-low, negative-start, not-contracting, not-stochastic, shape.
Spec: statements.md#lumping. Proof: lumping_correct.
"""

from __future__ import annotations

from fractions import Fraction

from certify.kernel.exact import Matrix, identity, same_shape
from certify.kernel.limits import BITS, POWERS
from certify.kernel.statements.stationary import stochastic
from certify.kernel.verdict import limit, require

# chain: P (n, n). blocks: the block of each state (1, n), integers from 0 to m - 1. macro: Pi (m, m). start: delta.
SIGNATURE = (
    ("chain", "matrix"),
    ("blocks", "matrix"),
    ("macro", "matrix"),
    ("start", "rational"),
    ("limit", "rational"),
)


def check(s, e) -> None:
    chain, blocks, macro, start = s["chain"], s["blocks"], s["macro"], s["start"]
    n, m = stochastic(chain, "the chain"), stochastic(macro, "the macro chain")
    same_shape(blocks, 1, n, "the blocks")
    whole = blocks.n // blocks.den
    exact = not s.a.any_true((whole * blocks.den).differs(blocks.n))
    fits = exact and whole.smallest() >= 0 and whole.largest() < m
    require(fits, "blocks", "claim", f"the blocks are not integers from 0 to {m - 1}")
    require(start >= 0, "negative-start", "claim", "the distance at the start is not negative")
    index = whole.tolist()
    moved = Matrix(s.a, s.a.fold(chain.n, index, m), chain.den)
    lost = moved - Matrix(s.a, macro.n.take_rows(index), macro.den)
    half = Fraction(row_norm(lost.n), 2 * lost.den)
    if half:
        _add_up(s.a, macro, half, start, s["limit"], e.items)
    else:
        _within(start, s["limit"], 0)


def _add_up(a, macro, half, start, most, items):
    """Reject unless all errors that have been made stay within ``most``, for the times before s and from s on."""
    require(bool(items) and len(items[0]) == 2, "hint", "proof", "expected `item S BITS`")
    (steps, bits), m = items[0], macro.shape[0]
    require(steps >= 0 and bits >= 0, "hint", "proof", "the number of powers or of bits is negative")
    limit(steps, POWERS, "proof", "the number of powers")
    limit(bits, BITS, "proof", "the number of bits")
    # Row i against row i + d, for d up to m / 2: every pair.
    turned = [[(i + d) % m for i in range(m)] for d in range(1, m // 2 + 1)]
    power, total = identity(a, m).n << bits, Fraction(0)
    for t in range(steps + 1):
        apart = max(row_norm(power - power.take_rows(rows)) for rows in turned)
        tau = Fraction(apart + 2 * t * m, 2 << bits)
        if t < steps:
            _within(start * tau + half * total, most, t)
            total, power = total + tau, a.matmul(power, macro.n) // macro.den
    require(tau < 1, "not-contracting", "proof", f"power {steps} of the macro chain does not contract")
    _within(start * tau * (1 - tau) + half * total, most * (1 - tau), steps)


def _within(value, most, t):
    require(value <= most, "limit-too-low", "claim", f"the limit is below the bound for time {t}")


def row_norm(x):
    """The largest l1 norm of a row."""
    return (x.positive_part() - x.negative_part()).row_sums().largest()
