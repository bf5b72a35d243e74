"""TOML in which nothing is ignored: tables that remember which keys were asked for.

Every error says the file, the table and the key, what was expected there and what was found. What the keys mean is
for the caller (certify.claim_file).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from certify.errors import BadInput
from certify.selectors import Selector

_MOST_BYTES = 1 << 24


def parse_toml(file: Path) -> dict[str, Any]:
    """The tables of a file; raises BadInput when it is missing, too large or not TOML."""
    if not file.is_file():
        raise BadInput(f"{file}: no such claim file")
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise BadInput(f"{file}: expected a claim file of at most {_MOST_BYTES} bytes, found more")
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as e:
        text = "nested too deeply" if isinstance(e, RecursionError) else str(e)
        raise BadInput(f"{file}: expected TOML, found an error: {text}") from None


class Table:
    """A TOML table that remembers which keys were asked for, so that no other key goes unnoticed."""

    def __init__(self, values: Mapping[str, Any], place: str) -> None:
        self._values, self.place, self._known = dict(values), place, dict[str, None]()

    def table(self, key: str, optional: bool = False) -> Table:
        found = self.take(key, (dict,), {} if optional else ...)
        return Table(found, f"{self.place}: [{key}]")

    def take(self, key: str, types: tuple[type, ...], default: Any = ...) -> Any:
        """The value of a key; raises BadInput when it is missing without a default, or of another type."""
        self._known[key] = None
        if key not in self._values:
            if default is ...:
                raise BadInput(f"{self.place}: expected a key {key!r}, found {', '.join(self._values) or 'none'}")
            return default
        value = self._values[key]
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            names = " or ".join({"dict": "table", "str": "text"}.get(t.__name__, t.__name__) for t in types)
            raise BadInput(f"{self.place}: {key}: expected {names}, found {str(value)[:60]!r}")
        return value

    def one_of(self, key: str, value: str, allowed: tuple[str, ...]) -> str:
        if value not in allowed:
            raise BadInput(f"{self.place}: {key}: expected one of {', '.join(allowed)}, found {value!r}")
        return value

    def allow(self, *keys: str) -> None:
        """Keys that are known here although nothing reads them yet."""
        self._known.update(dict.fromkeys(keys))

    def done(self) -> None:
        """Raises BadInput for a key that nothing asked for."""
        for key in self._values:
            if key not in self._known:
                raise BadInput(f"{self.place}: unknown key {key!r}; allowed here: {', '.join(self._known)}")

    def array(self, key: str, base: Path) -> Any:
        """An array, inline or from a file."""
        return read_array(self.take(key, (str, list)), f"{self.place}: {key}", base)


def read_array(value: Any, place: str, base: Path) -> Any:
    if isinstance(value, str):
        return Selector.parse(value, place).read(base)
    import numpy as np

    if not _is_numeric(value):
        raise BadInput(f"{place}: expected numbers, found {str(value)[:60]}")
    try:
        return np.array(value)
    except (ValueError, OverflowError) as e:
        raise BadInput(f"{place}: expected rows of one length, found {str(e)[:80]}") from None


def _is_numeric(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_numeric, value))
    return isinstance(value, int | float) and not isinstance(value, bool)
