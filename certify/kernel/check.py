"""Check a certificate: read, replay every leaf, compare. Returns what was established or raises a verdict.

Spec: rules.md#checking.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from certify.kernel.bundle import Bundle
from certify.kernel.claim import Claim
from certify.kernel.limits import BATCH
from certify.kernel.proof import Proof
from certify.kernel.rendering import render
from certify.kernel.replay import Replay, room
from certify.kernel.rules import split
from certify.kernel.statement import Evidence, Statement
from certify.kernel.verdict import require


class Checked:
    """An accepted certificate: its id, the exact bound established on each part, and counts.

    ``told``: what else there is to say of the claim, by name. A statement about matrices has no parts.
    """

    def __init__(self, identity, bounds, leaves, claim, told):
        self.id, self.bounds, self.leaves, self.claim, self.told = identity, bounds, leaves, claim, told


def check(path: str, arithmetic: Any, before_replay: Any = None, share: tuple[int, int] = (0, 1)) -> Checked:
    """Check the bundle at ``path``; raises Rejected, Declined or MachineFault.

    ``share`` (i, n): replay only the leaves whose index is i modulo n. Everything is read, and the tree's coverage
    checked, all the same; a certificate is accepted when all n shares are. Bounds of parts without a leaf are None.
    """
    arithmetic.self_test()
    bundle = Bundle(path)
    try:
        if bundle.read("claim").startswith(b"certify-statement "):
            return _check_statement(bundle, arithmetic, before_replay)
        claim = Claim(bundle)
        require(
            bundle.read("claim.json") == render(claim),
            "rendering",
            "claim.json",
            "does not say what `claim` says",
        )
        proof = Proof(bundle, claim, arithmetic)
        bundle.read_rest()
        if before_replay is not None:
            before_replay()
        established, leaves = replay(arithmetic, claim, proof, share=share)
        return Checked(bundle.id, established, leaves, claim, claim.digests)
    finally:
        bundle.close()


def _check_statement(bundle, arithmetic, before_replay):
    """A statement is judged whole: every share of it is the whole."""
    statement = Statement(bundle, arithmetic)
    same = bundle.read("claim.json") == statement.render()
    require(same, "rendering", "claim.json", "does not say what `claim` says")
    evidence = Evidence(bundle, arithmetic)
    bundle.read_rest()
    if before_replay is not None:
        before_replay()
    statement.rule.check(statement, evidence)
    return Checked(bundle.id, [], 1, statement, {"statement": statement.kind})


def replay(
    arithmetic: Any, claim: Any, proof: Any, enforce: bool = True, share: tuple[int, int] = (0, 1)
) -> tuple[list[Any], int]:
    """Replay every part; returns (exact bound of each part, number of leaves replayed).

    Leaves of one plan are replayed together, which changes no value. Without ``enforce`` the
    threshold is not compared: for the elaborator, which asks what would be established.
    """
    labels = claim.labels(arithmetic) if claim.quantity[0] in ("margin", "decision") else None
    worst: list[Fraction | None] = [None] * claim.domain.parts
    count = 0
    for some in _batches(claim, proof, share):
        count += len(some)
        plan = proof.plans[some[0].plan]
        for leaf, found in zip(some, Replay(arithmetic, claim, plan, some).run(labels), strict=True):
            if found is None:
                continue
            bound, ok = found
            text = f"established {float_text(bound)}, claimed {claim.relation} {float_text(claim.threshold)}"
            require(ok or not enforce, "bound-too-high", leaf.place, text)
            best = worst[leaf.part]
            worst[leaf.part] = bound if best is None else max(best, bound)
    for part, best in enumerate(worst):
        found = best is not None or share[1] > 1
        require(found, "contradiction", "proof", f"no leaf of part {part} has a point")
    return worst, count


def _batches(claim, proof, share):
    """Lists of leaves with one plan; reads the file to its end. Memory is a few batches, whatever the tree."""
    waiting: dict[int, list[split.Leaf]] = {}
    count = [0]
    for part in range(claim.domain.parts):
        (k,) = proof.lines.numbers("part", 1)
        require(k == part, "part-order", proof.lines.place, f"expected part {part}, found {k}")
        for leaf in split.Tree(proof.lines, claim, proof.plans, part, count).leaves():
            if (count[0] - 1) % share[1] != share[0]:
                continue
            mine = waiting.setdefault(leaf.plan, [])
            mine.append(leaf)
            if len(mine) >= room(proof.plans[leaf.plan]):
                yield waiting.pop(leaf.plan)
            elif sum(map(len, waiting.values())) >= 2 * BATCH:
                yield waiting.pop(max(waiting, key=lambda p: len(waiting[p])))
    yield from waiting.values()
    proof.lines.end()


def float_text(v: Fraction) -> str:
    """Six significant digits of a rational, by integers, for messages."""
    if v == 0:
        return "0"
    sign, n, d, e = "-" if v < 0 else "", abs(v.numerator), v.denominator, 0
    while n >= 10 * d:
        d, e = d * 10, e + 1
    while n < d:
        n, e = n * 10, e - 1
    digits = str(n * 100_000 // d)
    return f"{sign}{digits[0]}.{digits[1:]}e{e}"
