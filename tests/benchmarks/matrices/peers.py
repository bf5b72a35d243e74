"""Ask a peer in its own Python; nothing of theirs is imported here. `sh tests/benchmarks/matrices/install_peers.sh`."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

PEERS = Path(os.environ.get("CERTIFY_MATRIX_PEERS", Path.home() / ".cache" / "certify-matrix-peers"))
# Packages as pip names them, by the names that are shown.
PACKAGES = {
    "SumOfSquares.py": "SumOfSquares",
    "certo": "certo-math",
    "omnibias": "omnibias-sos",
    "PEPit": "PEPit",
    "Storm": "stormpy",
}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
VERSION = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"


def version(package: str) -> str | None:
    """The installed version of a peer, or None."""
    python = PEERS / "bin/python"
    if not python.exists():
        return None
    said = subprocess.run([str(python), "-c", VERSION, package], capture_output=True, text=True)
    return said.stdout.strip() if said.returncode == 0 else None


def ask(script: str, *arguments: str, limit: float = 60.0) -> dict[str, Any]:
    """What a script beside this file says; {"failed": why} where it says nothing."""
    python = PEERS / "bin/python"
    if not python.exists():
        return {"failed": "not installed"}
    command = [str(python), str(Path(__file__).with_name(script)), *arguments]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=limit, env=os.environ | ONE_THREAD)
    except subprocess.TimeoutExpired:
        return {"failed": f"not done in {limit:.0f} s"}
    if said.returncode != 0:
        return {"failed": (said.stderr.strip().splitlines() or [f"exit {said.returncode}"])[-1][:80]}
    found: dict[str, Any] = json.loads(said.stdout.strip().splitlines()[-1])
    return found
