"""Read a claim: what is to be proved, and nothing else. The proof plays no part here.

Spec: format.md#claim.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from certify.kernel.limits import SIZE
from certify.kernel.network import Graph
from certify.kernel.rules.domain import Domain
from certify.kernel.tensors import pick, read_table
from certify.kernel.verdict import Declined, Rejected, limit, require
from certify.kernel.words import Lines

RULES = "1"


class Claim:
    """A parsed claim with its networks merged into one graph."""

    def __init__(self, bundle) -> None:
        lines = Lines("claim", bundle.read("claim"))
        lines.header("claim")
        lines.need(len(words := lines.next("rules")) == 2, "word-count", "one rule-set version")
        if words[1] != RULES:
            raise Declined("version", lines.place, f"rule set {words[1][:20]}; this kernel knows {RULES}")
        lines.need(len(words := lines.next("semantics")) == 2, "word-count", "one semantics")
        if words[1] != "real":
            raise Declined("semantics", lines.place, f"semantics {words[1][:20]}; this kernel knows real")
        self._table = read_table(lines, bundle)
        self.digests = {}
        for name in ("f", "g"):
            lines.need(len(words := lines.next(name)) == 2, "word-count", "one digest")
            zero = name == "g" and words[1] == "zero"
            self.digests[name] = "zero" if zero else lines.digest(words[1])
        self.graph, self.local, self.outputs = Graph(), {}, {}
        for name, digest in self.digests.items():
            if digest != "zero":
                path = f"networks/{digest}"
                data = bundle.read(path)
                self.local[name], self.outputs[name] = self.graph.read(path, data, bundle)
        self.n_out = self.graph.nodes[self.outputs["f"]].size
        self._check_interfaces(lines)
        self._read_domain(lines)
        self._read_quantity(lines)
        words = lines.next("at-most", "below")
        num, den = lines.integers(words[1:], 2)
        lines.need(den >= 1, "denominator", "a denominator is at least 1")
        self.relation, self.threshold = words[0], Fraction(num, den)
        squared = self.quantity[0] == "value" and self.quantity[1] == "l2"
        lines.need(not squared or num >= 0, "threshold", "a norm is compared with a non-negative number")
        lines.end()
        for k in range(self.domain.parts):
            self.domain.check_part(k, "claim")

    def _check_interfaces(self, lines):
        sizes = set()
        for node in self.graph.nodes:
            if node.kind == "input":
                sizes.add(node.size)
        lines.need(len(sizes) == 1, "interface", "all inputs of f and g have one size")
        self.n_in = sizes.pop()
        if "g" in self.outputs:
            other = self.graph.nodes[self.outputs["g"]].size
            lines.need(other == self.n_out, "interface", f"f has {self.n_out} outputs, g {other}")

    def _tensor(self, lines, word, kind, count):
        tensor = pick(self._table, lines.integer(word), lines)
        lines.need(tensor.kind[0] == kind, "tensor-type", f"unexpected tensor type {tensor.kind}")
        fits = tensor.count == count
        lines.need(fits, "shape", f"expected a tensor of {count} entries, found {tensor.count}")
        return tensor

    def _read_domain(self, lines):
        words = lines.next("domain")
        form = words[1] if len(words) > 1 else ""
        norm, radius, parts = "", Fraction(0), 1
        if form == "box" and len(words) == 4:
            tensors = [self._tensor(lines, w, "f", self.n_in) for w in words[2:]]
        elif form == "ball" and len(words) == 7:
            norm = words[2]
            lines.need(norm in ("linf", "l2", "l1"), "no-such-norm", f"no norm {norm[:20]}")
            parts, num, den = lines.integers(words[4:], 3)
            lines.need(den >= 1, "denominator", "a denominator is at least 1")
            lines.need(num >= 0, "negative-radius", "a radius is not negative")
            radius = Fraction(num, den)
        elif form == "points" and len(words) == 4:
            parts = lines.integer(words[3])
        else:
            raise Rejected("unexpected-word", lines.place, "no such form of domain")
        lines.need(parts >= 1, "empty-domain", "a domain has at least one part")
        limit(parts, SIZE, lines.place, "parts of the domain")
        if form != "box":
            tensors = [self._tensor(lines, words[3 if form == "ball" else 2], "f", parts * self.n_in)]
        words = lines.next("within", "within-arrays", "anywhere")
        within: tuple[str, object] | None = None
        if words[0] == "within":
            a, b, c, d = lines.integers(words[1:], 4)
            lines.need(b >= 1 and d >= 1, "denominator", "a denominator is at least 1")
            within = ("uniform", (Fraction(a, b), Fraction(c, d)))
        elif words[0] == "within-arrays":
            lines.need(len(words) == 3, "word-count", "two tensors")
            within = ("arrays", [self._tensor(lines, w, "f", self.n_in) for w in words[1:]])
        else:
            lines.need(len(words) == 1, "word-count", "`anywhere` stands alone")
        self.domain = Domain(form, norm, tensors, parts, radius, within, self.n_in)

    def _read_quantity(self, lines):
        words = lines.next("quantity")[1:]
        form = words[0] if words else ""
        if form == "value" and len(words) == 3:
            lines.need(words[1] in ("linf", "l2", "l1"), "no-such-norm", f"no norm {words[1][:20]}")
            modulo = lines.integer(words[2])
            lines.need(modulo in (0, 1), "unexpected-word", "modulo mean is 0 or 1")
            lines.need(modulo == 0 or self.n_out >= 2, "one-output", "modulo the mean needs two outputs")
            self.quantity: tuple[Any, ...] = ("value", words[1], modulo)
        elif form == "output" and len(words) == 2:
            j = lines.integer(words[1])
            lines.need(0 <= j < self.n_out, "index-range", f"output {j} of {self.n_out}")
            self.quantity = ("output", j)
        elif form in ("functional", "upper") and len(words) == 2:
            self.quantity = (form, self._tensor(lines, words[1], "f", self.n_out))
        elif form == "least" and len(words) >= 5 and len(words) % 2 == 1:
            self._read_least(lines, words)
        elif form in ("margin", "decision") and len(words) == 2:
            lines.need(self.n_out >= 2, "one-output", f"a {form} needs two outputs")
            lines.need("g" in self.outputs, "one-network", f"a {form} compares two networks")
            self.quantity = (form, self._tensor(lines, words[1], "i", self.domain.parts))
        else:
            raise Rejected("unexpected-word", lines.place, "no such form of quantity")

    def _read_least(self, lines, words):
        """`least TA TB (NUM DEN)*K`: K rows on f, on g (-1: none, -2: minus those on f), and what they exceed."""
        pairs = lines.integers(words[3:], len(words) - 3)
        for den in pairs[1::2]:
            lines.need(den >= 1, "denominator", "a denominator is at least 1")
        limits = tuple(Fraction(num, den) for num, den in zip(pairs[::2], pairs[1::2], strict=True))
        on_f = self._tensor(lines, words[1], "f", len(limits) * self.n_out)
        other = lines.integer(words[2])
        lines.need(other == -1 or "g" in self.outputs, "one-network", "rows on g need g")
        signs = {-1: "none", -2: "opposite"}
        on_g = signs[other] if other in signs else self._tensor(lines, words[2], "f", len(limits) * self.n_out)
        self.quantity = ("least", on_f, on_g, limits)

    def labels(self, arithmetic):
        """The class of each part, for margins and decisions."""
        out = self.quantity[1].integers(arithmetic).tolist()
        ok = all(0 <= c < self.n_out for c in out)
        require(ok, "index-range", "claim", f"a class is not within [0, {self.n_out})")
        return out
