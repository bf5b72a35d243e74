"""``certify prove --onnx N.onnx --vnnlib P.vnnlib``: a VNN-LIB property of one network or two, decided and reported.

Exit codes are those of prove: 0 when every claim of the property was proved, 1 when one was refuted, 2 otherwise.
Each claim has a certificate of its own; a refuting input is replayed in onnxruntime where that is installed.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from certify.cli.app import EXIT, print_json
from certify.errors import CertifyError

if TYPE_CHECKING:
    from certify.claims import Claim
    from certify.results import Result
    from certify.vnnlib.decide import Decision
    from certify.vnnlib.property import Asserts
    from certify.vnnlib.replay import Replay


def decide_files(
    onnx: str | None, onnx2: str | None, vnnlib: str | None, asserts: Asserts | None, seconds: float, out: str | None,
    json: bool, *, executor: str | None = None, jobs: int | None = None,
) -> int:  # fmt: skip
    """Decide the property of some files and return the exit code; raises CertifyError as loading and reading do."""
    from certify import show
    from certify.networks.load import load
    from certify.scheduling import executor_of
    from certify.strategy import prove
    from certify.vnnlib import read_vnnlib
    from certify.vnnlib.decide import decide
    from certify.vnnlib.replay import replay

    if onnx is None or vnnlib is None:
        raise CertifyError("prove: expected CLAIM, a file, or --onnx N.onnx and --vnnlib P.vnnlib together")
    prop = read_vnnlib(vnnlib, asserts=asserts)
    f, g = load(onnx), None if onnx2 is None else load(onnx2)
    # One set of workers for all claims: starting them costs a second.
    pool = None if executor is None else executor_of(executor)
    try:
        with show.progress_bar(not json, Path(vnnlib).name) as listener:

            def search(claim: Claim, seconds: float) -> Result:
                return prove(claim, seconds, progress=listener, executor=pool, jobs=jobs)

            decision = decide(prop, f, g, seconds, search=search)
    finally:
        if pool is not None:
            pool.close()
    refuted = decision.claims[len(decision.results) - 1]
    again = None if decision.witness is None else replay(refuted, decision.witness, onnx, onnx2)
    saved = _save(decision, out)
    if json:
        print_json(_as_json(decision, again, saved))
    else:
        _print(decision, again, saved)
    return EXIT[decision.status]


def _save(decision: Decision, out: str | None) -> list[str]:
    """Write the certificate of each claim, numbered if there are several, and the witness beside them."""
    if out is None:
        return []
    place, saved = Path(out), []
    several = len(decision.claims) > 1
    for k, r in enumerate(decision.results):
        if r.certificate is not None:
            name = str(place.with_name(f"{place.stem}-{k + 1}{place.suffix}")) if several else out
            saved.append(str(r.certificate.save(name)))
    if decision.witness is not None:
        import json

        target = place.with_name(f"{place.stem}.witness.json")
        target.write_text(json.dumps(_witness(decision)) + "\n")
        saved.append(str(target))
    return saved


def _witness(decision: Decision) -> dict[str, Any]:
    assert decision.witness is not None
    x = [float(v) for v in decision.witness.x]
    return {
        "x": x,
        "x_exact": [str(Fraction(v)) for v in x],
        "value_exact": str(decision.witness.value),
        "in_the_stated_box": decision.exact,
    }


def _as_json(decision: Decision, again: Replay | None, saved: list[str]) -> dict[str, Any]:
    out: dict[str, Any] = {
        "status": decision.status,
        "asserts": decision.prop.asserts,
        "claims": [{"claim": str(c)} | r.as_json() for c, r in zip(decision.claims, decision.results, strict=False)],
        "claims_in_all": len(decision.claims),
        "written": saved,
    }
    if decision.witness is not None:
        out["witness"] = _witness(decision)
        out["onnxruntime"] = None
    if again is not None:
        g = None if again.g is None else again.g.tolist()
        out["onnxruntime"] = {"f": again.f.tolist(), "g": g, "value": again.value, "violates": again.violates}
    return out


def _print(decision: Decision, again: Replay | None, saved: list[str]) -> None:
    from certify import show

    console = show.console()
    read = {"unsafe": "what is unsafe", "claim": "what is claimed"}[decision.prop.asserts]
    tried = f"{len(decision.results)} of {len(decision.claims)} claims tried"
    console.print(show.status(decision.status), show.one_line(decision.prop.place), sep=": ")
    console.print(f"  the file's constraints on outputs say {read}; {tried}")
    for claim, result in zip(decision.claims, decision.results, strict=False):
        show.print_result(console, result, str(claim))
    if decision.witness is not None:
        console.print("  input that refutes it: " + " ".join(repr(float(v)) for v in decision.witness.x[:20]))
        if len(decision.witness.x) > 20:
            console.print(f"  ... and {len(decision.witness.x) - 20} more; -o and --json have all")
        if not decision.exact:
            console.print(
                "  it lies in the box as rounded to float64, within one unit in the last place of the stated one"
            )
        console.print(f"  {_replayed(again)}")
    for name in saved:
        console.print(f"  wrote {show.one_line(name)}")


def _replayed(again: Replay | None) -> str:
    if again is None:
        return "onnxruntime is not installed: replayed in exact arithmetic only"
    outputs = " ".join(f"{v:.7g}" for v in again.f[:10])
    more = "" if again.g is None else " and " + " ".join(f"{v:.7g}" for v in again.g[:10])
    word = "reproduces it" if again.violates else "does not reproduce it: float32 rounding hides the violation"
    return f"onnxruntime {word}; outputs {outputs}{more}"
