"""Read a torch.nn.Module through torch.export: the graph of ATen calls, before any decomposition.

Parameters and buffers are taken bit by bit (bfloat16 as the float32 it is). Numbers written in Python code,
such as a negative slope, are the float64 they are there, also where torch would round them to the tensors'
type.
Nothing is folded and no optimiser runs. What ATen calls mean is in ``loaders/aten.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.errors import BadInput, CertifyError, UnsupportedModel
from certify.networks.graph import Network
from certify.networks.loaders.aten import lower_aten
from certify.networks.loaders.lowering import MALFORMED, Lowering
from certify.networks.operators import Constant, Value


def load_torch(module: Any, *, input_shape: tuple[int, ...] | None = None) -> Network:
    """The network of a torch module in evaluation mode.

    input_shape: shape of one input without the batch axis; a module that begins with a Linear knows its own.
    The module is exported with a batch of 1; its mode (training or evaluation) is left as it was.
    Raises BadInput when the shape is missing or does not fit, UnsupportedModel when torch cannot export the
    module or an operation has no exact form; names the operation.
    """
    shape = input_shape or _leading_width(module)
    if shape is None:
        raise BadInput(f"{type(module).__name__}: pass input_shape, the shape of one input without batch axis")
    program = _export(module, (1, *shape))
    specs = program.graph_signature
    names = specs.user_inputs
    if len(names) != 1:
        raise UnsupportedModel(f"{type(module).__name__}: expected one input, found {len(names)}")
    lowering = Lowering((1, *shape), True, name=str(names[0]))
    stored = {**program.state_dict, **program.constants}
    held = {
        **specs.inputs_to_parameters,
        **specs.inputs_to_buffers,
        **specs.inputs_to_lifted_tensor_constants,
    }
    values: dict[str, Value | list[Value]] = {}
    output: Value | None = None
    for node in program.graph.nodes:
        if node.op == "placeholder":
            if node.name in held:
                name = held[node.name]
                values[node.name] = Constant(tensor_bits(stored[name], name), name)
            else:
                values[node.name] = lowering.input
        elif node.op == "get_attr":
            found = getattr(program.graph_module, node.target)
            values[node.name] = Constant(tensor_bits(found, node.target), node.target)
        elif node.op == "call_function":
            try:
                values[node.name] = lower_aten(lowering, node, values)
            except CertifyError:
                raise
            except MALFORMED as error:
                why = " ".join(str(error).split()) or type(error).__name__
                raise UnsupportedModel(f"node {node.name!r} ({node.target}): {why}") from error
        elif node.op == "output":
            output = _first(node.args[0], values, type(module).__name__)
    if output is None:
        raise UnsupportedModel(f"{type(module).__name__}: the module returns no tensor")
    kind = f"torch module {type(module).__name__}"
    return lowering.finish(output, source=kind, notes=[f"{kind}: evaluation mode, exported by torch.export"])


def _first(returned: Any, values: dict[str, Value | list[Value]], kind: str) -> Value:
    """The first tensor a module returns."""
    for item in returned if isinstance(returned, tuple | list) else [returned]:
        value = values.get(getattr(item, "name", ""))
        if value is not None and not isinstance(value, list):
            return value
    raise UnsupportedModel(f"{kind}: the module returns no tensor")


def tensor_bits(tensor: Any, name: str) -> NDArray[Any]:
    """A tensor as the array of exactly its numbers."""
    import torch

    if tensor.is_sparse or tensor.is_quantized:
        raise UnsupportedModel(f"tensor {name!r}: sparse and quantised tensors are not supported")
    plain = tensor.detach().cpu().contiguous()
    if plain.dtype == torch.bfloat16 or str(plain.dtype).startswith("torch.float8"):
        plain = plain.to(torch.float32)
    if plain.is_complex():
        raise UnsupportedModel(f"tensor {name!r}: complex numbers are not supported")
    return np.array(plain.numpy())


def _leading_width(module: Any) -> tuple[int, ...] | None:
    """The input shape of a module that begins with a Linear, else None."""
    kind = type(module).__name__
    if kind == "Sequential":
        for child in module:
            if type(child).__name__ not in ("Identity", "Dropout"):
                return _leading_width(child)
    if kind == "Linear" and hasattr(module, "in_features"):
        return (int(module.in_features),)
    return None


def _export(module: Any, shape: tuple[int, ...]) -> Any:
    """The exported program for one input of that shape, in evaluation mode."""
    import torch

    kinds = [p.dtype for p in module.parameters() if p.dtype.is_floating_point]
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    example = torch.zeros(shape, dtype=kinds[0] if kinds else torch.float32, device=device)
    modes = [(m, m.training) for m in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            return torch.export.export(module, (example,), strict=False)
    except Exception as error:  # torch raises whatever the module's own code raised
        first = " ".join(str(error).split())[:300] or type(error).__name__
        raise UnsupportedModel(
            f"{type(module).__name__}: torch.export failed for input shape {shape}: {first}"
        ) from error
    finally:
        for part, training in modes:
            part.training = training
