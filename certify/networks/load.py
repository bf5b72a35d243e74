"""``load``: one way in for every kind of model. Decides by what the object is; reads nothing itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from certify.errors import BadInput, UnsupportedModel

if TYPE_CHECKING:
    from certify.networks.graph import Network


def _bases(obj: object) -> set[str]:
    """Qualified names of the object's classes: tells what it is without importing its library."""
    return {f"{c.__module__}.{c.__qualname__}" for c in type(obj).__mro__}


def load(
    model: Any,
    *,
    input_shape: tuple[int, ...] | None = None,
    output: str | None = None,
) -> Network:
    """A network from a model.

    model:       a path to an ONNX file, its bytes, an onnx.ModelProto, a torch.nn.Module, a scikit-learn
                 estimator or pipeline, or a Network, which is returned as it is
    input_shape: shape of one input, without the batch axis; needed for torch modules that do not begin with
                 a Linear, and for ONNX files that leave axes open
    output:      (ONNX) the value to compute; default the first output

    Raises BadInput for a file that cannot be read, UnsupportedModel for what has no exact form here, and
    TypeError for an object that is no model.
    """
    from certify.networks.graph import Network

    if isinstance(model, Network):
        return model
    if input_shape is not None:
        input_shape = _checked(input_shape)
    bases = _bases(model)
    if isinstance(model, str | Path | bytes | bytearray | memoryview) or any(
        b.startswith("onnx.") and b.endswith(".ModelProto") for b in bases
    ):
        from certify.networks.loaders.onnx import load_onnx

        return load_onnx(model, input_shape=input_shape, output=output)
    if output is not None:
        raise UnsupportedModel("output can be chosen for ONNX models only")
    if "torch.nn.modules.module.Module" in bases:
        from certify.networks.loaders.torch import load_torch

        return load_torch(model, input_shape=input_shape)
    if "sklearn.base.BaseEstimator" in bases:
        from certify.networks.loaders.sklearn import load_sklearn

        return load_sklearn(model)
    raise TypeError(
        "expected a path, ONNX model, torch module, scikit-learn estimator or Network, "
        f"found {type(model).__module__}.{type(model).__qualname__}"
    )


def _checked(shape: Any) -> tuple[int, ...]:
    try:
        checked = tuple(int(n) for n in shape)
    except (TypeError, ValueError):
        raise BadInput(f"input_shape: expected a tuple of positive integers, found {shape!r}") from None
    if any(n < 1 for n in checked):
        raise BadInput(f"input_shape: expected positive integers, found {shape!r}")
    return checked
