"""*tail*: at most so many failures in so many independent trials are unlikely, at a rate of failure or any above it.

    p = a / d      c = d - a      H_k = sum_(i <= k) C(n, i) a^i c^(k - i)      H_k c^(n - k) <= delta d^n
    ------------------------------------------------------------------------------------------------------  tail
    for all q from p to 1, sum_(i <= k) C(n, i) q^i (1 - q)^(n - i) <= delta

since the sum falls with q. With k failures seen, it is the exact upper end of Clopper and Pearson (1934) for the rate
of failure, with confidence 1 - delta. No evidence.
Rejects with: above-limit, count, not-a-rate. Spec: statements.md#tail. Proof: tail_correct.
"""

from __future__ import annotations

from certify.kernel.limits import RATE_BITS, TRIALS
from certify.kernel.verdict import limit, require

# trials n >= 1, failures k <= n, rate p in [0, 1], level delta.
SIGNATURE = (("trials", "count"), ("failures", "count"), ("rate", "rational"), ("level", "rational"))


def check(s, e) -> None:
    n, k, p, delta = s["trials"], s["failures"], s["rate"], s["level"]
    require(n >= 1 and k <= n, "count", "claim", f"{k} failures in {n} trials")
    require(0 <= p <= 1, "not-a-rate", "claim", "a rate lies between 0 and 1")
    limit(n, TRIALS, "claim", "the number of trials")
    limit(p.denominator.bit_length(), RATE_BITS, "claim", "bits of the rate's denominator")
    a, d = p.numerator, p.denominator
    total = term = 1
    for i in range(1, k + 1):
        term = term * (a * (n - i + 1)) // i
        total = total * (d - a) + term
    fits = total * (d - a) ** (n - k) * delta.denominator <= delta.numerator * d**n
    require(fits, "above-limit", "claim", "the tail at this rate is above the level")
