"""A run on disk, so that one that was killed goes on: a directory with a head and an append-only journal.

``head.json`` binds the run to its problem and its roots; ``journal`` holds an outcome for each solved unit, written
once the unit is solved. A record that was cut off by a kill is dropped, and only that one is solved again. The state
is as untrusted as the search: the kernel judges what comes of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path as FilePath
from typing import IO, TYPE_CHECKING, Any

from certify.errors import BadInput, CertifyError
from certify.scheduling.encoding import decode_outcome, encode_outcome, roots_digest
from certify.scheduling.units import Outcome, Path, Unit

if TYPE_CHECKING:
    from certify.claims import Claim

FORMAT = "certify-state 1"
# Magic, bytes of JSON, bytes of npz, CRC-32 of both.
_FRAME = struct.Struct("<4sIQI")
_MAGIC = b"unit"
# A kill loses nothing that was flushed; only a power cut needs the disk, and then a second of work.
SYNC_SECONDS = 1.0


def digest_of(claim: Claim) -> str:
    """What a state is bound to: the claim's text, which names models and tensors by their digests."""
    from certify.claim_text import encode_claim

    return hashlib.sha256(encode_claim(claim).text).hexdigest()


class State:
    """An open state directory. One process at a time may hold it; ``close`` lets it go."""

    def __init__(self, place: str | os.PathLike[str], digest: str, *, resume: bool = False) -> None:
        """Make the directory, or with ``resume`` take up the run in it when there is one.

        digest: of the problem. Raises CertifyError when the directory holds a run and ``resume`` is not given, or
        holds a run of another problem, or is in use; BadInput when it cannot be read or written.
        """
        self.place = FilePath(place)
        self._digest = digest
        self._where: dict[Path, tuple[int, int, int]] = {}
        self._lock: IO[bytes] | None = None
        self._journal: IO[bytes] | None = None
        self._synced = 0.0
        try:
            self.place.mkdir(parents=True, exist_ok=True)
            self._take_lock()
            self._head = self._read_head(resume)
            self._journal = open(self.place / "journal", "a+b")  # noqa: SIM115, held until close
            self._end = self._scan()
        except OSError as e:
            self.close()
            raise BadInput(f"{self.place}: cannot hold a state ({e.strerror or e})") from None
        except BaseException:
            self.close()
            raise

    def _take_lock(self) -> None:
        self._lock = open(self.place / "lock", "a+b")  # noqa: SIM115, held until close
        try:
            import fcntl
        except ImportError:  # no advisory locks on this system
            return
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CertifyError(f"{self.place}: expected a state nobody works on, found another run using it") from None

    def _read_head(self, resume: bool) -> dict[str, Any]:
        path = self.place / "head.json"
        if not path.exists():
            # A run killed before it noted its roots leaves a lock and an empty journal.
            empty = {"lock", "journal"} if _size(self.place / "journal") == 0 else {"lock"}
            if any(p.name not in empty and not p.name.startswith(".head.json.") for p in self.place.iterdir()):
                raise CertifyError(f"{self.place}: expected an empty directory or a state, found other files")
            return {}
        try:
            head = json.loads(path.read_bytes())
            kind, digest = head["format"], head["problem"]
        except (ValueError, KeyError, TypeError):
            raise BadInput(f"{path}: expected the head of a state, found something else") from None
        if kind != FORMAT:
            raise BadInput(f"{path}: expected {FORMAT}, found {kind!r}")
        if not resume:
            raise CertifyError(f"{self.place}: holds a run already; resume it, or name another directory")
        if digest != self._digest:
            raise CertifyError(
                f"{self.place}: expected a run of problem {self._digest[:16]}, found one of {str(digest)[:16]}"
            )
        return dict(head)

    def _scan(self) -> int:
        """Find the records; returns where the last whole one ends."""
        assert self._journal is not None
        size = self._journal.seek(0, os.SEEK_END)
        self._journal.seek(0)
        end = 0
        while True:
            frame = self._journal.read(_FRAME.size)
            if len(frame) < _FRAME.size:
                return end
            magic, n, m, crc = _FRAME.unpack(frame)
            # A torn frame may announce any length: never more is read than the file holds.
            if magic != _MAGIC or n + m > size - end - _FRAME.size:
                return end
            body = self._journal.read(n + m)
            if zlib.crc32(body) != crc:
                return end
            self._where[tuple(json.loads(body[:n])["path"])] = (end + _FRAME.size, n, m)
            end += _FRAME.size + n + m

    # ---- what a run asks of it

    def bind(self, roots: Sequence[Unit]) -> None:
        """Tie the state to the run's roots: the first time they are noted, later they must be the same."""
        digest = roots_digest(roots)
        if self._head:
            if self._head.get("roots") != digest:
                raise CertifyError(f"{self.place}: expected the regions this run starts from, found other ones")
            return
        self._head = {"format": FORMAT, "problem": self._digest, "roots": digest}
        _write_atomically(self.place / "head.json", (json.dumps(self._head, indent=1) + "\n").encode())

    def __len__(self) -> int:
        return len(self._where)

    def __iter__(self) -> Iterator[tuple[Path, Outcome]]:
        """Every recorded outcome, in the order they were recorded, which puts parents before children."""
        for path in list(self._where):
            yield path, self.outcome(path)

    def outcome(self, path: Path) -> Outcome:
        """The recorded outcome of a unit."""
        assert self._journal is not None
        offset, n, m = self._where[path]
        self._journal.seek(offset)
        body = self._journal.read(n + m)
        return decode_outcome(body[:n], body[n:])[1]

    def append(self, path: Path, outcome: Outcome) -> None:
        """Record an outcome. What is there stays; a torn record at the end is overwritten first."""
        assert self._journal is not None
        head, packed = encode_outcome(path, outcome)
        body = head + packed
        try:
            self._journal.truncate(self._end)
            self._journal.write(_FRAME.pack(_MAGIC, len(head), len(packed), zlib.crc32(body)) + body)
            self._journal.flush()
            if time.monotonic() - self._synced > SYNC_SECONDS:
                os.fsync(self._journal.fileno())
                self._synced = time.monotonic()
        except OSError as e:
            raise BadInput(f"{self.place}: cannot be written ({e.strerror or e})") from None
        self._where[path] = (self._end + _FRAME.size, len(head), len(packed))
        self._end += _FRAME.size + len(body)

    def close(self) -> None:
        """Write out what is buffered and let others in."""
        for f in (self._journal, self._lock):
            if f is not None and not f.closed:
                with contextlib.suppress(OSError):
                    f.flush()
                    os.fsync(f.fileno())
                f.close()


def _size(path: FilePath) -> int:
    return path.stat().st_size if path.exists() else 0


def _write_atomically(path: FilePath, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.replace(name, path)
    except OSError as e:
        FilePath(name).unlink(missing_ok=True)
        raise BadInput(f"{path}: cannot be written ({e.strerror or e})") from None
