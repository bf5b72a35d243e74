"""The commands that search: prove, diff, audit and demo. Each returns its exit code.

Results go to stdout, progress to stderr. With --json a command prints one JSON object and nothing else. Heavy
imports are inside the commands, so that --help and --version are quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from certify.cli import options
from certify.cli.app import EXIT, Flag, Out, app, print_json
from certify.cli.properties import decide_files
from certify.cli.workers import Executor, Jobs, Resume, StateDir
from certify.errors import CertifyError

if TYPE_CHECKING:
    from certify.claims import Claim, Quantity
    from certify.results import Result


@app.command
def prove(
    claim: str | None = None,
    /,
    *,
    onnx: str | None = None,
    onnx2: str | None = None,
    vnnlib: str | None = None,
    vnnlib_asserts: Literal["unsafe", "claim"] | None = None,
    out: Out = None,
    budget: str | None = None,
    executor: Executor = None,
    state: StateDir = None,
    resume: Resume = False,
    jobs: Jobs = 0,
    json: Flag = False,
) -> int:
    """Prove or refute a claim file, or a VNN-LIB property: exit 0 proved, 1 refuted, 2 unknown.

    Ctrl-C ends the search: what was found until then is checked and reported, with the same exit codes. A second one,
    or one before there is any bound, leaves with 130.

    Parameters
    ----------
    claim
        A TOML file with [models], [domain] and [claim].
    onnx
        Instead of a claim file: the network f of a VNN-LIB property.
    onnx2
        The second network g of a property of two.
    vnnlib
        The property: version 1.0, or 2.0 for one network or two with equal inputs. Each of its claims gets a
        certificate of its own; proved when all are, refuted when one is.
    vnnlib_asserts
        What the file's constraints on outputs describe; default: unsafe for one network, claim for two.
    out
        Where to write the certificate: of the claim when it is proved, else of the bound that was proved.
    budget
        Time for the search, such as 30s or 2m; default: the file's own, or 30s.
    executor
        Who cuts: a number of processes, serial, threads, dask, or dask://HOST:PORT; default: this process, and
        processes when that takes long.
    state
        A directory that remembers what was solved, for --resume after a kill. For claim files.
    resume
        Go on with the run that --state holds, after a kill, an interrupt or a budget that ran out.
    jobs
        Kernel processes that share the leaves; default: as many as pay.
    json
        Print one JSON object.
    """
    from certify import show
    from certify.claim_file import read_claim_file
    from certify.strategy import prove as search

    options.check_writable(out)
    seconds = None if budget is None else options.seconds(budget)
    if claim is None:
        if state is not None or resume:
            raise CertifyError("prove: expected --state and --resume with a claim file, found a VNN-LIB property")
        return decide_files(
            onnx, onnx2, vnnlib, vnnlib_asserts, options.seconds(budget), out, json, executor=executor,
            jobs=None if jobs == 0 else jobs,
        )  # fmt: skip
    if (onnx, onnx2, vnnlib, vnnlib_asserts) != (None,) * 4:
        raise CertifyError("prove: expected a claim file or a VNN-LIB property, found both")
    read = read_claim_file(claim)
    with show.progress_bar(not json) as listener:
        result = search(
            read.claim, seconds or read.budget, progress=listener, seed=read.seed, executor=executor, state=state,
            resume=resume, jobs=None if jobs == 0 else jobs,
        )  # fmt: skip
    saved = _save(result, out)
    if json:
        print_json(result.as_json() | {"claim": str(read.claim), "certificate": saved})
    else:
        console = show.console()
        show.print_result(console, result, str(read.claim))
        _say_saved(console, result, saved)
    return EXIT[result.status]


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
    a
        An ONNX file: f.
    b
        Another with the same inputs and outputs: g.
    over
        Points: X.npz, X.npz:ARRAY, X.npz:ARRAY[FROM:TO] or X.npy; the first axis counts them.
    linf
        The radius of l_inf balls around the points, such as 0.01 or 1/255.
    l2
        The radius of Euclidean balls instead.
    l1
        The radius of l_1 balls instead.
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
    found: dict[str, Result] = {}
    for k, q in asked.items():
        # An interrupt ends the strength at hand and tries no other.
        if not any(r.interrupted for r in found.values()):
            found[k] = _search(q, shares.get(k, seconds / 4), not json, k)
    result = found["value"]
    saved = _save(result, out)
    if json:
        strengths = {k: r.as_json() for k, r in found.items()}
        print_json(result.as_json() | {"certificate": saved, "strengths": strengths, "domain": str(value.domain)})
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
def audit(directory: str, /, *, budget: str | None = None, json: Flag = False) -> int:
    """Try every claim file (*.toml) of a directory; exits with the worst code among them, 130 if some were not tried.

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
    from certify.audit import claim_files, worst_exit
    from certify.cli import INTERRUPTED

    seconds = None if budget is None else options.seconds(budget)
    with show.progress_bar(not json) as listener:
        rows = run(directory, seconds, listener=listener)
    untried = len(claim_files(directory)) - len(rows)
    code = INTERRUPTED if untried else worst_exit(rows)
    if json:
        print_json({"claims": [r.as_json() for r in rows], "untried": untried, "exit": code})
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
    if untried:
        console.print(f"interrupted: {untried} claim{'s' * (untried > 1)} not tried")
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
