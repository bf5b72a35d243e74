"""Batch normalisation with the statistics it was trained to: BatchNormalization.

gamma (x - mean) / sqrt(var + eps) + beta is kept as written, in three exact steps and one shared symbol: the
inverse root is an enclosure that depends on var and eps alone, so that it cancels between two networks whose
gamma or beta differ. Nothing is folded into the layer before.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from certify.networks.graph import Term
from certify.networks.maps import Scale
from certify.networks.operators import Call, Value, Variable, operator
from certify.networks.operators._exact import inverse_roots


@operator("BatchNormalization", ignores=("momentum", "is_test", "consumed_inputs"))
def batch_normalization(call: Call) -> Value:
    value = call.variable(call.value(0))
    if call.attr("training_mode", 0) or call.outputs > 1:
        raise call.refuse("batch statistics are computed in training mode only; export for inference")
    if not call.attr("spatial", 1):
        raise call.refuse("spatial=0 (one statistic for each entry)")
    images, channels = value.shape[0], value.shape[1]
    count = int(np.prod(value.shape[2:]))

    def column(k: int, what: str) -> NDArray[np.floating]:
        array = call.numbers(call.constant(k, what), what).ravel()
        if array.size != channels:
            raise call.bad(f"{what} has {array.size} entries for {channels} channels")
        return array if images == 1 else np.tile(array, images)

    gamma, beta, mean, variance = (column(k + 1, what) for k, what in enumerate(("scale", "bias", "mean", "variance")))
    epsilon = float(call.attr("epsilon", float(np.float32(1e-5))))
    if Fraction(float(variance.min())) + Fraction(epsilon) <= 0:
        raise call.bad("variance + epsilon is not positive")
    lo, hi = inverse_roots(variance, epsilon)
    b = call.builder
    centred = b.add_constant(value.node, -mean, count, f"{call.name}.centre")
    unit = b.scale(centred, lo, None if hi is lo else hi, count, f"{call.name}.deviation")
    node = b.affine([Term(unit, Scale(gamma, gamma, count))], beta, count, call.name)
    return Variable(node, value.shape)
