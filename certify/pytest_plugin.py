"""A pytest plugin: the fixture ``certified`` proves a claim once and re-checks the stored certificate from then on.

    def test_int8_export(certified, fp32, int8, calibration):
        certified(ct.discrepancy(fp32, int8, over=ct.linf(calibration, "1/255")) <= "0.11")

The certificate of the n-th claim of a test lies in ``__certificates__/<file stem>/<test name>[-n].cert`` beside the
test file; keep it under version control. It stands for the live claim only when both have the same claim text byte
for byte (digests of the models, domain, quantity, threshold), and only after the kernel accepted it in a fresh
interpreter.

    --certify=check    (default) unchanged claim: re-check the stored certificate; else prove anew, write nothing
    --certify=prove    prove anew whatever is stored, write nothing
    --certify-update   write what was proved anew; with check, certificates of unchanged claims stay as they are

A stored certificate for this very claim that the kernel rejects, or a file that is none, fails the test, unless it
is being recorded anew: damage in a repository is not to be healed in silence. One that the kernel declines (another
format version) is proved anew. A claim that is not proved fails the test and is never stored.

Pytest loads this module in every run: nothing heavy is imported at the top, and all state hangs on the config. What
is not here: the search (certify.strategy) and the judgement (certify.kernel).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    from fractions import Fraction

    from certify.certificate import Certificate
    from certify.claims import Claim
    from certify.results import Result

FOLDER = "__certificates__"
_MODES = ("check", "prove")
_COUNTS = pytest.StashKey["Counter[str]"]()
_WORKER_OUTPUT = "certify_counts"
# File systems take 255 bytes a name; room is left for the suffix and for a temporary name beside it.
_LONGEST_NAME = 150
_ORDER = ("re-checked", "proved anew", "not proved", "damaged", "recorded")


@dataclass(frozen=True)
class Certified:
    """A claim that holds: how that was established, on what bound, and the certificate behind it.

    how:   "re-checked" (the stored certificate) or "proved anew"
    bound: the established upper bound of the quantity over the whole domain, at most the threshold
    path:  where the certificate is stored, or None when it was proved anew and not recorded
    """

    how: Literal["re-checked", "proved anew"]
    bound: Fraction
    certificate: Certificate
    path: Path | None


class NotCertified(AssertionError):
    """The claim was not proved, or its stored certificate is damaged; the message says what is known."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("certify", "claims about neural networks")
    group.addoption(
        "--certify",
        choices=_MODES,
        default="check",
        help="check: re-check stored certificates of unchanged claims (default); prove: search anew",
    )
    group.addoption(
        "--certify-update",
        action="store_true",
        help=f"write newly proved certificates to {FOLDER}/ beside the tests",
    )
    parser.addini("certify_budget", "time for each search of the fixture certified, such as 30s", default="30s")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_COUNTS] = Counter()


@pytest.fixture
def certified(request: pytest.FixtureRequest) -> Recorder:
    """``certified(claim)``: the claim has a certificate that the kernel accepts, or the test fails."""
    return Recorder(request.config, *certificate_place(request))


def certificate_place(request: pytest.FixtureRequest) -> tuple[Path, str]:
    """The folder for the certificates of a test file, and the stem of the names of this test."""
    path = request.path
    _, _, inside = request.node.nodeid.partition("::")
    return path.parent / FOLDER / path.stem, file_stem(inside.replace("::", "."))


def file_stem(name: str) -> str:
    """A test's name as a portable file name; with a digest of the name where that changes or shortens it."""
    safe = re.sub(r"[^A-Za-z0-9_.,=+\[\]-]", "_", name)
    if safe == name and len(safe) <= _LONGEST_NAME:
        return safe
    return f"{safe[:_LONGEST_NAME]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


