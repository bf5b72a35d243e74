"""Read fitted scikit-learn estimators: MLPs, linear models, scalers and pipelines of them.

A classifier becomes its scores before the softmax or logistic function (an MLP's logits, a linear model's
decision function): with two classes that is one output, positive for ``classes_[1]``. A regressor becomes its
prediction. Only classes of scikit-learn itself are read, because a subclass may compute something else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.errors import BadInput, UnsupportedModel
from certify.networks.graph import Network
from certify.networks.loaders.lowering import Lowering
from certify.networks.operators import Constant, Value

Reader = Callable[[Lowering, Any, Value, str], Value]

LINEAR = {
    "ARDRegression", "BayesianRidge", "ElasticNet", "ElasticNetCV", "HuberRegressor", "Lars", "LarsCV",
    "Lasso", "LassoCV", "LassoLars", "LinearRegression", "LinearSVC", "LinearSVR", "LogisticRegression",
    "LogisticRegressionCV", "OrthogonalMatchingPursuit", "Perceptron", "Ridge", "RidgeCV", "RidgeClassifier",
    "RidgeClassifierCV", "SGDClassifier", "SGDRegressor", "TheilSenRegressor",
}  # fmt: skip


def load_sklearn(estimator: Any) -> Network:
    """The network of a fitted estimator, or a pipeline of scalers that ends in one.

    Raises UnsupportedModel for other estimators and activations (naming them), BadInput for one that is not
    fitted or holds NaN or infinity.
    """
    lowering = Lowering((1, _width(estimator)), True, name="x")
    value = _read(lowering, estimator, lowering.input, "")
    kind = type(estimator).__name__
    return lowering.finish(value, source=kind, notes=[f"scikit-learn: {_describe(estimator)}"])


def _steps(estimator: Any) -> list[tuple[str, Any]]:
    return [(n, s) for n, s in estimator.steps if s is not None and s != "passthrough"]


def _describe(estimator: Any) -> str:
    if type(estimator).__name__ == "Pipeline":
        return " -> ".join(_describe(step) for _, step in _steps(estimator))
    return type(estimator).__name__


def _width(estimator: Any) -> int:
    """Number of features it was fitted on."""
    if type(estimator).__name__ == "Pipeline":
        steps = _steps(estimator)
        if not steps:
            raise UnsupportedModel("Pipeline: it has no steps")
        return _width(steps[0][1])
    width = getattr(estimator, "n_features_in_", None)
    if width is None:
        raise BadInput(f"{type(estimator).__name__}: the estimator is not fitted")
    return int(width)


def _read(lowering: Lowering, estimator: Any, value: Value, prefix: str) -> Value:
    kind = type(estimator).__name__
    if not type(estimator).__module__.startswith("sklearn."):
        raise UnsupportedModel(f"{prefix}{kind}: not an estimator of scikit-learn itself")
    if kind == "Pipeline":
        for name, step in _steps(estimator):
            value = _read(lowering, step, value, f"{prefix}{name}.")
        return value
    reader = READERS.get(kind) or (_linear if kind in LINEAR else None)
    if reader is None:
        raise UnsupportedModel(f"{prefix}{kind}: this estimator is not supported")
    _width(estimator)
    return reader(lowering, estimator, value, prefix)


def _array(owner: Any, attribute: str) -> NDArray[Any]:
    """A fitted attribute as an array of floats (a sparse one is made dense)."""
    found = getattr(owner, attribute, None)
    if found is None:
        raise BadInput(f"{type(owner).__name__}: the estimator is not fitted ({attribute} is missing)")
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found)


def _linear(lowering: Lowering, estimator: Any, value: Value, prefix: str) -> Value:
    """coef x + intercept."""
    weight = np.atleast_2d(_array(estimator, "coef_"))
    bias = np.atleast_1d(_array(estimator, "intercept_"))
    return _dense(lowering, value, weight, bias, f"{prefix}linear", True)


def _dense(lowering: Lowering, value: Value, weight: NDArray[Any], bias: NDArray[Any], name: str, rows: bool) -> Value:
    """One layer; ``rows``: the weight is (outputs, inputs), as in coef_, else (inputs, outputs)."""
    operands = [value, Constant(weight, f"{name}.weight"), Constant(bias, f"{name}.bias")]
    return lowering.call("Gemm", operands, {"transB": int(rows)}, name=name)[0]


def _perceptron(lowering: Lowering, estimator: Any, value: Value, prefix: str) -> Value:
    """An MLP up to its last affine layer."""
    activation = estimator.activation
    if activation not in ("relu", "identity"):
        raise UnsupportedModel(f"{prefix}{type(estimator).__name__}: activation {activation!r} is not supported")
    _array(estimator, "n_layers_")
    # a regressor's output is its prediction: with a Poisson loss that is an exponential
    if type(estimator).__name__ == "MLPRegressor" and estimator.out_activation_ != "identity":
        last = estimator.out_activation_
        raise UnsupportedModel(f"{prefix}MLPRegressor: output activation {last!r} is not supported")
    for k, (weight, bias) in enumerate(zip(estimator.coefs_, estimator.intercepts_, strict=True)):
        if k and activation == "relu":
            value = lowering.call("Relu", [value], name=f"{prefix}relu{k - 1}")[0]
        value = _dense(lowering, value, np.asarray(weight), np.asarray(bias), f"{prefix}layer{k}", False)
    return value


def _standard(lowering: Lowering, scaler: Any, value: Value, prefix: str) -> Value:
    """(x - mean) / scale; a scale that is no power of two becomes an enclosure of its inverse."""
    if scaler.with_mean:
        mean = Constant(_array(scaler, "mean_"), f"{prefix}mean")
        value = lowering.call("Sub", [value, mean], name=f"{prefix}centre")[0]
    if scaler.with_std:
        value = _over(lowering, value, _array(scaler, "scale_"), prefix)
    return value


def _over(lowering: Lowering, value: Value, scale: NDArray[Any], prefix: str) -> Value:
    divisor = Constant(scale, f"{prefix}scale")
    return lowering.call("Div", [value, divisor], name=f"{prefix}scale")[0]


def _max_abs(lowering: Lowering, scaler: Any, value: Value, prefix: str) -> Value:
    return _over(lowering, value, _array(scaler, "scale_"), prefix)


def _min_max(lowering: Lowering, scaler: Any, value: Value, prefix: str) -> Value:
    """x * scale + min."""
    if getattr(scaler, "clip", False):
        raise UnsupportedModel(f"{prefix}MinMaxScaler: clip=True is not supported")
    factor = Constant(_array(scaler, "scale_"), f"{prefix}scale")
    scaled = lowering.call("Mul", [value, factor], name=f"{prefix}scale")[0]
    shift = Constant(_array(scaler, "min_"), f"{prefix}min")
    return lowering.call("Add", [scaled, shift], name=f"{prefix}shift")[0]


READERS: dict[str, Reader] = {
    "MLPClassifier": _perceptron,
    "MLPRegressor": _perceptron,
    "StandardScaler": _standard,
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": _max_abs,
}
