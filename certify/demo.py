"""The demonstration: a trained digits network, coarsened in several ways, with certificates checked again.

Everything is real: the network was trained on scikit-learn's digits (scripts/train_models.py), the images are from
its test set, each bound is proved, and each certificate is read back from its file by the kernel in a fresh
interpreter. One claim is false, and its counterexample is drawn.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from certify import show
from certify.certificate import check
from certify.claims import Claim, decision, discrepancy, margin
from certify.coarsenings import low_rank, merge, prune, quantise
from certify.domains import box, linf
from certify.models import path as shipped
from certify.networks.load import load
from certify.strategy import bound, prove

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rich.console import Console

    from certify.claims import Quantity
    from certify.domains import Domain
    from certify.networks.graph import Network
    from certify.results import Result

DIGITS = 5
RADIUS = "0.02"
FALSE_RADIUS = "0.05"
SECONDS = 3.0
COARSENINGS: tuple[tuple[str, str, Callable[[Network], Network]], ...] = (
    ("prune", "half of the weights set to zero", lambda net: prune(net, fraction=0.5)),
    ("low-rank", "half of the singular values kept", lambda net: low_rank(net, keep=0.5)),
    ("merge", "a fifth of the neurons merged", lambda net: merge(net, fraction=0.2)),
    ("int8", "weights as 8-bit integers", lambda net: quantise(net, bits=8)),
)


@dataclass(frozen=True)
class Case:
    """One coarsening and what was proved of it: three strengths, and the file of each certificate."""

    name: str
    meaning: str
    coarse: Network
    value: Result
    margin: Result
    decision: Result
    files: tuple[Path, ...]


def run(out: str | Path = "demo-out") -> int:
    """Prove, write, check again and show; 0 when every certificate was accepted and the false claim refuted."""
    started = time.perf_counter()
    con = show.console()
    folder = Path(out)
    images, labels = _digits()
    net = load(shipped("digits.onnx"))
    X = linf(images[:DIGITS], RADIUS) & box(0, 1)
    con.print(
        "A network trained on handwritten digits, and what can change when its structure is discarded", style="bold"
    )
    con.print(f"{net.source}: {net.n_in} inputs, {net.n_out} outputs, {net.parameters:,} numbers; domain: {X}")
    for line in show.pixels(*(i.reshape(8, 8) for i in images[:DIGITS])):
        con.print(f"  {line}")
    cases = [_case(net, name, meaning, make, X, folder) for name, meaning, make in COARSENINGS]
    _show_cases(con, cases)
    _show_flow(con, cases)
    refuted = _refute(con, net, images, labels)
    accepted = _check_again(con, net, cases)
    seconds = time.perf_counter() - started
    con.print(
        f"{sum(len(c.files) for c in cases)} certificates in {folder}, all done in {seconds:.0f} s; "
        f"try: certify explain {cases[0].files[0]}"
    )
    return 0 if accepted and refuted else 70


def _digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    with np.load(shipped("digits.npz"), allow_pickle=False) as z:
        return z["X"], z["y"]


def _case(net: Network, name: str, meaning: str, make: Callable[[Network], Network], X: Domain, folder: Path) -> Case:
    coarse = make(net)
    found = {
        "value": _prove(discrepancy(net, coarse, over=X), f"{name}: value"),
        "margin": _prove(margin(net, coarse, over=X), f"{name}: margin"),
        "decision": _prove(decision(net, coarse, over=X), f"{name}: decision"),
    }
    certificates = {k: r.certificate for k, r in found.items()}
    files = tuple(c.save(folder / f"{name}-{k}.cert") for k, c in certificates.items() if c is not None)
    return Case(name, meaning, coarse, found["value"], found["margin"], found["decision"], files)


def _prove(asked: Claim | Quantity, title: str) -> Result:
    with show.progress_bar(True, title) as listener:
        if isinstance(asked, Claim):
            return prove(asked, SECONDS, progress=listener)
        return bound(asked, SECONDS, progress=listener)


def _show_cases(con: Console, cases: list[Case]) -> None:
    rows = []
    for c in cases:
        spent = sum(sum(r.seconds.values()) for r in (c.value, c.margin, c.decision))
        kept = "kept" if c.decision.status == "proved" else c.decision.status
        rows.append((
            c.name, c.meaning, show.bracket(c.value.bracket), show.bracket(c.margin.bracket),
            f"{kept}, lead {show.lower(_lead(c.decision))}", f"{c.value.size / 1000:.0f} kB", f"{spent:.1f}",
        ))  # fmt: skip
    headings = ["discarded", "", "largest change >", "push to a wrong class >", "decision", "certificate>", "s>"]
    con.print(show.table(headings, rows, "worst case over all images of the domain: [witnessed, proved]"))


def _lead(decision: Result) -> float | None:
    return None if decision.bracket.upper is None else -float(decision.bracket.upper)


def _show_flow(con: Console, cases: list[Case]) -> None:
    rows = [(c.name if i == 0 else "", *cells) for c in cases for i, cells in enumerate(show.flow(c.value.by_scale()))]
    con.print(show.table(["discarded", "at", "share of the bound>", ""], rows, "the flow of discarded influence"))


def _refute(con: Console, net: Network, images: NDArray[np.float32], labels: NDArray[np.int64]) -> bool:
    """A false claim: with four fifths of the weights gone the digits are still told apart."""
    coarse = prune(net, fraction=0.8)
    X = linf(images[:DIGITS], FALSE_RADIUS) & box(0, 1)
    result = _prove(decision(net, coarse, over=X, labels=labels[:DIGITS]), "a false claim")
    con.print("a false claim: four fifths of the weights may go, and every image is still told right", style="bold")
    con.print(show.status(result.status), f"over {X}", sep=" ")
    w = result.witness
    if result.status != "refuted" or w is None:
        return False
    told = [int(model(w.x[None])[0].argmax()) for model in (net, coarse)]
    con.print(f"  the image, and one within {FALSE_RADIUS} of it that counts against the claim (replayed exactly):")
    for line in show.pixels(images[w.part].reshape(8, 8), w.x.reshape(8, 8)):
        con.print(f"  {line}")
    con.print(f"  it is a {labels[w.part]}; the network says {told[0]}, the pruned one {told[1]}")
    return True


def _check_again(con: Console, net: Network, cases: list[Case]) -> bool:
    rows, accepted = [], True
    for c in cases:
        for file in c.files:
            started = time.perf_counter()
            verdict = check(file, net, c.coarse)
            accepted = accepted and verdict.accepted
            spent = f"{time.perf_counter() - started:.2f}"
            most = show.upper(max(verdict.bounds, default=None))
            rows.append((file.name, verdict.verdict, most, verdict.leaves, spent))
    headings = ["file", "kernel", "established bound>", "leaves>", "s>"]
    con.print(show.table(headings, rows, "the files, checked by the kernel in a fresh interpreter"))
    return accepted
