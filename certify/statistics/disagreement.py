"""``disagreement``: how often two models decide differently, from draws of inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from certify.errors import BadInput
from certify.statistics.claim import IID, Side, StatisticalClaim
from certify.statistics.rates import clopper_pearson


def disagreement(
    f: Any,
    g: Any,
    inputs: Any,
    n: int | None = None,
    level: Any = "0.95",
    side: Side = "both",
    seed: int = 0,
    protocol: str = IID,
) -> StatisticalClaim:
    """The probability that the largest outputs of f and g have different indices, on inputs drawn at random.

    f, g: networks, model files, or functions of a batch (b, inputs) that return (b, outputs). inputs: (n, inputs),
    drawn already; or a function sampler(generator, n) of numpy's generator, and then n and seed. Equal largest outputs
    count for the first of them. Raises BadInput for outputs that are no (n, outputs) or not finite.
    """
    quantity = "rate of different decisions"
    if callable(inputs):
        if n is None:
            raise BadInput("n: expected a number of draws, as inputs is a sampler")
        x = np.asarray(inputs(np.random.default_rng(seed), n), dtype=np.float64)
        protocol = f"{n} draws of {getattr(inputs, '__name__', 'a sampler')}, seed {seed}; {protocol}"
    else:
        x = np.asarray(inputs, dtype=np.float64)
    if x.ndim != 2 or len(x) == 0 or (n is not None and len(x) != n):
        raise BadInput(f"inputs: expected ({n or 'n'}, inputs), found shape {x.shape}")
    first, second = (_decisions(_function(m), x, name) for m, name in ((f, "f"), (g, "g")))
    return clopper_pearson(int((first != second).sum()), len(x), level, side, quantity, protocol)


def _function(model: Any) -> Callable[[Any], Any]:
    from certify.networks.graph import Network
    from certify.networks.load import load

    if isinstance(model, Network) or (callable(model) and not hasattr(model, "parameters")):
        return model  # type: ignore[no-any-return]
    return load(model)


def _decisions(model: Callable[[Any], Any], x: Any, name: str) -> Any:
    y = np.asarray(model(x), dtype=np.float64)
    if y.ndim != 2 or len(y) != len(x) or y.shape[1] < 2 or not np.isfinite(y).all():
        raise BadInput(f"{name}: expected finite outputs ({len(x)}, two or more), found shape {y.shape}")
    return y.argmax(axis=1)
