"""claim.json: the claim in words that people and tools can read, as one line of canonical JSON.

Rendered from the parsed claim alone; the file in the bundle must equal it byte for byte.
Spec: claim-json.md.
"""

from __future__ import annotations

from certify.kernel.tensors import Tensor, rational


def render(claim) -> bytes:
    """The canonical JSON of a claim."""
    fields = {
        "domain": _domain(claim.domain),
        "f": claim.digests["f"],
        "format": 1,
        "g": claim.digests["g"],
        "quantity": _quantity(claim.quantity),
        "relation": claim.relation,
        "rules": 1,
        "semantics": "real",
        "threshold": number(claim.threshold),
        "within": _within(claim.domain),
    }
    return as_json(fields)


def as_json(fields) -> bytes:
    """Canonical JSON: keys sorted, no spaces, ASCII."""
    return _json(fields).encode("ascii")


def number(v) -> str:
    return rational(v.numerator, v.denominator)


def _domain(domain):
    if domain.kind == "box":
        lo, hi = domain.tensors
        return {"hi": hi, "kind": "box", "lo": lo, "parts": 1}
    out = {"centres": domain.tensors[0], "kind": domain.kind, "parts": domain.parts}
    if domain.kind == "ball":
        out |= {"norm": domain.norm, "radius": number(domain.radius)}
    return out


def _within(domain):
    if domain.within is None:
        return None
    form, values = domain.within
    if form == "uniform":
        return {"hi": number(values[1]), "lo": number(values[0])}
    return {"hi": values[1], "lo": values[0]}


def _quantity(quantity):
    form = quantity[0]
    if form == "value":
        return {"kind": form, "modulo-mean": bool(quantity[2]), "norm": quantity[1]}
    if form == "output":
        return {"index": quantity[1], "kind": form}
    if form == "least":
        on_g, limits = quantity[2], [number(v) for v in quantity[3]]
        return {"kind": form, "minus": limits, "on-f": quantity[1], "on-g": None if on_g == "none" else on_g}
    return {"kind": form, "row" if form in ("functional", "upper") else "labels": quantity[1]}


def _json(value) -> str:
    """Canonical JSON of what a claim holds: keys sorted, no spaces, ASCII words only."""
    if isinstance(value, Tensor):
        value = {"count": value.count, "dtype": value.kind, "sha256": value.digest}
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return "[" + ",".join(_json(v) for v in value) + "]"
    return "{" + ",".join(f'"{k}":{_json(value[k])}' for k in sorted(value)) + "}"
