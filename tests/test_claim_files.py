"""Claim files: the worked ones end as their authors wrote down; what is said is claimed; nothing is ignored."""

from __future__ import annotations

import tomllib
from fractions import Fraction
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import certify as ct
from certify.claim_file import read_claim_file
from certify.claims import Kind
from certify.errors import BadInput, CertifyError, EmptyDomain
from certify.models import path
from certify.selectors import Selector

CLAIMS = Path(__file__).resolve().parents[1] / "specs" / "claims"
NET, DATA = path("digits.onnx"), path("digits.npz")


@pytest.mark.parametrize("path", sorted(CLAIMS.glob("*.toml")), ids=lambda p: p.stem)
def test_a_worked_claim_ends_as_expected(path):
    file = read_claim_file(path)
    assert file.expect is not None
    assert ct.prove(file.claim, budget=min(file.budget, 10.0), seed=file.seed).status == file.expect


def test_the_worked_claims_cover_every_quantity_domain_and_status():
    read = [read_claim_file(p) for p in CLAIMS.glob("*.toml")]
    kinds = {tomllib.loads(p.read_text())["domain"]["kind"] for p in CLAIMS.glob("*.toml")}
    assert {r.claim.quantity.kind for r in read} == {*get_args(Kind)}
    assert kinds == {"linf", "l2", "l1", "box", "points"}
    assert {r.expect for r in read} == {"proved", "refuted", "unknown"}


def file(folder, models="", domain="", claim="", rest=""):
    """A claim file from a correct one, with whole tables replaced."""
    models = models or f'f = "{NET}"\ng = {{coarsen = "prune", fraction = 0.5}}'
    domain = domain or f'kind = "linf"\npoints = "{DATA}:X[0:2]"\nradius = "1/255"\nwithin = [0, 1]'
    claim = claim or 'quantity = "value"\nat_most = "0.2"'
    out = folder / "claim.toml"
    out.write_text(f"[models]\n{models}\n[domain]\n{domain}\n[claim]\n{claim}\n{rest}\n")
    return out


def test_numbers_mean_what_is_typed(tmp_path):
    for typed, meant in (('"1/255"', Fraction(1, 255)), ("0.03", Fraction(3, 100)), ('"1e-2"', Fraction(1, 100))):
        domain = f'kind = "l2"\npoints = "{DATA}:X[3]"\nradius = {typed}'
        read = read_claim_file(file(tmp_path, domain=domain, claim=f'quantity = "value"\nbelow = {typed}'))
        assert (read.claim.domain.radius, read.claim.threshold, read.claim.relation) == (meant, meant, "below")


def test_a_file_and_the_same_claim_in_python_have_the_same_bytes(tmp_path):
    from certify.claim_text import encode_claim

    net = ct.load(NET)
    X = ct.linf(np.load(DATA)["X"][:2], "1/255") & ct.box(0, 1)
    spoken = ct.discrepancy(net, ct.prune(net, fraction=0.5), over=X) <= "0.2"
    assert encode_claim(read_claim_file(file(tmp_path)).claim).text == encode_claim(spoken).text


def test_paths_are_relative_to_the_file(tmp_path):
    (tmp_path / "net.onnx").write_bytes(NET.read_bytes())
    np.savez(tmp_path / "x.npz", np.zeros((1, 64)))
    read = read_claim_file(
        file(tmp_path, 'f = "net.onnx"\ng = "net.onnx"', 'kind = "points"\npoints = "x.npz"'),
    )
    assert read.claim.f.digest == read.claim.g.digest == ct.load(NET).digest


def test_steps_of_coarsening_are_applied_in_turn(tmp_path):
    steps = '[{coarsen = "prune", fraction = 0.5}, {coarsen = "quantise", bits = 4, per = "channel"}]'
    read = read_claim_file(file(tmp_path, f'f = "{NET}"\ng = {steps}'))
    f = ct.load(NET)
    g = ct.quantise(ct.prune(f, fraction=0.5), bits=4, per="channel")
    assert read.claim.g.digest == g.digest and read.claim.g.origin == f.digest


