"""The second kernel: the checker that the development in ``proofs/`` proves right, extracted and compiled.

It reads a bundle's files itself and shares no code with ``certify.kernel``. Here are only its place, how it is
started, and the unpacking of zips, of which it knows nothing: what is unpacked it holds to the manifest again.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from certify.errors import BadInput, KernelMissing
from certify.kernel.limits import BUNDLE_BYTES, FILE_BYTES, FILES
from certify.parallel_check import Report, report_of

BUILT = Path(__file__).resolve().parents[1] / "proofs" / "_build" / "certify-rocq"
NAME = re.compile(r"claim|claim\.json|proof|manifest|(blobs|networks)/[0-9a-f]{64}")
# Rocq's functions recurse over long lists: the stack may be as large as the system lets it.
LAUNCH = ("/bin/sh", "-c", 'ulimit -s unlimited 2>/dev/null || ulimit -s "$(ulimit -Hs)"; exec "$0" "$@"')
# How a process ends that has used up the stack or the memory there is.
EXHAUSTED = (-signal.SIGKILL, -signal.SIGSEGV, -signal.SIGABRT)


def find() -> Path:
    """The program: $CERTIFY_ROCQ, or where a source checkout builds it, or on the PATH; raises KernelMissing."""
    named = os.environ.get("CERTIFY_ROCQ")
    if named:
        if not os.access(named, os.X_OK):
            raise KernelMissing(f"CERTIFY_ROCQ: no program at {named}")
        return Path(named)
    if os.access(BUILT, os.X_OK):
        return BUILT
    on_path = shutil.which("certify-rocq")
    if on_path is None:
        raise KernelMissing("the rocq kernel is not built: run `make proofs` in a source checkout, or set CERTIFY_ROCQ")
    return Path(on_path)


def rocq_report(path: str | os.PathLike[str]) -> Report:
    """What the Rocq kernel says of the bundle at ``path``, in the fields of the other kernel's JSON.

    Raises KernelMissing when it is not built, CertifyError when it fails, which is no verdict.
    """
    binary, said = find(), {"certificate": str(path), "kernel": "rocq", "arithmetic": "zarith"}
    if os.path.isdir(path):
        return _judge(binary, path) | said
    with tempfile.TemporaryDirectory(prefix="certify-") as folder:
        refused = _unpack(path, Path(folder))
        report = refused or _judge(binary, folder)
        if report.get("place") == folder:
            report["place"] = str(path)
        return report | said


def _judge(binary: Path, folder: str | os.PathLike[str]) -> Report:
    command = [*LAUNCH, str(binary), "--json", os.path.abspath(folder)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode in EXHAUSTED:
        reason = f"the kernel was ended by signal {-done.returncode}, as when memory runs out"
        return _refusal("declined", "resources", folder, reason)
    return report_of(done.returncode, done.stdout, done.stderr)


def _refusal(verdict: str, code: str, place: Any, reason: str) -> Report:
    return {"verdict": verdict, "code": code, "place": str(place), "reason": reason}


def _unpack(path: str | os.PathLike[str], folder: Path) -> Report | None:
    """Write the members of an uncompressed zip into a folder; the verdict when it is none, or too large."""
    if not os.path.isfile(path):
        return _refusal("rejected", "unreadable", path, "neither a directory nor a plain file")
    try:
        if os.path.getsize(path) > BUNDLE_BYTES:
            return _refusal("declined", "limit", path, "the file is larger than a bundle may be")
        with zipfile.ZipFile(path) as z:
            refused = _members(path, z.infolist())
            for i in [] if refused else z.infolist():
                _write(folder / i.filename, z.read(i))
            return refused
    except (OSError, zipfile.BadZipFile, EOFError, ValueError, OverflowError, RuntimeError) as e:
        return _refusal("rejected", "unreadable", path, f"neither a bundle directory nor a zip ({type(e).__name__})")


def _members(path: str | os.PathLike[str], members: list[zipfile.ZipInfo]) -> Report | None:
    """The verdict when members are too many, too large, compressed, named twice or not as a bundle's files are."""
    if len(members) > FILES:
        return _refusal("declined", "limit", path, f"number of files is {len(members)}, the limit is {FILES}")
    seen: set[str] = set()
    for i in members:
        name = i.filename[:80]
        if i.filename in seen:
            return _refusal("rejected", "duplicate-file", name, "appears twice")
        seen.add(i.filename)
        if i.compress_type != zipfile.ZIP_STORED or i.file_size != i.compress_size or i.flag_bits & 1:
            return _refusal("rejected", "compressed", name, "members are stored, method 0")
    # Members may overlap in the zip: it is what they come to that is written.
    if sum(i.file_size for i in members) > BUNDLE_BYTES or any(i.file_size > FILE_BYTES for i in members):
        return _refusal("declined", "limit", path, "the files are larger than those of a bundle may be")
    for i in members:
        if NAME.fullmatch(i.filename) is None:
            return _refusal("rejected", "extra-file", i.filename[:80], "has no place in a bundle")
    return None


def _write(target: Path, data: bytes) -> None:
    try:
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(data)
    except OSError as e:
        raise BadInput(f"{target}: cannot be unpacked ({e.strerror or e})") from None
