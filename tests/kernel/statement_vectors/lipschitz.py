"""Kind *lipschitz*: gains that are met exactly, and by one unit not."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.statements.bundle import certificate
from certify.statements.factor import Factor

Files = dict[str, bytes]

UNIT = Fraction(1, 10**6)
NOTHING = Factor([0], [0])
RELU = (0.0, 1.0)


def column(*entries) -> np.ndarray:
    return np.array(entries, dtype=object)[:, None]


def made(layers, slopes, limit, evidence) -> Files:
    of = {"layers": [np.array(w, dtype="f8") for w in layers], "slopes": np.array(slopes), "limit": limit}
    return certificate("lipschitz", of, evidence).files


def one(t=9, limit=Fraction(6), slopes=(RELU,), w=2.0, v=3.0, hints=NOTHING, **changed) -> Files:
    """x -> 3 relu(2 x): L^2 (2 t - 9) - 4 t^2 = -4 (t - 9)^2 for L = 6."""
    return made(changed.get("layers", [[[w]], [[v]]]), slopes, limit, [np.array([[t]], dtype=object), hints])


def leaky(t=2, limit=Fraction(1), slopes=((0.5, 1.0),), hints=None) -> Files:
    """Slopes that begin above zero: (1 + t, -3 t / 2; ., 2 t - 1), singular for t = 2."""
    hints = hints or Factor([0, 0], [1, -1, 0])
    return made([[[1.0]], [[1.0]]], slopes, limit, [np.array([[t]], dtype=object), hints])


SECOND = Factor([0, 0, 0, 0], [1, 0, 1, -1, 0, 0, 0, -1, 0, 0])


def deep(storage=((1, 0), (0, 1)), t=(1, 1, 1, 1), limit=Fraction(1), second=SECOND, layers=None) -> Files:
    """x -> relu(relu(x)) in two dimensions: X_1 = I, and (I, -I; -I, I) after it."""
    layers = layers or [np.eye(2), np.eye(2), np.eye(2)]
    first = Factor([0, 0], [0, 0, 0])
    return made(layers, [RELU] * 4, limit, [np.array([t]), np.array(storage), first, second])


def accept() -> dict[str, Files]:
    return {
        "lipschitz--exactly-the-gain": one(),
        "lipschitz--slopes-above-zero": leaky(),
        "lipschitz--slopes-around-zero": leaky(Fraction(1, 2), slopes=((-1.0, 1.0),), hints=Factor([0, 0], [0, 0, 0])),
        "lipschitz--slopes-in-the-other-order": one(slopes=((1.0, 0.0),)),
        "lipschitz--a-multiplier-of-zero": one(t=0, w=2.0, v=0.0, limit=UNIT),
        "lipschitz--two-hidden-layers": deep(),
        "lipschitz--another-denominator": one(t=Fraction(27, 3), limit=Fraction(12, 2)),
    }


def reject() -> dict[str, Files]:
    return {
        "not-positive--lipschitz-one-unit-below": one(limit=6 - UNIT),
        "not-positive--lipschitz-another-multiplier": one(t=10),
        "not-positive--lipschitz-slopes-above-zero": leaky(limit=1 - UNIT),
        "not-positive--lipschitz-a-wider-slope": one(slopes=((0.0, 1.0009765625),)),
        "not-positive--lipschitz-storage-too-large": deep(storage=((1, 0), (0, 2))),
        "not-positive--lipschitz-storage-too-small": deep(storage=((1, 0), (0, 0))),
        "not-symmetric--lipschitz-storage": deep(storage=((1, 1), (-1, 1))),
        "negative-multiplier--lipschitz": one(t=-UNIT, v=0.0, limit=6),
        "limit-not-positive--lipschitz-zero": one(t=0, v=0.0, limit=0),
        "limit-not-positive--lipschitz-minus": one(limit=-6),
        "shape--lipschitz-one-layer": one(layers=[[[2.0]]], slopes=((0.0, 1.0),)),
        "shape--lipschitz-layers": one(layers=[[[2.0]], [[3.0, 0.0]]]),
        "shape--lipschitz-slopes": one(slopes=(RELU, RELU)),
        "shape--lipschitz-multipliers": deep(t=(1, 1, 1)),
        "shape--lipschitz-storage": deep(storage=((1, 0),)),
        "hint--lipschitz-a-factor-of-another-size": one(hints=Factor([0, 0], [0, 0, 0])),
    }
