"""Arrays and state-space systems from files, for the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.errors import BadInput
from certify.selectors import Selector


def load_array(text: str) -> NDArray[Any]:
    """The array of ``FILE.npy``, ``FILE.npz`` or ``FILE.npz:NAME``; raises BadInput when there is none."""
    return Selector.parse(text, "array").read()


def load_system(name: str) -> tuple[NDArray[np.float64], ...]:
    """(A, B, C, D) of an .npz or .mat file with these names, as float64; a missing D is zero. Raises BadInput."""
    path = Path(name)
    if not path.is_file():
        raise BadInput(f"{path}: no such file")
    found = _mat(path) if path.suffix == ".mat" else _npz(path)
    missing = [k for k in "ABC" if k not in found]
    if missing:
        raise BadInput(f"{path}: expected arrays A, B, C and perhaps D, found no {missing[0]}")
    # Some collections store sparse matrices, and small integers that would wrap when multiplied.
    dense = [found[k].toarray() if hasattr(found[k], "toarray") else found[k] for k in "ABC"]
    a, b, c = (np.asarray(v, dtype=np.float64) for v in dense)
    d = np.asarray(found["D"], dtype=np.float64) if "D" in found else np.zeros((c.shape[0], b.shape[1]))
    return a, b, c, d


def save_system(name: str, system: tuple[NDArray[np.float64], ...]) -> None:
    """Write (A, B, C, D) to an .npz file."""
    a, b, c, d = system
    try:
        np.savez(name, A=a, B=b, C=c, D=d)
    except OSError as e:
        raise BadInput(f"{name}: cannot be written ({e.strerror})") from None


def _mat(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat

    try:
        return dict(loadmat(path))
    except Exception as e:
        # scipy.io has errors of its own, and damaged files make it raise almost anything.
        raise BadInput(f"{path}: not a readable .mat file ({type(e).__name__})") from None


def _npz(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as found:
            return {k: found[k] for k in found.files}
    except Exception as e:
        # A damaged zip or header makes NumPy raise almost anything.
        raise BadInput(f"{path}: not a readable .npz file ({type(e).__name__})") from None
