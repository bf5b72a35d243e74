"""Coarsenings: functions from a network to a coarser network that remember which part became which.

One file each, found by discovery: any module of this package with a ``COARSENING`` declaration is one, and
its function is an attribute of the package. Nothing is imported before it is asked for. What is not here:
proving anything about the result (certify.provers), or reading models (certify.networks).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from certify.coarsenings.ablation import ablate
    from certify.coarsenings.correspondence import align, compose
    from certify.coarsenings.declaration import Coarsening
    from certify.coarsenings.dictionaries import dictionary
    from certify.coarsenings.merging import merge
    from certify.coarsenings.pruning import prune
    from certify.coarsenings.quantisation import quantise
    from certify.coarsenings.replacement import replace
    from certify.coarsenings.rounding import round_to
    from certify.coarsenings.subspaces import subspace
    from certify.coarsenings.truncation import low_rank

__all__ = [
    "ablate",
    "align",
    "compose",
    "dictionary",
    "discover",
    "low_rank",
    "merge",
    "prune",
    "quantise",
    "replace",
    "round_to",
    "subspace",
]


def discover() -> dict[str, Coarsening]:
    """Every coarsening of this package by name, in alphabetical order."""
    from importlib import import_module
    from pkgutil import iter_modules

    modules = [import_module(f"{__name__}.{m.name}") for m in iter_modules(__path__)]
    found = [m.COARSENING for m in modules if hasattr(m, "COARSENING")]
    return {c.name: c for c in sorted(found, key=lambda c: c.name)}


def __getattr__(name: str) -> Any:
    # Private names and our own submodules are the import system's business, not a coarsening's.
    if not name.startswith("_"):
        if name in ("align", "compose"):
            from certify.coarsenings import correspondence

            return getattr(correspondence, name)
        found = discover()
        if name in found:
            return found[name].function
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *discover()})
