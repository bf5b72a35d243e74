"""A certificate in memory: its files, its id, how to save it and have it checked.

The layout is specs/format.md#bundle. Saving is atomic: a temporary file or directory, then a rename. Nothing
here decides anything: ``check`` starts the kernel in a fresh interpreter on the files.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from certify.errors import BadInput, CertifyError
from certify.networks.graph import Network
from certify.parallel_check import kernel_report
from certify.rocq import rocq_report


@dataclass(frozen=True)
class Verdict:
    """What the kernel said of a file.

    verdict: accepted, rejected or declined. bounds: the exact bound established on each part (accepted only).
    """

    verdict: str
    id: str = ""
    code: str = ""
    place: str = ""
    reason: str = ""
    kernel: str = ""
    arithmetic: str = ""
    leaves: int = 0
    bounds: tuple[Fraction, ...] = ()
    milliseconds: dict[str, int] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        return self.verdict == "accepted"

    def __str__(self) -> str:
        if self.accepted:
            return f"accepted ({self.leaves} leaves, kernel {self.kernel} {self.arithmetic}, id {self.id[:16]})"
        return f"{self.verdict}: {self.place}: {self.reason} [{self.code}]"


@dataclass(frozen=True)
class Certificate:
    """The files of a bundle, without its manifest."""

    files: dict[str, bytes]

    @property
    def manifest(self) -> bytes:
        """One line for each file: digest, size, name; sorted by name."""
        lines = [f"{hashlib.sha256(d).hexdigest()} {len(d)} {n}\n" for n, d in sorted(self.files.items())]
        return "".join(lines).encode("ascii")

    @property
    def id(self) -> str:
        """SHA-256 of the manifest."""
        return hashlib.sha256(self.manifest).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(len(d) for d in self.files.values())

    @property
    def proof_size(self) -> int:
        """Bytes of the proof alone: what the search added to models and claim."""
        return len(self.files["proof"])

    @property
    def claim(self) -> dict[str, Any]:
        """The claim, as claim.json has it."""
        parsed: dict[str, Any] = json.loads(self.files["claim.json"])
        return parsed

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a single uncompressed zip; with a path that ends in a slash or is a directory, a directory.

        Raises BadInput when the place cannot be written. Nothing is left half-written.
        """
        target = Path(path)
        as_directory = str(path).endswith(os.sep) or target.is_dir()
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            return self._save_directory(target) if as_directory else self._save_zip(target)
        except OSError as e:
            raise BadInput(f"{target}: cannot be written ({e.strerror or e})") from None

    def _save_zip(self, target: Path) -> Path:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as raw, zipfile.ZipFile(raw, "w", zipfile.ZIP_STORED) as z:
                for n, d in sorted({**self.files, "manifest": self.manifest}.items()):
                    # A fixed date: equal certificates are equal bytes.
                    z.writestr(zipfile.ZipInfo(n, (1980, 1, 1, 0, 0, 0)), d)
            os.chmod(name, 0o644)
            os.replace(name, target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return target

    def _save_directory(self, target: Path) -> Path:
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        try:
            for n, d in {**self.files, "manifest": self.manifest}.items():
                (temporary / n).parent.mkdir(exist_ok=True)
                (temporary / n).write_bytes(d)
            os.chmod(temporary, 0o755)
            if target.exists():
                if any(target.iterdir()) and not (target / "manifest").exists():
                    raise BadInput(f"{target}: a directory that is no certificate is not overwritten")
                shutil.rmtree(target)
            os.replace(temporary, target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        return target

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Certificate:
        """Read a bundle without judging it; raises BadInput when it is none."""
        target = Path(path)
        if not target.exists():
            raise BadInput(f"{target}: no such certificate")
        try:
            if target.is_dir():
                found = {str(p.relative_to(target)): p.read_bytes() for p in target.rglob("*") if p.is_file()}
            else:
                with zipfile.ZipFile(target) as z:
                    found = {n: z.read(n) for n in z.namelist()}
        except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, ValueError) as e:
            raise BadInput(f"{target}: not a certificate ({e})") from None
        missing = [n for n in ("claim", "claim.json", "proof", "manifest") if n not in found]
        if missing:
            raise BadInput(f"{target}: not a certificate, {missing[0]} is missing")
        found.pop("manifest")
        return Certificate(found)


def _spoken_of(of: Any) -> list[tuple[str, str, int, int, str]]:
    """(digest, type, rows, columns, factor) of the matrices in a statement's claim.json."""
    if isinstance(of, dict) and "tensor" in of:
        t = of["tensor"]
        return [(t["sha256"], t["dtype"], of["rows"], of["columns"], of["times"])]
    inside = of.values() if isinstance(of, dict) else of if isinstance(of, list) else ()
    return [found for v in inside for found in _spoken_of(v)]


def _as_spoken(array: Any) -> tuple[str, str, int, int, str]:
    """The same of an array, a vector being one row; of a network nothing that a statement speaks of."""
    from certify.kernel.exact import Matrix
    from certify.statements.bundle import shown

    if isinstance(array, Network):
        return array.digest, "network", 0, 0, ""
    a = array if isinstance(array, Matrix) else np.asarray(array)
    if isinstance(a, Matrix) or a.dtype == object:
        return _spoken_of(shown(a))[0]
    data = np.ascontiguousarray(a, dtype=a.dtype.newbyteorder("<")).tobytes()
    rows, columns = a.shape if a.ndim == 2 else (1, a.size)
    return hashlib.sha256(data).hexdigest(), f"{a.dtype.kind}{a.dtype.itemsize}", rows, columns, "1/1"


def check(
    certificate: Certificate | str | os.PathLike[str], *models: Any, kernel: str = "exact", jobs: int = 1
) -> Verdict:
    """Have the kernel judge a certificate in a fresh interpreter, or in several that share its leaves.

    models: live networks whose digests must be those of the claim's f and g, in this order; for a statement, arrays
    each of which must be one that it speaks of, stored as it is.
    kernel: "exact" (float64 BLAS on integers), "pure" (Python integers) or "rocq" (the program of certify.rocq).
    jobs: kernel processes; each reads everything and holds it in memory, and replays its share of the leaves. The
    rocq kernel is always one.
    Raises BadInput for a missing file, KernelMissing for a kernel that is not built and CertifyError when the kernel
    itself fails; a certificate for other models is *rejected* with code other-model.
    """
    if kernel not in ("exact", "pure", "rocq"):
        raise CertifyError(f"kernel is exact, pure or rocq; got {kernel!r}")
    if kernel == "rocq" and jobs != 1:
        raise CertifyError(f"jobs: the rocq kernel is one process, found {jobs}")
    if isinstance(certificate, Certificate):
        with tempfile.TemporaryDirectory(prefix="certify-") as d:
            return check(certificate.save(Path(d) / "check.cert"), *models, kernel=kernel, jobs=jobs)
    path = Path(certificate)
    if not path.exists():
        raise BadInput(f"{path}: no such certificate")
    if kernel == "rocq":
        report = rocq_report(path)
    else:
        report = kernel_report(path, ["--pure"] if kernel == "pure" else [], jobs)
    if report["verdict"] == "accepted" and "statement" in report and models:
        spoken = _spoken_of(Certificate.load(path).claim["of"])
        for k, model in enumerate(models):
            if _as_spoken(model) not in spoken:
                reason = f"the statement speaks of no such matrix as number {k + 1} of those given"
                return Verdict("rejected", code="other-model", place="claim", reason=reason)
    elif report["verdict"] == "accepted":
        for name, model in zip(("f", "g"), models, strict=False):
            if report[name] != model.digest:
                reason = f"the claim is about {report[name][:16]}, this model is {model.digest[:16]}"
                return Verdict("rejected", code="other-model", place=f"claim:{name}", reason=reason)
    bounds = tuple(Fraction(b) for b in report.get("bounds", ()))
    fields = ("verdict", "id", "code", "place", "reason", "kernel", "arithmetic", "leaves", "milliseconds")
    return Verdict(**{k: report[k] for k in fields if k in report}, bounds=bounds)
