"""The operators a model file may use, one family a file, found by discovery.

An operator is a function from a ``Call`` to the value (or values) it computes, in terms of ``Builder`` calls;
it is named after the ONNX operator and every loader uses the same one. To add an operator, add a file here
(or a function to a family) with ``@operator("Name")``; nothing else lists it. Files whose name starts with an
underscore are shared helpers. Nothing here reads files.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache

from certify.networks.operators._call import Call, Constant, Value, Variable

Lower = Callable[[Call], Value | list[Value]]
_registry: dict[str, Lower] = {}
_ignored: dict[str, frozenset[str]] = {}


def operator(*names: str, ignores: tuple[str, ...] = ()) -> Callable[[Lower], Lower]:
    """Register a lowering under ONNX operator names; a name may be taken only once.

    ``ignores`` names the attributes that do not change the value. Any other attribute that a lowering does
    not look at is refused: a newer opset may have given it a meaning.
    """

    def register(function: Lower) -> Lower:
        for name in names:
            if name in _registry:
                raise ValueError(f"operator {name} is lowered twice")
            _registry[name] = function
            _ignored[name] = frozenset(ignores)
        return function

    return register


def lower(call: Call) -> list[Value]:
    """The values of one call. Raises UnsupportedModel for unknown operators and attributes."""
    function = operators().get(call.op)
    if function is None:
        raise call.refuse("this operator is not supported")
    result = function(call)
    unread = sorted(set(call.attributes) - call.looked_at - _ignored[call.op])
    if unread:
        raise call.refuse(f"attribute {unread[0]!r} is not supported here")
    return result if isinstance(result, list) else [result]


@cache
def operators() -> dict[str, Lower]:
    """Every operator name with its lowering, from all files of this package."""
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(_registry.items()))


__all__ = ["Call", "Constant", "Lower", "Value", "Variable", "lower", "operator", "operators"]
