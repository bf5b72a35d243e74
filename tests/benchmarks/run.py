"""The benchmark run: every case against every peer, in one run on one machine.

    python -m tests.benchmarks.run [--cases TEXT] [--out specs/benchmarks.md] [--solvers SECONDS] [--acas SECONDS]

Times are CPU seconds, of this process and its children, with one BLAS thread, unless a column says otherwise. Uppers
are what the kernel accepted in a fresh interpreter; lowers are exact values at witnesses. Ratios are to our own witness
in the same run. Peers that cannot be asked are said to be missing.
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
from tests.benchmarks import acas, peers, solvers, tables
from tests.benchmarks.cases import CASES, DATA
from tests.benchmarks.measure import measure, warm_up

BEGIN, END = "<!-- run -->", "<!-- /run -->"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="", help="only cases whose name holds this")
    parser.add_argument("--out", help="write the report there, between its markers")
    parser.add_argument("--solvers", type=float, default=0.0, help="also compare SDP solvers, so many seconds each")
    parser.add_argument("--acas", type=float, default=0.0, help="also decide properties 1-4, so many seconds each")
    said = parser.parse_args()
    if not DATA.is_dir():
        parser.error(f"no networks in {DATA}: CERTIFY_DATA says where they are")
    if not any(said.cases in case.name for case in CASES):
        parser.error(f"no case holds {said.cases!r}: {', '.join(case.name for case in CASES)}")
    missing = peers.available()
    warm_up()
    rows = []
    for case in CASES:
        if said.cases in case.name:
            rows.append(measure(case, missing is None))
            print(*(part(rows[-1:])[2] for part in (tables.brackets, tables.at_equal_time, tables.costs)), sep="\n")
            sys.stdout.flush()
    lines = [
        f"{date.today()}, {platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, "
        f"numpy {np.__version__}; `{' '.join(['python -m tests.benchmarks.run', *sys.argv[1:]])}`",
        "",
        *([f"Peers are missing: {missing}", ""] if missing else []),
        *_section("Brackets", tables.brackets(rows)),
        *_section("Targets", tables.targets(rows)),
        *_section("At equal CPU time (floats)", tables.at_equal_time(rows)),
        *_section("Costs", tables.costs(rows)),
    ]
    if said.acas:
        lines += _section("ACAS Xu, properties 1-4", acas.table(said.acas))
    if said.solvers:
        with one_blas_thread():
            lines += _section("Solvers of the semidefinite programs, worst row", solvers.table(said.solvers))
    print("\n".join(lines))
    if said.out:
        _write(Path(said.out), lines)
    return 0


def _section(title: str, lines: list[str]) -> list[str]:
    return [f"### {title}", "", *lines, ""]


def _write(path: Path, lines: list[str]) -> None:
    text = path.read_text() if path.exists() else f"{BEGIN}\n{END}\n"
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    path.write_text("\n".join([before + BEGIN, *lines, END]) + after)


if __name__ == "__main__":
    raise SystemExit(main())
