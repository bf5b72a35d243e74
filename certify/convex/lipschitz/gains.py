"""``lipschitz`` and ``difference_gain``: a bracket of how far a network amplifies differences, and its certificate.

    ct.lipschitz(net)                       global: every bias, every function with slopes in [0, 1]
    ct.lipschitz(net, over=ct.linf(x, "0.1"))     for two inputs in a box
    ct.difference_gain(net, small)          of f - g: how far the error of a simplified network varies

Euclidean norms. Multipliers come from a closed form, a descent, an interior-point method or a cone solver; which of
them it was matters to nobody who checks.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from certify.convex.lipschitz import closed_form, cone_program, descent, interior, witness
from certify.convex.lipschitz.chain import Chain, chain_of, difference
from certify.convex.lipschitz.evidence import prove
from certify.convex.lipschitz.recursion import gain
from certify.domains.sets import Ball, Box, UniformBox
from certify.errors import BadInput
from certify.kernel.exact import Matrix
from certify.kernel.statements import local_lipschitz
from certify.networks.maps import Floats
from certify.numbers import Scalar, rational
from certify.results import Bracket, Status
from certify.statements.bound import Bound, judged
from certify.statements.exact import exact
from certify.strategy.budget import parse_budget

METHODS = ("auto", "closed-form", "descent", "interior", *cone_program.SOLVERS)
# Seconds of the interior-point method per cube of a thousand rows, and how many of them are few.
CUBE, FEW = 33.0, 5.0
# Gains below this share of the product of the norms are not told from zero.
FAINT = 1e-12


@dataclass(frozen=True, eq=False)
class _Question:
    """What is asked: the chain that is searched, the statement's kind and what it speaks of, the box if any."""

    subject: str
    chain: Chain
    kind: str
    of: Mapping[str, Any]
    plain: float
    box: tuple[Floats, Floats] | None = None
    notes: tuple[str, ...] = ()


@dataclass(eq=False)
class _Found:
    """Multipliers, what they prove in float64, and what came of the method."""

    ts: list[Floats]
    square: float
    method: str
    failed: bool = False
    notes: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)


def lipschitz(
    model: Any, other: Any = None, *, over: Any = None, method: str = "auto", budget: float | str = "30s",
    slopes: Any = (0, 1), limit: Scalar | None = None,
) -> Bound:  # fmt: skip
    """A bracket of the Lipschitz constant in Euclidean norms, of a network or of the difference of two.

    model:  a Network that is a chain of affine maps and relu, or a list of two or more matrices
    other:  a second one: the gain of the difference (see ``difference_gain``)
    over:   a box or l_inf ball: both inputs lie in it. Without it the bound holds for all inputs, all biases and
            all elementwise functions with these slopes; the lower end is that of the network itself
    method: auto, closed-form (milliseconds), descent, interior, clarabel or scs
    slopes: (lists of matrices) the slope interval of every neuron, or one row for each
    limit:  a claim to decide: proved, refuted by a pair of inputs, or unknown

    When a method fails the status is unknown, and the upper end is what the closed form proves.
    Raises BadInput, UnsupportedModel for a network that is no such chain.
    """
    if other is not None:
        if over is not None:
            raise BadInput("over: expected none for the difference of two networks, whose gain is global")
        return difference_gain(model, other, method=method, budget=budget, slopes=slopes, limit=limit)
    chain = chain_of(model, slopes)
    of: dict[str, Any] = {"layers": chain.layers, "slopes": chain.slopes}
    plain = closed_form.norm_product(chain.compressed, chain.per_layer)
    if over is None:
        return _answer(_Question("Lipschitz constant", chain, "lipschitz", of, plain), method, budget, limit)
    low, high = _box(over, chain.n_in)
    if not np.all(chain.slopes == (0, 1)):
        raise BadInput("over: expected relu, whose slopes on a box are known; found other slopes")
    states = local_lipschitz.slopes(chain.matrices, chain.biases, low, high)
    here = Chain(chain.layers, chain.biases, np.asarray(states.n.a, dtype=np.float64) / states.den)
    of = {"layers": chain.layers, "biases": chain.biases, "low": low, "high": high}
    on, off = int(np.sum(here.slopes[:, 0] > 0)), int(np.sum(here.slopes[:, 1] == 0))
    note = f"{on} neurons always on, {off} always off, {len(here.slopes) - on - off} open on the box"
    box = tuple(np.array([float(v) for v in _entries(m)]) for m in (low, high))
    asked = _Question("Lipschitz constant on the box", here, "local-lipschitz", of, plain, (box[0], box[1]), (note,))
    return _answer(asked, method, budget, limit)


def difference_gain(
    f: Any, g: Any, *, method: str = "auto", budget: float | str = "30s", slopes: Any = (0, 1),
    limit: Scalar | None = None,
) -> Bound:  # fmt: skip
    """A bracket of sup |(f - g)(x) - (f - g)(y)| / |x - y|: how far the error of a simplified network varies.

    Two chains of one depth, input and output, each with biases of its own. Since the bound holds for all biases it does
    not vanish as g approaches f: neurons whose biases differ switch at different inputs. Arguments and errors as for
    ``lipschitz``.
    """
    a, b = chain_of(f, slopes, "the first network"), chain_of(g, slopes, "the second network")
    both = difference(a, b)
    of = {"layers_f": a.layers, "slopes_f": a.slopes, "layers_g": b.layers, "slopes_g": b.slopes}
    plain = sum(closed_form.norm_product(c.compressed, c.per_layer) for c in (a, b))
    return _answer(_Question("gain of f - g", both, "difference-gain", of, plain), method, budget, limit)


