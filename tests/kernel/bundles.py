"""Make small certificate bundles for the kernel's tests: networks, claim, plan, manifest.

Independent of the elaborator, so that a misunderstanding there cannot hide one in the kernel. Plans come from a
generic writer that pairs whatever it can and may be made random; nothing here tries to be tight.
"""

from __future__ import annotations

import hashlib
import io
import random
import types
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from certify.kernel.arithmetic import fast, pure
from certify.kernel.check import check, replay
from certify.kernel.claim import Claim
from certify.kernel.proof import Proof
from certify.kernel.rendering import render
from certify.kernel.statement import Statement
from certify.kernel.verdict import Declined, Rejected
from certify.networks.encode import TensorTable, network_text
from certify.networks.graph import Affine, Free, Input, Network, Relu
from certify.networks.maps import Conv, Dense, Identity, Select


def without_self_test(module):
    """An arithmetic whose start-up test is left out: it would dominate a campaign of tiny checks."""
    names = {k: v for k, v in vars(module).items() if not k.startswith("_")}
    return types.SimpleNamespace(**(names | {"self_test": lambda: None}))


FAST, PURE = without_self_test(fast), without_self_test(pure)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# ---- bundles as dictionaries of files


class Reader:
    """The files of a bundle in memory, as the kernel's readers want them."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    def read(self, name: str) -> bytes:
        if name not in self._files:
            raise Rejected("missing-file", name, "not in the bundle")
        return self._files[name]


def manifest(files: dict[str, bytes]) -> bytes:
    """The manifest of the other files, as they are."""
    rest = sorted((n, d) for n, d in files.items() if n != "manifest")
    return "".join(f"{digest(d)} {len(d)} {n}\n" for n, d in rest).encode("utf-8", "surrogateescape")


def sealed(files: dict[str, bytes]) -> dict[str, bytes]:
    """The bundle with claim.json rendered anew when `claim` can be read, and a manifest that fits."""
    out = {n: d for n, d in files.items() if n != "manifest"}
    try:
        statement = out["claim"].startswith(b"certify-statement ")
        out["claim.json"] = Statement(Reader(out), FAST).render() if statement else render(Claim(Reader(out)))
    except (Rejected, Declined):
        out.setdefault("claim.json", b"{}")
    return out | {"manifest": manifest(out)}


def renamed(files: dict[str, bytes], old: str, data: bytes) -> dict[str, bytes]:
    """The bundle with a blob or a network replaced, and every mention of its digest with it."""
    folder, before = old.split("/")
    after = digest(data)
    out = {n: d for n, d in files.items() if n != old} | {f"{folder}/{after}": data}
    if folder == "blobs":
        for name in [n for n in out if n.startswith("networks/")]:
            text = out[name].replace(before.encode(), after.encode())
            if text != out[name]:
                out = renamed(out, name, text)
    for name in ("claim", "proof"):
        out[name] = out[name].replace(before.encode(), after.encode())
    return out


def edited(files: dict[str, bytes], name: str, old: str, new: str) -> dict[str, bytes]:
    """One text file with the first ``old`` replaced; networks are renamed by their new digest."""
    text = files[name].decode()
    if old not in text:
        raise ValueError(f"{name} does not hold {old!r}:\n{text}")
    data = text.replace(old, new, 1).encode()
    return sealed(renamed(files, name, data) if "/" in name else files | {name: data})


def zipped(files: dict[str, bytes]) -> bytes:
    """The bundle as one uncompressed zip; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as z:
        for name in sorted(files):
            z.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), files[name])
    return buffer.getvalue()


def write_zip(files: dict[str, bytes], path: Path) -> Path:
    path.write_bytes(zipped(files))
    return path


def write_directory(files: dict[str, bytes], path: Path) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def verdict(path: Path, arithmetic) -> tuple[str, str, object]:
    """("accepted" | "rejected" | "declined", reason code, what check returned); any other exception escapes."""
    try:
        return "accepted", "", check(str(path), arithmetic)
    except Rejected as e:
        return "rejected", e.code, None
    except Declined as e:
        return "declined", e.code, None


def word_of_both(files: dict[str, bytes], folder: Path) -> str:
    """accepted, or the reason code, of both arithmetics for files to be sealed; asserts that they agree."""
    path = write_directory(sealed(files), folder / "c")
    first, second = (verdict(path, arithmetic)[:2] for arithmetic in (fast, pure))
    assert first == second
    return first[1] or first[0]


