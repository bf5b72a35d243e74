"""Faults of the files of any statement: words, matrices, kinds."""

from __future__ import annotations

import numpy as np
from bundles import edited

from certify.statements.bundle import certificate
from certify.statements.exact import exact
from certify.statements.factor import factor

Files = dict[str, bytes]

Q = np.array([[2.0, -1.0], [-1.0, 2.0]])


def base() -> Files:
    of = {"conclusion": Q, "count": 0, "premises": Q}
    return certificate("s-procedure", of, [factor(exact(Q))]).files


def accept() -> dict[str, Files]:
    return {}


def reject() -> dict[str, Files]:
    files = base()

    def claim(old: str, new: str) -> Files:
        return edited(files, "claim", old, new)

    def proof(old: str, new: str) -> Files:
        return edited(files, "proof", old, new)

    return {
        "no-such-matrix--statement": claim("s-procedure 0 0 0", "s-procedure 1 0 0"),
        "no-such-matrix--evidence": proof("matrix 1 1 3 1 1\n", ""),
        "negative-count--statement": claim("s-procedure 0 0 0", "s-procedure 0 -1 0"),
        "word-count--statement": claim("s-procedure 0 0 0", "s-procedure 0 0 0 0"),
        "shape--matrix": claim("matrix 0 2 2 1 1", "matrix 0 2 1 1 1"),
        "denominator--matrix": claim("matrix 0 2 2 1 1", "matrix 0 2 2 1 0"),
        "rendering--statement": files | {"claim.json": files["claim.json"].replace(b"1/1", b"2/1")},
        "hint--shifts-that-are-no-integers": proof("matrix 0 1 2 1 1", "matrix 0 1 2 1 2"),
    }


def decline() -> dict[str, Files]:
    files = base()
    return {
        "no-such-kind--statement": edited(files, "claim", "statement s-procedure", "statement p-procedure"),
        "version--statement-2": edited(files, "claim", "certify-statement 1", "certify-statement 2"),
        "limit--a-shift": edited(files, "proof", "matrix 0 1 2 1 1", "matrix 0 1 2 1000 1"),
    }