def _answer(asked: _Question, method: str, budget: float | str, limit: Scalar | None) -> Bound:
    if method not in METHODS:
        raise BadInput(f"method: expected one of {', '.join(METHODS)}, found {method!r}")
    seconds = parse_budget(budget)
    claimed = None if limit is None else rational(limit, "limit")
    clock = _Clock()
    chain = asked.chain
    faint = (FAINT * asked.plain) ** 2 or FAINT**2
    ts, square = closed_form.multipliers(chain.compressed, chain.per_layer)
    first = _Found(ts, max(square, faint), "closed-form")
    clock.lap("closed form")
    found = _refined(asked, first, method, seconds)
    clock.lap("search")
    seen = witness.find(chain, min(0.2 * seconds, 2.0), box=asked.box)
    clock.lap("witness")
    notes = [*asked.notes, *found.notes]
    upper = certificate = verdict = None
    failed = found.failed
    for use in (found, first) if found is not first else (found,):
        proof = prove(chain, use.ts, max(use.square, faint), first.ts)
        clock.lap("elaborate")
        if proof is None:
            notes.append(f"no exact evidence was found for the multipliers of {use.method}")
            failed = True
            continue
        certificate, verdict = judged(asked.kind, {**asked.of, "limit": proof.limit}, proof.evidence)
        clock.lap("check")
        if verdict.verdict == "accepted":
            upper = proof.limit
            break
        notes.append(f"the kernel did not accept the certificate from {use.method}: {verdict.verdict}")
        failed = True
    if failed:
        notes.append("the upper end is what another method proves" if upper is not None else "nothing is proved")
    lower = None if seen is None else seen.gain
    details: dict[str, Any] = {
        "method": found.method,
        "norm_product": asked.plain,
        "closed_form": float(np.sqrt(square)),
    }
    details |= found.details
    if seen is not None:
        details["witness"] = {"x": seen.x.tolist(), "y": seen.y.tolist()}
    return Bound(
        asked.subject,
        status := _status(upper, lower, claimed, failed),
        Bracket(lower, upper, status),
        certificate,
        verdict,
        searched=float(np.sqrt(found.square)),
        vacuous=upper is not None and float(upper) >= asked.plain * (1 + 1e-4),
        seconds=clock.laps,
        details=details,
        notes=tuple(notes),
    )


def _status(upper: Fraction | None, lower: Fraction | None, claimed: Fraction | None, failed: bool) -> Status:
    if claimed is not None:
        if lower is not None and lower > claimed:
            return "refuted"
        return "proved" if upper is not None and upper <= claimed else "unknown"
    return "unknown" if upper is None or failed else "proved"


def _refined(asked: _Question, first: _Found, method: str, seconds: float) -> _Found:
    """Better multipliers by the method asked for; ``first`` where it is the closed form."""
    weights, slopes = asked.chain.compressed, asked.chain.per_layer
    rows = sum(w.shape[1] for w in weights)
    if method == "auto":
        method = "interior" if CUBE * (rows / 1000) ** 3 < min(FEW, seconds / 2) else "descent"
    if method == "closed-form" or not np.isfinite(first.square):
        return first
    if method == "descent":
        ts, square, done = descent.descend(weights, slopes, first.ts, seconds)
        return _Found(ts, square, method, notes=[] if done else ["the budget ended the descent"])
    if method == "interior":
        s = interior.solve(weights, slopes, first.ts, seconds=seconds)
        details = {"gap": s.gap, "iterations": s.iterations}
        if not s.finished and s.square >= first.square:
            note = "the interior-point method ended without an improvement"
            return _Found(first.ts, first.square, method, True, [note], details)
        notes = [] if s.finished else [f"the interior-point method ended at a relative gap of {s.gap:.1e}"]
        return _Found(s.ts, s.square, method, notes=notes, details=details)
    solved = cone_program.solve(weights, slopes, method, seconds)
    if isinstance(solved, str):
        return _Found(first.ts, first.square, method, True, [solved])
    return _repaired(asked, first, method, *solved)


def _repaired(asked: _Question, first: _Found, method: str, ts: list[Floats], square: float, value: float) -> _Found:
    """A solver's multipliers, which may prove less than it says: mixed with those of the closed form until they do."""
    weights, slopes = asked.chain.compressed, asked.chain.per_layer
    details = {"reported": float(np.sqrt(value))}
    for share in (0.0, 1e-6, 1e-5, 1e-4, 1e-3):
        mixed = [(1 - share) * t + share * u for t, u in zip(ts, first.ts, strict=True)]
        square = gain(weights, slopes, mixed)
        if square <= value * (1 + 2e-3):
            return _Found(mixed, square, method, details=details)
    note = f"{method} reported {np.sqrt(value):.6g}, which its multipliers do not prove"
    return _Found(first.ts, first.square, method, True, [note], details)


def _box(over: Any, n: int) -> tuple[Matrix, Matrix]:
    """The exact limits of a domain that is one box, as columns."""
    if isinstance(over, UniformBox):
        over = over.over((n,))
    if not (isinstance(over, Box) or (isinstance(over, Ball) and over.norm == "linf")) or over.parts != 1:
        raise BadInput("over: expected one box or l_inf ball")
    if over.n != n:
        raise BadInput(f"over: expected a box of {n} coordinates, found {over.n}")
    ends = [over.coordinate(0, i) for i in range(n)]
    low, high = (exact(np.array([e[k] for e in ends], dtype=object)).T for k in (0, 1))
    return low, high


def _entries(m: Matrix) -> list[Fraction]:
    return [Fraction(int(v), m.den) for v in m.n.a.ravel()]


class _Clock:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = self.laps.get(name, 0.0) + now - self._last
        self._last = now
