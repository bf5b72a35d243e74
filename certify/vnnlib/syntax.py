"""VNN-LIB text as nested lists of words that remember their line. Knows parentheses and comments, no commands.

VNN-LIB is written in the expressions of SMT-LIB 2.6 (its section 3.2). Whatever the text holds, what comes back is a
list of commands or BadInput that names a line; sizes are bounded before anything is built from them.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from certify.errors import BadInput

MOST_BYTES = 1 << 26
# Nothing in use nests deeper than five; what reads the lists recurses.
MOST_DEPTH = 40
MOST_DIGITS = 1_000
_TOKEN = re.compile(r"[ \t\r]+|;[^\n]*|\n|[()]|[^\s();\[\]]*\[[^\]\n();]*\]|[^\s();\[\]]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")


@dataclass(frozen=True)
class Word:
    """A word and its line."""

    text: str
    line: int


@dataclass(frozen=True)
class Group:
    """What stands between two parentheses, and the line of the first."""

    items: tuple[Word | Group, ...]
    line: int

    def head(self) -> str:
        """The first word; empty if there is none."""
        first = self.items[0] if self.items else None
        return first.text if isinstance(first, Word) else ""


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a file; raises BadInput when it is missing, too large, or not UTF-8."""
    file = Path(path)
    try:
        if file.stat().st_size > MOST_BYTES:
            raise BadInput(f"{file}: expected at most {MOST_BYTES} bytes, found {file.stat().st_size}")
        return file.read_bytes().decode("utf-8")
    except OSError as e:
        raise BadInput(f"{file}: cannot be read ({e.strerror})") from None
    except UnicodeDecodeError as e:
        raise BadInput(f"{file}: expected text in UTF-8, found another byte at {e.start}") from None
    except ValueError as e:
        raise BadInput(f"{path!r}: cannot be read ({e})") from None


def commands(text: str, place: str) -> list[Group]:
    """The top-level lists of a text; raises BadInput."""
    open_: list[tuple[int, list[Word | Group]]] = []
    out: list[Group] = []
    line, at = 1, 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise BadInput(f"{place}:{line}: expected a word or a parenthesis, found {text[at]!r}")
        token, at = found.group(), found.end()
        if token == "\n":
            line += 1
        elif token == "(":
            if len(open_) >= MOST_DEPTH:
                raise BadInput(f"{place}:{line}: expected at most {MOST_DEPTH} parentheses inside each other")
            open_.append((line, []))
        elif token == ")":
            if not open_:
                raise BadInput(f"{place}:{line}: a parenthesis is closed that was not opened")
            start, items = open_.pop()
            made = Group(tuple(items), start)
            if open_:
                open_[-1][1].append(made)
            else:
                out.append(made)
        elif token[0] not in " \t\r;":
            if not open_:
                raise BadInput(f"{place}:{line}: expected a command in parentheses, found {token[:40]!r}")
            open_[-1][1].append(Word(token, line))
    if open_:
        raise BadInput(f"{place}:{open_[-1][0]}: a parenthesis is opened and never closed")
    return out


def number(word: str) -> Fraction | None:
    """The exact number a word spells, or None."""
    if len(word) > MOST_DIGITS or _NUMBER.fullmatch(word) is None:
        return None
    return Fraction(word)
