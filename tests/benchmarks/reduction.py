"""Reduced models of the SLICOT systems: certified error gains beside numeric ones and a-priori bounds.

    python -m tests.benchmarks.reduction [SYSTEM...]

Reduced by balanced truncation in floats; what is certified is the error of those floats. The a-priori bound is twice
the sum of the dropped Hankel singular values: ours, and that of pyMOR where it is installed (which holds for its own
reduced model of that order, in exact arithmetic). Seconds of wall time with one BLAS thread; the check is in a fresh
interpreter. "certified / numeric" is one plus the slack at which the search succeeds, 0.001 at least.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

import certify as ct
from certify.statements.arrays import load_system
from tests.benchmarks.cases import DATA
from tests.benchmarks.tables import seconds, table

# The targets, then higher orders, where the error is a small difference of large systems.
SYSTEMS = (("build", 10), ("pde", 4), ("CDplayer", 20), ("heat-cont", 5), ("iss1R", 26), ("beam", 20))
FINE = (("build", 30), ("pde", 10), ("CDplayer", 60), ("heat-cont", 10), ("iss1R", 80), ("beam", 60))
# Certified over numeric.
TARGET = 1.01


def row(name: str, order: int) -> list[str]:
    """The cells of one system."""
    full = load_system(str(DATA / "systems" / f"{name}.mat"))
    reduced = ct.balanced_truncation(full, order)
    found = ct.reduction_error(full, reduced)
    cells = [name, str(len(full[0])), str(order), f"{found.searched:.6g}", f"{found.witnessed:.6g}"]
    if found.bound is None:
        return [*cells, f"unknown: {found.details['blame']}", *["-"] * 6]
    bound, tail = found.bound, reduced.tail_bound
    ratio = bound / found.searched
    cells += [f"{bound:.6g}", f"**{ratio:.4f}**" if ratio <= TARGET else f"{ratio:.4f}"]
    cells += [f"{tail:.4g} = {tail / bound:.2f} x", _pymor(full, order, bound)]
    return [*cells, *(seconds(found.seconds[k]) for k in ("search", "check")), f"{found.certificate.size / 1e6:.2f} MB"]


def _pymor(full, order: int, bound: float) -> str:
    """pyMOR's a-priori bound for its own model of this order."""
    try:
        from pymor.core.logger import set_log_levels
        from pymor.models.iosys import LTIModel
        from pymor.reductors.bt import BTReductor
    except ImportError:
        return "not installed"
    set_log_levels({"pymor": "ERROR"})
    try:
        tail = float(BTReductor(LTIModel.from_matrices(*full)).error_bounds()[order - 1])
    except Exception as e:
        # A peer may fail in any way; its cell says how.
        return f"failed ({type(e).__name__})"
    return f"{tail:.4g} = {tail / bound:.2f} x"


def lines(cases: Iterable[tuple[str, int]]) -> list[str]:
    """A Markdown table, with each row printed as it comes."""
    rows = []
    for name, order in cases:
        rows.append(row(name, order))
        print(*rows[-1], sep=" | ", file=sys.stderr, flush=True)
    head = ["system", "n", "r", "numeric error", "witness", "certified", "certified / numeric", "2 x Hankel tail",
            "pyMOR's bound", "search", "check", "certificate"]  # fmt: skip
    return table(head, rows)


if __name__ == "__main__":
    from certify.strategy.blas import one_blas_thread

    if not (DATA / "systems").is_dir():
        sys.exit(f"no systems in {DATA}: CERTIFY_DATA says where they are")
    wanted = set(sys.argv[1:])
    with one_blas_thread():
        print(*lines(c for c in SYSTEMS + FINE if not wanted or c[0] in wanted), sep="\n")
