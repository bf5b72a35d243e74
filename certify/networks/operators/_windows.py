"""Sliding windows: output sizes, padding rules, and which input entry each window entry reads.

Follows the ONNX operator pages of Conv, AveragePool and MaxPool (auto_pad, ceil_mode, dilations).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from certify.networks.operators._call import MAX_TENSOR, Call, Shape


@dataclass(frozen=True)
class Windows:
    """Windows over the spatial axes ``inside``; ``begin`` and ``end`` is the padding the file declares."""

    inside: Shape
    kernel: Shape
    strides: Shape
    dilations: Shape
    begin: Shape
    end: Shape
    out: Shape

    @property
    def pads(self) -> Shape:
        """Begin and end padding under which exactly ``out`` windows fit (ceil_mode may need more)."""
        reach = (
            (o - 1) * s + d * (k - 1) + 1 - n - b
            for o, s, d, k, n, b in zip(
                self.out, self.strides, self.dilations, self.kernel, self.inside, self.begin, strict=True
            )
        )
        return self.begin + tuple(max(e, r) for e, r in zip(self.end, reach, strict=True))

    def _axis(self, a: int) -> NDArray[np.int64]:
        """Coordinates read along axis a, (kernel, out); outside [0, n) they are padding."""
        o, k = np.arange(self.out[a]), np.arange(self.kernel[a])
        return np.asarray(o * self.strides[a] - self.begin[a] + (k * self.dilations[a])[:, None])

    def positions(self) -> NDArray[np.int32]:
        """Flat input position of each window entry, -1 for padding: (window size, number of windows)."""
        places = np.zeros((1, 1), np.int64)
        for a, n in enumerate(self.inside):
            at = self._axis(a)
            at = np.where((at >= 0) & (at < n), at, -1)
            joint = places[:, None, :, None] * n + at[None, :, None, :]
            joint = np.where((places[:, None, :, None] >= 0) & (at[None, :, None, :] >= 0), joint, -1)
            places = joint.reshape(places.shape[0] * at.shape[0], -1)
        return places.astype(np.int32)

    def counts(self, padded: bool) -> NDArray[np.int64]:
        """Number of entries each window averages over, flat; declared padding counts when ``padded``."""
        count = np.ones(1, np.int64)
        for a, n in enumerate(self.inside):
            at = self._axis(a)
            low, high = (-self.begin[a], n + self.end[a]) if padded else (0, n)
            count = np.outer(count, ((at >= low) & (at < high)).sum(axis=0)).ravel()
        return count


def windows(call: Call, inside: Shape, kernel: Shape) -> Windows:
    """The windows that a call's attributes describe over the spatial shape ``inside``."""
    d = len(inside)

    def per_axis(attribute: str) -> Shape:
        found = tuple(int(i) for i in call.attr(attribute) or (1,) * d)
        if len(found) != d or min(found) < 1:
            raise call.bad(f"{attribute}: expected {d} positive integers, found {found}")
        return found

    strides, dilations = per_axis("strides"), per_axis("dilations")
    if len(kernel) != d or min(kernel) < 1:
        raise call.bad(f"kernel {kernel} does not fit {d} spatial axes")
    reach = [dil * (k - 1) + 1 for dil, k in zip(dilations, kernel, strict=True)]
    rule = call.attr("auto_pad", "NOTSET") or "NOTSET"
    declared, ceil_mode = call.attr("pads"), call.attr("ceil_mode", 0)
    if rule in ("SAME_UPPER", "SAME_LOWER"):
        out = [-(-n // s) for n, s in zip(inside, strides, strict=True)]
        need = [max(0, (o - 1) * s + r - n) for o, s, r, n in zip(out, strides, reach, inside, strict=True)]
        small, large = [t // 2 for t in need], [t - t // 2 for t in need]
        begin, end = (small, large) if rule == "SAME_UPPER" else (large, small)
    elif rule in ("NOTSET", "VALID"):
        pads = [int(p) for p in (declared if rule == "NOTSET" else None) or (0,) * (2 * d)]
        if len(pads) != 2 * d or min(pads) < 0:
            raise call.bad(f"pads: expected {2 * d} integers of at least 0, found {pads}")
        begin, end = pads[:d], pads[d:]
        out = []
        for n, b, e, r, s in zip(inside, begin, end, reach, strides, strict=True):
            room = n + b + e - r
            count = -(-room // s) + 1 if ceil_mode else room // s + 1
            # a last window that starts in the end padding does not exist
            if ceil_mode and (count - 1) * s >= n + b:
                count -= 1
            out.append(count)
    else:
        raise call.bad(f"auto_pad {rule!r} is none of NOTSET, VALID, SAME_UPPER, SAME_LOWER")
    call.limit(out)
    call.limit((*out, *kernel), MAX_TENSOR)
    return Windows(inside, kernel, strides, dilations, tuple(begin), tuple(end), tuple(out))


def channelled(positions: NDArray[np.int32], inside: Shape, channels: int) -> NDArray[np.int32]:
    """The same windows on each of ``channels`` consecutive images: (window, channels * out)."""
    offsets = (np.arange(channels, dtype=np.int32) * prod(inside))[None, :, None]
    spread = np.where(positions[:, None, :] >= 0, positions[:, None, :] + offsets, np.int32(-1))
    return np.asarray(spread.reshape(len(positions), -1), dtype=np.int32)
