"""Lipschitz constants: the closed form, the certified value, what exactness costs, search against check."""

from __future__ import annotations

import time

import numpy as np

import certify as ct
from certify.convex.lipschitz import closed_form, cone_program
from certify.convex.lipschitz.chain import chain_of
from tests.benchmarks.cases import DATA
from tests.benchmarks.matrices.figures import Figure, medians, seconds, short

# Sizes, and the seconds that the search may take.
SHAPES = {(64, 64, 64, 10): 10, (784, 256, 256, 10): 60, (784, 256, 256, 256, 256, 10): 60}
# A semidefinite program that a general solver still ends, and the seconds it may take.
SOLVED, LIMIT = (40, 40, 40, 10), 120.0
STORED = ("digits/S_f.onnx", "mnist/mnist-net_256x2.onnx")


def weights(sizes: tuple[int, ...]) -> list[np.ndarray]:
    r = np.random.default_rng(0)
    shapes = zip(sizes[1:], sizes[:-1], strict=True)
    return [(r.standard_normal(s) / np.sqrt(s[1])).astype("f4") for s in shapes]


def figures(repeats: int) -> list[Figure]:
    models = [("-".join(map(str, s)) + " random", weights(s), b) for s, b in SHAPES.items()]
    models += [(name, ct.load(DATA / name), 60) for name in STORED if (DATA / name).is_file()]
    out = []
    for name, model, budget in models:
        chain = chain_of(model)
        form, _ = seconds(lambda c=chain: closed_form.multipliers(c.compressed, c.per_layer), repeats)
        spent, r = medians(lambda m=model, b=budget: ct.lipschitz(m, budget=f"{b}s"), min(repeats, 2))
        d = r.details
        out.append(
            Figure(f"{name}: closed form", "milliseconds", f"{d['closed_form']:.6g} in {short(form)}", form < 0.1)
        )
        said = f"{r.witnessed:.6g} <= L <= {r.bound:.6g} (product of norms {d['norm_product']:.6g})"
        out.append(Figure(f"{name}: bracket", "", said))
        out.append(Figure(f"{name}: exactness against the search's value", "1 %", f"{r.lost:.1e}", r.lost < 0.01))
        target = "check under 5 s" if name.startswith(("784-256-256-10", "mnist")) else ""
        said = f"search {short(sum(spent.values()) - spent['check'])}, check {short(spent['check'])}"
        out.append(Figure(f"{name}: seconds", target, said, spent["check"] < 5 if target else None))
    return [*out, *_beside_a_solver(repeats)]


def _beside_a_solver(repeats: int) -> list[Figure]:
    """Our certified value against the optimum of the whole semidefinite program, where Clarabel comes to an end."""
    name, model = "-".join(map(str, SOLVED)), weights(SOLVED)
    chain = chain_of(model)
    spent, r = medians(lambda: ct.lipschitz(model), repeats)
    started = time.perf_counter()
    solved = cone_program.solve(chain.compressed, chain.per_layer, "clarabel", LIMIT)
    solve = time.perf_counter() - started
    if isinstance(solved, str):
        return [Figure(f"{name}: Clarabel through cvxpy", "", solved)]
    apart, share = r.bound / solved[2] ** 0.5 - 1, spent["check"] / solve
    said = (
        f"{r.bound:.7g} proved in {short(sum(spent.values()))}, {solved[2] ** 0.5:.7g} in {short(solve)}: {apart:+.1e}"
    )
    return [
        Figure(f"{name}: certified, and Clarabel's optimum", "1 %", said, abs(apart) < 0.01),
        Figure(f"{name}: check / Clarabel's solve", "1/100", f"1/{1 / share:.0f}", share < 0.01),
    ]
