"""The type of what a sample shows, and how a sample and a level are read."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from certify.certificate import Certificate, Verdict
from certify.errors import BadInput
from certify.numbers import rational

Floats = NDArray[np.float64]
Side = Literal["both", "upper", "lower"]

IID = "independent draws from one distribution (asserted by the user)"


@dataclass(frozen=True)
class StatisticalClaim:
    """An interval that covers a fixed unknown number with a stated probability over the draw of the sample.

    quantity:     what the number is, in words
    estimate:     from the sample
    low, high:    the interval; -inf, inf or the end of the range where a side was not asked for
    level:        the probability of covering, before the sample was drawn
    n:            the size of the sample
    method:       the inequality, with its source
    protocol:     how the sample was drawn, in words; nothing here can check it
    certificates: of binomial tails (kind *tail*), by end; verdicts: what the kernel said of them

    It is no bound on a supremum, has no truth value, and is not ordered: ask for ``low`` and ``high``.
    """

    quantity: str
    estimate: float
    low: float
    high: float
    level: Fraction
    n: int
    method: str
    protocol: str = IID
    certificates: tuple[tuple[str, Certificate], ...] = ()
    verdicts: tuple[tuple[str, Verdict], ...] = ()
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        raise BadInput(f"{self.quantity}: a statistical claim is neither true nor false; compare its low or high end")

    @property
    def width(self) -> float:
        return self.high - self.low

    def as_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {
            "type": "statistical",
            "quantity": self.quantity,
            "estimate": self.estimate,
            "low": self.low,
            "high": self.high,
            "level": str(self.level),
            "n": self.n,
            "method": self.method,
            "protocol": self.protocol,
            "certificates": {end: c.id for end, c in self.certificates},
            "verdicts": {end: v.verdict for end, v in self.verdicts},
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        said = (
            f"with confidence {float(100 * self.level):g} %: {self.low:.6g} <= {self.quantity} <= {self.high:.6g} "
            f"(estimate {self.estimate:.6g}, n = {self.n}, {self.method}; {self.protocol}); not a worst case"
        )
        return "; ".join([said, *self.notes])


def confidence(level: Any) -> Fraction:
    """A level as an exact number; raises BadInput unless it lies strictly between 0 and 1."""
    q = rational(level, "level")
    if not 0 < q < 1:
        raise BadInput(f"level: expected a number between 0 and 1 such as 0.95, found {level}")
    return q


def risk(level: Fraction, side: Side) -> Fraction:
    """What each end may err with: all of 1 - level for one end, half for each of two."""
    if side not in ("both", "upper", "lower"):
        raise BadInput(f"side: expected both, upper or lower, found {str(side)[:20]!r}")
    return (1 - level) / (2 if side == "both" else 1)


def sample(values: Any, low: float, high: float, least: int = 1) -> Floats:
    """A sample as floats between 0 and 1, for a range stated before it was seen. Raises BadInput outside the range."""
    if isinstance(values, StatisticalClaim):
        raise BadInput("samples: expected numbers, found a statistical claim")
    try:
        x = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise BadInput(f"samples: expected numbers, found {type(values).__name__}") from None
    if x.ndim != 1 or len(x) < least:
        raise BadInput(f"samples: expected a vector of {least} numbers or more, found shape {x.shape}")
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise BadInput(f"samples: expected a range low < high, found {low} and {high}")
    wrong = np.flatnonzero(~((x >= low) & (x <= high)))
    if len(wrong):
        raise BadInput(f"samples: expected numbers from {low} to {high}, found {x[wrong[0]]} in place {wrong[0]}")
    return np.asarray((x - low) / (high - low))
