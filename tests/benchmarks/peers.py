"""Ask the peers, in their own Python, about a case; nothing of theirs is imported here."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from certify.networks.maps import Floats
from tests.benchmarks.cases import Layers

PEERS = Path(os.environ.get("CERTIFY_PEERS", Path.home() / ".cache" / "certify-peers"))
ITERATIONS = (20, 100)
CROWNS = ("CROWN", *(f"alpha-CROWN {k}" for k in ITERATIONS))
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Peer:
    """What a peer said: an upper bound of |f - g| and its CPU seconds, or why there is none."""

    upper: float = np.inf
    seconds: float = np.nan
    failed: str | None = None


def available(module: str = "auto_LiRPA") -> str | None:
    """Why a module of the peers' cannot be asked, or None."""
    python = PEERS / "bin/python"
    if not python.exists():
        return f"no peers in {PEERS}; sh tests/benchmarks/install_peers.sh"
    said = subprocess.run([str(python), "-c", f"import {module}"], capture_output=True, text=True)
    return None if said.returncode == 0 else (said.stderr.strip().splitlines() or [f"{module} fails"])[-1]


def crown(f: Layers, g: Layers, lo: Floats, hi: Floats, seconds: float = 600.0) -> dict[str, Peer]:
    """What auto_LiRPA's CROWN and alpha-CROWN say of f - g over a box."""
    arrays = {"lo": lo, "hi": hi}
    for name, layers in (("f", f), ("g", g)):
        for k, (W, b) in enumerate(layers):
            arrays |= {f"{name}{k}_W": W, f"{name}{k}_b": b}
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "case.npz"
        np.savez(path, **arrays)
        script = Path(__file__).with_name("peer_crown.py")
        command = [str(PEERS / "bin/python"), str(script), str(path), *map(str, ITERATIONS)]
        try:
            said = subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=os.environ | ONE_THREAD)
        except subprocess.TimeoutExpired:
            return dict.fromkeys(CROWNS, Peer(failed=f"not done in {seconds:.0f} s"))
    if said.returncode != 0:
        reason = (said.stderr.strip().splitlines() or [f"exit {said.returncode}"])[-1]
        return dict.fromkeys(CROWNS, Peer(failed=reason[:60]))
    return {name: Peer(**found) for name, found in json.loads(said.stdout.strip().splitlines()[-1]).items()}
