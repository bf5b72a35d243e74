"""Arrays from files, for the command line: .npy, or NAME of an .npz or .mat file as FILE:NAME."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.errors import BadInput


def load_array(spec: str) -> NDArray[Any]:
    """The array of ``FILE.npy``, ``FILE.npz:NAME`` or ``FILE.mat:NAME``; sparse ones are made dense.

    Raises BadInput when there is none, or when it holds Python objects.
    """
    name, _, entry = spec.partition(":")
    path = Path(name)
    if not path.is_file():
        raise BadInput(f"{name}: no such file")
    try:
        if path.suffix == ".mat":
            from scipy.io import loadmat

            found: Any = loadmat(path)
        else:
            found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, TypeError, NotImplementedError, EOFError, zipfile.BadZipFile) as e:
        raise BadInput(f"{name}: expected an array file, found {type(e).__name__} ({e})") from None
    if isinstance(found, np.ndarray):
        if entry:
            raise BadInput(f"{name}: expected no name for a .npy file, found {entry}")
        return found
    names = [k for k in found if not k.startswith("__")]
    if entry not in names:
        raise BadInput(f"{name}: expected one of {', '.join(names)} after a colon, found {entry or 'nothing'}")
    value = found[entry]
    return np.asarray(value.toarray() if hasattr(value, "toarray") else value)
