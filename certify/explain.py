"""A certificate in words: what is claimed, how the proof is laid out, what takes how many bytes.

Reads a bundle that the kernel has accepted, and only such a one: what a rejected file says means nothing. Nothing
here is trusted, and nothing is checked again; the verdict is the kernel's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from certify.certificate import Certificate
from certify.errors import BadInput
from certify.kernel.statements import KINDS

# Lines of a proof that two subtrees follow.
SPLITS = ("split", "sign", "sign-pair")
_QUANTITIES = {
    "value": "the {norm} norm of {d}{modulo}",
    "output": "the size of output {index} of {d}",
    "functional": "the size of a fixed linear functional of {d}",
    "upper": "a fixed linear functional of {d}",
    "least": "the least of {rows} fixed affine functionals of the outputs",
    "margin": "the push of f - g towards any wrong class, over the right one",
    "decision": "the lead of any wrong class over the right one, in f and in g",
}


@dataclass(frozen=True)
class NetworkSize:
    """What a network file of a bundle says of a model: digest, inputs, outputs, nodes by kind, stored floats."""

    name: str
    digest: str
    inputs: int
    outputs: int
    nodes: dict[str, int]
    parameters: int

    def __str__(self) -> str:
        kinds = ", ".join(f"{n} {k}" for k, n in self.nodes.items())
        shape = f"{self.inputs} inputs, {self.outputs} outputs, {self.parameters:,} stored floats"
        return f"{self.name} = {self.digest[:16]}...: {shape}; {kinds}"


@dataclass(frozen=True)
class ProofOutline:
    """How a proof is laid out: plans with their blocks, parts of the domain, leaves, splits and the deepest of them.

    signs: splits on the sign of a value, among the splits; forms: rows bounded by quadratic forms.
    """

    plans: int
    blocks: dict[str, int]
    backward: int
    parts: int
    leaves: int
    splits: int
    depth: int
    signs: int = 0
    forms: int = 0

    def __str__(self) -> str:
        kinds = ", ".join(f"{n} {k}" for k, n in sorted(self.blocks.items()))
        tree = f"{self.parts} parts, {self.leaves} leaves, {self.splits} splits"
        if self.signs:
            tree += f" ({self.signs} on signs)"
        deep = f" down to depth {self.depth}" if self.depth else ""
        forms = f", {self.forms} rows bounded by quadratic forms" if self.forms else ""
        return f"{self.plans} plans ({kinds}; {self.backward} tightened by a backward pass{forms}); {tree}{deep}"


@dataclass(frozen=True)
class MatrixSize:
    """A matrix that a statement speaks of: its name there, the digest and type of its entries, its sides and factor."""

    name: str
    digest: str
    dtype: str
    rows: int
    columns: int
    times: str

    def __str__(self) -> str:
        factor = "" if self.times == "1/1" else f", times {_number(self.times)}"
        return f"{self.name} = {self.digest[:16]}...: {self.rows} x {self.columns}, {self.dtype}{factor}"


@dataclass(frozen=True)
class EvidenceOutline:
    """What stands behind a statement: matrices, and lines of integers."""

    matrices: int
    items: int

    def __str__(self) -> str:
        return f"{self.matrices} matrices, {self.items} lines of integers"


@dataclass(frozen=True)
class Explanation:
    """A certificate in words and numbers; ``sentence`` is the theorem. A statement has matrices in place of models."""

    id: str
    sentence: str
    domain: str
    models: tuple[NetworkSize | MatrixSize, ...]
    proof: ProofOutline | EvidenceOutline
    sizes: dict[str, int]
    claim: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """What ``certify explain --json`` prints beside the verdict."""
        models = [{k: getattr(m, k) for k in m.__dataclass_fields__} for m in self.models]
        proof = {k: getattr(self.proof, k) for k in self.proof.__dataclass_fields__}
        return {
            "id": self.id, "sentence": self.sentence, "domain": self.domain, "claim": self.claim,
            "models": models, "proof": proof, "bytes": self.sizes,
        }  # fmt: skip


def explain(certificate: Certificate) -> Explanation:
    """What an accepted certificate says; raises BadInput for a bundle whose files do not fit together."""
    try:
        claim = certificate.claim
        if "statement" in claim:
            return _statement(certificate, claim)
        models: tuple[NetworkSize | MatrixSize, ...] = tuple(
            _network(certificate, n, claim[n]) for n in ("f", "g") if claim[n] != "zero"
        )
        proof = _outline(certificate.files["proof"])
        return Explanation(certificate.id, sentence(claim), domain(claim), models, proof, _sizes(certificate), claim)
    except (KeyError, IndexError, ValueError, TypeError) as e:
        raise BadInput(f"certificate {certificate.id[:16]}: expected an accepted one, found {e!r}") from None


def _statement(certificate: Certificate, claim: dict[str, Any]) -> Explanation:
    kind, of = claim["statement"], claim["of"]
    meaning = " ".join((KINDS[kind].__doc__ or "").split("\n\n")[0].split()).replace("*", "").rstrip(".")
    matrices: list[NetworkSize | MatrixSize] = []
    numbers = []
    for name, value in of.items():
        several = isinstance(value, list)
        for i, v in enumerate(value if several else [value]):
            if isinstance(v, dict):
                t = v["tensor"]
                title = f"{name} {i + 1}" if several else name
                matrices.append(MatrixSize(title, t["sha256"], t["dtype"], v["rows"], v["columns"], v["times"]))
            else:
                numbers.append(f"{name} = {_number(v) if isinstance(v, str) else v}")
    first = [w[0] for w in _words(certificate.files["proof"])]
    outline = EvidenceOutline(first.count("matrix"), first.count("item"))
    sentence_ = f"{meaning}; {', '.join(numbers)}" if numbers else meaning
    # Imported here: statements build on certificates, which this module reads.
    from certify.statements.said import said

    formula = said(certificate)
    sentence_ = f"{formula} ({kind})" if formula else sentence_
    domain = "everything that the matrices below allow"
    return Explanation(certificate.id, sentence_, domain, tuple(matrices), outline, _sizes(certificate), claim)


def sentence(claim: dict[str, Any]) -> str:
    """The claim as one sentence, from its claim.json."""
    q = claim["quantity"]
    d = "f" if claim["g"] == "zero" else "f - g"
    modulo = ", the mean over the outputs taken out," if q.get("modulo-mean") else ""
    rows = len(q.get("minus", ()))
    what = _QUANTITIES[q["kind"]].format(
        norm=q.get("norm", ""), index=q.get("index", ""), d=d, modulo=modulo, rows=rows
    )
    sign = {"at-most": "at most", "below": "below"}[claim["relation"]]
    return f"for every input of the domain, {what} is {sign} {_number(claim['threshold'])}"


def domain(claim: dict[str, Any]) -> str:
    """The input set in words, from claim.json."""
    x, within = claim["domain"], claim["within"]
    n = x["parts"]
    if x["kind"] == "box":
        text = f"one box of {x['lo']['count']} coordinates"
    elif x["kind"] == "points":
        text = f"{n} point{'s' * (n > 1)}"
    else:
        around = f"{n} point{'s' * (n > 1)}" if n > 1 else "one point"
        text = f"the {x['norm']} balls of radius {_number(x['radius'])} around {around}"
    if x["kind"] != "box":
        text += f" of {x['centres']['count'] // n} coordinates"
    if within is None:
        return text
    if isinstance(within["lo"], str):
        return f"{text}, within [{_number(within['lo'])}, {_number(within['hi'])}]"
    return f"{text}, within a box given by arrays"


def _number(ratio: str) -> str:
    num, den = ratio.split("/")
    return num if den == "1" else ratio


def _words(data: bytes) -> Iterator[list[str]]:
    for line in data.decode("ascii").splitlines():
        if line:
            yield line.split(" ")


def _network(certificate: Certificate, name: str, digest: str) -> NetworkSize:
    sizes: list[int] = []
    kinds: Counter[str] = Counter()
    inputs = parameters = output = 0
    for w in _words(certificate.files[f"networks/{digest}"]):
        match w[0]:
            case "tensor":
                parameters += int(w[2]) if w[1].startswith("f") else 0
            case "input" | "affine" | "relu" | "free":
                kinds[w[0]] += 1
                sizes.append(int(w[1]))
                inputs = int(w[1]) if w[0] == "input" else inputs
            case "output":
                output = int(w[1])
    return NetworkSize(name, digest, inputs, sizes[output], dict(kinds), parameters)


def _outline(proof: bytes) -> ProofOutline:
    blocks: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    pending: list[int] = []
    deepest = 0
    for w in _words(proof):
        seen[w[0]] += 1
        if w[0] in ("node", "pair-direct", "pair-relu", "pair-affine"):
            blocks["nodes" if w[0] == "node" else w[0]] += 1
        # Subtrees are in prefix order: the stack holds the depths of those still to come.
        elif w[0] == "part":
            pending = [0]
        elif w[0] in SPLITS:
            depth = pending.pop() + 1
            pending += [depth, depth]
            deepest = max(deepest, depth)
        elif w[0] == "leaf":
            pending.pop()
    parts, leaves = seen["part"], seen["leaf"]
    signs = seen["sign"] + seen["sign-pair"]
    splits = seen["split"] + signs
    return ProofOutline(
        seen["plan"], dict(blocks), seen["backward"], parts, leaves, splits, deepest, signs, seen["quadratic"]
    )


def _sizes(certificate: Certificate) -> dict[str, int]:
    sizes = {"claim": 0, "networks": 0, "tensors": 0, "proof": 0}
    for name, data in certificate.files.items():
        key = name.split("/")[0].split(".")[0]
        sizes["tensors" if key == "blobs" else key] += len(data)
    return sizes