def established(files: dict[str, bytes], arithmetic) -> list[Fraction]:
    """What the kernel establishes on each part, the threshold aside."""
    reader = Reader(files)
    claim = Claim(reader)
    return replay(arithmetic, claim, Proof(reader, claim, arithmetic), enforce=False)[0]


def with_threshold(files: dict[str, bytes], threshold: Fraction, relation: str = "at-most") -> dict[str, bytes]:
    """The same bundle claiming another threshold, sealed."""
    lines = files["claim"].decode().split("\n")
    lines[-3] = f"{relation} {threshold.numerator} {threshold.denominator}"
    return sealed(files | {"claim": "\n".join(lines).encode()})


# ---- claims


@dataclass(frozen=True)
class Region:
    """A domain: kind box (arrays lo, hi), ball (array of centres) or points (array); within None or (lo, hi)."""

    kind: str
    arrays: tuple[np.ndarray, ...]
    norm: str = "linf"
    radius: Fraction = Fraction(0)
    within: tuple | None = None  # two Fractions or two arrays

    @property
    def parts(self) -> int:
        return 1 if self.kind == "box" else len(self.arrays[0])

    def lines(self, table: TensorTable) -> list[str]:
        names = " ".join(str(table.add(a)) for a in self.arrays)
        if self.kind == "box":
            head = f"domain box {names}"
        elif self.kind == "points":
            head = f"domain points {names} {self.parts}"
        else:
            r = self.radius
            head = f"domain ball {self.norm} {names} {self.parts} {r.numerator} {r.denominator}"
        if self.within is None:
            return [head, "anywhere"]
        a, b = self.within
        if isinstance(a, Fraction):
            return [head, f"within {a.numerator} {a.denominator} {b.numerator} {b.denominator}"]
        return [head, f"within-arrays {table.add(a)} {table.add(b)}"]


@dataclass(frozen=True)
class Case:
    """A claim in memory: networks, what corresponds, domain, quantity.

    pairs: (node of f, node of g, sigma or None). quantity: the words of the claim line, an array for a tensor.
    """

    f: Network
    g: Network | None
    region: Region
    quantity: tuple = ("value", "linf", 0)
    pairs: tuple = ()
    threshold: Fraction = Fraction(10) ** 60
    relation: str = "at-most"

    def text(self) -> tuple[bytes, dict[str, bytes]]:
        """(claim file, blobs)."""
        table = TensorTable()
        domain = self.region.lines(table)
        words = [str(table.add(w)) if isinstance(w, np.ndarray) else str(w) for w in self.quantity]
        t = self.threshold
        g = "zero" if self.g is None else network_text(self.g).digest
        lines = ["certify-claim 1", "rules 1", "semantics real", *table.lines, f"f {network_text(self.f).digest}"]
        lines += [f"g {g}", *domain, "quantity " + " ".join(words)]
        lines += [f"{self.relation} {t.numerator} {t.denominator}", "end", ""]
        return "\n".join(lines).encode(), table.blobs


# ---- plans


@dataclass
class Style:
    """How a plan is written; every choice is sound, ``chance`` makes some of them at random."""

    seed: int = 0
    input_scale: int = 16
    scale: int = 14
    delta: int = 6
    bits: tuple[int, int] = (16, 16)
    final: tuple[int, int] = (20, 20)
    forward: int = 16
    constant: int = 24
    backward: float = 1.0
    hints: float = 0.0
    use_pairs: bool = True
    shuffle: bool = False
    direct: float = 0.0
    slots: int = 1
    multipliers: float = 0.0
    open_rows: float = 0.2
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    @classmethod
    def any(cls, seed: int, huge: bool = False) -> Style:
        """A random style; ``huge`` reaches beyond 64-bit integers."""
        r = random.Random(seed)
        bits = (lambda: r.choice([0, 3, 10, 20, 60, 130, 200])) if huge else (lambda: r.randrange(2, 26))
        scale = r.randrange(-40, 200) if huge else r.randrange(4, 22)
        return cls(
            seed=seed,
            input_scale=r.randrange(-3, 200) if huge else r.randrange(4, 22),
            scale=scale,
            delta=r.randrange(0, 100) if huge else r.randrange(0, 12),
            bits=(bits(), bits()),
            final=(bits(), bits()),
            forward=bits(),
            constant=bits(),
            backward=r.choice([0.0, 0.5, 1.0]),
            hints=r.choice([0.0, 0.5, 1.0]),
            use_pairs=r.random() < 0.9,
            direct=r.choice([0.0, 0.0, 0.5]),
            slots=r.choice([1, 1, 2, 3]),
            multipliers=r.choice([0.0, 0.0, 0.4]),
        )


