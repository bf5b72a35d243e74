"""``ct.error_budget``: how large errors can get that are made at each part and passed on with known gains.

With gains G >= 0 and sources b >= 0, every chain of inequalities x_(k+1) <= G x_k + b stays below any w >= G w + b, and
the least such w is (I - G)^(-1) b, where the spectral radius allows it. One rule for layers (G strictly triangular: the
errors telescope), steps of renormalisation, small gain, discounted and absorbing chains, and Dobrushin's comparison.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from certify.certificate import Certificate, Verdict
from certify.convex.budgets import budget_exact
from certify.errors import BadInput
from certify.kernel.exact import Matrix
from certify.results import Status, round_up
from certify.statements.bound import judged
from certify.statements.exact import Floats, exact, floats, fractions

# What is added to the float solution, relative to it, until the exact inequality holds.
SLACKS = (0.0, 2.0**-48, 2.0**-40, 2.0**-30, 2.0**-20)
# More than this, relative to what floats found: Fractions are tried.
POOR = 1e-6


@dataclass(frozen=True)
class Budget:
    """A bound for each part.

    status:   proved (``exact`` was accepted by the kernel), refuted (no finite budget: see ``growing``) or unknown
    exact:    w, exact rationals; ``bound`` has them as floats rounded up
    searched: what the solver found, in floats; ``lost`` is the largest relative gap
    implicit: whether w also bounds every real vector with x <= G x + b, and not only what builds up step by step
    growing:  x >= 0 with G x >= x that the sources reach: errors along it never die out, so that no budget is finite
    shares:   entry (i, j): what the source of part j contributes to the bound of part i, in floats
    """

    status: Status
    exact: tuple[Fraction, ...] | None
    certificate: Certificate | None = None
    verdict: Verdict | None = None
    searched: Floats | None = None
    implicit: bool = False
    growing: tuple[Fraction, ...] | None = None
    shares: Floats | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def bound(self) -> Floats | None:
        """The bounds, rounded up."""
        return None if self.exact is None else np.array([round_up(v) for v in self.exact])

    @property
    def lost(self) -> float | None:
        """The largest of (established - searched) / searched over the parts that get any error."""
        if self.exact is None or self.searched is None:
            return None
        pairs = zip(self.exact, self.searched.tolist(), strict=True)
        return max((float((w - Fraction(s)) / Fraction(s)) for w, s in pairs if s > 0), default=0.0)

    def as_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {
            "status": self.status,
            "bound": None if self.exact is None else [round_up(v) for v in self.exact],
            "bound_exact": None if self.exact is None else [str(v) for v in self.exact],
            "lost": self.lost,
            "implicit": self.implicit,
            "growing": None if self.growing is None else [float(v) for v in self.growing],
            "certificate": None if self.certificate is None else self.certificate.id,
            "verdict": None if self.verdict is None else self.verdict.verdict,
            "seconds": dict(self.seconds),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        if self.exact is None:
            return f"{self.status}: {'; '.join(self.notes)}"
        shown = ", ".join(f"{v:.6g}" for v in (self.bound if self.bound is not None else ())[:8])
        return "; ".join([f"{self.status}: errors <= {shown}{', ...' if len(self.exact) > 8 else ''}", *self.notes])


def error_budget(G: Any, b: Any) -> Budget:
    """The least bounds w (n) with w >= G w + b, a little rounded up, proved exactly.

    G: gains (n, n), entry (i, j) how much of an error of part j reaches part i; b: errors made at each part (n).
    Floats, integers or Fractions, all >= 0. Where the spectral radius of G is not below 1 along what the sources reach,
    there is no finite budget, and a growing direction is the witness. Raises BadInput.
    """
    began = time.perf_counter()
    gains, sources = exact(G, "G"), exact(b, "b").T
    n = gains.shape[0]
    if gains.shape != (n, n):
        raise BadInput(f"G: expected a square matrix, found shape {gains.shape}")
    if sources.shape != (n, 1):
        sources = sources.T
    if sources.shape != (n, 1):
        raise BadInput(f"b: expected {n} entries, found shape {np.asarray(b).shape}")
    for m, name in ((gains, "G"), (sources, "b")):
        if m.n.smallest() < 0:
            raise BadInput(f"{name}: expected entries >= 0, found {floats(m).min():.6g}")
    g, e = floats(gains), floats(sources)[:, 0]
    if not (np.isfinite(g).all() and np.isfinite(e).all()):
        raise BadInput("G, b: expected entries below 2^1024, found a larger one")
    reached = _reached(g, e)
    growing = _growing(gains, g, reached)
    seconds = {"search": time.perf_counter() - began}
    if growing is not None:
        note = "no finite budget: the gains do not let errors die out along a direction that the sources reach"
        return Budget("refuted", None, growing=growing, seconds=seconds, notes=(note,))
    w, searched = _above(gains, sources, g, e, reached)
    if w is None:
        note = f"no budget was found; the spectral radius of the gains is {_radius(g, reached):.12g} in floats"
        return Budget("unknown", None, searched=searched, seconds=seconds, notes=(note,))
    every = np.ones(n, dtype=bool)
    v, _ = _above(gains, exact(np.ones((n, 1))), g, np.ones(n), every)
    of = {"gains": gains, "sources": sources, "bound": w, "implicit": int(v is not None)}
    seconds["search"] = time.perf_counter() - began
    began = time.perf_counter()
    made, verdict = judged("super-solution", of, [] if v is None else [v])
    seconds["check"] = time.perf_counter() - began
    notes: tuple[str, ...] = ()
    if v is None:
        notes = ("for errors that build up step by step: parts that no source reaches have gains that do not contract",)
    if not verdict.accepted:
        notes = (*notes, f"the kernel did not accept what was found: {verdict}")
        return Budget("unknown", None, made, verdict, searched, seconds=seconds, notes=notes)
    bound = tuple(row[0] for row in fractions(w))
    k, shares = np.flatnonzero(reached), np.zeros((n, n))
    each = _sum(g[np.ix_(k, k)], np.eye(k.size))
    if each is not None:
        shares[np.ix_(k, k)] = each * e[k]
    return Budget(
        "proved",
        bound,
        made,
        verdict,
        searched,
        v is not None,
        None,
        shares if each is not None else None,
        seconds,
        notes,
    )


def _reached(g: Floats, e: Floats) -> Any:
    """Mask of the parts that get any error."""
    mask = e > 0
    while True:
        wider = mask | (g[:, mask] > 0).any(axis=1)
        if (wider == mask).all():
            return mask
        mask = wider


def _radius(g: Floats, some: Any) -> float:
    k = np.flatnonzero(some)
    return float(np.abs(np.linalg.eigvals(g[np.ix_(k, k)])).max()) if k.size else 0.0


def _above(gains: Matrix, sources: Matrix, g: Floats, e: Floats, some: Any) -> tuple[Matrix | None, Floats | None]:
    """w >= G w + b, zero where no error comes, or None; and what floats found."""
    k = np.flatnonzero(some)
    found, searched = _above_in_floats(gains, sources, g, e, k)
    poor = found is None or searched is None or (floats(found)[k, 0] > searched[k] * (1 + POOR)).any()
    if poor and 0 < k.size <= budget_exact.MOST:
        # Digits that floats lost; or sizes that they do not hold.
        inner, b = fractions(gains), fractions(sources)
        w = budget_exact.above([[inner[i][j] for j in k] for i in k], [b[i][0] for i in k])
        full = [Fraction(0)] * len(g)
        for i, v in zip(k.tolist(), w or (), strict=w is not None):
            full[i] = v
        better = exact(np.array([full], dtype=object)).T
        if w is not None and (better - gains @ better - sources).n.smallest() >= 0:
            return better, floats(better)[:, 0]
    return found, searched


def _above_in_floats(
    gains: Matrix, sources: Matrix, g: Floats, e: Floats, k: Any
) -> tuple[Matrix | None, Floats | None]:
    n, inner = len(g), g[np.ix_(k, k)]
    w = _sum(inner, e[k])
    if w is None or not (w > 0).all():
        return None, None
    # In units of w, so that small entries are found as well as large ones, and what is added is relative.
    scaled = inner * w / w[:, None]
    x, more = _sum(scaled, e[k] / w), _sum(scaled, np.ones(k.size))
    if x is None or more is None:
        return None, None
    searched = np.zeros(n)
    searched[k] = w * x
    for share in SLACKS:
        above = np.zeros(n)
        above[k] = np.nextafter(w * (x + share * more), np.inf) if share else w * x
        found = exact(above[:, None])
        if (found - gains @ found - sources).n.smallest() >= 0:
            return found, searched
    return None, searched


def _sum(g: Floats, e: Floats) -> Floats | None:
    """sum_j G^j e in floats, for entries >= 0; None where it does not converge."""
    n = len(g)
    try:
        found: Floats = np.linalg.solve(np.eye(n) - g, e).astype(np.float64)
        if np.isfinite(found).all() and (found >= 0).all():
            return found
    except np.linalg.LinAlgError:
        pass
    # Elimination loses entries that are small beside others. (1 + G)(1 + G^2)(1 + G^4) .. e has no cancellation.
    found, power = e.astype(np.float64), g
    for _ in range(64):
        with np.errstate(over="ignore", invalid="ignore"):
            more = power @ found
            found, power = (found + more).astype(np.float64), power @ power
        if not np.isfinite(found).all():
            return None
        if (more <= 2.0**-60 * found).all():
            return found
    return None


def _growing(gains: Matrix, g: Floats, reached: Any) -> tuple[Fraction, ...] | None:
    """x >= 0, not 0, with G x >= x exactly, on parts that the sources reach; None when none was found."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    count, label = connected_components(csr_matrix(np.where(np.outer(reached, reached), g, 0)), connection="strong")
    for k in range(count):
        part = np.flatnonzero((label == k) & reached)
        if not part.size:
            continue
        values, vectors = np.linalg.eig(g[np.ix_(part, part)])
        top = int(np.abs(values).argmax())
        if abs(values[top]) < 1 - 1e-9:
            continue
        shape = np.abs(vectors[:, top].real)
        for x in _simple(shape / max(shape.max(), 1e-300)):
            full = [Fraction(0)] * len(g)
            for i, v in zip(part.tolist(), x, strict=True):
                full[i] = v
            column = exact(np.array([full], dtype=object)).T
            if any(full) and (gains @ column - column).n.smallest() >= 0:
                return tuple(full)
    return None


def _simple(shape: Floats) -> list[list[Fraction]]:
    """Rational vectors near one of floats: as it is, all ones, and with small denominators."""
    out = [[Fraction(v) for v in shape.tolist()], [Fraction(1)] * len(shape)]
    for most in (10, 1000, 10**6):
        out.append([Fraction(v).limit_denominator(most) for v in shape.tolist()])
    return out
