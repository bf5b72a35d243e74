"""The claim's files: the ASCII text both kernels read and its rendering as JSON.

Normative: specs/format.md#claim and specs/claim-json.md. The kernel renders the JSON again from the text alone and
compares the bytes.
"""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.claims import Claim
from certify.domains import Ball, Box, Domain
from certify.networks.encode import DTYPES, Encoded, TensorTable


def encode_claim(claim: Claim) -> Encoded:
    """The claim file and the tensors it names."""
    table = TensorTable()
    q = claim.quantity
    body = [f"f {q.f.digest}", f"g {'zero' if q.g is None else q.g.digest}", *_domain(q.domain, table)]
    match q.kind:
        case "value":
            body.append(f"quantity value {q.norm} {int(q.modulo_mean)}")
        case "output":
            body.append(f"quantity output {q.index}")
        case "functional" | "upper":
            body.append(f"quantity {q.kind} {table.add(_row(claim))}")
        case "least":
            words = [str(table.add(_on_f(claim))), _on_g_word(claim, table)]
            words += [str(v) for t in q.limits for v in (t.numerator, t.denominator)]
            body.append(f"quantity least {' '.join(words)}")
        case _:
            body.append(f"quantity {q.kind} {table.add(_labels(claim))}")
    body.append(f"{claim.relation} {claim.threshold.numerator} {claim.threshold.denominator}")
    head = ["certify-claim 1", "rules 1", "semantics real", *table.lines]
    return Encoded("\n".join([*head, *body, "end", ""]).encode("ascii"), table.blobs)


def _row(claim: Claim) -> NDArray[np.generic]:
    assert claim.quantity.row is not None
    return claim.quantity.row


def _on_f(claim: Claim) -> NDArray[np.generic]:
    assert claim.quantity.on_f is not None
    return claim.quantity.on_f


def _opposite(claim: Claim) -> bool:
    on_g = claim.quantity.on_g
    return on_g is not None and np.array_equal(on_g, np.negative(_on_f(claim)))


def _on_g_word(claim: Claim, table: TensorTable) -> str:
    on_g = claim.quantity.on_g
    if on_g is None:
        return "-1"
    return "-2" if _opposite(claim) else str(table.add(on_g))


def _labels(claim: Claim) -> NDArray[np.generic]:
    return np.array(claim.quantity.labels, dtype=np.int32)


def _domain(domain: Domain, table: TensorTable) -> list[str]:
    if isinstance(domain, Box):
        head = f"domain box {table.add(domain.lo)} {table.add(domain.hi)}"
    else:
        c = table.add(domain.centres)
        head = f"domain points {c} {domain.parts}"
        if isinstance(domain, Ball):
            r = domain.radius
            head = f"domain ball {domain.kind} {c} {domain.parts} {r.numerator} {r.denominator}"
    if domain.within is None:
        return [head, "anywhere"]
    lo, hi = domain.within
    if isinstance(lo, Fraction) and isinstance(hi, Fraction):
        return [head, f"within {lo.numerator} {lo.denominator} {hi.numerator} {hi.denominator}"]
    return [head, f"within-arrays {table.add(np.asarray(lo))} {table.add(np.asarray(hi))}"]


def claim_json(claim: Claim) -> bytes:
    """The canonical JSON of a claim."""
    q = claim.quantity
    quantity: dict[str, Any] = {"kind": q.kind}
    match q.kind:
        case "value":
            quantity |= {"modulo-mean": q.modulo_mean, "norm": q.norm}
        case "output":
            quantity["index"] = q.index
        case "functional" | "upper":
            quantity["row"] = _tensor(_row(claim))
        case "least":
            on_g = None if q.on_g is None else "opposite" if _opposite(claim) else _tensor(q.on_g)
            quantity |= {"minus": [_number(t) for t in q.limits], "on-f": _tensor(_on_f(claim)), "on-g": on_g}
        case _:
            quantity["labels"] = _tensor(_labels(claim))
    fields = {
        "domain": _domain_json(q.domain),
        "f": q.f.digest,
        "format": 1,
        "g": "zero" if q.g is None else q.g.digest,
        "quantity": quantity,
        "relation": claim.relation,
        "rules": 1,
        "semantics": "real",
        "threshold": _number(claim.threshold),
        "within": _within_json(q.domain),
    }
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def _number(v: Fraction) -> str:
    return f"{v.numerator}/{v.denominator}"


def _tensor(a: NDArray[np.generic] | None) -> dict[str, Any]:
    assert a is not None
    table = TensorTable()
    table.add(a)
    return {"count": int(a.size), "dtype": DTYPES[a.dtype.name], "sha256": next(iter(table.blobs))}


def _domain_json(domain: Domain) -> dict[str, Any]:
    if isinstance(domain, Box):
        return {"hi": _tensor(domain.hi), "kind": "box", "lo": _tensor(domain.lo), "parts": 1}
    kind = "ball" if isinstance(domain, Ball) else "points"
    out: dict[str, Any] = {"centres": _tensor(domain.centres), "kind": kind, "parts": domain.parts}
    if isinstance(domain, Ball):
        out |= {"norm": domain.kind, "radius": _number(domain.radius)}
    return out


def _within_json(domain: Domain) -> dict[str, Any] | None:
    if domain.within is None:
        return None
    lo, hi = domain.within
    if isinstance(lo, Fraction) and isinstance(hi, Fraction):
        return {"hi": _number(hi), "lo": _number(lo)}
    return {"hi": _tensor(np.asarray(hi)), "lo": _tensor(np.asarray(lo))}
