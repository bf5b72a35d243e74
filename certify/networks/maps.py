"""The linear maps a network is made of, as exact tensors with fast float64 application.

A map is data: the tensors are exactly what the model file stores, and the kernel reads the same bytes. The
methods here are for search only (float64, batched, not rigorous); nothing they return is ever believed.

Every map sends a flat vector of length ``n_in`` to a flat vector of length ``n_out`` (row-major).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class LinearMap(Protocol):
    """What a prover needs of a linear map M (n_out x n_in)."""

    @property
    def n_in(self) -> int: ...
    @property
    def n_out(self) -> int: ...
    def apply(self, x: Floats) -> Floats:
        """x M^T for a batch x of shape (batch, n_in); returns (batch, n_out)."""
        ...

    def pull(self, c: Floats) -> Floats:
        """c M for row functionals c of shape (rows, n_out); returns (rows, n_in)."""
        ...

    def magnitude(self) -> LinearMap:
        """The map of absolute values |M|."""
        ...

    def tensors(self) -> tuple[NDArray[np.generic], ...]:
        """The exact tensors, in the order of the network file."""
        ...


@dataclass(frozen=True, eq=False)
class Identity:
    """M = I."""

    size: int

    @property
    def n_in(self) -> int:
        return self.size

    @property
    def n_out(self) -> int:
        return self.size

    def apply(self, x: Floats) -> Floats:
        return x

    def pull(self, c: Floats) -> Floats:
        return c

    def magnitude(self) -> Identity:
        return self

    def tensors(self) -> tuple[NDArray[np.generic], ...]:
        return ()


@dataclass(frozen=True, eq=False)
class Dense:
    """M = weight, of shape (n_out, n_in)."""

    weight: NDArray[np.floating]

    @property
    def n_in(self) -> int:
        return int(self.weight.shape[1])

    @property
    def n_out(self) -> int:
        return int(self.weight.shape[0])

    @cached_property
    def _w(self) -> Floats:
        return np.ascontiguousarray(self.weight, dtype=np.float64)

    def apply(self, x: Floats) -> Floats:
        return x @ self._w.T

    def pull(self, c: Floats) -> Floats:
        return c @ self._w

    def magnitude(self) -> Dense:
        return Dense(np.abs(self.weight))

    def tensors(self) -> tuple[NDArray[np.generic], ...]:
        return (self.weight,)


def _ravel(axes: list[NDArray[np.intp]], shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Row-major positions of the grid spanned by index lists, one list for each axis."""
    grid = np.meshgrid(*axes, indexing="ij")
    return np.asarray(np.ravel_multi_index(tuple(grid), shape), dtype=np.intp).ravel()


def _at(weights: Floats, offset: tuple[int, ...]) -> Floats:
    """The matrices (groups, c_out, c_in) of one kernel offset."""
    for k in reversed(offset):
        weights = weights[..., k]
    return weights


