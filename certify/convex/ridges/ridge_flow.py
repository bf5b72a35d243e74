"""``ct.ridge_flow``: the effective ridge and its certified error, mode by mode: a kernel seen at several scales."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import scipy.linalg

from certify.convex.forms import lowest, symmetric
from certify.convex.ridges.ridge import Quantity, ridge_truncation
from certify.errors import BadInput
from certify.kernel.exact import Matrix
from certify.numbers import Scalar, rational
from certify.results import Status
from certify.statements.bound import Bound
from certify.statements.exact import Floats, exact, floats


@dataclass(frozen=True)
class Cut:
    """One scale: ``kept`` modes, the ridge that stands for the others, and the bound on what that changes."""

    kept: int
    ridge: Fraction | None
    error: Bound


@dataclass(frozen=True)
class RidgeFlow:
    """How the ridge grows as modes are discarded. size: n; ridge: of the whole problem; cuts: finest first."""

    size: int
    ridge: Fraction
    of: str
    cuts: tuple[Cut, ...]

    @property
    def status(self) -> Status:
        found = {c.error.status for c in self.cuts}
        return "refuted" if "refuted" in found else "unknown" if "unknown" in found else "proved"

    def as_json(self) -> dict[str, Any]:
        rows = [{"kept": c.kept, **c.error.as_json()} for c in self.cuts]
        return {"status": self.status, "size": self.size, "ridge": str(self.ridge), "of": self.of, "cuts": rows}

    def show(self) -> str:
        """A table: kept modes, effective ridge, change for unit targets (certified, witnessed), closed form, primal."""
        from certify import show

        head: tuple[str, ...] = ("kept", "ridge", "change <=", "change >=", "closed form", "weights <=")
        if self.of != "coefficients":
            head = (*head[:4], "coefficients <=", head[5])
        rows: list[tuple[str, ...]] = [("all", show.upper(self.ridge), "0", "0", "0", "0")]
        for c in self.cuts:
            d, b = c.error.details, c.error.bracket
            shown = [show.upper(v) for v in (c.ridge, b.upper)] + [show.lower(b.lower)]
            rows.append((str(c.kept), *shown, *(show.upper(d.get(k)) for k in ("closed", "primal"))))
        widths = [max(len(r[k]) for r in (head, *rows)) for k in range(len(head))]
        lines = ["  ".join(v.rjust(w) for v, w in zip(r, widths, strict=True)) for r in (head, *rows)]
        return "\n".join([f"change of {self.of} for unit targets, {self.size} data", *lines])

    def __str__(self) -> str:
        return self.show()


def ridge_flow(
    K: Any, ridge: Scalar, cuts: Sequence[int] | None = None, *, features: bool = False, of: Quantity = "coefficients",
    direct: bool = True,
) -> RidgeFlow:  # fmt: skip
    """Discard the modes of a kernel matrix scale by scale, and certify what the renormalised ridge leaves as an error.

    K: (n, n) symmetric positive semidefinite; what is kept of it are its leading eigenvectors, rounded to a dyadic grid
    X with low = X X', exactly of rank ``kept``. With features=True, K is Phi (n, p) instead, the kernel is Phi Phi',
    and a cut keeps the first columns. cuts: numbers of modes kept; by default n/2, n/4, .., 1. of, direct: as in
    ``ct.ridge_truncation``, which has the mathematics. Raises BadInput.
    """
    s = rational(ridge, "ridge")
    if features:
        columns = exact(K, "K")
        n, most = columns.shape
        whole = lowest(columns @ columns.T)
    else:
        whole = symmetric(K, "K")
        n = most = whole.shape[0]
        values, vectors = scipy.linalg.eigh(floats(whole))
    chosen = _halved(most) if cuts is None else sorted({_counted(c, most) for c in cuts}, reverse=True)
    found = []
    for kept in chosen:
        if features:
            part = Matrix(columns.a, columns.n.columns(range(kept)), columns.den)
        else:
            part = exact(_modes(values, vectors, kept))
        error = ridge_truncation(whole, lowest(part @ part.T), s, of=of, direct=direct)
        found.append(Cut(kept, error.details.get("effective"), error))
    return RidgeFlow(n, s, of, tuple(found))


def _halved(most: int) -> list[int]:
    out = [most // 2]
    while out[-1] > 1:
        out.append(out[-1] // 2)
    return [c for c in out if c >= 1]


def _counted(c: Any, most: int) -> int:
    if isinstance(c, bool) or not isinstance(c, int | np.integer) or not 1 <= c < most:
        raise BadInput(f"cuts: expected numbers of modes from 1 to {most - 1}, found {c!r}")
    return int(c)


def _modes(values: Floats, vectors: Floats, kept: int) -> Floats:
    """Leading eigenvectors times the roots of their eigenvalues, on a grid fine enough for what is discarded."""
    n = len(values)
    top = np.sqrt(np.maximum(values[n - kept :], 0))
    rest = max(float(values[n - kept - 1]), 2.0**-50 * float(values[-1]))
    scaled = vectors[:, n - kept :] * top
    largest = float(np.abs(scaled).max())
    if not largest:
        return scaled
    bits = int(np.clip(np.ceil(np.log2(2.0**12 * n * float(values[-1]) / rest)), 16, 34))
    unit = 2.0 ** (np.ceil(np.log2(largest)) - bits)
    rounded: Floats = np.rint(scaled / unit) * unit
    return rounded