class Recorder:
    """What the fixture hands to one test; it numbers the claims of that test from 1."""

    def __init__(self, config: pytest.Config, folder: Path, stem: str) -> None:
        self._folder, self._stem, self._used = folder, stem, 0
        self._counts = config.stash[_COUNTS]
        self._anew = config.getoption("--certify") == "prove"
        self._update = bool(config.getoption("--certify-update"))
        self._budget: str = config.getini("certify_budget")

    def __call__(self, claim: Claim, *, budget: float | str | None = None, seed: int = 0) -> Certified:
        """Establish a claim or fail the test.

        budget, seed: for a search, as in ``certify.prove``; by default the ini option certify_budget, and 0.
        Raises NotCertified when the claim is refuted or unknown, and when its stored certificate is damaged;
        TypeError for what is no claim; CertifyError for bad input.
        """
        __tracebackhide__ = True
        from certify.claims import Claim

        if not isinstance(claim, Claim):
            found = f"{type(claim).__name__}; compare a quantity with a threshold, such as quantity <= 0.1"
            raise TypeError(f"certified: expected a claim, found {found}")
        self._used += 1
        path = self._folder / (self._stem + (f"-{self._used}" if self._used > 1 else "") + ".cert")
        why = "no certificate is stored"
        if path.exists():
            done, why = (None, "a new search was asked for") if self._anew else self._recheck(claim, path)
            if done is not None:
                self._counts["re-checked"] += 1
                return done
        return self._prove(claim, path, self._budget if budget is None else budget, seed, why)

    def _recheck(self, claim: Claim, path: Path) -> tuple[Certified | None, str]:
        """The stored certificate if it stands for this claim; else why it does not."""
        __tracebackhide__ = True
        from certify.certificate import Certificate, check
        from certify.claim_text import encode_claim
        from certify.errors import BadInput

        try:
            stored = Certificate.load(path)
        except BadInput as e:
            return None, self._damaged(path, str(e))
        if stored.files["claim"] != encode_claim(claim).text:
            return None, changes(claim, stored)
        models = (claim.f,) if claim.g is None else (claim.f, claim.g)
        verdict = check(path, *models)
        # The id binds the verdict to the bytes compared above, whatever happens to the file in between.
        if verdict.accepted and verdict.id == stored.id:
            return Certified("re-checked", max(verdict.bounds), stored, path), ""
        if verdict.verdict == "declined":
            return None, f"the stored certificate was {verdict}"
        return None, self._damaged(path, str(verdict) if not verdict.accepted else "the file changed while it was read")

    def _damaged(self, path: Path, finding: str) -> str:
        __tracebackhide__ = True
        if self._update:
            return f"the stored certificate is damaged ({finding})"
        self._counts["damaged"] += 1
        message = f"{path.name}: expected a certificate that the kernel accepts, found: {finding}"
        raise NotCertified(f"{message}\n  if that is no accident, record it anew with --certify-update")

    def _prove(self, claim: Claim, path: Path, budget: float | str, seed: int, why: str) -> Certified:
        __tracebackhide__ = True
        from certify.strategy import prove

        result = prove(claim, budget=budget, seed=seed)
        if result.status != "proved" or result.certificate is None or result.bracket.upper is None:
            self._counts["not proved"] += 1
            raise NotCertified(explain(result, why))
        self._counts["proved anew"] += 1
        if self._update:
            result.certificate.save(path)
            self._counts["recorded"] += 1
        stored = path if self._update else None
        return Certified("proved anew", result.bracket.upper, result.certificate, stored)


def changes(claim: Claim, stored: Certificate) -> str:
    """Which fields of the stored claim are not those of the live one, in words."""
    import json

    from certify.claim_text import claim_json

    live: dict[str, Any] = json.loads(claim_json(claim))
    try:
        old = stored.claim
        fields = sorted(k for k in live if old.get(k) != live[k])
    except (ValueError, AttributeError):
        return "the stored certificate is about another claim"
    words = {"f": "the weights of f", "g": "the weights of g"}
    listed = ", ".join(words.get(k, k) for k in fields) or "something"
    return f"changed since the certificate was recorded: {listed}"


def explain(result: Result, why: str) -> str:
    """A failure in a few lines: the claim, the bracket, the part and the scale to blame, why it was searched."""
    low, high = _digits(result.witnessed, ROUND_FLOOR), _digits(result.bound, ROUND_CEILING)
    lines = [f"{result.status}: {result.claim}", f"  bracket: {low} <= sup <= {high}"]
    if len(result.brackets) > 1:
        failed = [k for k, b in enumerate(result.brackets) if b.status != "proved"]
        lines.append(f"  parts not proved: {_few(failed)} of {len(result.brackets)}")
    if result.witness is not None and result.status == "refuted":
        lines.append(f"  witness: part {result.witness.part}, replayed in exact arithmetic")
    if result.blame is not None:
        share = result.by_scale()[result.blame]
        lines.append(f"  to blame: {result.blame}, which contributes {share:.6g} of the bound")
    lines.append(f"  searched for {result.seconds.get('search', 0.0):.1f} s because {why}")
    return "\n".join(lines)


def _digits(v: float | None, rounding: str) -> str:
    """Six digits, rounded outward: a bracket that misses its threshold by little must show that it does."""
    return "?" if v is None else f"{Context(prec=6, rounding=rounding).plus(Decimal(v)):g}"


def _few(numbers: list[int], most: int = 8) -> str:
    shown = ", ".join(map(str, numbers[:most]))
    return f"{shown}, ... ({len(numbers)} in all)" if len(numbers) > most else shown


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist sends its counts to the controller, which prints them."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        counts: Counter[str] = session.config.stash[_COUNTS]
        output[_WORKER_OUTPUT] = dict(counts)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """pytest-xdist's hook: a worker is done."""
    sent: dict[str, int] = getattr(node, "workeroutput", {}).get(_WORKER_OUTPUT, {})
    counts: Counter[str] = node.config.stash[_COUNTS]
    counts.update(sent)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """One line with counts, when any claim was met."""
    counts = config.stash[_COUNTS]
    if counts:
        listed = ", ".join(f"{counts[k]} {k}" for k in _ORDER if counts[k])
        note = ""
        if counts["proved anew"] > counts["recorded"]:
            note = " (store them with --certify-update)"
        terminalreporter.write_line(f"certify: {listed}{note}")
