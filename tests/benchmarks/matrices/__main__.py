"""The figures of the matrix family, measured in one run on one machine.

    python -m tests.benchmarks.matrices [--only TOPIC ...] [--repeats 3] [--out specs/benchmarks-matrices.md]

Wall seconds, medians of a few runs, with one BLAS thread. A check is a fresh interpreter that starts, reads and judges,
unless a line says otherwise. Peers that are not installed are said to be missing.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from datetime import date
from pathlib import Path

import numpy as np

from certify.strategy.blas import one_blas_thread
from tests.benchmarks.matrices import chains, derivations, lipschitz, peers, psd, spectra, squares
from tests.benchmarks.matrices.figures import table
from tests.benchmarks.run import _section, _write

TOPICS = {
    "psd": ("Positive definite matrices", psd.figures),
    "lipschitz": ("Lipschitz constants", lipschitz.figures),
    "squares": ("Sums of squares", squares.figures),
    "derivations": ("Derivations", derivations.figures),
    "chains": ("Chains", chains.figures),
    "spectra": ("Truncation and gaps", spectra.figures),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=TOPICS, default=list(TOPICS), help="some topics")
    parser.add_argument("--repeats", type=int, default=3, help="runs of which the median counts")
    parser.add_argument("--out", help="write the report there, between its markers")
    said = parser.parse_args()
    versions = {name: peers.version(package) for name, package in peers.PACKAGES.items()}
    lines = [
        f"{date.today()}, {platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} at the start, "
        f"Python {platform.python_version()}, numpy {np.__version__}; "
        f"`{' '.join(['python -m tests.benchmarks.matrices', *sys.argv[1:]])}`",
        "",
        "Peers: " + ", ".join(f"{name} {version or 'not installed'}" for name, version in versions.items()),
        "",
    ]
    print("\n".join(lines))
    met = missed = 0
    for topic in said.only:
        title, measured = TOPICS[topic]
        with one_blas_thread():
            found = measured(said.repeats)
        met, missed = met + sum(f.met is True for f in found), missed + sum(f.met is False for f in found)
        section = _section(title, table(found))
        print("\n".join(section))
        sys.stdout.flush()
        lines += section
    lines.append(f"Targets met: {met} of {met + missed}; load {os.getloadavg()[0]:.1f} at the end.")
    print(lines[-1])
    if said.out:
        _write(Path(said.out), lines)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
