"""Claim files: a claim as a TOML file that a person can read and a repository can keep.

    [models]   f = "net.onnx"                       g = "zero", a path, {coarsen = "prune", fraction = 0.5} or a list
    [domain]   kind = "linf"  points = "X.npz:X[0:5]"  radius = "1/255"  within = [0, 1]
    [claim]    quantity = "value"  norm = "linf"  at_most = "0.2"
    [search]   budget = "30s"  seed = 0              optional
    [expect]   status = "proved"                    optional; compared by audits and tests, not part of the claim

Paths are relative to the file. Nothing is ignored: an unknown table or key is an error that names those allowed.
Worked examples of every kind lie in specs/claims. This module reads; it proves nothing.
"""

from __future__ import annotations

import inspect
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from certify.errors import BadInput
from certify.selectors import is_selector
from certify.toml_tables import Table, parse_toml, read_array

if TYPE_CHECKING:
    from certify.claims import Claim, Quantity
    from certify.domains import Domain, UniformBox
    from certify.networks.graph import Network

_RELATIONS = ("at_most", "below", "at_least")
_QUANTITIES = {
    "value": ("norm", "modulo_mean"),
    "output": ("output",),
    "functional": ("row",),
    "upper": ("row", "output"),
    "least": ("on_f", "on_g", "limits"),
    "margin": ("labels",),
    "decision": ("labels",),
}
_DOMAINS = {
    "linf": ("points", "radius", "within"),
    "l2": ("points", "radius", "within"),
    "l1": ("points", "radius", "within"),
    "box": ("lo", "hi", "within"),
    "points": ("points", "within"),
}
# Settings of coarsenings that are arrays: a selector or an inline list each; pairs and tables of them.
_ARRAYS, _PAIRS, _TABLES = ("data", "basis", "mean"), ("encoder", "decoder"), ("mask",)


@dataclass(frozen=True)
class ClaimFile:
    """What a file says: the claim, how long to search, and the status its author expects (None: not said)."""

    path: Path
    claim: Claim
    budget: float
    seed: int
    expect: str | None


def read_claim_file(path: str | os.PathLike[str]) -> ClaimFile:
    """The claim in a TOML file, with its models loaded and coarsened.

    Raises BadInput for a file that is missing or malformed, EmptyDomain and UnsupportedModel as the claim would.
    """
    from certify.strategy import parse_budget

    file = Path(path)
    tables = Table(parse_toml(file), str(file))
    models, domain, claim = (tables.table(name) for name in ("models", "domain", "claim"))
    search, expect = tables.table("search", optional=True), tables.table("expect", optional=True)
    tables.done()
    base = file.parent
    f = _network(models, base)
    g = _coarse(models, f, base)
    models.done()
    over = _domain(domain, base)
    budget = parse_budget(search.take("budget", (str, int, float), "30s"))
    seed = search.take("seed", (int,), 0)
    search.done()
    status = expect.take("status", (str,), None)
    if status is not None:
        expect.one_of("status", status, ("proved", "refuted", "unknown"))
    expect.done()
    return ClaimFile(file, _claim(claim, f, g, over, base), budget, seed, status)


def _network(models: Table, base: Path) -> Network:
    from certify.networks.load import load

    return load(base / models.take("f", (str,)))


def _coarse(models: Table, f: Network, base: Path) -> Network | None:
    """g: None for zero, another file, or f coarsened in one or more steps, each starting from the last."""
    from certify.networks.load import load

    said = models.take("g", (str, dict, list))
    if isinstance(said, str):
        return None if said == "zero" else load(base / said)
    steps = said if isinstance(said, list) else [said]
    if not steps:
        raise BadInput(f"{models.place}: g: expected at least one coarsening, found an empty list")
    g = f
    for k, step in enumerate(steps):
        place = f"{models.place}: g" + (f"[{k}]" if isinstance(said, list) else "")
        if not isinstance(step, dict):
            raise BadInput(f"{place}: expected a table such as {{coarsen = 'prune'}}, found {str(step)[:60]!r}")
        g = _coarsen(g, Table(step, place), base)
    return g


def _coarsen(net: Network, step: Table, base: Path) -> Network:
    from certify.coarsenings import discover

    known = discover()
    name = step.one_of("coarsen", step.take("coarsen", (str,)), tuple(known))
    function = known[name].function
    settings = {}
    for key in list(inspect.signature(function).parameters)[1:]:
        value = step.take(key, (str, int, float, bool, list, dict), None)
        if value is not None:
            settings[key] = _setting(key, value, f"{step.place}: {key}", base)
    step.done()
    try:
        made: Network = function(net, **settings)
    except (TypeError, ValueError, OverflowError, KeyError) as e:
        raise BadInput(f"{step.place}: {name} does not take these settings ({e})") from None
    return made


def _setting(key: str, value: Any, place: str, base: Path) -> Any:
    if key == "other" and isinstance(value, str):
        from certify.networks.load import load

        return load(base / value)
    if key in _ARRAYS:
        return read_array(value, place, base)
    if key in _PAIRS and isinstance(value, list):
        return tuple(read_array(v, f"{place}[{i}]", base) for i, v in enumerate(value))
    if key in _TABLES and isinstance(value, dict):
        return {k: read_array(v, f"{place}.{k}", base) for k, v in value.items()}
    return value


