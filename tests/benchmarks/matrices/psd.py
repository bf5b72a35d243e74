"""Rule *psd*: how fast an exact symmetric matrix is shown to be positive definite, in both kernels."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import numpy as np

import certify as ct
from certify.errors import KernelMissing
from certify.rocq import find
from certify.statements.bundle import certificate
from certify.statements.exact import exact
from certify.statements.factor import factor
from tests.benchmarks.matrices.figures import Figure, seconds, short

SIZES = (128, 400, 800)
# Seconds: Python for n = 800, the extracted kernel for n = 400.
PYTHON, EXTRACTED = (800, 1.0), (400, 2.0)


def matrix(n: int) -> np.ndarray:
    """A covariance of 2 n samples in float64, exactly symmetric, with eigenvalues from about 0.1 to 3."""
    x = np.random.default_rng(n).standard_normal((2 * n, n))
    c = x.T @ x / (2 * n)
    return (c + c.T) / 2


def figures(repeats: int) -> list[Figure]:
    out = []
    for n in SIZES:
        m = matrix(n)
        search, hints = seconds(lambda m=m: factor(exact(m)), repeats)
        of = {"conclusion": m, "count": 0, "premises": np.zeros((1, 1))}
        made = certificate("s-procedure", of, [hints])
        with tempfile.TemporaryDirectory() as folder:
            path = made.save(Path(folder) / "m.cert")
            inside = []

            def python(path: Path = path, inside: list[float] = inside) -> ct.Certificate:
                verdict = ct.check(path)
                assert verdict.accepted
                inside.append(sum(verdict.milliseconds.values()) / 1000)
                return verdict

            whole, _ = seconds(python, repeats)
            target = f"{PYTHON[1]:g} s" if n == PYTHON[0] else ""
            said = f"{short(whole)} with a fresh interpreter, of which kernel {short(statistics.median(inside))}"
            more = f"; factor found in {short(search)}; {made.size / 1e6:.2g} MB"
            out.append(Figure(f"psd, n = {n}, Python", target, said + more, whole < PYTHON[1] if target else None))
            try:
                find()
            except KernelMissing as e:
                out.append(Figure(f"psd, n = {n}, extracted", "", f"not measured: {e}"))
                continue
            spent, verdict = seconds(lambda path=path: ct.check(path, kernel="rocq"), repeats)
            assert verdict.accepted, verdict
            target = f"{EXTRACTED[1]:g} s" if n == EXTRACTED[0] else ""
            out.append(
                Figure(f"psd, n = {n}, extracted", target, short(spent), spent < EXTRACTED[1] if target else None)
            )
    return out