def test_settings_that_are_arrays_come_from_files_or_lists(tmp_path):
    mask = ", ".join(["true"] * 64)
    np.savez(tmp_path / "keep.npz", W=np.tri(64, dtype=bool))
    coarse = '{coarsen = "prune", mask = {dense0 = "keep.npz:W"}}'
    kept = read_claim_file(file(tmp_path, f'f = "{NET}"\ng = {coarse}')).claim.g
    assert kept.digest == ct.prune(ct.load(NET), mask={"dense0": np.tri(64, dtype=bool)}).digest
    coarse = f'{{coarsen = "subspace", layer = "relu0", rank = 8, data = "{DATA}:X"}}'
    assert read_claim_file(file(tmp_path, f'f = "{NET}"\ng = {coarse}')).claim.g.nodes
    with pytest.raises(BadInput, match="mask"):
        read_claim_file(file(tmp_path, f'f = "{NET}"\ng = {{coarsen = "prune", mask = {{dense0 = [{mask}]}}}}'))


def test_another_network_may_take_the_place_of_g(tmp_path):
    coarse = f'{{coarsen = "replace", other = "{path("digits_cnn.onnx")}"}}'
    read = read_claim_file(file(tmp_path, f'f = "{NET}"\ng = {coarse}'))
    assert read.claim.g.digest == ct.load(path("digits_cnn.onnx")).digest


def test_a_box_takes_numbers_lists_and_arrays_in_files(tmp_path):
    ones = str([1] * 64)
    for lo, hi in (("0", "1"), (f'"{DATA}:X[0]"', "1"), (f'"{DATA}:X[0]"', ones), ('"1/3"', '"2/3"')):
        read = read_claim_file(file(tmp_path, domain=f'kind = "box"\nlo = {lo}\nhi = {hi}'))
        assert read.claim.domain.parts == 1 and read.claim.domain.n == 64


@pytest.mark.parametrize(
    ("table", "text", "words"),
    [
        ("models", f'f = "{NET}"\ng = "zero"\nh = 1', ["[models]", "'h'", "allowed here: f, g"]),
        ("models", f'f = "{NET}"', ["[models]", "'g'"]),
        ("models", f'f = "{NET}"\ng = []', ["g", "empty"]),
        ("models", f'f = "{NET}"\ng = ["prune"]', ["g[0]", "table"]),
        ("models", f'f = "{NET}"\ng = {{coarsen = "shave"}}', ["shave", "prune"]),
        ("models", f'f = "{NET}"\ng = {{coarsen = "prune", share = 0.5}}', ["'share'", "fraction"]),
        ("models", f'f = "{NET}"\ng = {{coarsen = "prune", fraction = "half"}}', ["half"]),
        ("models", f'f = "{NET}"\ng = {{coarsen = "ablate"}}', ["layer"]),
        ("models", 'f = "missing.onnx"\ng = "zero"', ["missing.onnx"]),
        ("models", "f = 1\ng = 1", ["f", "text"]),
        ("domain", f'kind = "ball"\npoints = "{DATA}:X"', ["kind", "linf", "'ball'"]),
        ("domain", f'kind = "points"\npoints = "{DATA}:X"\nradius = 1', ["[domain]", "'radius'", "points, within"]),
        ("domain", f'kind = "linf"\npoints = "{DATA}:X"', ["'radius'"]),
        ("domain", f'kind = "linf"\npoints = "{DATA}:X["\nradius = 1', ["points", "X["]),
        ("domain", f'kind = "linf"\npoints = "{DATA}:X[0:9999]"\nradius = 1', ["100 rows"]),
        ("domain", 'kind = "points"\npoints = [[1, 2], [3]]', ["points", "one length"]),
        ("domain", 'kind = "points"\npoints = [["a"]]', ["points", "numbers"]),
        ("domain", 'kind = "points"\npoints = [[nan]]', ["nan"]),
        ("domain", f'kind = "linf"\npoints = "{DATA}:X"\nradius = "1/0"', ["radius", "1/0"]),
        ("domain", f'kind = "linf"\npoints = "{DATA}:X"\nradius = true', ["radius", "True"]),
        ("domain", f'kind = "linf"\npoints = "{DATA}:X"\nradius = 1\nwithin = [0]', ["within", "[lo, hi]"]),
        ("domain", 'kind = "points"\npoints = [[1, 2, 3]]', ["(3,)"]),
        ("claim", 'quantity = "mean"\nat_most = 1', ["quantity", "'mean'", "decision"]),
        ("claim", 'quantity = "value"\nlabels = [1]\nat_most = 1', ["'labels'", "norm, modulo_mean"]),
        ("claim", 'quantity = "value"', ["at_most, below, at_least", "none"]),
        ("claim", 'quantity = "value"\nat_most = 1\nbelow = 1', ["at_most, below"]),
        ("claim", 'quantity = "value"\nat_least = 1', ["value"]),
        ("claim", 'quantity = "value"\nnorm = "l3"\nat_most = 1', ["norm", "l3"]),
        ("claim", 'quantity = "output"\nat_most = 1', ["'output'"]),
        ("claim", 'quantity = "output"\noutput = 10\nat_most = 1', ["0 to 9"]),
        ("claim", 'quantity = "functional"\nrow = [1]\nat_most = 1', ["10", "1"]),
        ("claim", 'quantity = "upper"\nat_most = 1', ["row or output"]),
        ("claim", 'quantity = "margin"\nlabels = [1]\nat_most = 1', ["2", "1"]),
        ("claim", 'quantity = "value"\nat_most = -1', ["-1"]),
        ("rest", "[search]\nbudget = 'soon'", ["soon"]),
        ("rest", "[search]\nseed = 'x'", ["seed", "int"]),
        ("rest", "[expect]\nstatus = 'fine'", ["status", "proved, refuted, unknown"]),
        ("rest", "[notes]\na = 1", ["'notes'", "models, domain, claim, search, expect"]),
    ],
)
def test_a_mistake_is_one_line_that_says_where_and_what(tmp_path, table, text, words):
    with pytest.raises(CertifyError) as caught:
        read_claim_file(file(tmp_path, **{table: text}))
    message = str(caught.value)
    assert caught.value.exit_code == 66 and "\n" not in message
    assert all(w in message for w in words), message


