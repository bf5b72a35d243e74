"""Linear time-invariant systems x' = A x + B u (or x+ = ...), y = C x + D u in float64, and the error between two.

Says what is no system and what is not stable; solves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from certify.errors import BadInput
from certify.numbers import as_floats

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class System:
    """A (n, n), B (n, m), C (p, n), D (p, m); continuous time, or discrete."""

    a: Floats
    b: Floats
    c: Floats
    d: Floats
    continuous: bool = True

    @property
    def parts(self) -> list[Floats]:
        """A, B, C, D."""
        return [self.a, self.b, self.c, self.d]

    def minus(self, other: System) -> System:
        """The system whose output is the difference, under one input."""
        a = scipy.linalg.block_diag(self.a, other.a)
        return System(a, np.vstack([self.b, other.b]), np.hstack([self.c, -other.c]), self.d - other.d, self.continuous)

    def in_coordinates(self, t: Floats, w: Floats) -> System:
        """With x = T z and W near the inverse of T, in float64."""
        return System(w @ self.a @ t, w @ self.b, self.c @ t, self.d, self.continuous)

    def as_continuous(self) -> System:
        """The system, or the continuous one of s = (z - 1) / (z + 1): same gramians, gain and storage functions."""
        if self.continuous:
            return self
        n, root = len(self.a), float(np.sqrt(2))
        one: Floats = np.eye(n)
        right = np.asarray(np.linalg.solve(self.a + one, np.hstack([self.a - one, self.b])), dtype=np.float64)
        over = np.asarray(np.linalg.solve((self.a + one).T, self.c.T).T, dtype=np.float64)
        return System(right[:, :n], root * right[:, n:], root * over, self.d - self.c @ right[:, n:])


def system(parts: Sequence[Any], continuous: bool = True, name: str = "system") -> System:
    """Read A, B, C and perhaps D (zero by default), or what balanced_truncation returned; raises BadInput.

    A vector B is a column, a vector C a row.
    """
    parts = getattr(parts, "system", parts)
    if len(parts) not in (3, 4):
        raise BadInput(f"{name}: expected A, B, C, D, found {len(parts)} matrices")
    read = []
    for letter, value in zip("ABCD", parts, strict=False):
        array = value.toarray() if hasattr(value, "toarray") else np.asarray(value)
        if array.ndim < 2:
            array = array.reshape(-1, 1) if letter == "B" else array.reshape(1, -1)
        if array.ndim != 2 or 0 in array.shape:
            raise BadInput(f"{name}: expected a matrix {letter} with rows and columns, found shape {array.shape}")
        read.append(np.asarray(as_floats(array, f"{name}, {letter}"), dtype=np.float64))
    a, b, c = read[:3]
    d = read[3] if len(read) == 4 else np.zeros((c.shape[0], b.shape[1]))
    n, m, p = len(a), b.shape[1], c.shape[0]
    for letter, found, shape in (("A", a, (n, n)), ("B", b, (n, m)), ("C", c, (p, n)), ("D", d, (p, m))):
        if found.shape != shape:
            raise BadInput(f"{name}: expected {letter} of shape {shape}, found {found.shape}")
    return System(a, b, c, d, continuous)


def require_stable(s: System, name: str) -> None:
    """Raise BadInput unless all eigenvalues of A are stable, in float64."""
    roots = np.linalg.eigvals(s.a)
    worst = float(roots.real.max() if s.continuous else abs(roots).max())
    if worst >= (0 if s.continuous else 1):
        part = "real part" if s.continuous else "modulus"
        raise BadInput(f"{name}: not stable, A has an eigenvalue of {part} {worst:.3g}")
