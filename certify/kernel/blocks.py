"""Blocks of a plan and their relations: what is the same for every leaf that uses the plan.

A block is a vector of reals in units of 2^-scale. A relation says v = sum_t (num/den) M_t z_t + b exactly; its
integer maps are made once and kept. Spec: rules.md#blocks.
"""

from __future__ import annotations

from typing import Any

from certify.kernel.verdict import require


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
    """Blocks and steps in order, the bits of forward maps and of constants, and how many leaves hints tell apart."""

    def __init__(self, forward_bits: int, constant_bits: int, slots: int):
        self.forward_bits, self.constant_bits, self.slots = forward_bits, constant_bits, slots
        self.blocks: list[Block] = []
        self.steps: list[tuple[Any, ...]] = []
        self.outputs: dict[str, int] = {}  # "f" and "g" to their output blocks
        self.at: dict[int, int] = {}  # graph node -> block

    def signed_block(self, node, other):
        """The block whose entries have the sign of a node, or of a difference of two; None without one."""
        if other is None:
            return self.at.get(node)
        ends = self.at.get(node, -1), self.at.get(other, -1)
        for b, block in enumerate(self.blocks):
            if block.kind.startswith("pair-") and (block.fine, block.coarse) == ends and block.sigma is None:
                return b
        return None


class Bounds:
    """Integer bounds (leaves, size) of every block; ``constants`` caches relations at the current lower bounds.

    ``may_be_empty`` says of each leaf whether a sign was assumed there: only then may bounds cross, and the leaf is
    closed: the claim holds on it because nothing is in it.
    """

    def __init__(self, may_be_empty) -> None:
        self.lo: list[Any] = []
        self.hi: list[Any] = []
        self.closed: set[int] = set()
        self._may_be_empty = may_be_empty
        self._constants: dict[int, tuple[Any, ...]] = {}

    def meet(self, arithmetic, lo, hi, place):
        """hi, raised to lo on leaves that crossing bounds close; rejects where a leaf cannot be empty."""
        crossed = hi < lo
        if not arithmetic.any_true(crossed):
            return hi
        self.close(arithmetic.places(crossed, hi.shape)[0], place, "a lower bound is above an upper one")
        return arithmetic.maximum(hi, lo)

    def close(self, leaves, place, text) -> None:
        """Leaves in which nothing is left."""
        for i in leaves:
            require(self._may_be_empty[i], "contradiction", place, text)
            self.closed.add(int(i))

    def constant(self, plan, b):
        relation = plan.blocks[b].relation
        used = [self.lo[t[3]] for t in relation.terms]
        known = self._constants.get(b)
        # The vectors themselves are kept and compared: an address can be used again.
        if known is None or any(x is not y for x, y in zip(known[0], used, strict=True)):
            known = used, relation.constant(plan.constant_bits, self)
            self._constants[b] = known
        return known[1]