class PlanWriter:
    """Writes plans for one case into one table of hint tensors."""

    def __init__(self, case: Case) -> None:
        self.case, self.table = case, TensorTable()
        self.rows = _row_count(case)

    def write(self, style: Style) -> list[str]:
        """The lines of one plan."""
        self.style, self.lines, self.blocks = style, [], []
        self.at: dict[object, int] = {}
        self.local: dict[str, list[int]] = {"f": [], "g": []}
        self.keys: dict[str, list[object]] = {"f": [], "g": []}
        self.paired: dict[tuple[int, int], list[int]] = {}
        nets = {"f": self.case.f} | ({"g": self.case.g} if self.case.g is not None else {})
        for name, net in nets.items():
            for i in range(len(net.nodes)):
                self._node(name, net, i)
                if name == "g" and style.use_pairs:
                    for fine, coarse, sigma in self.case.pairs:
                        if coarse == i:
                            self._pair(fine, coarse, sigma)
        self._hints(self.rows, conclude=True)
        self.lines.append(f"conclude {style.final[0]} {style.final[1]}")
        return [f"plan {len(self.blocks)} {style.forward} {style.constant} {style.slots}", *self.lines]

    def _block(self, line: str, **what) -> int:
        self.lines.append(line)
        self.blocks.append(what)
        return len(self.blocks) - 1

    def _node(self, name, net, i) -> None:
        key = merged_key(net, i, self.keys[name], name)
        self.keys[name].append(key)
        if key in self.at:
            self.local[name].append(self.at[key])
            return
        node = net.nodes[i]
        scale = self.style.input_scale if isinstance(node, Input) else self.style.scale
        kind = "affine"
        if isinstance(node, Relu | Free):
            scale = self.blocks[self.local[name][node.source]]["scale"]
            kind = "relu" if isinstance(node, Relu) else "free"
        elif isinstance(node, Input):
            kind = "input"
        b = self._block(f"node {name} {i} {scale}", kind=kind, size=node.size, scale=scale)
        self.at[key] = b
        self.local[name].append(b)
        if kind == "affine" and net.nodes[i].size:
            self._tighten(b)

    def _tighten(self, b) -> None:
        r, size = self.style.chance, self.blocks[b]["size"]
        if r.random() >= self.style.backward:
            return
        rows, chosen = -1, size
        if r.random() < self.style.open_rows:
            self.lines.append(f"backward {b} {self.style.bits[0]} {self.style.bits[1]} -2")
            return
        if self.style.shuffle or r.random() < 0.2:
            index = sorted(r.sample(range(size), r.randrange(1, size + 1)), key=lambda _: r.random())
            rows, chosen = self.table.add(np.array(index, dtype=np.int32)), len(index)
        self._hints(2 * chosen, upto=b)
        self.lines.append(f"backward {b} {self.style.bits[0]} {self.style.bits[1]} {rows}")

    def _hints(self, rows, upto=None, conclude=False) -> None:
        r = self.style.chance
        c = self.style.final[0] if conclude else self.style.bits[0]
        rows *= self.style.slots
        for b, block in enumerate(self.blocks if upto is None else self.blocks[: upto + 1]):
            if r.random() < self.style.multipliers:
                top = 1 << min(c, 60)
                values = [r.randrange(-top, top + 1) for _ in range(rows * block["size"])]
                self.lines.append(f"multipliers {b} {self.table.add(np.array(values, dtype=np.int64))}")
            if b == upto or block["kind"] not in ("relu", "pair-relu") or r.random() >= self.style.hints:
                continue
            top = 1 << min(c + r.randrange(0, 3), 60)

            def tensor(size=block["size"], top=top):
                values = [r.randrange(-top, top + 1) for _ in range(rows * size)]
                return self.table.add(np.array(values, dtype=np.int64))

            second = tensor() if block["kind"] == "pair-relu" else -1
            self.lines.append(f"slopes {b} {tensor()} {second}")

    def _pair(self, fine, coarse, sigma) -> None:
        u, w = self.local["f"][fine], self.local["g"][coarse]
        first, second = self.blocks[u], self.blocks[w]
        if u == w or first["scale"] != second["scale"]:
            return
        s = -1 if sigma is None else self.table.add(np.asarray(sigma, dtype=np.int32))
        key = None if sigma is None else tuple(sigma)
        nodes = self.case.f.nodes[fine], self.case.g.nodes[coarse]
        scale = first["scale"] + self.style.delta
        what = {"kind": "pair-direct", "size": first["size"], "scale": scale, "sigma": key}
        line = None
        if self.style.chance.random() >= self.style.direct:
            if isinstance(nodes[0], Relu) and isinstance(nodes[1], Relu):
                sources = self.local["f"][nodes[0].source], self.local["g"][nodes[1].source]
                inner = [d for d in self.paired.get(sources, []) if self.blocks[d]["sigma"] == key]
                if inner:
                    what["scale"] = scale = self.blocks[inner[-1]]["scale"]
                    line = f"pair-relu {u} {w} {s} {scale} {inner[-1]}"
            elif isinstance(nodes[0], Affine) and isinstance(nodes[1], Affine):
                line = self._affine(nodes, u, w, s, scale, sigma)
        what["kind"] = line.split()[0] if line else "pair-direct"
        d = self._block(line or f"pair-direct {u} {w} {s} {scale}", **what)
        self.paired.setdefault((u, w), []).append(d)
        if what["kind"] == "pair-affine":
            self._tighten(d)

    def _affine(self, nodes, u, w, s, scale, sigma):
        matches, used = [], set()
        for i, t in enumerate(nodes[0].terms):
            for j, t2 in enumerate(nodes[1].terms):
                x, y = self.local["f"][t.source], self.local["g"][t2.source]
                if j in used or (t.num, t.den) != (t2.num, t2.den) or type(t.map) is not type(t2.map):
                    continue
                inner = -1 if x == y else (self.paired.get((x, y)) or [None])[-1]
                if inner is None or not _joins(t.map, t2.map, inner, sigma, self.blocks):
                    continue
                used.add(j)
                matches.append((i, j, inner))
                break
        loose = [t2 for j, t2 in enumerate(nodes[1].terms) if j not in used]
        if sigma is not None and any(not isinstance(t.map, Dense | Conv) for t in loose):
            return None
        words = " ".join(f"{i} {j} {d}" for i, j, d in matches)
        return f"pair-affine {u} {w} {s} {scale} 1 1 {len(matches)} {words}".rstrip()


