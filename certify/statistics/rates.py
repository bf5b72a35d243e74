"""``clopper_pearson``: the exact interval of a rate from counts, each end with a certificate of its binomial tail."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import scipy.stats

from certify.certificate import Certificate, Verdict
from certify.errors import BadInput
from certify.kernel.limits import TRIALS
from certify.numbers import float_above, float_below
from certify.statements.bound import judged
from certify.statistics.claim import IID, Side, StatisticalClaim, confidence, risk

# Rates are rounded outward to this many bits: short enough for exact powers, far below the width of any interval.
BITS = 40
TRIES = 60


def clopper_pearson(
    failures: int, trials: int, level: Any = "0.95", side: Side = "both", quantity: str = "rate of failure",
    protocol: str = IID,
) -> StatisticalClaim:  # fmt: skip
    """The rate of failure of independent trials, from how many failed (Clopper and Pearson 1934).

    side: both, upper or lower. Each end has a certificate of kind *tail*, up to 20,000 trials; beyond, the ends are
    quantiles of scipy's beta distribution. Raises BadInput for counts that are none and levels outside (0, 1).
    """
    for name, v in (("failures", failures), ("trials", trials)):
        if isinstance(v, bool) or not hasattr(v, "__index__") or int(v) < 0:
            raise BadInput(f"{name}: expected a whole number >= 0, found {str(v)[:40]}")
    k, n = int(failures), int(trials)
    if n < 1 or k > n:
        raise BadInput(f"trials: expected at least one, and no more failures than trials, found {k} of {n}")
    q = confidence(level)
    delta = risk(q, side)
    low, high = Fraction(0), Fraction(1)
    certificates: list[tuple[str, Certificate]] = []
    verdicts: list[tuple[str, Verdict]] = []
    notes: tuple[str, ...] = ()
    if side != "lower" and k < n:
        high, made = _end(n, k, delta)
        _keep("upper", made, certificates, verdicts)
    if side != "upper" and k > 0:
        # At least k failures is at most n - k successes.
        above, made = _end(n, n - k, delta)
        low = 1 - above
        _keep("lower", made, certificates, verdicts)
    if n > TRIALS:
        notes = (f"no certificate: {n} trials are more than {TRIALS}, the ends are quantiles in float64",)
    method = "Clopper and Pearson 1934"
    ends = float_below(low), float_above(high)
    return StatisticalClaim(
        quantity, k / n, *ends, q, n, method, protocol, tuple(certificates), tuple(verdicts), notes
    )  # fmt: skip


def _keep(
    end: str, made: tuple[Certificate, Verdict] | None,
    certificates: list[tuple[str, Certificate]], verdicts: list[tuple[str, Verdict]],
) -> None:  # fmt: skip
    if made is not None:
        certificates.append((end, made[0]))
        verdicts.append((end, made[1]))


def _end(n: int, k: int, delta: Fraction) -> tuple[Fraction, tuple[Certificate, Verdict] | None]:
    """A rate from which on at most k failures in n trials have probability delta at most, with its certificate."""
    near = float(scipy.stats.beta.ppf(1 - float(delta), k + 1, n - k))
    if n > TRIALS:
        return Fraction(near), None
    one = 1 << BITS
    step = 1
    whole = -(-Fraction(near) * one // 1)
    for _ in range(TRIES):
        rate = min(Fraction(int(whole), one), Fraction(1))
        made, verdict = judged("tail", {"trials": n, "failures": k, "rate": rate, "level": delta})
        if verdict.accepted:
            return rate, (made, verdict)
        whole, step = whole + step, 2 * step
    return Fraction(1), None
