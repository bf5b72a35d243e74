"""Read a proof: plans (blocks and steps), then one tree of leaves for each part of the domain.

Everything a plan says is validated here against the claim's graph; the rules then run without looking back.
Spec: format.md#proof, rules.md#blocks.
"""

from __future__ import annotations

from certify.kernel.blocks import Block, Plan, Relation
from certify.kernel.forms import Forms
from certify.kernel.limits import BITS, BLOCKS, PLANS, SCALE
from certify.kernel.maps import FixedMap, coarsened, common_bits, difference_map, fixed_map, gathered_map
from certify.kernel.rules import conclude
from certify.kernel.tensors import pick, read_table
from certify.kernel.verdict import limit
from certify.kernel.words import Lines


class Proof:
    """The plans of a proof and a cursor at its first `part` line."""

    def __init__(self, bundle, claim, arithmetic) -> None:
        self.lines = Lines("proof", bundle.read("proof"))
        self.lines.header("proof")
        self._table = read_table(self.lines, bundle)
        self._a = self.arithmetic = arithmetic
        self._claim = claim
        self._maps: dict[object, FixedMap] = {}
        self._differences: dict[object, FixedMap | None] = {}
        self.plans: list[Plan] = []
        while (words := self.lines.peek()) is not None and words[0] == "plan":
            limit(len(self.plans) + 1, PLANS, self.lines.place, "number of plans")
            self.plans.append(_PlanReader(self).read())

    def tensor(self, index):
        return pick(self._table, index, self.lines)

    def fixed(self, data):
        """The fixed-point map of some map words, made once."""
        if data.key not in self._maps:
            self._maps[data.key] = fixed_map(data, self._a)
        return self._maps[data.key]

    def difference(self, key, make):
        """A difference of maps, formed once for all plans."""
        if key not in self._differences:
            self._differences[key] = make()
        return self._differences[key]


