"""Kind *tail*: levels that are met exactly, and the least bit below them."""

from __future__ import annotations

from fractions import Fraction

from certify.statements.bundle import certificate

Files = dict[str, bytes]

UNIT = Fraction(1, 10**40)
HALF = Fraction(1, 2)
# At most 2 failures in 10 trials at rate 1/2: (1 + 10 + 45) / 2^10.
LEVEL = Fraction(56, 1024)


def made(trials=10, failures=2, rate=HALF, level=LEVEL) -> Files:
    return certificate("tail", {"trials": trials, "failures": failures, "rate": rate, "level": level}).files


def accept() -> dict[str, Files]:
    return {
        "tail--exactly": made(),
        "tail--no-failures": made(300, 0, Fraction(1, 100), Fraction(99, 100) ** 300),
        "tail--all-fail": made(5, 5, HALF, 1),
        "tail--rate-0": made(5, 0, 0, 1),
        "tail--rate-1": made(5, 4, 1, 0),
        "tail--one-trial": made(1, 0, Fraction(2, 3), Fraction(1, 3)),
        "tail--a-thousand": made(1000, 3, Fraction(78, 10000), Fraction(1, 20)),
    }


def reject() -> dict[str, Files]:
    return {
        "above-limit--tail-exactly": made(level=LEVEL - UNIT),
        "above-limit--tail-lower-rate": made(rate=HALF - Fraction(1, 10**9)),
        "above-limit--tail-all-fail": made(5, 5, HALF, 1 - UNIT),
        "above-limit--tail-negative-level": made(5, 4, 1, -UNIT),
        "count--tail-more-than-trials": made(5, 6, HALF, 1),
        "count--tail-no-trials": made(0, 0, HALF, 1),
        "not-a-rate--tail-above-1": made(rate=Fraction(3, 2)),
        "not-a-rate--tail-negative": made(rate=-HALF, level=1),
    }


def decline() -> dict[str, Files]:
    return {
        "limit--tail-trials": made(20_001, 0, HALF, 1),
        "limit--tail-rate": made(rate=1 - Fraction(1, 1 << 64)),
    }