def _joins(first, second, inner, sigma, blocks) -> bool:
    """Whether the difference of two maps can be formed: same kind and shape, selections through dense and conv."""
    selects = (inner != -1 and blocks[inner]["sigma"] is not None) or sigma is not None
    if isinstance(first, Dense):
        return True
    if isinstance(first, Conv):
        alike = first.in_spatial, first.strides, first.pads, first.dilations, first.weight.shape[2:]
        others = second.in_spatial, second.strides, second.pads, second.dilations, second.weight.shape[2:]
        return alike == others and first.groups == second.groups and (not selects or first.groups == 1)
    if isinstance(first, Select):
        return not selects and np.array_equal(first.index, second.index)
    return not selects and (isinstance(first, Identity) or first.repeat == second.repeat)


def merged_key(net, i, keys, name):
    """What makes two nodes one node of the merged graph: operator, tensor contents, scalars, equal sources."""
    node = net.nodes[i]
    if isinstance(node, Input):
        return "input", node.role
    if isinstance(node, Free):
        return "free", name, i
    if isinstance(node, Relu):
        return "relu", keys[node.source]

    def tensor(t):
        return t.dtype.str, t.tobytes()

    def words(m):
        shape = () if not isinstance(m, Conv) else (m.in_spatial, m.strides, m.pads, m.dilations, m.groups)
        repeat = getattr(m, "repeat", 0)
        return type(m).__name__, m.n_in, m.n_out, shape, repeat, tuple(tensor(t) for t in m.tensors())

    bias = None if node.bias is None else (tensor(node.bias), node.repeat)
    return "affine", node.size, bias, tuple((keys[t.source], t.num, t.den, words(t.map)) for t in node.terms)


def _row_count(case) -> int:
    n, form = case.f.n_out, case.quantity[0]
    if form == "least":
        k = len(case.quantity[3:]) // 2
        return k + k * (k - 1) // 2
    return {"value": 2 * n, "output": 2, "functional": 2, "upper": 1, "margin": n - 1, "decision": 2 * (n - 1)}[form]


# ---- proofs and bundles


