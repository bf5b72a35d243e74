"""Read a certificate bundle, a directory or an uncompressed zip, and hold it to its manifest.

Sizes are bounded before anything is read whole; every byte handed on has been hashed.
Spec: format.md#bundle.
"""

from __future__ import annotations

import hashlib
import os
import zipfile

from certify.kernel.limits import BUNDLE_BYTES, FILE_BYTES, FILES
from certify.kernel.verdict import Declined, Rejected, limit, require
from certify.kernel.words import Lines


class Bundle:
    """The files of a certificate by name, checked against the manifest on reading."""

    def __init__(self, path: str) -> None:
        self._zip = None
        self._path = path
        if os.path.isdir(path):
            try:
                sizes = dict(_walk(path))
            except OSError as e:
                raise Rejected("unreadable", path, f"cannot be listed: {type(e).__name__}") from None
        else:
            self._zip, sizes = _open_zip(path)
        limit(len(sizes), FILES, path, "number of files")
        limit(sum(sizes.values()), BUNDLE_BYTES, path, "size of the bundle")
        for name, size in sizes.items():
            limit(size, FILE_BYTES, name, "size of the file")
        require("manifest" in sizes, "missing-file", path, "no manifest")
        manifest = self._raw("manifest")
        self.id = hashlib.sha256(manifest).hexdigest()
        self._listed = _manifest(manifest)
        for name in self._listed:
            require(name in sizes, "missing-file", name, "listed in the manifest, not in the bundle")
        for name in sizes:
            require(name in self._listed or name == "manifest", "extra-file", name, "not in the manifest")
        self.names = sorted(self._listed)
        self._seen: set[str] = set()
        for name in self.names:
            if not name.startswith("blobs/"):
                self.read(name)

    def close(self) -> None:
        if self._zip is not None:
            self._zip.close()

    def read(self, name: str) -> bytes:
        """The bytes of a listed file; rejects when they are not the ones the manifest names."""
        if name not in self._listed:
            raise Rejected("missing-file", name, "not in the bundle")
        digest, size = self._listed[name]
        data = self._raw(name)
        ok = len(data) == size and hashlib.sha256(data).hexdigest() == digest
        require(ok, "digest-mismatch", name, "size or SHA-256 is not the one in the manifest")
        self._seen.add(name)
        return data

    def read_rest(self) -> None:
        """Hash what nothing has asked for: every file of the bundle has its digest."""
        for name in self.names:
            if name not in self._seen:
                self.read(name)

    def _raw(self, name: str) -> bytes:
        try:
            if self._zip is not None:
                return self._zip.read(name)
            with open(os.path.join(self._path, *name.split("/")), "rb") as f:
                return f.read(FILE_BYTES + 1)
        except (
            OSError,
            zipfile.BadZipFile,
            EOFError,
            ValueError,
            OverflowError,
            NotImplementedError,
            RuntimeError,
        ) as e:
            raise Rejected("unreadable", name, f"cannot be read: {type(e).__name__}") from None


def _walk(path):
    """Names and sizes of the files of a directory bundle: two levels, plain files only."""
    count = 0
    for entry in os.scandir(path):
        inside = [entry] if not entry.is_dir(follow_symlinks=False) else list(os.scandir(entry.path))
        for f in inside:
            count += 1
            limit(count, FILES, path, "number of files")
            require(f.is_file(follow_symlinks=False), "extra-file", f.name, "not a plain file")
            yield (f.name if f is entry else f"{entry.name}/{f.name}"), f.stat(follow_symlinks=False).st_size


def _open_zip(path):
    # A device or a pipe has no size to bound: reading one may never end.
    require(os.path.isfile(path), "unreadable", path, "neither a directory nor a plain file")
    try:
        if os.path.getsize(path) > BUNDLE_BYTES:
            raise Declined("limit", path, "the file is larger than a bundle may be")
        z = zipfile.ZipFile(path)
        infos = z.infolist()
    except (OSError, zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as e:
        raise Rejected("unreadable", path, f"neither a bundle directory nor a zip ({type(e).__name__})") from None
    limit(len(infos), FILES, path, "number of files")
    sizes = {}
    for i in infos:
        require(i.filename not in sizes, "duplicate-file", i.filename[:80], "appears twice")
        stored = i.compress_type == zipfile.ZIP_STORED and i.file_size == i.compress_size
        require(stored and not i.flag_bits & 1, "compressed", i.filename[:80], "members are stored, method 0")
        sizes[i.filename] = i.file_size
    return z, sizes


def _manifest(data: bytes):
    """name -> (digest, size); sorted, unique, and no other form of line."""
    require(len(data) <= FILES * 256, "unreadable", "manifest", "too long")
    cursor = Lines("manifest", data)
    out, last = {}, ""
    while (words := cursor.peek()) is not None:
        cursor.next(words[0])
        cursor.need(len(words) == 3, "word-count", "expected digest, size and name")
        name = words[2]
        stem = name.split("/")
        ok = name in ("claim", "claim.json", "proof") or (len(stem) == 2 and stem[0] in ("blobs", "networks"))
        cursor.need(ok, "extra-file", f"{name[:80]} has no place in a bundle")
        digest = cursor.digest(words[0])
        if len(stem) == 2:
            cursor.need(stem[1] == digest, "digest-mismatch", "the name is not the digest")
        cursor.need(name > last, "manifest-order", "names are sorted and unique")
        out[name] = (digest, cursor.integer(words[1]))
        last = name
    return out
