"""Arrays in files, named in one word: ``X.npz``, ``X.npz:X``, ``X.npz:X[0:5]``, ``X.npz:X[3]``, ``X.npy[2]``.

Used by the command line and by claim files. Reads NumPy's formats only, and never a pickle: a data file cannot run
code. Rows that are not there are an error, not fewer rows: a claim must not lose points in silence. What the
numbers mean, and whether they are finite, is for certify.domains to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.errors import BadInput

_FORM = re.compile(
    r"(?P<path>.+?\.np[yz])(?::(?P<name>[^:\[\]]+))?(?:\[(?P<start>\d{1,9})?(?P<colon>:)?(?P<stop>\d{1,9})?\])?",
    re.ASCII | re.DOTALL,
)


@dataclass(frozen=True)
class Selector:
    """A file, an array in it (None: the only one) and a range of its first axis (None: from the start, to the end).

    ``[3]`` selects one row and keeps the axis, so that one point stays a batch of one.
    """

    path: str
    name: str | None = None
    start: int | None = None
    stop: int | None = None

    @staticmethod
    def parse(text: str, place: str) -> Selector:
        """Raises BadInput, naming ``place``, for anything that is not ``FILE.npz[:ARRAY][ROWS]``."""
        m = _FORM.fullmatch(text)
        if m is None or (text.endswith("]") and m["start"] is None and m["colon"] is None):
            raise BadInput(f"{place}: expected FILE.npz, FILE.npz:ARRAY or FILE.npz:ARRAY[FROM:TO], found {text!r}")
        if m["name"] is not None and m["path"].endswith(".npy"):
            raise BadInput(f"{place}: expected no array name, since a .npy file holds one array, found {m['name']!r}")
        start = None if m["start"] is None else int(m["start"])
        stop = None if m["stop"] is None else int(m["stop"])
        if start is not None and m["colon"] is None:
            stop = start + 1
        if start is not None and stop is not None and start >= stop:
            raise BadInput(f"{place}: expected rows FROM:TO with FROM below TO, found {start}:{stop}")
        return Selector(m["path"], m["name"], start, stop)

    def read(self, base: Path | None = None) -> NDArray[Any]:
        """The array, with relative paths taken from ``base``; raises BadInput when it is not there."""
        path = Path(self.path) if base is None else base / self.path
        array = _open(path, self.name)
        if self.start is None and self.stop is None:
            return array
        rows = len(array) if array.ndim else 0
        start, stop = self.start or 0, rows if self.stop is None else self.stop
        if not start < stop <= rows:
            raise BadInput(f"{path}: expected rows {start}:{stop} to exist, found {rows} rows")
        return array[start:stop]


def is_selector(text: str) -> bool:
    """Whether a word is meant as an array in a file, rather than as a number or a name."""
    return re.search(r"\.np[yz](?![A-Za-z0-9])", text) is not None


def read_named(path: Path, *names: str) -> list[NDArray[Any]]:
    """Several arrays of one .npz file; raises BadInput when one is missing."""
    return [_open(path, n) for n in names]


def _open(path: Path, name: str | None) -> NDArray[Any]:
    if not path.is_file():
        raise BadInput(f"{path}: no such file")
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            return _member(loaded, path, name)
    except BadInput:
        raise
    except Exception as e:
        # A damaged zip or header makes NumPy raise almost anything, down to struct.error and MemoryError.
        raise BadInput(
            f"{path}: not a readable .npz or .npy file ({str(e).splitlines()[0][:100] if str(e) else e!r})"
        ) from None


def _member(loaded: Any, path: Path, name: str | None) -> NDArray[Any]:
    found = list(loaded.files)
    if name is None:
        if len(found) != 1:
            raise BadInput(f"{path}: expected one array or FILE.npz:ARRAY, found arrays {', '.join(sorted(found))}")
        name = found[0]
    if name not in found:
        raise BadInput(f"{path}: expected an array {name!r}, found {', '.join(sorted(found)) or 'none'}")
    array = loaded[name]
    if not isinstance(array, np.ndarray):
        raise BadInput(f"{path}: {name}: expected an array, found {type(array).__name__}")
    return array
