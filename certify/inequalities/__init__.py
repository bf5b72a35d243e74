"""A library of inequalities for interpretability, each with its proof, certificate, and a function of numbers.

One file each, found by discovery: any module of this package with an ``INEQUALITY`` is one, and its function is an
attribute of the package. Numbers from a model go in; what comes out is on the safe side of the exact value. How results
are put together is in combine.py. Nothing is imported before it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from certify.inequalities.declaration import Inequality


def discover() -> dict[str, Inequality]:
    """Every inequality of this package by name, in alphabetical order."""
    from importlib import import_module
    from pkgutil import iter_modules

    modules = [import_module(f"{__name__}.{m.name}") for m in iter_modules(__path__)]
    found = [m.INEQUALITY for m in modules if hasattr(m, "INEQUALITY")]
    return {c.name: c for c in sorted(found, key=lambda c: c.name)}


def __getattr__(name: str) -> Any:
    # Private names and our own submodules are the import system's business.
    if not name.startswith("_"):
        found = discover()
        if name in found:
            return found[name].function
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *discover()})
