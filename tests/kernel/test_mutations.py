"""Ten thousand damaged certificates: none is accepted unless the claim that it then makes holds.

Tiny bundles whose thresholds are what the kernel establishes are damaged in every file: bytes, integers, lines,
tensors, domains, thresholds, selections; mostly sealed again, so that the damage reaches the rules. An accepted one
is judged by exact evaluation of the damaged claim, read back by an independent reader. Anything but a verdict fails.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from bundles import FAST, PURE, bundle, established, renamed, sealed, verdict, with_threshold, write_zip
from cases import KINDS, random_case, random_least, random_styles
from rational_oracle import squared, worst
from reading import read_case
from semidefinite_bundles import KINDS as SEMIDEFINITE_KINDS
from semidefinite_bundles import tight_semidefinite

CHUNKS, PER_CHUNK = 26, 500
BASES = (*KINDS, "semidefinite", "least")


def base(seed: int, kind: str):
    """A sealed bundle whose threshold is exactly what is established."""
    if kind == "semidefinite":
        return tight_semidefinite(seed, random.Random(seed).choice(SEMIDEFINITE_KINDS))
    r = random.Random(seed)
    case = random_case(seed, None if kind == "least" else kind)
    if kind == "least":
        case = replace(case, quantity=random_least(r, case.f.n_out, case.g is not None))
    style = replace(random_styles(seed)[0], backward=r.choice([0.0, 0.3]), use_pairs=r.random() < 0.8)
    # Usually one leaf for each part: the campaign is about many damages, not about long proofs.
    files = bundle(case, (style,), r.choice([0, 0, 0, 1]), seed)
    return with_threshold(files, max(established(files, FAST)))


# ---- damages: each takes the files and a random source and returns damaged files, sealed or not


def any_byte(files, r):
    """One byte of one file, not sealed again."""
    name = r.choice(sorted(files))
    return files | {name: _byte(files[name], r)}


def sealed_byte(files, r):
    """One byte of one file, under a name and a manifest that fit."""
    return _replaced(files, _any_name(files, r), lambda data: _byte(data, r))


def integer_field(files, r):
    """One integer of a claim, proof or network changed a little, negated, zeroed, or set to another of the file."""

    def damage(data):
        lines = [line.split(" ") for line in data.decode().split("\n")]
        places = [(i, j) for i, w in enumerate(lines) for j, v in enumerate(w) if j and v.lstrip("-").isdigit()]
        if not places:
            return data
        i, j = r.choice(places)
        v = int(lines[i][j])
        a, b = r.choice(places)
        lines[i][j] = str(r.choice([v + 1, v - 1, -v, 0, 1, int(lines[a][b]), 2 * v, v // 2]))
        return "\n".join(" ".join(w) for w in lines).encode()

    return _replaced(files, _text_name(files, r), damage)


def words_of_a_line(files, r):
    """Two words of a line swapped, or one dropped or doubled."""

    def damage(data):
        lines = [line.split(" ") for line in data.decode().split("\n")]
        w = r.choice([x for x in lines if len(x) > 1])
        i, j = r.randrange(len(w)), r.randrange(len(w))
        how = r.randrange(3)
        if how == 0:
            w[i], w[j] = w[j], w[i]
        elif how == 1:
            del w[i]
        else:
            w.insert(i, w[j])
        return "\n".join(" ".join(x) for x in lines).encode()

    return _replaced(files, _text_name(files, r), damage)


def whole_lines(files, r):
    """A line dropped, doubled, or exchanged with another: parts, leaves, plans, terms, tensors."""

    def damage(data):
        lines = data.decode().split("\n")[:-1]
        i, j = r.randrange(len(lines)), r.randrange(len(lines))
        how = r.randrange(3)
        if how == 0:
            del lines[i]
        elif how == 1:
            lines.insert(i, lines[j])
        else:
            lines[i], lines[j] = lines[j], lines[i]
        return ("\n".join(lines) + "\n").encode()

    return _replaced(files, _text_name(files, r), damage)


def tensor_entry(files, r):
    """One entry of a tensor: a weight, a bound of the domain, a class, a selection or a slope."""

    def damage(data):
        kinds = _kinds(files, data)
        a = np.frombuffer(data, dtype=r.choice(kinds)).copy()
        i = r.randrange(a.size)
        if a.dtype.kind == "i":
            a[i] = r.choice([int(a[i]) // 2, min(int(a[i]), 2**30) + 1, max(int(a[i]), -(2**30)) - 1, -1, 0])
        else:
            with np.errstate(over="ignore", invalid="ignore"):
                a[i] = r.choice(
                    [-a[i], a[i] * a.dtype.type(1.01), a[i] * a.dtype.type(0.5), a[i] + a.dtype.type(0.1), 0]
                )
        return a.tobytes()

    return _replaced(files, _blob_name(files, r), damage)


def swapped_tensors(files, r):
    """The contents of one tensor in the place of another."""
    names = [n for n in sorted(files) if n.startswith("blobs/")]
    other = files[r.choice(names)]
    return _replaced(files, r.choice(names), lambda _: other)


def swapped_networks(files, r):
    """f and g exchanged, or one in both places."""
    lines = files["claim"].decode().split("\n")
    i = next(k for k, line in enumerate(lines) if line.startswith("f "))
    f, g = lines[i][2:], lines[i + 1][2:]
    lines[i], lines[i + 1] = r.choice([(f"f {g}", f"g {f}"), (f"f {f}", f"g {f}"), (f"f {f}", "g zero")])
    return sealed(files | {"claim": "\n".join(lines).encode()})


def threshold(files, r):
    """A lower or higher threshold, or the strict relation."""
    lines = files["claim"].decode().split("\n")
    _, num, den = lines[-3].split(" ")
    t = Fraction(int(num), int(den)) * Fraction(r.choice([1, 99, 100, 101, 50, -100]), 100)
    return with_threshold(files, t - r.choice([0, Fraction(1, 2**60)]), r.choice(["at-most", "below"]))


DAMAGES = (
    any_byte,
    sealed_byte,
    integer_field,
    integer_field,
    integer_field,
    words_of_a_line,
    whole_lines,
    whole_lines,
    tensor_entry,
    tensor_entry,
    tensor_entry,
    swapped_tensors,
    swapped_networks,
    threshold,
)


def twice(files, r):
    """Damage to what is damaged already, unless it can no longer be read as text."""
    try:
        return r.choice(DAMAGES[1:])(files, r)
    except (ValueError, ZeroDivisionError, LookupError, StopIteration):
        return files


def _byte(data, r):
    i = r.randrange(len(data))
    return data[:i] + bytes([r.choice([data[i] ^ (1 << r.randrange(8)), r.randrange(256)])]) + data[i + 1 :]


def _any_name(files, r):
    return r.choice([n for n in sorted(files) if n != "manifest"])


def _text_name(files, r):
    return r.choice(["claim", "proof", "proof", *(n for n in sorted(files) if n.startswith("networks/"))])


def _blob_name(files, r):
    return r.choice([n for n in sorted(files) if n.startswith("blobs/")])


def _kinds(files, data):
    """The types under which some file names these bytes."""
    import hashlib

    name = hashlib.sha256(data).hexdigest().encode()
    out = [
        {b"f2": "<f2", b"f4": "<f4", b"f8": "<f8", b"i4": "<i4", b"i8": "<i8"}[line.split(b" ")[1]]
        for text in files.values()
        for line in text.split(b"\n")
        if line.startswith(b"tensor ") and line.endswith(name)
    ]
    return out or ["<u1"]


def _replaced(files, name, damage):
    """The file after damage, under its new digest, all sealed again."""
    data = damage(files[name])
    if name in ("claim", "proof", "claim.json"):
        after = files | {name: data}
        if name == "claim.json":  # sealing would render it anew: only the manifest follows
            from bundles import manifest

            return after | {"manifest": manifest({n: d for n, d in after.items() if n != "manifest"})}
        return sealed(after)
    return sealed(renamed(files, name, data))


# ---- the campaign


def contradicted(files, seed) -> bool:
    """Whether exact evaluation refutes the claim that the files make."""
    case = read_case(files)
    for part in range(case.region.parts):
        found = worst(case, part, 3, seed)
        if found is None:
            continue
        limit = case.threshold**2 if squared(case) else case.threshold
        if found > limit or (case.relation == "below" and found == limit):
            return True
    return False


def campaign(path, chunk: int, count: int) -> Counter:
    """Damage, check, judge; returns how often each verdict came."""
    r, verdicts = random.Random(chunk), Counter()
    kind = BASES[chunk % len(BASES)]
    files = base(chunk, kind)
    for number in range(count):
        if number % 20 == 0:
            files = base(r.randrange(2**32), kind)
        damage = r.choice(DAMAGES)
        damaged = damage(files, r)
        if r.random() < 0.15:
            damaged = twice(damaged, r)
        if damaged == files:
            continue
        where = f"chunk {chunk}, number {number}, {damage.__name__}"
        write_zip(damaged, path)
        try:
            word, code, _ = verdict(path, FAST)
            if word == "accepted" or number % 10 == 0:
                assert verdict(path, PURE)[0] == word, f"{where}: the kernels disagree"
        except Exception as e:
            raise AssertionError(f"{where}: {type(e).__name__} instead of a verdict: {e}") from e
        verdicts[code or word] += 1
        if word == "accepted":
            assert not contradicted(damaged, number), f"{where}: a false claim was accepted"
    return verdicts


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_damaged_certificate_proves_a_false_claim(tmp_path, chunk):
    verdicts = campaign(tmp_path / "damaged.cert", chunk, PER_CHUNK)
    print(dict(verdicts.most_common()))
    assert sum(verdicts.values()) >= 400, "26 chunks make more than 10,000 damaged certificates"
    assert verdicts["bound-too-high"] >= 10, "the damage reached the rules"
    assert verdicts["accepted"] >= 10, "and left some claims true"


def test_the_judge_refutes_a_claim_that_is_false():
    """The campaign's oracle must be able to fail: lower the threshold below what samples reach."""
    refuted = 0
    for seed in range(40):
        files = base(seed, "mlp")
        case = read_case(files)
        found = worst(case, 0, 5, seed)
        if found is not None and not squared(case):
            assert not contradicted(files, seed)
            refuted += contradicted(with_threshold(files, found - Fraction(1, 10**9)), seed)
    assert refuted >= 20


@pytest.mark.long
@pytest.mark.parametrize("chunk", range(1000, 1200))
def test_no_damaged_certificate_proves_a_false_claim_in_a_longer_campaign(tmp_path, chunk):
    campaign(tmp_path / "damaged.cert", chunk, 1000)
