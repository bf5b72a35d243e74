"""Blocks of a plan and their relations: what is the same for every leaf that uses the plan.

A block is a vector of reals in units of 2^-scale. A relation says v = sum_t (num/den) M_t z_t + b exactly; its
integer maps are made once and kept. Spec: rules.md#blocks.
"""

from __future__ import annotations

from typing import Any


class Relation:
    """v = sum of fixed-point maps of source blocks, plus a fixed-point constant."""

    def __init__(self, scale, terms, bias):
        self.scale = scale
        self.terms = terms  # (FixedMap, num, den, source block number, source scale)
        self._bias = bias  # (lo, hi, h), expanded to the block's size, or None

    def maps(self, bits: int):
        """(integer map with ``bits`` fraction bits between block units, source block) of every term."""
        for fixed, num, den, source, source_scale in self.terms:
            yield fixed.scaled(num, den, self.scale - source_scale + bits), source

    def bias(self, bits: int):
        """(lower, upper) of the constant with ``bits`` fraction bits in block units, or None."""
        if self._bias is None:
            return None
        lo, hi, h = self._bias
        t = self.scale + bits - h
        return (lo << t, hi << t) if t >= 0 else (lo >> -t, -(-hi >> -t))

    def constant(self, bits: int, bounds):
        """(lower, upper) of v at n' = 0, that is of b + sum M lo, with ``bits`` fraction bits."""
        low = high = None
        start = self.bias(bits)
        if start is not None:
            low, high = start
        for m, source in self.maps(bits):
            a, b = m.image(bounds.lo[source])
            low, high = (a, b) if low is None else (low + a, high + b)
        return low, high


class Block:
    """One vector variable of a plan."""

    __slots__ = (
        "coarse",
        "fine",
        "inner",
        "kind",
        "place",
        "relation",
        "role",
        "scale",
        "sigma",
        "sigma_key",
        "size",
        "source",
    )

    def __init__(self, kind, size, scale, place, **more):
        self.kind, self.size, self.scale, self.place = kind, size, scale, place
        self.role = more.get("role", 0)
        self.source = more.get("source", -1)  # relu, free: the block it reads
        self.relation = more.get("relation")  # affine, pair-affine
        self.fine, self.coarse = more.get("fine", -1), more.get("coarse", -1)  # pairs: u and w
        self.inner = more.get("inner", -1)  # pair-relu: the pair of the sources
        self.sigma, self.sigma_key = more.get("sigma"), more.get("sigma_key")


class Plan:
    """Blocks and steps in order, with the bits of forward maps and of constants."""

    def __init__(self, forward_bits: int, constant_bits: int):
        self.forward_bits, self.constant_bits = forward_bits, constant_bits
        self.blocks: list[Block] = []
        self.steps: list[tuple[Any, ...]] = []
        self.outputs: dict[str, int] = {}  # "f" and "g" to their output blocks


class Bounds:
    """Integer bounds of every block on one leaf; ``constants`` caches relations at the current lower bounds."""

    def __init__(self) -> None:
        self.lo: list[Any] = []
        self.hi: list[Any] = []
        self._constants: dict[int, tuple[Any, ...]] = {}

    def constant(self, plan, b):
        relation = plan.blocks[b].relation
        used = [self.lo[t[3]] for t in relation.terms]
        known = self._constants.get(b)
        # The vectors themselves are kept and compared: an address can be used again.
        if known is None or any(x is not y for x, y in zip(known[0], used, strict=True)):
            known = used, relation.constant(plan.constant_bits, self)
            self._constants[b] = known
        return known[1]
