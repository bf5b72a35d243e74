"""Ask the peers, in their own Python, about a case; nothing of theirs is imported here."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from certify.networks.maps import Floats
from tests.benchmarks.cases import Layers

PEERS = Path(os.environ.get("CERTIFY_PEERS", Path.home() / ".cache" / "certify-peers"))
ITERATIONS = 20


def available() -> str | None:
    """Why auto_LiRPA cannot be asked, or None."""
    python = PEERS / "bin/python"
    if not python.exists():
        return f"no peers in {PEERS}; sh tests/benchmarks/install_peers.sh"
    said = subprocess.run([str(python), "-c", "import auto_LiRPA"], capture_output=True, text=True)
    return None if said.returncode == 0 else (said.stderr.strip().splitlines() or ["auto_LiRPA fails"])[-1]


def crown(f: Layers, g: Layers, lo: Floats, hi: Floats, seconds: float = 600.0) -> dict[str, dict[str, float]]:
    """{"CROWN": {"upper", "seconds"}, "alpha-CROWN": ...} of auto_LiRPA on f - g, or {} when it fails."""
    arrays = {"lo": lo, "hi": hi}
    for name, layers in (("f", f), ("g", g)):
        for k, (W, b) in enumerate(layers):
            arrays |= {f"{name}{k}_W": W, f"{name}{k}_b": b}
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "case.npz"
        np.savez(path, **arrays)
        command = [
            str(PEERS / "bin/python"),
            str(Path(__file__).with_name("peer_crown.py")),
            str(path),
            str(ITERATIONS),
        ]
        try:
            said = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            return {}
    if said.returncode != 0:
        print((said.stderr.strip().splitlines() or ["?"])[-1])
        return {}
    found: dict[str, dict[str, float]] = json.loads(said.stdout.strip().splitlines()[-1])
    return found
