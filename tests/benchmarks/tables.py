"""What was measured, as tables in Markdown; every ratio is to our own witness of the same run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.benchmarks.measure import Row
from tests.benchmarks.peers import CROWNS

PEERS = ("difference zonotope", *CROWNS)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    return ["| " + " | ".join(head) + " |", "|---" * len(head) + "|", *("| " + " | ".join(r) + " |" for r in rows)]


def ratio(upper: float, lower: float) -> str:
    """Short, and never below 1 by rounding."""
    v = upper / lower
    return f"{v:.3f}" if v < 10 else f"{v:.3g}"


def seconds(s: float) -> str:
    """Two digits, in milliseconds below a tenth of a second."""
    return f"{1e3 * s:.2g} ms" if s < 0.0995 else f"{s:.2g} s" if s < 99.5 else f"{s:.0f} s"


def _ours(r: Row) -> str:
    if r.case.threshold is None:
        return f"**{ratio(r.upper, r.lower)}**"
    return f"**proof of <= {r.case.threshold}**" if r.result.status == "proved" else r.result.status


def brackets(rows: Sequence[Row]) -> list[str]:
    """Our brackets after a whole run beside the peers' bounds."""
    out = []
    for r in rows:
        cells = [r.case.name, f"{r.upper:.5g}", f"{r.lower:.5g}", _ours(r)]
        cells.append(f"{seconds(r.search)} + {seconds(r.check)}")
        for name in PEERS:
            p = r.peers.get(name)
            cells.append(
                "not asked" if p is None else p.failed[:40].replace("|", "/") if p.failed is not None
                else f"{ratio(p.upper, r.lower)} in {seconds(p.seconds)}"
            )  # fmt: skip
        out.append(cells)
    return table(["case", "proved upper", "witness", "upper / witness", "search + check", *PEERS], out)


def no_worse(r: Row, name: str) -> bool:
    """Whether our bound is at most the peer's, in no more CPU time than it took (timers wobble by a tenth)."""
    ours, p = r.ours[name], r.peers[name]
    return ours.upper <= p.upper and ours.seconds <= 1.1 * p.seconds


def at_equal_time(rows: Sequence[Row]) -> list[str]:
    """Float bounds against float bounds: ours when the peer's CPU seconds are over, and who is worse where."""
    out, worse, compared = [], [], 0
    for r in rows:
        cells = [r.case.name, f"{ratio(r.default.upper, r.lower)} in {seconds(r.default.seconds)}"]
        for name in PEERS:
            p = r.peers.get(name)
            if p is None or p.failed is not None:
                cells.append("-")
                continue
            ours, compared = r.ours[name], compared + 1
            text = f"{ratio(ours.upper, r.lower)} in {seconds(ours.seconds)}"
            if no_worse(r, name):
                text = f"**{text}**"
            else:
                by = "looser" if ours.upper > p.upper else "tighter, but later"
                worse.append(f"{r.case.name} against {name} ({by})")
            cells.append(f"{text}; {ratio(p.upper, r.lower)} in {seconds(p.seconds)}")
        out.append(cells)
    head = ["case", "one default pass", *(f"ours; {name}" for name in PEERS)]
    verdict = f"No worse at equal CPU time in {compared - len(worse)} of {compared} comparisons"
    return [*table(head, out), "", verdict + ("." if not worse else "; the others: " + ", ".join(worse) + ".")]


def costs(rows: Sequence[Row]) -> list[str]:
    """What a proof costs to find, to check and to keep."""
    out = []
    for r in rows:
        one, size = r.default.seconds, r.result.size
        out.append(
            [
                r.case.name, str(r.result.leaves), f"{r.check / r.search:.2f}", f"{r.search / one:.0f}",
                f"{r.check / one:.0f}", f"{size:,} / {r.model_bytes:,} = {size / r.model_bytes:.2f}",
            ]
        )  # fmt: skip
    return table(
        ["case", "leaves", "check / search", "search / one float64 pass", "check / one float64 pass",
         "certificate / model bytes"], out,
    )  # fmt: skip


def targets(rows: Sequence[Row]) -> list[str]:
    """Target against reached; the time of a target is the search's, on all cores."""
    out = []
    for r in rows:
        c = r.case
        if c.ratio is not None:
            aim, got, met = f"{c.ratio} x witness", f"{ratio(r.upper, r.lower)} x", r.upper <= c.ratio * r.lower
        elif c.upper is not None:
            aim, got, met = f"upper {c.upper:g}", f"{r.upper:.5g}", r.upper <= c.upper
        elif c.threshold is not None:
            aim, got, met = f"proof of <= {c.threshold}", r.result.status, r.result.status == "proved"
        else:
            continue
        verdict = "late" if met and r.wall > 1.1 * c.budget else "yes" if met else "no"
        out.append([c.name, f"{aim} in {c.budget:g} s", f"{got} in {seconds(r.wall)} ({seconds(r.search)} of CPU)",
                    verdict])  # fmt: skip
    return table(["case", "target", "reached, search time", "met"], out)
