"""Pieces of the input set as a prover sees them: boxes, perhaps a ball within each, and the hull for x'.

A Region holds L pieces at once, along a leading axis. Float64 and outward only as far as the caller made it so:
certificates do not depend on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from certify.networks.maps import Floats

S = TypeVar("S", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Region:
    """lo <= x <= hi, of shape (L, n); for l2 or l1 balls also their kind, centre (L or 1, n) and radius.

    hull_lo, hull_hi (1, n) bound x'.
    """

    lo: Floats
    hi: Floats
    kind: str = "box"
    centre: Floats | None = None
    radius: float = 0.0
    hull_lo: Floats | None = None
    hull_hi: Floats | None = None

    @staticmethod
    def of(
        lo: ArrayLike,
        hi: ArrayLike,
        kind: str = "box",
        centre: ArrayLike | None = None,
        radius: float = 0.0,
        hull: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> Region:
        """One piece from vectors (n,), or L pieces from matrices."""

        def rows(v: ArrayLike) -> Floats:
            return np.atleast_2d(np.asarray(v, dtype=np.float64))

        return Region(
            rows(lo), rows(hi), kind, None if centre is None else rows(centre), radius,
            None if hull is None else rows(hull[0]), None if hull is None else rows(hull[1]),
        )  # fmt: skip

    @staticmethod
    def join(pieces: Sequence[Region]) -> Region:
        """Pieces of one input set, or of sets of the same kind and radius, side by side."""
        first, centre = pieces[0], pieces[0].centre
        if any(p.centre is not centre for p in pieces):
            wide = [np.broadcast_to(p.centre, p.lo.shape) for p in pieces if p.centre is not None]
            centre = np.concatenate(wide)
        lo, hi = np.concatenate([p.lo for p in pieces]), np.concatenate([p.hi for p in pieces])
        return replace(first, lo=lo, hi=hi, centre=centre)

    def __len__(self) -> int:
        return len(self.lo)

    def take(self, which: ArrayLike | slice) -> Region:
        """The pieces that an index, mask or slice names."""
        at = which if isinstance(which, slice) else np.atleast_1d(np.asarray(which))
        centre = self.centre if self.centre is None or len(self.centre) == 1 else self.centre[at]
        return replace(self, lo=self.lo[at], hi=self.hi[at], centre=centre)

    @property
    def is_ball(self) -> bool:
        """Whether the pieces lie in l2 or l1 balls."""
        return self.centre is not None and self.kind in ("l2", "l1")

    def support(self, c: Floats, owner: NDArray[np.intp]) -> Floats:
        """A lower bound of c . x for each row of c (rows, n), over the piece that ``owner`` (rows,) names."""
        box: Floats = dots(c, (self.lo + self.hi) / 2, owner) - dots(np.abs(c), (self.hi - self.lo) / 2, owner)
        if not self.is_ball or self.centre is None:
            return box
        size = np.abs(c).max(axis=1) if self.kind == "l1" else np.linalg.norm(c, axis=1)
        best: Floats = np.maximum(box, dots(c, self.centre, owner) - self.radius * size)
        return best

    def minimiser(self, c: Floats, owner: NDArray[np.intp]) -> Floats:
        """The points (rows, n) of the better support of each row of c; the centre of a box where c is zero."""
        lo, hi = spread(self.lo, owner), spread(self.hi, owner)
        corner: Floats = np.where(c > 0, lo, np.where(c < 0, hi, (lo + hi) / 2))
        if not self.is_ball or self.centre is None:
            return corner
        step = np.zeros_like(c)
        if self.kind == "l1":
            rows, k = np.arange(len(c)), np.abs(c).argmax(axis=1)
            step[rows, k] = np.sign(c[rows, k])
        else:
            norm = np.linalg.norm(c, axis=1, keepdims=True)
            step = c / np.where(norm > 0, norm, 1.0)
        ball = spread(self.centre, owner) - self.radius * step
        better = (c * ball).sum(axis=1) > (c * corner).sum(axis=1)
        return np.where(better[:, None], ball, corner)

    def cut(self, i: int, at: float) -> tuple[Region, Region]:
        """The halves x_i <= at and x_i >= at of every piece."""
        hi, lo = self.hi.copy(), self.lo.copy()
        hi[:, i], lo[:, i] = at, at
        return replace(self, hi=hi), replace(self, lo=lo)


def spread(v: NDArray[S], owner: NDArray[np.intp]) -> NDArray[S]:
    """A row for each functional from a row for each piece; one row serves all."""
    return v if len(v) == 1 else v[owner]


def dots(c: Floats, v: Floats, owner: NDArray[np.intp]) -> Floats:
    """c_r . v_owner(r) for each row r."""
    out: Floats = c @ v[0] if len(v) == 1 else np.einsum("ij,ij->i", c, v[owner])
    return out