def _domain(table: Table, base: Path) -> Domain | UniformBox:
    import certify.domains as domains

    kind = table.one_of("kind", table.take("kind", (str,)), tuple(_DOMAINS))
    table.allow(*_DOMAINS[kind])
    # Before the values are read: a key that belongs to another kind is the likelier mistake.
    table.done()
    X: Domain | UniformBox
    if kind == "box":
        X = domains.box(*_alike(_limit(table, "lo", base), _limit(table, "hi", base)))
    elif kind == "points":
        X = domains.points(table.array("points", base))
    else:
        make = {"linf": domains.linf, "l2": domains.l2, "l1": domains.l1}[kind]
        X = make(table.array("points", base), table.take("radius", (str, int, float)))
    within = table.take("within", (list,), None)
    if within is None:
        return X
    if len(within) != 2:
        raise BadInput(f"{table.place}: within: expected [lo, hi], found {len(within)} entries")
    lo, hi = (_scalar_orread_array(v, f"{table.place}: within", base) for v in within)
    cut: Domain | UniformBox = X & domains.box(lo, hi)
    return cut


def _alike(lo: Any, hi: Any) -> tuple[Any, Any]:
    """Limits of one point each in one shape: ``X[0]`` of a file is (1, n), a list in the text (n,)."""
    import numpy as np

    if isinstance(lo, np.ndarray) and isinstance(hi, np.ndarray) and lo.size == hi.size:
        return lo, hi.reshape(lo.shape)
    return lo, hi


def _limit(table: Table, key: str, base: Path) -> Any:
    return _scalar_orread_array(table.take(key, (str, int, float, list)), f"{table.place}: {key}", base)


def _scalar_orread_array(value: Any, place: str, base: Path) -> Any:
    if isinstance(value, list) or (isinstance(value, str) and is_selector(value)):
        return read_array(value, place, base)
    return value


def _claim(table: Table, f: Network, g: Network | None, over: Domain | UniformBox, base: Path) -> Claim:
    from certify.claims import Claim

    kind = table.one_of("quantity", table.take("quantity", (str,)), tuple(_QUANTITIES))
    table.allow(*_QUANTITIES[kind], *_RELATIONS)
    table.done()
    quantity = _quantity(kind, table, f, g, over, base)
    said = {r: table.take(r, (str, int, float), None) for r in _RELATIONS}
    given = {r: v for r, v in said.items() if v is not None}
    if kind == "decision" and not given:
        given = {"below": 0}
    if len(given) != 1:
        found = ", ".join(given) or "none"
        raise BadInput(f"{table.place}: expected one of {', '.join(_RELATIONS)}, found {found}")
    relation, threshold = next(iter(given.items()))
    made = {"at_most": quantity.__le__, "below": quantity.__lt__, "at_least": quantity.__ge__}[relation](threshold)
    assert isinstance(made, Claim)
    return made


def _quantity(
    kind: str, table: Table, f: Network, g: Network | None, over: Domain | UniformBox, base: Path
) -> Quantity:
    from certify import claims

    if g is None and kind not in ("upper", "least"):
        raise BadInput(f"{table.place}: quantity: with g = 'zero' expected upper or least, found {kind}")
    if kind == "least":
        limits = table.take("limits", (list,))
        if not all(isinstance(t, str | int | float) and not isinstance(t, bool) for t in limits):
            raise BadInput(f"{table.place}: limits: expected numbers, found {str(limits)[:60]}")
        on_g = table.array("on_g", base) if table.take("on_g", (str, list), None) is not None else None
        return claims.least(f, g, over=over, on_f=table.array("on_f", base), on_g=on_g, limits=limits)
    if kind in ("margin", "decision"):
        assert g is not None
        labels = table.array("labels", base) if table.take("labels", (str, list), None) is not None else None
        make = claims.margin if kind == "margin" else claims.decision
        made = make(f, g, over=over, labels=labels)
        return made.quantity if isinstance(made, claims.Claim) else made
    row = table.array("row", base) if table.take("row", (str, list), None) is not None else None
    output = table.take("output", (int,), None)
    if kind == "upper":
        if (row is None) == (output is None):
            raise BadInput(f"{table.place}: upper: expected either row or output")
        if g is None:
            return claims.output_bound(f, over=over, output=output, functional=row)
        if row is None:
            row = claims.output_bound(f, over=over, output=output).row
        return claims.discrepancy(f, g, over=over, upper=row)
    assert g is not None
    if kind == "functional":
        return claims.discrepancy(f, g, over=over, functional=table.array("row", base))
    if kind == "output":
        return claims.discrepancy(f, g, over=over, output=table.take("output", (int,)))
    norm = table.take("norm", (str,), "linf")
    table.one_of("norm", norm, ("linf", "l2", "l1"))
    modulo = table.take("modulo_mean", (bool,), False)
    return claims.discrepancy(f, g, over=over, norm=norm, modulo_mean=modulo)
