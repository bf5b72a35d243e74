"""The commands about files that exist: check and explain. The verdict is the kernel's, and so is the exit code."""

from __future__ import annotations

from typing import Any, Literal

from certify.cli.app import EXIT, Flag, app, print_json
from certify.errors import CertifyError

_KERNELS = {
    "exact": "Python, float64 products of exact integers",
    "pure": "Python integers",
    "rocq": "extracted from the Rocq development in proofs/",
}


@app.command
def check(
    certificate: str,
    /,
    *models: str,
    claim: str | None = None,
    kernel: Literal["exact", "pure", "rocq"] = "exact",
    json: Flag = False,
) -> int:
    """Have the kernel judge a certificate: exit 0 accepted, 1 rejected, 2 declined.

    Parameters
    ----------
    certificate
        A .cert file or a directory.
    models
        Model files whose exact content must be the claim's f and g, in this order; .npy files, each of which must be a
        matrix that a statement speaks of.
    claim
        A claim file that must say exactly what the certificate claims: networks, domain, quantity and threshold.
    kernel
        Exact integers through float64 products, or in Python integers alone; or the checker that Rocq proved right,
        which `make proofs` builds (exit 69 without it).
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
    from certify.statements.arrays import load_array

    arrays = [m for m in models if m.endswith(".npy")]
    if len(models) - len(arrays) > 2:
        raise CertifyError(f"check: expected at most two models, f and g, found {len(models)}")
    loaded = [load_array(m) if m in arrays else load(m) for m in models]
    expected = None if claim is None else encode_claim(read_claim_file(claim).claim).text
    verdict = judge(certificate, *loaded, kernel=kernel)
    if verdict.accepted and expected is not None and Certificate.load(certificate).files["claim"] != expected:
        reason = f"the certificate is not about the claim of {claim}"
        verdict = Verdict("rejected", code="other-claim", place="claim", reason=reason)
    said = read(Certificate.load(certificate)) if verdict.accepted else None
    if json:
        text = None if said is None else said.sentence
        print_json(_verdict_json(verdict) | {"certificate": certificate, "sentence": text})
    else:
        console = show.console()
        console.print(show.one_line(str(verdict)), style="green" if verdict.accepted else "red")
        console.print(f"  kernel: {_KERNELS[kernel]}")
        if said is not None:
            console.print(f"  {said.sentence}")
            if "statement" in said.claim:
                compared = f"{', '.join(models)} are spoken of" if models else "not compared with any file"
                console.print(f"  matrices: {compared}")
            else:
                console.print(f"  domain: {said.domain}")
                console.print(f"  models: {_checked_models(models, said.claim['g'] == 'zero', claim)}")
    return EXIT[verdict.verdict]


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
        print_json((said.as_json() if said is not None else {}) | _verdict_json(verdict))
        return EXIT[verdict.verdict]
    console = show.console()
    console.print(show.one_line(str(verdict)), style="green" if verdict.accepted else "red")
    if said is None:
        console.print("  what a file claims that is not accepted means nothing, and is not repeated here")
        return EXIT[verdict.verdict]
    console.print(f"claim:   {said.sentence}")
    if "statement" not in said.claim:
        console.print(f"domain:  {said.domain}")
    for m in said.models:
        console.print(
            f"{'matrix' if 'statement' in said.claim else 'model'}: {'':{1 + ('statement' not in said.claim)}}{m}"
        )
    console.print(f"proof:   {said.proof}")
    if verdict.bounds:
        console.print(
            f"bounds:  {', '.join(show.upper(v) for v in verdict.bounds[:10])}{', ...' * (len(verdict.bounds) > 10)}"
        )
    console.print("bytes:   " + ", ".join(f"{k} {v:,}" for k, v in said.sizes.items()))
    return EXIT[verdict.verdict]


def _checked_models(models: tuple[str, ...], single: bool, claim: str | None) -> str:
    names = ["f"] if single else ["f", "g"]
    told = [f"{n} is {m}" for n, m in zip(names, models, strict=False)]
    other = "not compared with any file" if claim is None else f"as in {claim}"
    return ", ".join([*told, *(f"{n} {other}" for n in names[len(models) :])])


def _verdict_json(verdict: Any) -> dict[str, Any]:
    names = ("verdict", "id", "code", "place", "reason", "kernel", "arithmetic", "leaves", "milliseconds")
    return {k: getattr(verdict, k) for k in names} | {"bounds": [str(b) for b in verdict.bounds]}