@dataclass(frozen=True, eq=False)
class Conv:
    """Cross-correlation as in ONNX Conv, any number of spatial axes, zero padding.

    ``weight`` has shape (c_out, c_in / groups, *kernel); the input is (c_in, *in_spatial), row-major.
    ``pads`` are (begin..., end...), one pair for each spatial axis.
    """

    weight: NDArray[np.floating]
    in_spatial: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    groups: int = 1

    @property
    def c_out(self) -> int:
        return int(self.weight.shape[0])

    @property
    def c_in(self) -> int:
        return int(self.weight.shape[1]) * self.groups

    @property
    def out_spatial(self) -> tuple[int, ...]:
        d = len(self.in_spatial)
        return tuple(
            (n + b + e - dil * (k - 1) - 1) // s + 1
            for n, b, e, dil, k, s in zip(
                self.in_spatial,
                self.pads[:d],
                self.pads[d:],
                self.dilations,
                self.weight.shape[2:],
                self.strides,
                strict=True,
            )
        )

    @property
    def n_in(self) -> int:
        return self.c_in * int(np.prod(self.in_spatial))

    @property
    def n_out(self) -> int:
        return self.c_out * int(np.prod(self.out_spatial))

    @cached_property
    def _w(self) -> Floats:
        return np.ascontiguousarray(self.weight, dtype=np.float64)

    @cached_property
    def _offsets(self) -> list[tuple[tuple[int, ...], NDArray[np.intp], NDArray[np.intp]]]:
        """For each kernel offset: (offset, input positions, output positions), all inside the image."""
        d = len(self.in_spatial)
        out = []
        for offset in product(*(range(k) for k in self.weight.shape[2:])):
            axes_in, axes_out = [], []
            for a in range(d):
                o = np.arange(self.out_spatial[a])
                i = o * self.strides[a] - self.pads[a] + offset[a] * self.dilations[a]
                ok = (i >= 0) & (i < self.in_spatial[a])
                axes_in.append(i[ok])
                axes_out.append(o[ok])
            if all(len(a) for a in axes_in):
                out.append((offset, _ravel(axes_in, self.in_spatial), _ravel(axes_out, self.out_spatial)))
        return out

    def apply(self, x: Floats) -> Floats:
        b, g = len(x), self.groups
        xs = x.reshape(b, g, self.c_in // g, -1)
        out = np.zeros((b, g, self.c_out // g, int(np.prod(self.out_spatial))))
        ws = self._w.reshape(g, self.c_out // g, self.c_in // g, *self.weight.shape[2:])
        for offset, pos_in, pos_out in self._offsets:
            out[..., pos_out] += _at(ws, offset) @ xs[..., pos_in]
        return out.reshape(b, -1)

    def pull(self, c: Floats) -> Floats:
        r, g = len(c), self.groups
        cs = c.reshape(r, g, self.c_out // g, -1)
        out = np.zeros((r, g, self.c_in // g, int(np.prod(self.in_spatial))))
        ws = self._w.reshape(g, self.c_out // g, self.c_in // g, *self.weight.shape[2:])
        for offset, pos_in, pos_out in self._offsets:
            out[..., pos_in] += np.swapaxes(_at(ws, offset), -1, -2) @ cs[..., pos_out]
        return out.reshape(r, -1)

    def magnitude(self) -> Conv:
        return replace(self, weight=np.abs(self.weight))

    def tensors(self) -> tuple[NDArray[np.generic], ...]:
        return (self.weight,)


@dataclass(frozen=True, eq=False)
class Select:
    """Entry i of the output is entry index[i] of the input, or zero where index[i] is -1.

    Transposes, slices, padding, concatenation (a sum of selects) and pooling windows are all this map.
    """

    index: NDArray[np.int32]
    size_in: int

    @property
    def n_in(self) -> int:
        return self.size_in

    @property
    def n_out(self) -> int:
        return len(self.index)

    def apply(self, x: Floats) -> Floats:
        return np.where(self.index >= 0, x[:, self.index], 0.0)

    def pull(self, c: Floats) -> Floats:
        out = np.zeros((self.size_in, len(c)))
        keep = self.index >= 0
        np.add.at(out, self.index[keep], c.T[keep])
        return np.ascontiguousarray(out.T)

    def magnitude(self) -> Select:
        return self

    def tensors(self) -> tuple[NDArray[np.generic], ...]:
        return (self.index,)


@dataclass(frozen=True, eq=False)
class Scale:
    """A diagonal map whose entries are *some* fixed values within [lo, hi]; entry k of lo/hi serves
    ``repeat`` consecutive coordinates.

    With ``hi is lo`` the entries are exact. Otherwise they stand for constants that no float can hold (the
    inverse square root of a batch normalisation, one over a channel's deviation): one symbol for each pair of
    tensors, the same wherever that pair occurs, so that f and g keep their correlation.
    """

    lo: NDArray[np.floating]
    hi: NDArray[np.floating]
    repeat: int = 1

    @property
    def exact(self) -> bool:
        return self.hi is self.lo

    @property
    def n_in(self) -> int:
        return len(self.lo) * self.repeat

    @property
    def n_out(self) -> int:
        return self.n_in

    @cached_property
    def _diagonal(self) -> Floats:
        mid = (self.lo.astype(np.float64) + self.hi.astype(np.float64)) / 2
        return np.repeat(mid, self.repeat)

    def apply(self, x: Floats) -> Floats:
        return x * self._diagonal

    def pull(self, c: Floats) -> Floats:
        return c * self._diagonal

    def magnitude(self) -> Scale:
        bound = np.maximum(np.abs(self.lo), np.abs(self.hi))
        return Scale(bound, bound, self.repeat)

    def tensors(self) -> tuple[NDArray[np.generic], ...]:
        return (self.lo, self.hi)
