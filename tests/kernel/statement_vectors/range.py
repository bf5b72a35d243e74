"""Kind *range*: enclosures that are exact, cuts that are needed, and every way a program or a tree can be none."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.statements.bundle import certificate

Files = dict[str, bytes]

UNIT = Fraction(1, 10**6)
HEAD = [20, 10]
# x (1 - x) over [0, 1]: 1 over the whole box, 1/2 over each half.
HUMP = [(1, 0, 0), (0, 0, 0), (3, 1, 0), (4, 0, 2)]
HALVES = [HEAD, [0, 1 << 19], [], []]
ROWS = {
    "constant": [(0, 0, 0)],
    "variable": [(1, 0, 0)],
    "add": [(1, 0, 0), (2, 0, 0)],
    "subtract": [(1, 0, 0), (3, 0, 0)],
    "multiply": [(1, 0, 0), (4, 0, 0)],
    "divide": [(1, 0, 0), (5, 0, 0)],
    "power": [(1, 0, 0), (6, 0, 3)],
    "least": [(1, 0, 0), (0, 0, 0), (7, 0, 1)],
    "largest": [(1, 0, 0), (0, 0, 0), (8, 0, 1)],
    "root": [(1, 0, 0), (9, 0, 0)],
    "exponential": [(1, 0, 0), (10, 0, 0)],
    "logarithm": [(1, 0, 0), (11, 0, 0)],
}
# The least limit over [1, 4] with constant 2; e^4 and ln 4 with room for few halvings.
LIMITS: dict[str, Fraction | int] = {
    "constant": 2, "variable": 4, "add": 8, "subtract": 3, "multiply": 16, "divide": 4, "power": 64, "least": 2,
    "largest": 4, "root": 2, "exponential": 56, "logarithm": Fraction(7, 5),
}  # fmt: skip


def made(program=HUMP, items=HALVES, box=((0,), (1,)), limit=Fraction(1, 2), constants=(1,)) -> Files:
    """A certificate; all but the items are what the statement speaks of."""
    of = {
        "constants": np.array([constants], dtype=object),
        "program": np.array(program, dtype=object),
        "box": np.array(box, dtype=object),
        "limit": limit,
    }
    return certificate("range", of, items=items).files


def one(name, limit, box=((1,), (4,)), items=(HEAD, [])) -> Files:
    return made(ROWS[name], list(items), box, limit, (2,))


def accept() -> dict[str, Files]:
    steps = {f"range--{name}": one(name, limit) for name, limit in LIMITS.items()}
    return steps | {
        "range--halves": made(),
        "range--one-leaf": made(items=[HEAD, []], limit=1),
        "range--a-point": made(items=[[20, 10], []], box=((Fraction(1, 2),), (Fraction(1, 2),)), limit=Fraction(1, 4)),
        "range--even-power-across-zero": made([(1, 0, 0), (6, 0, 2)], [HEAD, []], ((-3,), (2,)), 9),
        "range--quotient-below-zero": made([(1, 0, 0), (5, 0, 0)], [HEAD, []], ((-4,), (-2,)), 2),
        "range--two-variables": made(
            [(1, 0, 0), (1, 1, 0), (4, 0, 1)], [HEAD, [1, 0], [], [0, 0], [], []], ((-1, -1), (1, 1)), 1
        ),
        "range--words-that-name-nothing": made([(1, 0, -7), (10, 0, 99)], [HEAD, []], ((0,), (0,)), 1),
        "range--a-cut-at-an-end": made(items=[HEAD, [0, 0], [], *HALVES[1:]]),
    }


def reject() -> dict[str, Files]:
    steps = {
        f"above-limit--range-{name}": one(name, LIMITS[name] - UNIT)
        for name in LIMITS
        if name not in ("exponential", "logarithm")
    }
    return steps | {
        "above-limit--range-exponential": one("exponential", Fraction(5459815, 100000)),
        "above-limit--range-logarithm": one("logarithm", Fraction(138629, 100000)),
        "above-limit--range-one-leaf": made(items=[HEAD, []]),
        "above-limit--range-second-leaf": made(items=[HEAD, [0, 1 << 18], [], []]),
        "domain--range-quotient": made([(1, 0, 0), (5, 0, 0)], [HEAD, []], ((-1,), (1,)), 9),
        "domain--range-quotient-zero-end": made([(0, 0, 0), (1, 0, 0), (5, 0, 1)], [HEAD, []], ((0,), (1,)), 10**9),
        "domain--range-root": made([(1, 0, 0), (9, 0, 0)], [HEAD, []], ((Fraction(-1, 10),), (1,)), 9),
        "domain--range-logarithm": made([(1, 0, 0), (11, 0, 0)], [HEAD, []], ((0,), (1,)), 9),
        "domain--range-too-few-halvings": made([(1, 0, 0), (10, 0, 0)], [[20, 1], []], ((0,), (2,)), 10**9),
        "empty-box--range-ends": made(box=((1,), (0,))),
        "exponent--range-zero": made([(1, 0, 0), (6, 0, 0)], [HEAD, []], limit=2),
        "exponent--range-negative": made([(1, 0, 0), (6, 0, -1)], [HEAD, []], ((1,), (2,)), 2),
        "hint--range-no-items": made(items=[]),
        "hint--range-three-words": made(items=[[20, 10, 1], *HALVES[1:]]),
        "hint--range-negative-bits": made(items=[[-1, 10], *HALVES[1:]]),
        "not-a-cut--range-outside": made(items=[HEAD, [0, (1 << 20) + 1], [], []]),
        "not-a-cut--range-variable": made(items=[HEAD, [1, 1 << 19], [], []]),
        "not-a-cut--range-negative-variable": made(items=[HEAD, [-1, 1 << 19], [], []]),
        "not-a-cut--range-words": made(items=[HEAD, [0], [], []]),
        "not-a-cut--range-a-leaf-short": made(items=HALVES[:-1]),
        "not-a-cut--range-a-leaf-too-many": made(items=[*HALVES, []]),
        "not-a-cut--range-no-tree": made(items=[HEAD]),
        "program--range-operation": made([(12, 0, 0)], limit=9),
        "program--range-negative-operation": made([(-1, 0, 0)], limit=9),
        "program--range-itself": made([(1, 0, 0), (2, 0, 1)], limit=9),
        "program--range-no-constant": made([(0, 1, 0)], limit=9),
        "program--range-no-variable": made([(1, 1, 0)], limit=9),
        "program--range-first-step": made([(2, 0, 0)], limit=9),
        "program--range-no-integer": made([(1, 0, 0), (6, 0, Fraction(3, 2))], limit=9),
        "shape--range-program": made([(1, 0)], limit=9),
        "shape--range-box": made(box=((0,), (1,), (1,))),
        "shape--range-constants": certificate(
            "range", {"constants": [[1], [1]], "program": [[1, 0, 0]], "box": [[0], [1]], "limit": 2}, items=[HEAD, []]
        ).files,
    }


def decline() -> dict[str, Files]:
    squares = [(0, 0, 0), *[(6, i, 64) for i in range(3)]]
    return {
        "limit--range-bits": made(items=[[201, 10], *HALVES[1:]]),
        "limit--range-halvings": made(items=[[20, 201], *HALVES[1:]]),
        "limit--range-power": made([(1, 0, 0), (6, 0, 65)], [HEAD, []], limit=9),
        "limit--range-exponent": made([(1, 0, 0), (10, 0, 0)], [HEAD, []], ((0,), (1001,)), 9),
        # Each squaring would double its length: 2^40 bits.
        "limit--range-squarings": made([(1, 0, 0), (10, 0, 0)], [[1, 40], []], ((0,), (1,)), 9),
        "limit--range-value": made(squares, [HEAD, []], limit=9, constants=(2,)),
        "limit--range-steps": made([(1, 0, 0)] * 1001, [HEAD, []], limit=9),
    }
