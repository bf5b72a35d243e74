"""Exact rational matrices: integers over one denominator. What the rules about matrices compute with.

How a number is written changes no verdict: everything here is exact, so common denominators need not be least.
Spec: statements.md#matrices.
"""

from __future__ import annotations

from certify.kernel.limits import SIZE, TENSOR_ENTRIES
from certify.kernel.tensors import pick
from certify.kernel.verdict import Rejected, limit, require


class Matrix:
    """N / d: an integer matrix and a denominator d >= 1."""

    __slots__ = ("a", "den", "n")

    def __init__(self, arithmetic, n, den):
        self.a, self.n, self.den = arithmetic, n, den

    @property
    def shape(self):
        return self.n.shape

    def __add__(self, other):
        if self.den == other.den:
            return Matrix(self.a, self.n + other.n, self.den)
        return Matrix(self.a, self.n * other.den + other.n * self.den, self.den * other.den)

    def __neg__(self):
        return Matrix(self.a, -self.n, self.den)

    def __sub__(self, other):
        return self + -other

    def __matmul__(self, other):
        return Matrix(self.a, self.a.matmul(self.n, other.n), self.den * other.den)

    @property
    def T(self):
        return Matrix(self.a, self.n.transpose(), self.den)

    def times(self, num, den=1):
        """(num / den) times the matrix, den >= 1."""
        return Matrix(self.a, self.n * num, self.den * den)

    def each(self, other):
        """The entrywise product; one row of ``other`` stands for all."""
        return Matrix(self.a, self.n * other.n, self.den * other.den)

    def over(self, den):
        """The integers of this matrix over a multiple of its denominator."""
        return self.n * (den // self.den)


def zeros(arithmetic, rows, columns):
    return Matrix(arithmetic, arithmetic.zeros(rows, columns), 1)


def identity(arithmetic, n):
    return Matrix(arithmetic, arithmetic.unit_rows(list(range(n)), n, 1), 1)


def diagonal(row):
    """The diagonal matrix of a matrix of one row."""
    return identity(row.a, row.shape[1]).each(row)


def above(*parts):
    """Matrices of one width, one above the other."""
    den = 1
    for p in parts:
        den = den if den % p.den == 0 else den * p.den
    return Matrix(parts[0].a, parts[0].a.join([p.over(den) for p in parts]), den)


def beside(*parts):
    """Matrices of one height, side by side."""
    return above(*[p.T for p in parts]).T


class Table:
    """The `matrix` lines of a file: T ROWS COLUMNS NUM DEN, the tensor's entries times NUM / DEN."""

    def __init__(self, lines, tensors, arithmetic):
        self.lines, self.a, self.words = lines, arithmetic, []
        self._made: dict[int, Matrix] = {}
        while (words := lines.peek()) is not None and words[0] == "matrix":
            t, rows, columns, num, den = lines.numbers("matrix", 5)
            tensor = pick(tensors, t, lines)
            lines.need(den >= 1, "denominator", "a denominator is at least 1")
            lines.need(rows >= 1 and columns >= 1, "shape", "a matrix has rows and columns")
            limit(max(rows, columns), SIZE, lines.place, "rows or columns")
            limit(rows * columns, TENSOR_ENTRIES, lines.place, "entries of the matrix")
            fits = tensor.count == rows * columns
            lines.need(fits, "shape", f"{tensor.count} entries are not {rows} x {columns}")
            self.words.append((tensor, rows, columns, num, den))

    def check_index(self, k):
        self.lines.need(0 <= k < len(self.words), "no-such-matrix", f"matrix {k} of {len(self.words)}")
        return k

    def __getitem__(self, k) -> Matrix:
        if k not in self._made:
            tensor, rows, columns, num, den = self.words[k]
            n, e = _read(tensor, self.a)
            n = n.shaped(rows, columns) * (num << max(e, 0))
            self._made[k] = Matrix(self.a, n, den << max(-e, 0))
        return self._made[k]


def _read(tensor, arithmetic):
    """The entries as a vector of integers times 2^e."""
    if tensor.kind[0] == "i":
        return tensor.integers(arithmetic), 0
    found = arithmetic.exact(tensor.kind, tensor.bytes())
    if found is None:
        raise Rejected("not-finite", tensor.place, "a NaN or an infinity")
    return found


def square(m, what, place="claim"):
    """The side of a square matrix."""
    require(m.shape[0] == m.shape[1], "shape", place, f"{what} is {m.shape[0]} x {m.shape[1]}, not square")
    return m.shape[0]


def same_shape(m, rows, columns, what, place="claim"):
    found = f"{what} is {m.shape[0]} x {m.shape[1]}, expected {rows} x {columns}"
    require(m.shape == (rows, columns), "shape", place, found)
