"""Derivations: closed forms for symbolic depth, and gradient descent beside PEPit."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import sympy

from certify.symbolic import (
    bound,
    close,
    contraction,
    convex,
    derive,
    equal,
    family,
    function,
    lipschitz,
    maps,
    residual,
    sequence,
    tower,
    vanishes,
    vectors,
)
from tests.benchmarks.matrices import peers
from tests.benchmarks.matrices.figures import Figure, seconds, short

STEPS = (1, 2, 4)


def cases() -> dict[str, tuple[list[Any], Any]]:
    n = sympy.Symbol("n", integer=True, positive=True)
    l1, l2, e1, e2 = sympy.symbols("L1 L2 e1 e2", nonnegative=True)
    x, y, u, v = vectors("x y u v")
    f, g, outer, coarse = maps("f g F G")
    h, k, gains, errors = family("h"), family("k"), sequence("L"), sequence("e")
    feedback = [equal(x, f(u)), equal(u, outer(x)), equal(y, g(v)), equal(v, coarse(y))]
    return {
        "telescoping, depth n": (
            [lipschitz(h, gains), close(h, k, errors)], abs(tower(h, n)(x) - tower(k, n)(x)),
        ),
        "contraction": ([contraction(f, l1), close(f, g, e1), equal(x, f(x)), equal(y, g(y))], abs(x - y)),
        "small gain": (
            [lipschitz(f, l1), lipschitz(outer, l2), close(f, g, e1), close(outer, coarse, e2), *feedback], abs(x - y),
        ),
        "residual tower, depth n": (
            [lipschitz(h, gains), close(h, k, errors)], abs(tower(residual(h), n)(x) - tower(residual(k), n)(x)),
        ),
    }  # fmt: skip


def descent(steps: int) -> tuple[list[Any], Any]:
    """F(x_n) - F* after n steps 1 / L from distance 1, F convex and 10-smooth: at most 10 / (4 n + 2), attained."""
    f, (x, s) = function("F"), vectors("x s")
    known, at = [convex(f, 0, 10), vanishes(f.gradient(s)), abs(x - s) <= 1], x
    for _ in range(steps):
        at = at - Fraction(1, 10) * f.gradient(at)
    return known, f(at) - f(s)


def figures(repeats: int) -> list[Figure]:
    out = []
    derive(*descent(1))  # what is imported at first use is no part of a derivation
    for name, (known, goal) in cases().items():
        spent, d = seconds(lambda k=known, g=goal: derive(k, bound(g)), repeats)
        assert d.verdict.accepted
        out.append(Figure(name, "1 s", f"{short(spent)} with the check", spent < 1))
    for steps in STEPS:
        known, goal = descent(steps)
        true = Fraction(10, 4 * steps + 2)
        spent, d = seconds(lambda k=known, g=goal: derive(k, g), repeats)
        above = float(Fraction(int(d.bound.p), int(d.bound.q)) / true - 1)
        said = f"proved, {above:+.1e} off the true value, in {short(spent)}"
        out.append(Figure(f"gradient descent, {steps} steps: ours", "", said))
        found = peers.ask("peer_descent.py", str(steps))
        said = found.get("failed") or (
            f"{found['value'] / float(true) - 1:+.1e} off the true value in {short(found['seconds'])}, unproved"
        )
        out.append(Figure(f"gradient descent, {steps} steps: PEPit", "", said))
    return out
