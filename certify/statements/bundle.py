"""Statements and their evidence as bundles: specs/statements.md#files. Writes files; judges nothing.

A bundle is built by naming what the statement speaks of; matrices are stored once. Floats are stored as the floats they
are where that is exact, everything else as integers of the least width that holds them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from certify.certificate import Certificate
from certify.errors import CertifyError
from certify.kernel.exact import Matrix
from certify.kernel.rendering import as_json, number
from certify.kernel.statements import KINDS
from certify.statements.exact import exact
from certify.statements.factor import Factor

WIDTHS = (4, 8, 16, 32, 64, 128)


class _Tables:
    """The tensor and matrix lines of one file."""

    def __init__(self, blobs: dict[str, bytes]) -> None:
        self._blobs = blobs
        self.tensors: list[str] = []
        self.matrices: list[str] = []
        self._known: dict[str, int] = {}
        self.shown: list[dict[str, Any]] = []

    def add(self, values: Any) -> int:
        """The number of a matrix: a Matrix, or an array of floats, integers or Fractions."""
        if not isinstance(values, Matrix):
            array = values.toarray() if hasattr(values, "toarray") else np.asarray(values)
            if array.dtype.kind == "f" and array.dtype.itemsize <= 8:
                exact(array)  # refuses what is not a finite matrix
                little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
                kind = f"f{array.dtype.itemsize}"
                rows, columns = (1, array.shape[0]) if array.ndim == 1 else array.shape
                return self._line(kind, little.tobytes(), rows, columns, 1)
        m = exact(values)
        flat = [int(v) for v in m.n.a.ravel()]
        bits = max(v.bit_length() for v in flat) + 1
        width = next((w for w in WIDTHS if 8 * w >= bits), None)
        if width is None:
            raise CertifyError(f"a matrix of the statement: its integers have {bits} bits, the format holds 1,024")
        if width <= 8:
            data = np.array(flat, dtype=f"<i{width}").tobytes()
        else:
            data = b"".join(v.to_bytes(width, "little", signed=True) for v in flat)
        rows, columns = m.shape
        return self._line(f"i{width}", data, rows, columns, m.den)

    def _line(self, kind: str, data: bytes, rows: int, columns: int, den: int) -> int:
        digest = hashlib.sha256(data).hexdigest()
        self._blobs[f"blobs/{digest}"] = data
        tensor = f"tensor {kind} {rows * columns} {digest}"
        if tensor not in self._known:
            self._known[tensor] = len(self.tensors)
            self.tensors.append(tensor)
        line = f"matrix {self._known[tensor]} {rows} {columns} 1 {den}"
        if line in self.matrices:
            return self.matrices.index(line)
        self.matrices.append(line)
        shown = {"count": rows * columns, "dtype": kind, "sha256": digest}
        self.shown.append({"columns": columns, "rows": rows, "tensor": shown, "times": number(Fraction(1, den))})
        return len(self.matrices) - 1


def shown(values: Any) -> dict[str, Any]:
    """A matrix as claim.json has it."""
    table = _Tables({})
    table.add(values)
    return table.shown[0]


def certificate(
    kind: str,
    of: Mapping[str, Any],
    evidence: Sequence[Any] = (),
    items: Sequence[Sequence[int]] = (),
) -> Certificate:
    """The bundle of a statement.

    kind: one of the kernel's; of: what it speaks of, by the names of its SIGNATURE: arrays, lists of arrays, numbers.
    evidence: matrices in order, a Factor standing for two (shifts and factor); items: lines of integers.
    """
    blobs: dict[str, bytes] = {}
    table = _Tables(blobs)
    words: list[int] = []
    spoken: dict[str, Any] = {}
    for name, sort in KINDS[kind].SIGNATURE:
        value = of[name]
        if sort == "matrix":
            k = table.add(value)
            words.append(k)
            spoken[name] = table.shown[k]
        elif sort == "matrices":
            ks = [table.add(v) for v in value]
            words += [len(ks), *ks]
            spoken[name] = [table.shown[k] for k in ks]
        elif sort == "rational":
            q = Fraction(value)
            words += [q.numerator, q.denominator]
            spoken[name] = number(q)
        else:
            words.append(int(value))
            spoken[name] = int(value)
    head = ["certify-statement 1", "rules 1", *table.tensors, *table.matrices]
    claim = "\n".join([*head, f"statement {kind} {' '.join(map(str, words))}", "end", ""])
    hints = _Tables(blobs)
    lines: list[str] = []
    for e in evidence:
        for m in ([e.shifts], [e.packed]) if isinstance(e, Factor) else (e,):
            lines.append(hints.matrices[hints.add(np.array(m, dtype=object) if isinstance(m, list) else m)])
    proof = [
        "certify-evidence 1",
        *hints.tensors,
        *lines,
        *(" ".join(map(str, ("item", *i))) for i in items),
        "end",
        "",
    ]
    files = {
        "claim": claim.encode("ascii"),
        "claim.json": as_json({"format": 1, "rules": 1, "statement": kind, "of": spoken}),
        "proof": "\n".join(proof).encode("ascii"),
    }
    return Certificate({**files, **blobs})
