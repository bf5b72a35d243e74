"""What a model is: graphs of exact tensors, how they are loaded, evaluated and written down.

Names are lazy (PEP 562): importing this package imports neither numpy nor any loader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# Not lazy: importing the submodule later would bind the module over the function of the same name.
from certify.networks.load import load

if TYPE_CHECKING:
    from certify.networks.builder import Builder
    from certify.networks.graph import Affine, Free, Input, Network, Pair, Relu, Term

_HOME = {
    "Affine": "graph",
    "Builder": "builder",
    "Free": "graph",
    "Input": "graph",
    "Network": "graph",
    "Pair": "graph",
    "Relu": "graph",
    "Term": "graph",
}

__all__ = ["Affine", "Builder", "Free", "Input", "Network", "Pair", "Relu", "Term", "load"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
