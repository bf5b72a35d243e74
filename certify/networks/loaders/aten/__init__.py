"""What ATen calls mean in terms of our operators (which are named after ONNX's).

One table of small functions, in the files of this package (found by discovery). ATen's arguments are
completed from the operation's own schema, so defaults are never guessed here. An operation that is not in the table is
refused by name.
"""

from __future__ import annotations

import importlib
import operator as python
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from certify.errors import UnsupportedModel
from certify.networks.loaders.lowering import Lowering
from certify.networks.operators import Constant, Value

Results = Value | list[Value]
Arguments = dict[str, Any]


class Context:
    """One ATen call: its name, and a short way to issue operators."""

    def __init__(self, lowering: Lowering, name: str, target: str) -> None:
        self.lowering, self.name, self.target = lowering, name, target

    def op(self, op: str, *inputs: Any, **attributes: Any) -> Value:
        return self.many(op, 1, *inputs, **attributes)[0]

    def many(self, op: str, outputs: int, *inputs: Any, **attributes: Any) -> list[Value]:
        given = [v if isinstance(v, Constant) or v is None or hasattr(v, "node") else number(v) for v in inputs]
        given_attributes = {k: v for k, v in attributes.items() if v is not None}
        return self.lowering.call(op, given, given_attributes, name=self.name, outputs=outputs, origin=self.target)

    def refuse(self, why: str) -> UnsupportedModel:
        return UnsupportedModel(f"node {self.name!r} ({self.target}): {why}")


# Operations that make a tensor of numbers out of nothing: what torch makes is what is stored.
FACTORIES = {f"aten.{name}" for name in ("arange", "eye", "full", "ones", "scalar_tensor", "zeros")}

Rule = Callable[[Context, Arguments], Results]
_rules: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        _rules.update(dict.fromkeys(names, function))
        return function

    return register


@cache
def rules() -> dict[str, Rule]:
    """Every ATen operation with its rule."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return _rules


def number(value: Any) -> Constant:
    """A Python number or list of integers as a constant: floats are float64, bit by bit."""
    array = np.asarray(value)
    return Constant(array.astype(np.int64) if array.dtype.kind in "iub" else array.astype(np.float64), str(value))


def lower_aten(lowering: Lowering, node: Any, values: dict[str, Results]) -> Results:
    """The value (or values) of one call of an exported graph."""

    def resolve(argument: Any) -> Any:
        if isinstance(argument, list | tuple):
            return [resolve(a) for a in argument]
        name = getattr(argument, "name", None)
        return values[name] if isinstance(name, str) and name in values else argument

    if node.target is python.getitem:
        whole, index = (resolve(a) for a in node.args)
        # exported graphs name every result; only those that somebody reads need to exist
        if index >= len(whole) and not node.users:
            return []
        if index >= len(whole):
            raise UnsupportedModel(f"node {node.name!r}: result {index} of {node.args[0]} is not supported")
        return whole[index]  # type: ignore[no-any-return]
    target = str(node.target)
    base = ".".join(target.split(".")[:2])
    if base in ("aten._assert_tensor_metadata", "aten._assert_async", "aten.sym_constrain_range_for_size"):
        return []
    if base in FACTORIES:
        from certify.networks.loaders.torch import tensor_bits

        return Constant(tensor_bits(node.target(*node.args, **node.kwargs), node.name), node.name)
    found = rules().get(base)
    if found is None:
        raise UnsupportedModel(f"node {_name(node)!r} ({target}): this operation is not supported")
    arguments: Arguments = {}
    for k, a in enumerate(node.target._schema.arguments):
        given = node.args[k] if k < len(node.args) else node.kwargs.get(a.name, a.default_value)
        arguments[a.name] = resolve(given)
    return found(Context(lowering, _name(node), target), arguments)


def _name(node: Any) -> str:
    """The path of the torch.nn module the call comes from, else the call's own name."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path, kind = stack[-1] if stack else ("", "")
    # a user's own module makes several calls: only the library's stand for one
    return str(path) if path and str(kind).startswith("torch.nn.modules.") else str(node.name)
