"""Make specs/vectors: tiny bundles with the verdict and the reason code that every kernel must give.

    python tests/kernel/make_vectors.py            writes specs/vectors/{accept,reject,decline}

A vector is named `<rule or code>--<what>`. Rejects damage one thing in an accepted bundle and are sealed again, so that
the damage reaches the check it is meant for. Deterministic: a test regenerates them and compares the bytes.
"""

from __future__ import annotations

import importlib.util
import io
import itertools
import shutil
import sys
import warnings
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from bundles import (
    FAST,
    Case,
    PlanWriter,
    Region,
    Style,
    assemble,
    bundle,
    edited,
    established,
    manifest,
    renamed,
    sealed,
    with_threshold,
    zipped,
)
from cases import random_case
from semidefinite_bundles import stored

from certify.networks.builder import Builder
from certify.networks.graph import Network
from certify.networks.maps import Dense

ROOT = Path(__file__).resolve().parents[2] / "specs" / "vectors"
Files = dict[str, bytes]


def mlp(w1, w2) -> Network:
    b = Builder()
    h = b.relu(b.linear(b.input(2), Dense(np.array(w1, dtype="f4")), np.array([0.25, -0.5], dtype="f4")))
    return b.finish(b.linear(h, Dense(np.array(w2, dtype="f4")), np.array([0, 0.125], dtype="f4")), (2,), (2,))


F = mlp([[1, -0.5], [0.75, 1]], [[1, -1], [0.5, 0.25]])
G = mlp([[1, -0.5], [0.75, 0.875]], [[1, -1], [0.5, 0]])
PAIRS = ((1, 1, None), (2, 2, None), (3, 3, None))
BOX = Region("box", (np.array([-1.0, -0.5]), np.array([0.5, 1.0])))
TWO_ROWS = np.array([1, -1, 0.1, 0])
OTHER_ROWS = np.array([-0.5, 1, 0.25, -3])
BALLS = Region("ball", (np.array([[0.25, 0.5], [0.5, 0.75]]),), "linf", Fraction(1, 8), (Fraction(0), Fraction(1)))


def tight(files: Files) -> Files:
    """The bundle claiming exactly what it establishes."""
    return with_threshold(files, max(established(files, FAST)))


def network(files: Files, k: int = 0) -> str:
    """The name of the k-th network file that the claim mentions."""
    line = files["claim"].decode().split("\n")
    return "networks/" + next(words.split()[1] for words in line if words.startswith("fg"[k] + " "))


def tensor_at(files: Files, name: str, k: int, data: bytes) -> Files:
    """The k-th tensor of a text file holding other bytes."""
    lines = [words for words in files[name].decode().split("\n") if words.startswith("tensor")]
    return sealed(renamed(files, "blobs/" + lines[k].split()[3], data))


def raw(files: Files, **changes: bytes) -> Files:
    """Files changed behind the manifest's back."""
    return files | changes


