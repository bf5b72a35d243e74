"""The extracted kernel's own reader: words of every ASCII file replaced, and bundles that are no bundles."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import zipfile
from collections import Counter

import pytest
from both_kernels import assert_same, needs_rocq

import make_vectors  # isort: skip
import test_mutations as mutations  # isort: skip
from bundles import renamed, sealed, write_directory, zipped  # isort: skip

from certify.rocq import find

pytestmark = needs_rocq

VECTORS = make_vectors.ROOT / "accept"
LIMITS = [4, 200, 400, 1_000, 2_000, 20_000, 100_000, 4_000_000, 100_000_000, 2**31, 2**40, 2**61, 2**62, 2**63, 10**30]
WORDS = [
    *("0", "1", "2", "3", "7", "-1", "-2", "-3", "01", "-0", "+1", "1e3", "1.0", "0x1", "1_0"),
    *("", " ", "\t", "\x7f", "\xe9", "f", "g", "zero", "end", "tensor", "part", "leaf", "conclude", "identity"),
    *("linf", "l3", "a" * 64, "A" * 64, "0" * 64),
    *("1" * 1200, "1" * 1201, "-" + "1" * 1200, "-" + "1" * 1201),
    *(str(s * n + d) for n in LIMITS for s, d in ((1, 0), (1, 1), (-1, 0), (-1, -1))),
]  # fmt: skip


def changed(files, r):
    """A word or a line of one ASCII file replaced, doubled, dropped or moved; sealed again but for the manifest."""
    networks = [n for n in sorted(files) if n.startswith("networks/")]
    name = r.choice(["claim", "claim", "proof", "proof", "proof", "manifest", *networks, *networks])
    lines = [line.split(" ") for line in files[name].decode().split("\n")]
    for _ in range(r.choice([1, 1, 1, 2])):
        i = r.randrange(len(lines) - (r.random() < 0.9))
        j, how = r.randrange(len(lines[i]) or 1), r.randrange(10)
        if how < 6:
            lines[i][j : j + 1] = [r.choice(WORDS)]
        elif how == 6:
            lines[i].insert(j, r.choice(WORDS))
        elif how == 7:
            del lines[i][j : j + 1]
        elif how == 8:
            lines.insert(i, list(r.choice(lines)))
        else:
            k = r.randrange(len(lines))
            lines[i], lines[k] = lines[k], lines[i]
    data = "\n".join(" ".join(w) for w in lines).encode("latin-1")
    if name == "manifest":
        return files | {name: data}
    return sealed(renamed(files, name, data) if name.startswith("networks/") else files | {name: data})


@pytest.mark.parametrize("chunk", range(10))
def test_replaced_words_draw_the_same_verdict(tmp_path, chunk):
    r, verdicts, files = random.Random(chunk), Counter(), {}
    for number in range(60):
        if number % 10 == 0:
            files = mutations.base(r.randrange(2**32), r.choice(mutations.BASES))
        path = write_directory(changed(files, r), tmp_path / str(number))
        verdicts[assert_same(path, f"chunk {chunk}, number {number}", order_free=True)] += 1
        shutil.rmtree(path)
    assert verdicts["rejected"] >= 20 and verdicts["declined"] >= 1 and verdicts["either"] <= 3


@pytest.mark.long
@pytest.mark.parametrize("vector", sorted(p.name for p in VECTORS.iterdir()))
def test_large_numbers_anywhere_draw_the_same_verdict(tmp_path, vector):
    """One number at a time, of each kind of line: a fault of its own, so that nothing depends on what is met first."""
    files = {str(p.relative_to(VECTORS / vector)): p.read_bytes() for p in (VECTORS / vector).rglob("*") if p.is_file()}
    done = set()
    for name in ["claim", "proof", *(n for n in files if n.startswith("networks/"))]:
        lines = [line.split(" ") for line in files[name].decode().split("\n")]
        for i, words in enumerate(lines):
            for j, word in enumerate(words):
                if not word.lstrip("-").isdigit() or (name[:1], words[0], j, len(words)) in done:
                    continue
                done.add((name[:1], words[0], j, len(words)))
                for large in (401, 4_000_000, 10**8, 2**39, -(10**6), -(2**70)):
                    data = _with_word(lines, i, j, str(large))
                    renewed = renamed(files, name, data) if "/" in name else files | {name: data}
                    path = write_directory(sealed(renewed), tmp_path / "x")
                    assert_same(path, f"{name[:12]}: {' '.join(words)[:60]} with {large} at {j}")
                    shutil.rmtree(path)


def _with_word(lines, i, j, word):
    changed = [*lines[:i], [*lines[i][:j], word, *lines[i][j + 1 :]], *lines[i + 1 :]]
    return "\n".join(" ".join(words) for words in changed).encode()


@pytest.fixture
def good(tmp_path):
    files = mutations.base(3, "mlp")
    path = write_directory(files, tmp_path / "good")
    assert assert_same(path) == "accepted"
    return files, path


def test_files_that_do_not_belong_to_a_bundle_are_rejected(good, tmp_path):
    files, path = good
    first_blob = next(n for n in sorted(files) if n.startswith("blobs/"))

    def linked_folder(p):
        shutil.move(p / "blobs", tmp_path / "elsewhere")
        os.symlink(tmp_path / "elsewhere", p / "blobs")

    def spoilt(name, spoil):
        copy = tmp_path / name
        shutil.copytree(path, copy)
        spoil(copy)
        return assert_same(copy, name)

    assert spoilt("extra", lambda p: (p / "notes").write_text("")) == "rejected"
    assert spoilt("extra-blob", lambda p: (p / "blobs" / ("0" * 64)).write_text("")) == "rejected"
    assert spoilt("deeper", lambda p: (p / "blobs" / "more").mkdir()) == "rejected"
    assert spoilt("empty-folder", lambda p: (p / "other").mkdir()) == "accepted"
    assert spoilt("link", lambda p: os.symlink(p / "claim", p / "other")) == "rejected"
    assert spoilt("linked-folder", linked_folder) == "rejected"
    assert spoilt("no-manifest", lambda p: (p / "manifest").unlink()) == "rejected"
    assert spoilt("no-blob", lambda p: (p / first_blob).unlink()) == "rejected"
    assert spoilt("longer-blob", lambda p: (p / first_blob).write_bytes(files[first_blob] + b"\0")) == "rejected"
    assert spoilt("long-manifest", lambda p: (p / "manifest").write_bytes(b"a" * 25_600_001)) == "rejected"
    assert (
        spoilt("other-rendering", lambda p: (p / "claim.json").write_bytes(files["claim.json"] + b"\n")) == "rejected"
    )


def test_zips_are_judged_as_folders_are(good, tmp_path):
    files, path = good
    cert = tmp_path / "x.cert"
    cert.write_bytes(zipped(files))
    assert assert_same(cert) == "accepted"

    def with_member(name, how=zipfile.ZIP_STORED):
        cert.write_bytes(zipped(files))
        with zipfile.ZipFile(cert, "a", how) as z:
            z.writestr(name, b"a" * 100)
        return assert_same(cert, name)

    escaping = ["../x", "/tmp/x", "blobs/../../x", "blobs/", "blobs\\x", "other", "blobs/" + "0" * 64]
    assert {with_member(n) for n in escaping} == {"rejected"}
    assert with_member("other", zipfile.ZIP_DEFLATED) == "rejected"
    assert not (tmp_path.parent / "x").exists()
    data = zipped(files)
    cert.write_bytes(data[:-30])
    assert assert_same(cert, "truncated") == "rejected"
    at = data.index(files["claim"]) + 3
    cert.write_bytes(data[:at] + b"?" + data[at + 1 :])
    assert assert_same(cert, "a flipped byte") == "rejected"
    cert.write_bytes(b"")
    assert assert_same(cert, "empty") == "rejected"
    assert path.is_dir()


@pytest.mark.parametrize("hinted", [False, True])
@pytest.mark.parametrize("leaf", [0, 2**35, 2**62 - 1, 2**70])
@pytest.mark.parametrize("slots", [0, -(10**30), 2**31, 2**40, 2**40 + 1, 2**62, 2**63 + 1, 10**40])
def test_sizes_do_not_run_past_machine_integers(slots, leaf, hinted, tmp_path):
    """Slots have no limit, and the extracted kernel counts in machine words."""
    path = "backward--slope-hints" if hinted else "conclude--margin"
    files = {str(p.relative_to(VECTORS / path)): p.read_bytes() for p in (VECTORS / path).rglob("*") if p.is_file()}
    lines = [line.split(" ") for line in files["proof"].decode().split("\n")]
    for words in lines:
        if words[0] == "plan":
            words[4] = str(slots)
        if words[0] == "leaf":
            words[2] = str(leaf)
    data = "\n".join(" ".join(words) for words in lines).encode()
    said = assert_same(write_directory(sealed(files | {"proof": data}), tmp_path / "x"))
    assert said == ("accepted" if 0 <= leaf < slots and not hinted else "rejected")


def test_exit_codes_are_verdicts_and_nothing_else_looks_like_one(good):
    files, path = good
    run = lambda *a: subprocess.run([find(), *a], capture_output=True, text=True, check=False)  # noqa: E731
    assert run(str(path)).returncode == 0 and "accepted by the rocq kernel" in run(str(path)).stdout
    (path / "claim").write_bytes(files["claim"].replace(b"rules 1", b"rules 2"))
    assert run(str(path)).returncode == 1
    assert run().returncode == run("--pure", str(path)).returncode == run("a", "b").returncode == 64
    assert run(str(path / "nothing")).returncode == run(str(path / "claim")).returncode == 66