class _PlanReader:
    """Reads one plan."""

    def __init__(self, proof: Proof) -> None:
        self._proof, self._lines, self._claim, self._a = proof, proof.lines, proof._claim, proof._a
        self._node: list[int | None] = []  # block -> graph node

    def read(self) -> Plan:
        lines = self._lines
        count, forward, constant, slots = lines.numbers("plan", 4)
        limit(count, BLOCKS, lines.place, "number of blocks")
        self._bits(forward, constant)
        lines.need(slots >= 1, "no-such-slot", "a plan has at least one slot")
        self._plan = Plan(forward, constant, slots)
        slopes: dict[int, tuple[int, int]] = {}
        multipliers: dict[int, int] = {}
        forms = Forms(self._proof, self._plan, self._claim)
        pairs = ("pair-direct", "pair-relu", "pair-affine")
        while True:
            words = lines.next("node", *pairs, "backward", "slopes", "multipliers", *forms.WORDS, "conclude")
            word, rest = words[0], words[1:]
            if word == "node":
                self._read_node(rest)
            elif word.startswith("pair-"):
                self._read_pair(word, rest)
            elif word == "slopes":
                b, tp, tt = lines.integers(rest, 3)
                self._block(b)
                slopes[b] = (tp, tt)
            elif word == "multipliers":
                b, t = lines.integers(rest, 2)
                self._block(b)
                multipliers[b] = t
            elif word == "backward":
                b, c, q, rows = lines.integers(rest, 4)
                self._block(b)
                self._bits(c, q)
                chosen = self._chosen(b, rows)
                hinted = chosen is None and (slopes or multipliers)
                lines.need(not hinted, "hint", "hints do not go with rows that depend on the leaf")
                hints = self._hints(slopes, multipliers, 2 * len(chosen or ()))
                self._plan.steps.append(("backward", b, c, q, chosen, hints))
                slopes, multipliers = {}, {}
            elif word in forms.WORDS:
                self._complete(count)
                forms.read(word, rest)
            else:
                c, q = lines.integers(rest, 2)
                self._bits(c, q)
                self._complete(count)
                hints = self._hints(slopes, multipliers, conclude.row_count(self._claim))
                self._plan.steps.append(("conclude", c, q, hints))
                for name, node in self._claim.outputs.items():
                    lines.need(node in self._plan.at, "no-such-block", f"no block for the output of {name}")
                    self._plan.outputs[name] = self._plan.at[node]
                return self._plan

    def _complete(self, count):
        found = len(self._plan.blocks)
        self._lines.need(found == count, "word-count", f"{found} blocks, {count} announced")

    def _bits(self, *values):
        for v in values:
            self._lines.need(v >= 0, "bits", "a number of bits is not negative")
            limit(v, BITS, self._lines.place, "number of bits")

    def _block(self, b) -> Block:
        inside = 0 <= b < len(self._plan.blocks)
        self._lines.need(inside, "no-such-block", f"block {b} of {len(self._plan.blocks)}")
        return self._plan.blocks[b]

    def _chosen(self, b, rows):
        """The rows of a block to tighten: all (-1), those whose sign is open on the leaf (-2: None), or a tensor."""
        size = self._plan.blocks[b].size
        if rows == -2:
            return None
        if rows == -1:
            return list(range(size))
        chosen = self._proof.tensor(rows).index(self._a, size)
        ok = min(chosen) >= 0 and len(set(chosen)) == len(chosen)
        self._lines.need(ok, "index-range", "rows are distinct and not negative")
        return chosen

    def _hints(self, slopes, multipliers, rows):
        """(block -> slope matrices, block -> multipliers), with ``rows`` rows for each slot.

        A missing row would silence its functional.
        """
        out = {}
        for b, (tp, tt) in slopes.items():
            block = self._plan.blocks[b]
            fits = tp != -1 and ((block.kind == "relu" and tt == -1) or (block.kind == "pair-relu" and tt != -1))
            self._lines.need(fits, "hint", f"such slopes do not belong to a {block.kind} block")
            out[b] = [None if t == -1 else self._hint_matrix(t, rows, block) for t in (tp, tt)]
        return out, {b: self._hint_matrix(t, rows, self._plan.blocks[b]) for b, t in multipliers.items()}

    def _hint_matrix(self, tensor, rows, block):
        v, rows = self._proof.tensor(tensor), rows * self._plan.slots
        self._lines.need(v.count == rows * block.size, "hint", "a hint does not have one row for each functional")
        return v.integers(self._a).shaped(rows, block.size)

    def _add(self, block, node=None):
        limit(len(self._plan.blocks) + 1, BLOCKS, self._lines.place, "number of blocks")
        limit(abs(block.scale), SCALE, self._lines.place, "scale")
        self._plan.blocks.append(block)
        self._node.append(node)
        self._plan.steps.append(("block", len(self._plan.blocks) - 1))

    def _read_node(self, rest):
        lines, claim = self._lines, self._claim
        known = len(rest) == 3 and rest[0] in claim.local
        lines.need(known, "word-count", "expected a network, a node and a scale")
        index, scale = lines.integers(rest[1:], 2)
        inside = 0 <= index < len(claim.local[rest[0]])
        lines.need(inside, "no-such-node", f"node {index} of network {rest[0]}")
        at = claim.local[rest[0]][index]
        lines.need(at not in self._plan.at, "block-twice", "this node has a block already")
        node = claim.graph.nodes[at]
        limit(abs(scale), SCALE, lines.place, "scale")
        if node.kind == "input":
            block = Block("input", node.size, scale, lines.place, role=node.role)
        elif node.kind in ("relu", "free"):
            source = self._source(node.source)
            same = self._plan.blocks[source].scale == scale
            lines.need(same, "scale", f"a {node.kind} block has the scale of its source")
            block = Block(node.kind, node.size, scale, lines.place, source=source)
        else:
            terms = [self._term(t) for t in node.terms]
            block = Block("affine", node.size, scale, lines.place, relation=Relation(scale, terms, self._bias(node)))
        self._plan.at[at] = len(self._plan.blocks)
        self._add(block, at)

    def _source(self, node):
        self._lines.need(node in self._plan.at, "no-such-block", "a source has no block yet")
        return self._plan.at[node]

    def _term(self, t):
        source = self._source(t.source)
        return self._proof.fixed(t.map), t.num, t.den, source, self._plan.blocks[source].scale

    def _bias(self, node):
        if node.bias is None:
            return None
        lo, hi, h = node.bias.fixed(self._a)
        return lo.repeat(node.repeat), hi.repeat(node.repeat), h

    # ---- difference blocks

    def _read_pair(self, word, rest):
        lines = self._lines
        fixed = {"pair-direct": 4, "pair-relu": 5, "pair-affine": 7}[word]
        lines.need(len(rest) >= fixed, "word-count", f"too few numbers for {word}")
        numbers = lines.integers(rest, len(rest))
        u, w, sigma, scale = numbers[:4]
        fine, coarse = self._block(u), self._block(w)
        is_nodes = self._node[u] is not None and self._node[w] is not None and u != w
        lines.need(is_nodes, "pair", "a pair joins the blocks of two different nodes")
        same = fine.scale == coarse.scale <= scale
        lines.need(same, "scale", "u and w have one scale, and d one at least as fine")
        index, key = None, None
        if sigma == -1:
            lines.need(fine.size == coarse.size, "pair", f"sizes {fine.size} and {coarse.size}")
        else:
            tensor = self._proof.tensor(sigma)
            lines.need(tensor.count == fine.size, "pair", "a selection has one entry for each of u")
            index, key = tensor.index(self._a, coarse.size), tensor.key
        more = {"fine": u, "coarse": w, "sigma": index, "sigma_key": key}
        if word == "pair-direct":
            lines.need(len(numbers) == 4, "word-count", "pair-direct has four numbers")
        elif word == "pair-relu":
            lines.need(len(numbers) == 5, "word-count", "pair-relu has five numbers")
            inner = self._block(numbers[4])
            ok = (
                fine.kind == coarse.kind == "relu"
                and inner.kind.startswith("pair-")
                and inner.fine == fine.source
                and inner.coarse == coarse.source
                and inner.sigma_key == key
                and inner.scale == scale
            )
            lines.need(ok, "pair", "the inner block is not the pair of the relus' sources")
            more["inner"] = numbers[4]
        else:
            more["relation"] = self._pair_relation(numbers, index, scale)
        self._add(Block(word, fine.size, scale, lines.place, **more))

    def _view(self, block, expand):
        """(terms as (map data, num, den, source block), bias, bias key): expanded, or the identity of itself."""
        node = self._claim.graph.nodes[self._node[block]]
        if not expand:
            from certify.kernel.network import MapData

            return [(MapData("identity", node.size, node.size), 1, 1, block)], None, None
        self._lines.need(node.kind == "affine", "match", f"a {node.kind} block has no terms to match")
        key = None if node.bias is None else (node.bias.key, node.repeat)
        return [(t.map, t.num, t.den, self._source(t.source)) for t in node.terms], self._bias(node), key

    def _pair_relation(self, numbers, sigma, scale):
        lines, blocks = self._lines, self._plan.blocks
        u, w, expand_u, expand_w, count = numbers[0], numbers[1], numbers[4], numbers[5], numbers[6]
        fits = expand_u in (0, 1) and expand_w in (0, 1) and len(numbers) == 7 + 3 * count
        lines.need(fits, "word-count", "wrong number of matches")
        terms_u, bias_u, key_u = self._view(u, expand_u)
        terms_w, bias_w, key_w = self._view(w, expand_w)
        out, used_u, used_w = [], set(), set()
        for i in range(count):
            t, t2, inner = numbers[7 + 3 * i : 10 + 3 * i]
            fresh = 0 <= t < len(terms_u) and 0 <= t2 < len(terms_w) and t not in used_u and t2 not in used_w
            lines.need(fresh, "match", "a match names a missing or used term")
            used_u.add(t)
            used_w.add(t2)
            out.extend(self._match(terms_u[t], terms_w[t2], inner, sigma))
        for i, (data, num, den, source) in enumerate(terms_u):
            if i not in used_u:
                out.append((self._proof.fixed(data), num, den, source, blocks[source].scale))
        for i, (data, num, den, source) in enumerate(terms_w):
            if i not in used_w:
                out.append((gathered_map(self._proof.fixed(data), sigma), -num, den, source, blocks[source].scale))
        if not out:  # everything cancelled but a constant: zero times u keeps the relation's shape
            out.append((self._proof.fixed(terms_u[0][0]), 0, 1, terms_u[0][3], blocks[terms_u[0][3]].scale))
        bias = None if sigma is None and key_u == key_w else self._minus_bias(bias_u, bias_w, sigma)
        return Relation(scale, out, bias)

    def _match(self, first, second, inner, sigma):
        """M x - S M' y with x - S' y = d':  M d' + (M S' - S M') y."""
        lines, blocks = self._lines, self._plan.blocks
        (data, num, den, source), (data2, num2, den2, source2) = first, second
        lines.need((num, den) == (num2, den2), "match", "matched terms have one scalar")
        sigma_in, size_in = None, blocks[source2].size
        out = []
        a, b = self._proof.fixed(data), self._proof.fixed(data2)
        if inner == -1:
            lines.need(source == source2, "match", "matched terms read different blocks")
        else:
            pair = self._block(inner)
            ok = pair.kind.startswith("pair-") and pair.fine == source and pair.coarse == source2
            lines.need(ok, "match", "the inner block is not the pair of the terms' sources")
            sigma_in = pair.sigma
            out.append((a, num, den, inner, pair.scale))
        key = (data.key, data2.key, sigma_in and tuple(sigma_in), sigma and tuple(sigma), size_in)
        left = self._proof.difference(
            key, lambda: difference_map(a, b, data.key == data2.key, sigma_in, sigma, size_in)
        )
        if left is not None:
            out.append((left, num, den, source2, blocks[source2].scale))
        return out

    def _minus_bias(self, first, second, sigma):
        """b - S c in fixed point, equal entries cancelling exactly when both are exact."""
        if second is not None and sigma is not None:
            second = (second[0].gather(sigma), second[1].gather(sigma), second[2])
        if second is None:
            return first
        lo2, hi2, h2 = -second[1], -second[0], second[2]
        if first is None:
            return lo2, hi2, h2
        lo, hi, h = first
        g = common_bits(([lo], [hi], h), ([lo2], [hi2], h2))
        (lo,), (hi,) = coarsened([lo], [hi], h, g)
        (lo2,), (hi2,) = coarsened([lo2], [hi2], h2, g)
        return lo + lo2, hi + hi2, g