def accepts() -> dict[str, Files]:
    """Every rule and every line kind, accepted; thresholds are the established bounds, to the last unit."""
    plain = Case(F, G, BOX, pairs=PAIRS)
    out = {
        "forward--interval-only": bundle(plain, (Style(backward=0, use_pairs=False),)),
        "backward--two-layers": bundle(plain, (Style(use_pairs=False),)),
        "backward--slope-hints": bundle(plain, (Style(hints=1.0, seed=3),)),
        "difference--relu-pair": bundle(plain),
        "difference--direct": bundle(plain, (Style(direct=1.0, seed=1),)),
        "split--three-levels": bundle(plain, depth=3, seed=5),
        "split--signs-of-values": bundle(plain, depth=3, seed=7, signs=1.0),
        "split--an-empty-side-is-closed": empty_side(),
        "difference--signs-that-differ": signs_that_differ(),
        "difference--hints-where-signs-differ": signs_that_differ(Style(hints=1.0, seed=2, open_rows=0.0)),
        "backward--rows-with-an-open-sign": bundle(plain, (Style(open_rows=1.0),)),
        "backward--multipliers-in-two-slots": bundle(plain, (Style(multipliers=0.5, slots=2, seed=4),), 2, 9, 0.5),
        "domain--two-balls-within": bundle(Case(F, G, BALLS, pairs=PAIRS)),
        "domain--l2-ball": bundle(Case(F, G, Region("ball", BALLS.arrays, "l2", Fraction(1, 8)), pairs=PAIRS)),
        "domain--l1-ball": bundle(Case(F, G, Region("ball", BALLS.arrays, "l1", Fraction(1, 8)), pairs=PAIRS)),
        "domain--points": bundle(Case(F, G, Region("points", BALLS.arrays), pairs=PAIRS)),
        "conclude--l1": bundle(Case(F, G, BOX, ("value", "l1", 0), PAIRS)),
        "conclude--l2-modulo-mean": bundle(Case(F, G, BOX, ("value", "l2", 1), PAIRS)),
        "conclude--output": bundle(Case(F, G, BOX, ("output", 1), PAIRS)),
        "conclude--functional": bundle(Case(F, G, BOX, ("functional", np.array([1.0, -0.1])), PAIRS)),
        "conclude--upper-one-network": bundle(Case(F, None, BOX, ("upper", np.array([1.0, 0.0])))),
        "conclude--margin": bundle(Case(F, G, BALLS, ("margin", np.array([0, 1], dtype="i4")), PAIRS)),
        "conclude--decision": bundle(Case(F, G, BALLS, ("decision", np.array([0, 1], dtype="i4")), PAIRS)),
        "conclude--least-on-one-network": bundle(Case(F, None, BOX, ("least", TWO_ROWS, -1, 1, 8, -1, 4))),
        "conclude--least-of-a-difference": bundle(Case(F, G, BOX, ("least", TWO_ROWS, -2, 1, 8, -1, 4), PAIRS)),
        "conclude--least-on-both": bundle(Case(F, G, BOX, ("least", TWO_ROWS, OTHER_ROWS, 0, 1, 1, 3), PAIRS)),
        "quadratic--relu-pair": stored("relu-pair"),
        "quadratic--merged-neurons": stored("merged-neurons"),
        "difference--same-network-is-zero": bundle(Case(F, F, BOX)),
    }
    # A zero bias beside a fractional one: a difference keeps its precision.
    for seed, kind in enumerate(("merge", "conv", "residual", "free")):
        out[f"networks--{kind}"] = bundle(random_case(40 + seed, kind))
    out["networks--unknown-scale"] = bundle(Case(unknown_scale(0.5), unknown_scale(0.25), BOX, pairs=((1, 1, None),)))
    return {name: tight(files) for name, files in out.items()}


def second_input(files: Files) -> int:
    """The node of g that is x'."""
    lines = files[network(files, 1)].decode().split("\n")
    nodes = [w for w in lines if w.split(" ")[0] in ("input", "affine", "relu", "free")]
    return next(i for i, w in enumerate(nodes) if w.startswith("input") and w.endswith(" 1"))


def first_after(files: Files, before: str, word: str) -> str:
    """The first line that starts with ``word`` right after one that starts with ``before``."""
    lines = files["proof"].decode().split("\n")
    return next(b for a, b in itertools.pairwise(lines) if a.startswith(before) and b.startswith(word))


def open_rows(line: str) -> str:
    """A backward line that takes the rows whose sign is open."""
    return " ".join([*line.split(" ")[:-1], "-2"])


def signed(net, region: Region, lines: list[str]) -> Files:
    """One plan on a network alone, with the given tree."""
    case = Case(net, None, region, ("upper", np.array([1.0])))
    return assemble(case, [*PlanWriter(case).write(Style(open_rows=0.0)), "part 0", *lines])


def empty_side() -> Files:
    """relu(x + 2) on [-1, 1]: x + 2 <= 0 nowhere, which crossing bounds say."""
    return signed(shifted(), Region("box", (np.array([-1.0]), np.array([1.0]))), ["sign f 1 0", "leaf 0 0", "leaf 0 0"])