def test_zero_is_for_bounds_on_one_network(tmp_path):
    with pytest.raises(BadInput, match="expected upper or least, found value"):
        read_claim_file(file(tmp_path, models=f'f = "{NET}"\ng = "zero"'))


def test_an_empty_domain_is_refused_when_the_file_is_read(tmp_path):
    with pytest.raises(EmptyDomain):
        read_claim_file(file(tmp_path, domain=f'kind = "points"\npoints = "{DATA}:X[0]"\nwithin = [2, 3]'))


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[models", b"a = " + b"[" * 100_000, b"x = 1\nx = 2"])
def test_what_is_no_claim_file_is_refused_in_one_line(tmp_path, data):
    (tmp_path / "bad.toml").write_bytes(data)
    with pytest.raises(BadInput) as caught:
        read_claim_file(tmp_path / "bad.toml")
    assert "bad.toml" in str(caught.value) and "\n" not in str(caught.value)


rows = st.one_of(
    st.none(), st.integers(0, 99).map(lambda k: (k, k + 1)), st.tuples(st.integers(0, 50), st.integers(51, 99))
)


@given(st.sampled_from(["x.npz", "a b/x.y.npz", "../x.npz"]), st.sampled_from([None, "X", "arr_0", "a.b/c"]), rows)
def test_a_selector_reads_back_what_it_says(name, array, kept):
    start, stop = (None, None) if kept is None else kept
    said = name + ("" if array is None else f":{array}") + ("" if kept is None else f"[{start}:{stop}]")
    assert Selector.parse(said, "here") == Selector(name, array, start, stop)
    if kept is not None and stop == start + 1:
        assert Selector.parse(said.replace(f"[{start}:{stop}]", f"[{start}]"), "here").stop == stop


@given(st.text(st.sampled_from("X:[]0-1.npyz/ "), max_size=16))
def test_any_other_word_is_refused_or_names_a_numpy_file(text):
    try:
        found = Selector.parse(text, "here")
    except BadInput as e:
        assert str(e).startswith("here: ")
    else:
        assert found.path.endswith((".npz", ".npy")) and text.startswith(found.path)


def test_a_least_claim_takes_rows_and_limits(tmp_path):
    rows = "[[1, 0, 0, 0, 0, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, 0, 0, 0, 0, -1]]"
    claim = f'quantity = "least"\non_f = {rows}\nlimits = ["1/3", 0]\nbelow = 0'
    read = read_claim_file(file(tmp_path, models=f'f = "{NET}"\ng = "zero"', claim=claim)).claim
    assert (read.quantity.kind, read.quantity.limits, read.relation) == ("least", (Fraction(1, 3), 0), "below")
    with pytest.raises(BadInput, match="limits: expected numbers"):
        bad = claim.replace('"1/3"', "true")
        read_claim_file(file(tmp_path, models=f'f = "{NET}"\ng = "zero"', claim=bad))
    with pytest.raises(BadInput, match="on_f: expected 1 rows"):
        bad = claim.replace('"1/3", ', "")
        read_claim_file(file(tmp_path, models=f'f = "{NET}"\ng = "zero"', claim=bad))