def random_tree(
    case: Case, part: int, slots: Sequence[int], r: random.Random, depth: int, signs: float = 0.0
) -> list[str]:
    """A tree of splits through the middle of the current cell or by signs, in prefix order.

    slots: those of each plan; signs: how often a split is by the sign of a value that depends on x alone.
    """
    low, high = bounding_box(case.region, part)
    nodes = [(name, i) for name, net in _networks(case).items() for i in _on_x_alone(net)]

    def sign():
        (name, i), (other, k) = r.choice(nodes), r.choice(nodes)
        sizes = case.f.nodes[i].size if name == "f" else case.g.nodes[i].size
        if (name, other) == ("f", "g") and case.g.nodes[k].size == sizes and r.random() < 0.5:
            return f"sign-pair {i} {k} {r.randrange(sizes)}"
        return f"sign {name} {i} {r.randrange(sizes)}"

    def grow(cuts, left):
        if left and nodes and r.random() < signs:
            return [sign(), *grow(cuts, left - 1), *grow(cuts, left - 1)]
        i = r.randrange(len(low))
        a, b = cuts.get(i, (low[i], high[i]))
        # A cut needs a dyadic strictly inside; halves of the midpoint's floor at a fixed scale are.
        m = Fraction(((a + b) / 2 * 2**40).__floor__(), 2**40)
        if left == 0 or not a < m < b:
            plan = r.randrange(len(slots))
            return [f"leaf {plan} {r.randrange(slots[plan])}"]
        below, above = cuts | {i: (a, m)}, cuts | {i: (m, b)}
        line = f"split {i} {(m * 2**40).numerator} 40"
        return [line, *grow(below, left - 1), *grow(above, left - 1)]

    return grow({}, depth)


def _networks(case):
    return {"f": case.f} | ({"g": case.g} if case.g is not None else {})


def _on_x_alone(net) -> list[int]:
    """The nodes that depend on the first input and on nothing else."""
    alone: list[bool] = []
    for node in net.nodes:
        if isinstance(node, Input):
            alone.append(node.role == 0)
        elif isinstance(node, Affine):
            alone.append(all(alone[t.source] for t in node.terms))
        else:
            alone.append(isinstance(node, Relu) and alone[node.source])
    return [i for i, yes in enumerate(alone) if yes]


def exact(a: np.ndarray) -> list[Fraction]:
    return [Fraction(float(v)) for v in np.asarray(a).ravel()]


def bounding_box(region: Region, part: int) -> tuple[list[Fraction], list[Fraction]]:
    """The exact bounding box of a part, a ball taken as its cube."""
    if region.kind == "box":
        low, high = exact(region.arrays[0]), exact(region.arrays[1])
    else:
        centre = exact(region.arrays[0][part])
        low, high = [c - region.radius for c in centre], [c + region.radius for c in centre]
    if region.within is not None:
        a, b = region.within
        n = len(low)
        least, most = ([a] * n, [b] * n) if isinstance(a, Fraction) else (exact(a), exact(b))
        low, high = list(map(max, low, least)), list(map(min, high, most))
    return low, high


def bundle(
    case: Case, styles: tuple[Style, ...] = (Style(),), depth: int = 0, seed: int = 0, signs: float = 0.0
) -> dict[str, bytes]:
    """A sealed bundle: one plan for each style, and for each part a tree of splits of at most ``depth``."""
    writer, r = PlanWriter(case), random.Random(seed)
    plans = [line for s in styles for line in writer.write(replace(s))]
    trees = []
    for part in range(case.region.parts):
        trees += [f"part {part}", *random_tree(case, part, [s.slots for s in styles], r, depth, signs)]
    return assemble(case, [*writer.table.lines, *plans, *trees], writer.table.blobs)


def assemble(case: Case, proof_lines: list[str], blobs: dict[str, bytes] | None = None) -> dict[str, bytes]:
    """A sealed bundle from a case and the lines of a proof between its header and its end."""
    text, more = case.text()
    files = {"claim": text, "proof": "\n".join(["certify-proof 1", *proof_lines, "end", ""]).encode()}
    files |= {f"blobs/{d}": v for d, v in (more | (blobs or {})).items()}
    for net in (case.f, case.g):
        if net is not None:
            encoded = network_text(net)
            files[f"networks/{encoded.digest}"] = encoded.text
            files |= {f"blobs/{d}": v for d, v in encoded.blobs.items()}
    return sealed(files)
