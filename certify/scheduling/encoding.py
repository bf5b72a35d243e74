"""An outcome as bytes and back: JSON for paths and lines, an npz for every number in floating point. No pickles.

The bytes hold no digest and no length of their own; certify.scheduling.state frames them.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from certify.scheduling.units import Outcome, Path, Seen, Unit


def encode_outcome(path: Path, outcome: Outcome) -> tuple[bytes, bytes]:
    """The JSON and the npz of the outcome of the unit at ``path``."""
    arrays: dict[str, Any] = {"numbers": np.array([outcome.finished, outcome.seconds])}
    arrays |= {f"own/{k}": a for k, a in outcome.arrays.items()}
    if outcome.witness is not None:
        arrays |= {"seen/value": np.array(outcome.witness.value), "seen/point": outcome.witness.point}
    for i, c in enumerate(outcome.children):
        arrays |= {f"{i}/lo": c.lo, f"{i}/hi": c.hi, f"{i}/signs": c.signs, f"{i}/numbers": [c.upper, c.floor]}
        arrays |= {f"{i}/hint/{k}": a for k, a in c.hints.items()}
    head = {
        "path": path,
        "tree": outcome.tree,
        "children": [{"path": c.path, "part": c.part} for c in outcome.children],
    }
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    return json.dumps(head, separators=(",", ":"), default=_plain).encode(), packed.getvalue()


def _plain(v: object) -> Any:
    """numpy's integers in lines are integers to JSON too."""
    if isinstance(v, np.integer):
        return int(v)
    raise TypeError(f"a line holds {v!r}; expected words and integers")


def decode_outcome(head: bytes, packed: bytes) -> tuple[Path, Outcome]:
    """The inverse of ``encode_outcome``; raises ValueError, KeyError or OSError on anything else."""
    said = json.loads(head)
    with np.load(io.BytesIO(packed), allow_pickle=False) as z:
        a = {k: z[k] for k in z.files}
    children = []
    for i, c in enumerate(said["children"]):
        upper, floor = a[f"{i}/numbers"].tolist()
        children.append(
            Unit(
                tuple(c["path"]), c["part"], a[f"{i}/lo"], a[f"{i}/hi"], upper, a[f"{i}/signs"], floor,
                _under(a, f"{i}/hint/"),
            )
        )  # fmt: skip
    seen = Seen(float(a["seen/value"]), a["seen/point"]) if "seen/value" in a else None
    finished, seconds = a["numbers"].tolist()
    tree = tuple(tuple(line) for line in said["tree"])
    return tuple(said["path"]), Outcome(tree, finished, tuple(children), seen, _under(a, "own/"), seconds)


def _under(arrays: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def roots_digest(units: Iterable[Unit]) -> str:
    """SHA-256 of the regions of units: their paths, parts, boxes and signs, whatever bounds and hints they carry."""
    h = hashlib.sha256()
    for u in sorted(units, key=lambda u: u.path):
        h.update(json.dumps([u.path, u.part, len(u.lo), len(u.signs)]).encode())
        for a, kind in ((u.lo, "<f8"), (u.hi, "<f8"), (u.signs, "<i8")):
            h.update(np.ascontiguousarray(a, dtype=kind).tobytes())
    return h.hexdigest()
