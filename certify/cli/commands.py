"""The commands: read what is asked, call the library, print. Each returns its exit code.

Results go to stdout, progress to stderr. With --json a command prints one JSON object and nothing else. Heavy
imports are inside the commands, so that --help and --version are quick.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

import certify
from certify.cli import options
from certify.errors import CertifyError

if TYPE_CHECKING:
    from certify.claims import Claim, Quantity
    from certify.results import Result

app = App(
    name="certify",
    version=certify.__version__,
    help="Worst-case bounds on what a simplified network discards, with certificates that a small kernel checks.",
)
EXIT = {"proved": 0, "refuted": 1, "unknown": 2, "accepted": 0, "rejected": 1, "declined": 2}
Out = Annotated[str | None, Parameter(name=["--out", "-o"])]
Flag = Annotated[bool, Parameter(negative="")]


@app.command
def prove(claim: str, /, *, out: Out = None, budget: str | None = None, json: Flag = False) -> int:
    """Prove or refute a claim file: exit 0 proved, 1 refuted, 2 unknown.

    Parameters
    ----------
    claim
        A TOML file with [models], [domain] and [claim].
    out
        Where to write the certificate: of the claim when it is proved, else of the bound that was proved.
    budget
        Time for the search, such as 30s or 2m; default: the file's own, or 30s.
    json
        Print one JSON object.
    """
    from certify import show
    from certify.claim_file import read_claim_file
    from certify.strategy import prove as search

    options.check_writable(out)
    seconds = None if budget is None else options.seconds(budget)
    read = read_claim_file(claim)
    with show.progress_bar(not json) as listener:
        result = search(read.claim, seconds or read.budget, progress=listener, seed=read.seed)
    saved = _save(result, out)
    if json:
        _print_json(result.as_json() | {"claim": str(read.claim), "certificate": saved})
    else:
        console = show.console()
        show.print_result(console, result, str(read.claim))
        _say_saved(console, result, saved)
    return EXIT[result.status]


@app.command
def check(certificate: str, /, *models: str, kernel: Literal["exact", "pure"] = "exact", json: Flag = False) -> int:
    """Have the kernel judge a certificate: exit 0 accepted, 1 rejected, 2 declined.

    Parameters
    ----------
    certificate
        A .cert file or a directory.
    models
        Model files whose exact content must be the claim's f and g, in this order.
    claim
        A claim file that must say exactly what the certificate claims: networks, domain, quantity and threshold.
    kernel
        Exact integers through float64 products, or in Python integers alone.
    json
        Print one JSON object.
    """
    from certify import show
    from certify.certificate import Certificate, Verdict
    from certify.certificate import check as judge
    from certify.claim_file import read_claim_file
    from certify.claim_text import encode_claim
    from certify.explain import explain as read
    from certify.networks.load import load

    if len(models) > 2:
        raise CertifyError(f"check: expected at most two models, f and g, found {len(models)}")
    loaded = [load(m) for m in models]
    expected = None if claim is None else encode_claim(read_claim_file(claim).claim).text
    verdict = judge(certificate, *loaded, kernel=kernel)
    if verdict.accepted and expected is not None and Certificate.load(certificate).files["claim"] != expected:
        reason = f"the certificate is not about the claim of {claim}"
        verdict = Verdict("rejected", code="other-claim", place="claim", reason=reason)
    said = read(Certificate.load(certificate)) if verdict.accepted else None
    if json:
        text = None if said is None else said.sentence
        _print_json(_verdict_json(verdict) | {"certificate": certificate, "sentence": text})
    else:
        console = show.console()
        console.print(show.one_line(str(verdict)), style="green" if verdict.accepted else "red")
        if said is not None:
            console.print(f"  {said.sentence}")
            console.print(f"  domain: {said.domain}")
            console.print(f"  models: {_checked_models(models, said.claim['g'] == 'zero', claim)}")
    return EXIT[verdict.verdict]


@app.command
def diff(
    a: str,
    b: str,
    /,
    *,
    over: str | None = None,
    linf: str | None = None,
    l2: str | None = None,
    l1: str | None = None,
    within: str | None = None,
    box: str | None = None,
    fail_above: str | None = None,
    budget: str | None = None,
    out: Out = None,
    json: Flag = False,
) -> int:
    """Bound how far two models can differ: value, margin and decision over an input set.

    Exits with 0 and the bracket; with --fail-above: 0 proved, 1 refuted, 2 undecided.

    Parameters
    ----------
    a, b
        Two ONNX files with one interface: f and g.
    over
        Points: X.npz, X.npz:ARRAY, X.npz:ARRAY[FROM:TO] or X.npy; the first axis counts them.
    linf, l2, l1
        The radius of the balls around the points, such as 0.01 or 1/255.
    within
        LO,HI: limits on every input, such as 0,1.
    box
        Instead of balls: an .npz file with arrays lo and hi.
    fail_above
        The tolerance that must not be exceeded.
    budget
        Time for the search, such as 30s or 2m.
    out
        Where to write the certificate of the value bound.
    json
        Print one JSON object.
    """
    from certify import show
    from certify.claims import decision, discrepancy, margin
    from certify.networks.load import load

    options.check_writable(out)
    seconds = options.seconds(budget)
    limit = None if fail_above is None else options.number(fail_above, "--fail-above")
    f, g = load(a), load(b)
    X = options.domain(over, {"linf": linf, "l2": l2, "l1": l1}, within, box)
    value = discrepancy(f, g, over=X)
    asked: dict[str, Claim | Quantity] = {"value": value if limit is None else value <= limit}
    if f.n_out >= 2:
        asked |= {"margin": margin(f, g, over=X), "decision": decision(f, g, over=X)}
    # Half for the value, which is what was asked for; the other strengths share the rest.
    shares = {"value": seconds / 2 if len(asked) > 1 else seconds}
    found = {k: _search(q, shares.get(k, seconds / 4), not json, k) for k, q in asked.items()}
    result = found["value"]
    saved = _save(result, out)
    if json:
        strengths = {k: r.as_json() for k, r in found.items()}
        _print_json(result.as_json() | {"certificate": saved, "strengths": strengths, "domain": str(value.domain)})
    else:
        console = show.console()
        show.print_result(
            console, result, f"{asked['value']}" if limit is not None else f"sup ||f - g|| over {value.domain}"
        )
        rows = [
            (k, show.status(r.status), show.lower(r.bracket.lower), show.upper(r.bracket.upper))
            for k, r in found.items()
        ]
        console.print(show.table(["strength", "status", "witnessed>", "proved>"], rows))
        _say_saved(console, result, saved)
    return 0 if limit is None else EXIT[result.status]


@app.command
def explain(certificate: str, /, *, json: Flag = False) -> int:
    """Say what a certificate claims and how it is proved; exits like check.

    Parameters
    ----------
    certificate
        A .cert file or a directory.
    json
        Print one JSON object.
    """
    from certify import show
    from certify.certificate import Certificate
    from certify.certificate import check as judge
    from certify.explain import explain as read

    verdict = judge(certificate)
    said = read(Certificate.load(certificate)) if verdict.accepted else None
    if json:
        _print_json((said.as_json() if said is not None else {}) | _verdict_json(verdict))
        return EXIT[verdict.verdict]
    console = show.console()
    console.print(show.one_line(str(verdict)), style="green" if verdict.accepted else "red")
    if said is None:
        console.print("  what a file claims that is not accepted means nothing, and is not repeated here")
        return EXIT[verdict.verdict]
    console.print(f"claim:   {said.sentence}")
    console.print(f"domain:  {said.domain}")
    for m in said.models:
        console.print(f"model:   {m}")
    console.print(f"proof:   {said.proof}")
    console.print(
        f"bounds:  {', '.join(show.upper(v) for v in verdict.bounds[:10])}{', ...' * (len(verdict.bounds) > 10)}"
    )
    console.print("bytes:   " + ", ".join(f"{k} {v:,}" for k, v in said.sizes.items()))
    return EXIT[verdict.verdict]


@app.command
def audit(directory: str, /, *, budget: str | None = None, json: Flag = False) -> int:
    """Try every claim file (*.toml) of a directory; exits with the worst code among them.

    Parameters
    ----------
    directory
        Where the claim files are.
    budget
        Time for each claim instead of its own.
    json
        Print one JSON object.
    """
    from certify import show
    from certify.audit import audit as run
    from certify.audit import worst_exit

    seconds = None if budget is None else options.seconds(budget)
    with show.progress_bar(not json) as listener:
        rows = run(directory, seconds, listener=listener)
    code = worst_exit(rows)
    if json:
        _print_json({"claims": [r.as_json() for r in rows], "exit": code})
        return code
    console = show.console()
    cells = []
    for r in rows:
        b = None if r.result is None else r.result.bracket
        mark = {True: "as expected", False: f"expected {r.expected}", None: ""}[r.as_expected]
        text = show.one_line(r.error or r.claim, 200)
        low, up = ("", "") if b is None else (show.lower(b.lower), show.upper(b.upper))
        cells.append((show.one_line(r.path.name), show.status(r.status), low, up, f"{r.seconds:.1f}", mark, text))
    headings = ["file", "status", "witnessed>", "proved>", "s>", "", "claim"]
    console.print(show.table(headings, cells))
    return code


@app.command
def demo(*, out: Out = "demo-out") -> int:
    """Coarsen a digits network in four ways, prove what that can change, and check the certificates again.

    Parameters
    ----------
    out
        Directory for the certificates.
    """
    from certify.demo import run

    options.check_writable(f"{out}/demo.cert")
    return run(out or "demo-out")


def _search(asked: Claim | Quantity, seconds: float, draw: bool, title: str) -> Result:
    from certify import show
    from certify.claims import Claim
    from certify.strategy import bound
    from certify.strategy import prove as search

    with show.progress_bar(draw, title) as listener:
        if isinstance(asked, Claim):
            return search(asked, seconds, progress=listener)
        return bound(asked, seconds, progress=listener)


def _save(result: Result, out: str | None) -> str | None:
    if out is None or result.certificate is None:
        return None
    # The text, not a Path: a final slash asks for a directory.
    return str(result.certificate.save(out))


def _say_saved(console: Any, result: Result, saved: str | None) -> None:
    if saved is None:
        return
    what = "the claim" if result.status == "proved" else "the bound above, which is weaker than the claim"
    console.print(f"  wrote {saved}, a certificate of {what}")


def _checked_models(models: tuple[str, ...], single: bool, claim: str | None) -> str:
    names = ["f"] if single else ["f", "g"]
    told = [f"{n} is {m}" for n, m in zip(names, models, strict=False)]
    other = "not compared with any file" if claim is None else f"as in {claim}"
    return ", ".join([*told, *(f"{n} {other}" for n in names[len(models) :])])


def _verdict_json(verdict: Any) -> dict[str, Any]:
    names = ("verdict", "id", "code", "place", "reason", "kernel", "arithmetic", "leaves", "milliseconds")
    return {k: getattr(verdict, k) for k in names} | {"bounds": [str(b) for b in verdict.bounds]}


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(_finite(value), allow_nan=False))


def _finite(value: Any) -> Any:
    """JSON has no infinity: null instead."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
