"""The ASCII files: lines of words, names, integers and digests, nothing else.

Spec: format.md#ascii-files.
"""

from __future__ import annotations

from certify.kernel.limits import INTEGER_DIGITS, LINE_BYTES, LINE_WORDS
from certify.kernel.verdict import Declined, Rejected, limit, require

_DIGITS = frozenset(b"0123456789")
_HEX = frozenset("0123456789abcdef")
_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


class Lines:
    """A cursor over the lines of one file."""

    def __init__(self, name: str, data: bytes) -> None:
        self.name, self._data, self._at, self.number = name, data, 0, 0
        require(data.endswith(b"\n"), "not-ascii-lines", name, "the file does not end in a newline")
        self._peeked: list[str] | None = None

    @property
    def place(self) -> str:
        return f"{self.name}:{self.number}"

    def need(self, condition: bool, code: str, text: str) -> None:
        """Reject at this line unless the condition holds."""
        require(condition, code, self.place, text)

    def peek(self):
        """The words of the next line, or None at the end of the file."""
        if self._peeked is None and self._at < len(self._data):
            stop = self._data.index(b"\n", self._at)
            limit(stop - self._at, LINE_BYTES, f"{self.name}:{self.number + 1}", "line length")
            line = self._data[self._at : stop]
            self._at = stop + 1
            self.number += 1
            ok = bool(line) and all(32 <= c < 127 for c in line) and b"  " not in line and line.strip() == line
            require(ok, "not-ascii-lines", self.place, "words are ASCII and joined by single spaces")
            self._peeked = line.decode("ascii").split(" ")
            limit(len(self._peeked), LINE_WORDS, self.place, "number of words")
        return self._peeked

    def next(self, *keywords: str):
        """The next line, whose first word must be one of ``keywords``."""
        words = self.peek()
        expected = " or ".join(keywords)
        require(words is not None, "unexpected-word", self.place, f"expected {expected}, found end of file")
        if words[0] not in keywords:
            raise Rejected("unexpected-word", self.place, f"expected {expected}, found {words[0][:40]}")
        self._peeked = None
        return words

    def numbers(self, keyword: str, count: int):
        """The integers of the next line, which has ``keyword`` and exactly ``count`` of them."""
        words = self.next(keyword)
        return self.integers(words[1:], count)

    def integers(self, words, count: int):
        if len(words) != count:
            raise Rejected("word-count", self.place, f"expected {count} numbers, found {len(words)}")
        return [self.integer(w) for w in words]

    def integer(self, word: str) -> int:
        """An integer in the one spelling the format allows."""
        digits = word[1:] if word.startswith("-") else word
        raw = digits.encode("ascii")
        if not raw or not all(c in _DIGITS for c in raw):
            raise Rejected("not-an-integer", self.place, f"{word[:40]} is not an integer")
        if len(raw) > INTEGER_DIGITS:
            raise Declined("limit", self.place, f"an integer of {len(raw)} digits, the limit is {INTEGER_DIGITS}")
        if (digits[0] == "0") and word != "0":
            raise Rejected("not-an-integer", self.place, f"{word[:40]} is not in lowest form")
        return int(word)

    def digest(self, word: str) -> str:
        ok = len(word) == 64 and all(c in _HEX for c in word)
        require(ok, "not-a-digest", self.place, f"{word[:40]} is not a SHA-256 digest")
        return word

    def header(self, what: str) -> None:
        """The first line: the kind of file and its version."""
        words = self.next(f"certify-{what}")
        if words[1:] != ["1"]:
            raise Declined("version", self.place, f"{what} version {' '.join(words[1:])[:40]}; this kernel reads 1")

    def end(self) -> None:
        """The last line, and nothing after it."""
        require(self.next("end") == ["end"], "word-count", self.place, "`end` stands alone")
        require(self.peek() is None, "unexpected-word", self.place, "text after `end`")