def signs_that_differ(style: Style | None = None) -> Files:
    """relu(x) - relu(x + 1/8): where x <= 0 <= x + 1/8 it lies between x - (x + 1/8) and zero, whatever x is."""

    def one(bias: float) -> Network:
        b = Builder()
        return b.finish(b.relu(b.linear(b.input(1), Dense(np.ones((1, 1))), np.array([bias]))), (1,), (1,))

    region = Region("box", (np.array([-1.0]), np.array([1.0])))
    case = Case(one(0.0), one(0.125), region, pairs=((1, 1, None), (2, 2, None)))
    halves = ["sign g 1 0", "leaf 0 0", "leaf 0 0"]
    writer = PlanWriter(case)
    lines = writer.write(style or Style(open_rows=0.0))
    return assemble(case, [*writer.table.lines, *lines, "part 0", "sign f 1 0", *halves, *halves], writer.table.blobs)


def shifted():
    b = Builder()
    return b.finish(b.relu(b.linear(b.input(1), Dense(np.ones((1, 1))), np.array([2.0]))), (1,), (1,))


def rejects(a: dict[str, Files]) -> dict[str, Files | bytes]:
    """One damage each; the name starts with the code it must draw."""
    base, balls, points = a["difference--relu-pair"], a["domain--two-balls-within"], a["domain--points"]
    split, hints, direct = a["split--three-levels"], a["backward--slope-hints"], a["difference--direct"]
    margin = a["conclude--margin"]
    form = a["quadratic--relu-pair"]
    free, scaled = a["networks--free"], a["networks--unknown-scale"]
    least = a["conclude--least-on-both"]
    f = network(base)
    low = Fraction(max(established(base, FAST)))
    two = zipped(base)
    out: dict[str, Files | bytes] = {
        "bound-too-high--one-unit-below": with_threshold(base, low - Fraction(1, 10**30)),
        "bound-too-high--strict-at-the-bound": with_threshold(base, low, "below"),
        "rendering--other-threshold": (lambda x: x | {"manifest": manifest(x)})(
            raw(base, **{"claim.json": base["claim.json"].replace(b"linf", b"l2")})
        ),
        "digest-mismatch--one-byte": raw(base, proof=base["proof"].replace(b"conclude 20", b"conclude 21")),
        "missing-file--no-proof": {k: v for k, v in base.items() if k != "proof"},
        "extra-file--stranger": raw(base, stranger=b"x"),
        "manifest-order--reversed": raw(base, manifest=b"".join(reversed(base["manifest"].splitlines(True)))),
        "unreadable--truncated-zip": two[: len(two) // 2],
        "compressed--deflated": packed(base, zipfile.ZIP_DEFLATED),
        "duplicate-file--proof-twice": packed(base, zipfile.ZIP_STORED, twice="proof"),
        "not-ascii-lines--two-spaces": edited(base, "proof", "conclude ", "conclude  "),
        "not-an-integer--leading-zero": edited(base, "proof", "leaf 0 0", "leaf 0 00"),
        "not-a-digest--short": edited(base, "claim", "\nf ", "\nf 0"),
        "unexpected-word--no-conclude": edited(base, "proof", "conclude", "concluded"),
        "word-count--plan": edited(base, "proof", "leaf 0 0", "leaf 0"),
        "negative-radius--ball": edited(balls, "claim", " 2 1 8\n", " 2 -1 8\n"),
        "denominator--radius": edited(balls, "claim", " 2 1 8\n", " 2 1 0\n"),
        "empty-domain--outside-the-box": edited(balls, "claim", "within 0 1 1 1", "within 2 1 3 1"),
        "empty-domain--no-points": edited(points, "claim", " 2\nanywhere", " 0\nanywhere"),
        "no-such-norm--l3": edited(base, "claim", "value linf", "value l3"),
        "one-output--modulo-mean": one_output(base),
        "one-network--margin": edited(margin, "claim", f"g {network(margin, 1)[9:]}", "g zero"),
        "threshold--negative-for-l2": with_threshold(a["conclude--l2-modulo-mean"], Fraction(-1)),
        "interface--other-outputs": interface(base),
        "shape--bias": edited(base, f, "affine 2 1 1 1", "affine 2 1 1 2"),
        "tensor-type--integer-weights": edited(base, f, "tensor f4 4", "tensor i4 4"),
        "tensor-size--short-blob": tensor_at(base, f, 0, b"\0" * 8),
        "not-finite--nan-weight": tensor_at(base, f, 0, np.array([np.nan, 1, 1, 1], dtype="f4").tobytes()),
        "no-such-tensor--weight": edited(base, f, "dense 0", "dense 7"),
        "no-such-map--sparse": edited(base, f, "dense 0", "sparse 0"),
        "no-such-node--later-source": edited(base, f, "relu 2 1", "relu 2 2"),
        "role--two": edited(base, f, "input 2 0", "input 2 2"),
        "free-source--depends-on-x": free_on_x(free),
        "scale-order--crossed": crossed(scaled),
        "no-such-block--backward": edited(base, "proof", "backward 1 ", "backward 90 "),
        "block-twice--node": edited(base, "proof", "node f 2 ", "node f 1 "),
        "bits--negative": edited(base, "proof", "conclude 20", "conclude -1"),
        "pair--of-one-block": edited(direct, "proof", "pair-direct 1 ", "pair-direct 2 ")
        if "pair-direct 1 2" in direct["proof"].decode()
        else edited(base, "proof", first(base, "pair-affine"), coarse_is_fine(first(base, "pair-affine"))),
        "scale--coarser-than-its-sources": edited(
            base, "proof", first(base, "pair-affine"), with_word(first(base, "pair-affine"), 4, "-3")
        ),
        "match--twice-the-same-term": edited(
            base, "proof", first(base, "pair-affine"), doubled(first(base, "pair-affine"))
        ),
        "hint--of-an-affine-block": edited(
            hints, "proof", first(hints, "slopes"), with_word(first(hints, "slopes"), 1, "1")
        ),
        "no-such-plan--leaf": edited(base, "proof", "leaf 0 0", "leaf 1 0"),
        "no-such-slot--leaf": edited(base, "proof", "leaf 0 0", "leaf 0 1"),
        "sign-role--of-the-second-input": edited(free, "proof", "part 0\n", f"part 0\nsign g {second_input(free)} 0\n"),
        "no-such-node--sign": edited(base, "proof", "part 0\n", "part 0\nsign f 99 0\n"),
        "index-range--sign-entry": edited(base, "proof", "part 0\n", "part 0\nsign f 1 99\n"),
        # Both sides of a true sign need a leaf: the second one is missing here.
        "unexpected-word--half-a-sign": edited(a["split--an-empty-side-is-closed"], "proof", "leaf 0 0\n", ""),
        # The best bound is an eighth; both signs alone would say nine eighths.
        "bound-too-high--signs-that-differ": with_threshold(a["difference--signs-that-differ"], Fraction(1, 9)),
        # The side that has points cannot be closed by the empty one's bounds.
        "bound-too-high--the-other-side-of-a-sign": with_threshold(a["split--an-empty-side-is-closed"], Fraction(2)),
        "hint--slopes-with-open-rows": edited(
            hints,
            "proof",
            first_after(hints, "slopes", "backward"),
            open_rows(first_after(hints, "slopes", "backward")),
        ),
        "bound-too-high--with-another-factor": factor_of(form, 2),
        "hint--a-factor-of-another-size": edited(form, "proof", first(form, "coordinates") + "\n", ""),
        "hint--coordinates-of-an-affine-block": edited(
            form, "proof", first(form, "coordinates"), with_word(first(form, "coordinates"), 1, affine_block(form))
        ),
        "hint--a-relu-fact-of-an-input": edited(
            form, "proof", first(form, "fact above"), with_word(first(form, "fact above"), 2, "0")
        ),
        "hint--a-fact-nobody-knows": edited(form, "proof", "fact above", "fact below"),
        "hint--product-of-a-fact-that-is-not-linear": edited(
            form, "proof", first(form, "product"), with_word(first(form, "product"), 1, "range")
        ),
        "hint--product-with-too-few-multipliers": edited(
            form,
            "proof",
            first(form, "product"),
            with_word(first(form, "product"), 7, first(form, "coordinates").split(" ")[2]),
        ),
        "index-range--entry-of-a-product": hint_tensor(form, first(form, "product"), lambda v: v - 2, 3),
        "hint--no-such-row": edited(
            form, "proof", first(form, "quadratic"), with_word(first(form, "quadratic"), 1, "9")
        ),
        "hint--coordinate-of-a-third-kind": third_kind(form),
        "bits--of-a-form": edited(
            form, "proof", first(form, "quadratic"), with_word(first(form, "quadratic"), 3, "-150")
        ),
        "bound-too-high--least-strict-at-the-bound": with_threshold(least, max(established(least, FAST)), "below"),
        "bound-too-high--least-with-a-smaller-limit": edited(least, "claim", " 0 1 1 3\n", " 0 1 1 4\n"),
        "denominator--of-a-least-limit": edited(least, "claim", " 0 1 1 3\n", " 0 1 1 0\n"),
        "unexpected-word--half-a-limit": edited(least, "claim", " 0 1 1 3\n", " 0 1 1\n"),
        "shape--one-limit-too-many": edited(least, "claim", " 0 1 1 3\n", " 0 1 1 3 1 3\n"),
        "no-such-tensor--least-rows": edited(least, "claim", "quantity least 2 3", "quantity least 2 -3"),
        "one-network--least-on-both": edited(least, "claim", f"g {network(least, 1)[9:]}", "g zero"),
        "part-order--swapped": edited(balls, "proof", "part 0", "part 1"),
        "split-outside--beyond-the-box": edited(
            split, "proof", first(split, "split"), with_word(with_word(first(split, "split"), 2, "99"), 3, "0")
        ),
        "index-range--split-coordinate": edited(
            split, "proof", first(split, "split"), with_word(first(split, "split"), 1, "9")
        ),
    }
    return out


def declines(a: dict[str, Files]) -> dict[str, Files]:
    base = a["difference--relu-pair"]
    return {
        "version--format-2": edited(base, "proof", "certify-proof 1", "certify-proof 2"),
        "version--rules-2": edited(base, "claim", "rules 1", "rules 2"),
        "semantics--float32": edited(base, "claim", "semantics real", "semantics float32"),
        "limit--bits": edited(base, "proof", "conclude 20", "conclude 201"),
    }


# ---- helpers of single vectors


def first(files: Files, words: str) -> str:
    return next(x for x in files["proof"].decode().split("\n") if f"{x} ".startswith(f"{words} "))


def hint_tensor(files: Files, line: str, data, word: int = -1) -> Files:
    """The tensor that a word of a proof line names, the last one, holding what ``data`` makes of its integers."""
    tensors = [words.split(" ") for words in files["proof"].decode().split("\n") if words.startswith("tensor")]
    _, kind, _, digest = tensors[int(line.split(" ")[word])]
    old = np.frombuffer(files[f"blobs/{digest}"], dtype=f"<{kind}")
    return sealed(renamed(files, f"blobs/{digest}", data(old).astype(old.dtype).tobytes()))


def factor_of(files: Files, divisor: int) -> Files:
    """The factor of a form made smaller: the remainder is then charged."""
    return hint_tensor(files, first(files, "quadratic"), lambda v: v // divisor)


def third_kind(files: Files) -> Files:
    return hint_tensor(files, first(files, "coordinates"), lambda v: np.where(v > 0, 3, v))


def affine_block(files: Files) -> str:
    """The number of the first affine block that a pair mentions."""
    return first(files, "pair-affine").split(" ")[1]


def with_word(line: str, i: int, word: str) -> str:
    words = line.split(" ")
    words[i] = word
    return " ".join(words)


def coarse_is_fine(line: str) -> str:
    return with_word(line, 2, line.split(" ")[1])


def doubled(line: str) -> str:
    """A pair-affine line whose first match stands twice."""
    words = line.split(" ")
    words[7] = "2"
    return " ".join([*words, *words[8:11]])


def packed(files: Files, method: int, twice: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as z, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in [*sorted(files), *([twice] if twice else [])]:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = method
            z.writestr(info, files[name])
    return buffer.getvalue()


def narrow() -> Network:
    """One output."""
    b = Builder()
    h = b.linear(b.input(2), Dense(np.array([[1, 2]], dtype="f4")))
    return b.finish(h, (2,), (1,))


def unknown_scale(weight: float) -> Network:
    """x times one unknown symbol, then a dense layer."""
    b = Builder()
    lo, hi = np.array([0.5, 0.25]), np.array([0.5625, 0.3125])
    h = b.scale(b.input(2), lo, hi)
    return b.finish(b.linear(h, Dense(np.array([[1, weight], [0, 1]], dtype="f4"))), (2,), (2,))


def one_output(base: Files) -> Files:
    files = bundle(Case(narrow(), None, BOX, ("upper", np.array([1.0]))))
    row = next(x for x in files["claim"].decode().split("\n") if x.startswith("quantity"))
    return edited(files, "claim", row, "quantity value linf 1")


def interface(base: Files) -> Files:
    other = bundle(Case(narrow(), None, BOX, ("upper", np.array([1.0]))))
    files = base | {k: v for k, v in other.items() if k.startswith(("blobs/", "networks/"))}
    return edited(files, "claim", f"g {network(base, 1)[9:]}", f"g {network(other)[9:]}")


def free_on_x(free: Files) -> Files:
    name = next(n for n in free if n.startswith("networks/") and b"\nfree " in free[n])
    text = free[name].decode()
    line = next(x for x in text.split("\n") if x.startswith("free "))
    inputs = [x for x in text.split("\n") if x.startswith("input ")]
    role = next(x for x in inputs if x.endswith(" 1"))
    del line
    return edited(free, name, role, role[:-1] + "0")


def crossed(scaled: Files) -> Files:
    """A scale map whose two tensors have changed places."""
    name = next(n for n in scaled if n.startswith("networks/") and b" scale " in scaled[n])
    line = next(x for x in scaled[name].decode().split("\n") if " scale " in x and distinct(x))
    head, tail = line.split(" scale ")
    lo, hi, repeat = tail.split(" ")
    return edited(scaled, name, line, f"{head} scale {hi} {lo} {repeat}")


def distinct(line: str) -> bool:
    lo, hi = line.split(" scale ")[1].split(" ")[:2]
    return lo != hi


def statement_vectors():
    """The modules beside this one that make vectors of statements: accept(), reject(), decline(), without manifests."""
    for file in sorted((Path(__file__).parent / "statement_vectors").glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"statement_vectors_{file.stem}", file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


def vectors() -> dict[str, Files | bytes]:
    """Path below specs/vectors -> files of a directory bundle, or the bytes of a zip."""
    a = accepts()
    groups = {"accept": a, "reject": rejects(a), "decline": declines(a)}
    for module in statement_vectors():
        for kind, group in groups.items():
            made = {k: v | {"manifest": manifest(v)} for k, v in getattr(module, kind, dict)().items()}
            if twice := made.keys() & group.keys():
                raise ValueError(f"{module.__name__}: {sorted(twice)[0]} has been made already")
            group.update(made)
    return {f"{kind}/{name}": files for kind, group in groups.items() for name, files in group.items()}


def write(root: Path = ROOT) -> int:
    """Write all vectors below ``root``, replacing what is there; returns their number."""
    shutil.rmtree(root, ignore_errors=True)
    made = vectors()
    for name, files in made.items():
        if isinstance(files, bytes):
            target = root / f"{name}.cert"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(files)
            continue
        for file, data in files.items():
            (root / name / file).parent.mkdir(parents=True, exist_ok=True)
            (root / name / file).write_bytes(data)
    return len(made)


if __name__ == "__main__":
    print(write(), "vectors")
