"""Truncation and gaps: the norm of what is cut from a matrix, and a certified gap of a Gram matrix."""

from __future__ import annotations

import numpy as np

import certify as ct
from tests.benchmarks.matrices.figures import Figure, medians, short

ROWS, COLUMNS, RANK = 256, 784, 32
SAMPLES, STRONG = 300, 5


def figures(repeats: int) -> list[Figure]:
    r = np.random.default_rng(0)
    a = (r.standard_normal((ROWS, COLUMNS)) / np.sqrt(COLUMNS)).astype("f4")
    u, s, v = np.linalg.svd(a.astype("f8"), full_matrices=False)
    b = ((u[:, :RANK] * s[:RANK]) @ v[:RANK]).astype("f4")
    spent, t = medians(lambda: ct.truncation(a, b), repeats)
    said = f"{t.witnessed:.9g} <= norm of A - A_r <= {t.bound:.9g}, loss {t.lost:.1e} (singular value {s[RANK]:.9g}); "
    said += f"search {short(spent['search'])}, check {short(spent['check'])}"
    out = [Figure(f"truncation of {ROWS} x {COLUMNS} to rank {RANK}, float32", "", said)]
    x = 0.1 * r.standard_normal((SAMPLES, 2 * SAMPLES))
    x += r.standard_normal((SAMPLES, STRONG)) @ r.standard_normal((STRONG, 2 * SAMPLES))
    k = ct.gram(x)
    spent, g = medians(lambda: ct.spectral_gap(k), repeats)
    values = np.linalg.eigvalsh(x @ x.T)[::-1]
    m = g.details["m"]
    share = float(g.details["gap"]) / (values[m - 1] - values[m])
    said = f"{m} eigenvalues above a gap of {float(g.details['gap']):.6g}, {share:.6f} of that in floats; "
    said += f"search {short(spent['search'])}, check {short(spent['check'])}"
    out.append(Figure(f"gap of a {SAMPLES} x {SAMPLES} Gram matrix, exact", "", said))
    return out
