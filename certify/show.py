"""What people see in a terminal: brackets, tables, the flow of discarded influence, digits, progress.

Numbers keep their direction when they are shortened: an upper bound is rounded up, a witnessed lower bound down.
Texts from files (names of nodes, paths) are printed as text, never as markup. Nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console
    from rich.text import Text

    from certify.results import Bracket, Result
    from certify.strategy import Progress

STYLES = {"proved": "green", "refuted": "red", "unknown": "yellow", "error": "magenta"}
_DIGITS = 4
_BAR = 28
_SHADES = " ░▒▓█"
_EIGHTHS = " ▏▎▍▌▋▊▉█"
# Rich would wrap to 80 columns when the output is a file; tables of brackets need more.
_WIDTH = 110


def console(stderr: bool = False) -> Console:
    """A console that neither interprets nor colours what it is given, unless told."""
    from rich.console import Console

    made = Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=False)
    if not made.is_terminal:
        made.width = _WIDTH
    return made


def one_line(text: str, most: int = 500) -> str:
    """Text on one printable line: what a file says must not move the cursor or forge a second line."""
    joined = " ".join(text.split())
    safe = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in joined)
    return safe if len(safe) <= most else safe[: most - 3] + "..."


def upper(v: Fraction | float | None, digits: int = _DIGITS) -> str:
    """v in a few digits, rounded up; ``?`` when there is none."""
    return _directed(v, ROUND_CEILING, digits)


def lower(v: Fraction | float | None, digits: int = _DIGITS) -> str:
    """v in a few digits, rounded down; ``?`` when there is none."""
    return _directed(v, ROUND_FLOOR, digits)


def _directed(v: Fraction | float | None, rounding: str, digits: int) -> str:
    if v is None:
        return "?"
    q = Fraction(v)
    d = Context(prec=digits, rounding=rounding, Emax=9999, Emin=-9999).divide(q.numerator, q.denominator)
    text = f"{d:f}" if -5 <= d.adjusted() < 7 or d == 0 else f"{d:e}"
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def bracket(b: Bracket) -> str:
    """[witnessed, proved]"""
    return f"[{lower(b.lower)}, {upper(b.upper)}]"


def status(word: str) -> Text:
    """A status in its colour."""
    from rich.text import Text

    return Text(word, style=STYLES.get(word, ""))


def table(headings: Sequence[str], rows: Sequence[Sequence[Any]], title: str | None = None) -> Any:
    """A rich table; headings that end in ``>`` are right-aligned, cells are text or rich objects."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    for i, h in enumerate(headings):
        # Folded, never cropped: a number that lost its last digits is another number.
        made.add_column(h.rstrip("> "), justify="right" if h.endswith(">") else "left", overflow="fold", no_wrap=i == 0)
    for row in rows:
        made.add_row(*(c if isinstance(c, Text) else Text(str(c)) for c in row))
    return made


def flow(by_scale: Mapping[str, float]) -> list[tuple[str, str, str]]:
    """(scale, number, bar) for each contribution to a bound, in the order of the network; zero ones are left out."""
    shown = {k: v for k, v in by_scale.items() if abs(v) >= 5e-5 * max(map(abs, by_scale.values()), default=0.0) and v}
    most = max(map(abs, shown.values()), default=1.0)
    return [(one_line(k, 40), f"{v:+.4g}", bar(abs(v) / most)) for k, v in shown.items()]


def bar(share: float) -> str:
    """A horizontal bar for a share between 0 and 1."""
    eighths = round(max(0.0, min(1.0, share)) * _BAR * 8)
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "") or "▏"


def pixels(*images: ArrayLike) -> list[str]:
    """Grey images in [0, 1] of one shape (rows, columns), side by side, one text line for each row."""
    arrays = [np.clip(np.asarray(a, dtype=float), 0, 1) for a in images]
    shades = [np.minimum((a * len(_SHADES)).astype(int), len(_SHADES) - 1) for a in arrays]
    return ["   ".join("".join(_SHADES[s] * 2 for s in a[r]) for a in shades) for r in range(len(shades[0]))]


def print_result(out: Console, result: Result, what: str, most_parts: int = 20) -> None:
    """A result in full: status, bracket, parts, flow, and what is behind them."""
    out.print(status(result.status), what, sep=": ")
    out.print(f"  witnessed {lower(result.bracket.lower)}  <=  sup  <=  {upper(result.bracket.upper)} proved")
    if result.vacuous:
        out.print("  vacuous: intervals on f and g apart give no worse a bound", style="yellow")
    if len(result.brackets) > 1:
        rows = [(k, status(b.status), lower(b.lower), upper(b.upper)) for k, b in enumerate(result.brackets)]
        out.print(table(["part>", "status", "witnessed>", "proved>"], rows[:most_parts]))
        if len(rows) > most_parts:
            out.print(f"  ... and {len(rows) - most_parts} more parts; --json lists all")
    if result.status == "refuted" and result.witness is not None:
        out.print(f"  refuted by a witness in part {result.witness.part}; --json has the input")
    if result.by_scale():
        out.print(table(["where it is discarded", "share>", ""], flow(result.by_scale())))
    if result.blame is not None:
        out.print(f"  largest share: {one_line(result.blame, 60)}")
    lost = result.margin_lost
    if lost is not None and result.bracket.upper is not None:
        out.print(f"  rounding cost {lost:.2g} of {upper(result.bracket.upper)}; {result.leaves} leaves")
    if result.verdict is not None:
        spent = ", ".join(f"{k} {v:.2f} s" for k, v in result.seconds.items())
        out.print(f"  kernel: {result.verdict}; {result.size:,} bytes; {spent}")
    for note in result.notes:
        out.print(f"  {one_line(note)}")


@contextmanager
def progress_bar(wanted: bool, title: str = "") -> Iterator[Callable[[Progress], None] | None]:
    """A listener that draws a search on stderr; None when nothing is to be drawn (no terminal, or JSON)."""
    err = console(stderr=True)
    if not wanted or not err.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=24), TimeElapsedColumn())
    with Bars(*columns, console=err, transient=True) as bars:
        task = bars.add_task(title or "search", total=None)

        def listen(p: Progress) -> None:
            low, up = (None if v is None else Fraction(v) for v in (p.lower, p.upper))
            seen = "" if low is None and up is None else f"  [{lower(low)}, {upper(up)}]"
            words = f"{title}  {p.phase}{seen}".strip()
            bars.update(task, description=words, completed=p.done, total=p.total or None)

        yield listen
