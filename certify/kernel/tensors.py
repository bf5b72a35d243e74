"""Tensors as a file names them: a type, a count and a digest; bytes are fetched when needed.

Spec: format.md#ascii-files, rules.md#integers.
"""

from __future__ import annotations

from math import gcd

from certify.kernel.limits import TENSOR_ENTRIES
from certify.kernel.verdict import Rejected, limit, require

WIDTH = {"f2": 2, "f4": 4, "f8": 8, **{f"i{w}": w for w in (4, 8, 16, 32, 64, 128)}}


class Tensor:
    """A named tensor. ``key`` identifies its contents: equal keys, equal numbers."""

    def __init__(self, kind: str, count: int, digest: str, bundle, place: str) -> None:
        self.kind, self.count, self.digest, self.place = kind, count, digest, place
        self.key = (kind, digest)
        self._bundle = bundle

    def bytes(self) -> bytes:
        data = self._bundle.read(f"blobs/{self.digest}")
        ok = len(data) == self.count * WIDTH[self.kind]
        require(ok, "tensor-size", self.place, f"{len(data)} bytes are not {self.count} x {self.kind}")
        return data

    def fixed(self, arithmetic):
        """Fixed-point integers (lo, hi, h) of a floating-point tensor."""
        require(self.kind[0] == "f", "tensor-type", self.place, "expected a floating-point tensor")
        decoded = arithmetic.decode(self.kind, self.bytes())
        if decoded is None:
            raise Rejected("not-finite", self.place, "a NaN or an infinity")
        return decoded

    def integers(self, arithmetic):
        """An integer tensor as a vector."""
        require(self.kind[0] == "i", "tensor-type", self.place, "expected an integer tensor")
        return arithmetic.integers(self.kind, self.bytes())

    def index(self, arithmetic, size: int) -> list[int]:
        """An integer tensor as a list of indices into ``size`` things, -1 for none."""
        out = self.integers(arithmetic).tolist()
        ok = all(-1 <= i < size for i in out)
        require(ok, "index-range", self.place, f"an index is not within [-1, {size})")
        return out

    def dyadics(self, start: int, stop: int):
        """Entries [start, stop) of a floating-point tensor as exact (mantissa, exponent) pairs."""
        require(self.kind[0] == "f", "tensor-type", self.place, "expected a floating-point tensor")
        width = WIDTH[self.kind]
        mantissa_bits = {"f2": 10, "f4": 23, "f8": 52}[self.kind]
        top = (1 << (8 * width - 1 - mantissa_bits)) - 1
        bias = top >> 1
        data = self.bytes()[start * width : stop * width]
        out = []
        for i in range(0, len(data), width):
            raw = int.from_bytes(data[i : i + width], "little")
            field, m = (raw >> mantissa_bits) & top, raw & ((1 << mantissa_bits) - 1)
            require(field != top, "not-finite", self.place, "a NaN or an infinity")
            m = m + (1 << mantissa_bits) if field else m
            out.append((-m if raw >> (8 * width - 1) else m, max(field, 1) - bias - mantissa_bits))
        return out


def read_table(lines, bundle) -> list[Tensor]:
    """The `tensor` lines at the cursor."""
    table: list[Tensor] = []
    while (words := lines.peek()) is not None and words[0] == "tensor":
        lines.next("tensor")
        lines.need(len(words) == 4, "word-count", "expected type, count and digest")
        lines.need(words[1] in WIDTH, "tensor-type", f"no tensor type {words[1][:20]}")
        count = lines.integer(words[2])
        lines.need(count >= 1, "tensor-size", "a tensor has at least one entry")
        limit(count, TENSOR_ENTRIES, lines.place, "entries of the tensor")
        table.append(Tensor(words[1], count, lines.digest(words[3]), bundle, lines.place))
    return table


def pick(table, index: int, lines) -> Tensor:
    """A tensor by its number."""
    lines.need(0 <= index < len(table), "no-such-tensor", f"tensor {index} of {len(table)}")
    return table[index]


def floor_dyadic(pair, scale: int, num: int = 0, den: int = 1) -> int:
    """floor((m * 2^e + num/den) * 2^scale), exactly."""
    m, e = pair
    top, bottom = num, den
    if e >= 0:
        top += (m << e) * den
    else:
        top, bottom = (top << -e) + m * den, den << -e
    return (top << scale) // bottom if scale >= 0 else top // (bottom << -scale)


def ceil_dyadic(pair, scale: int, num: int = 0, den: int = 1) -> int:
    """ceil((m * 2^e + num/den) * 2^scale), exactly."""
    return -floor_dyadic((-pair[0], pair[1]), scale, -num, den)


def rational(num: int, den: int) -> str:
    """`NUM/DEN` in lowest terms, for people."""
    g = gcd(num, den)
    return f"{num // g}/{den // g}"
