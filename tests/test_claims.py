"""Claims say exactly one thing: their quantities, their pairing of networks, and their two files."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import certify as ct
from certify.claim_text import claim_json, encode_claim
from certify.claim_values import enclose
from certify.domains import UniformBox
from certify.elaborate import BundleFiles, claim_files
from certify.errors import BadInput
from certify.kernel.claim import Claim as KernelClaim
from certify.kernel.rendering import render
from certify.networks.builder import Builder
from certify.networks.encode import network_text
from certify.networks.exact import exact_values
from certify.networks.maps import Dense

SPEC = Path(__file__).parents[1] / "specs" / "claim-json.md"


def network(seed: int, n: int = 3, m: int = 3, shape: tuple[int, ...] | None = None):
    """A small dense relu network with float32 weights."""
    rng = np.random.default_rng(seed)
    b = Builder()
    h = b.relu(b.linear(b.input(n), Dense(rng.normal(size=(4, n)).astype(np.float32)), rng.normal(size=4)))
    out = b.linear(h, Dense(rng.normal(size=(m, 4)).astype(np.float32)), rng.normal(size=m).astype(np.float32))
    return b.finish(out, shape or (n,), (m,))


F, G = network(0), network(1)
CENTRES = np.array([[0.25, 0.5, 0.75], [0.1, 0.9, 0.3]], dtype=np.float32)
BALLS = ct.linf(CENTRES, "0.03") & ct.box(0, 1)
DOMAINS = {
    "balls": BALLS,
    "l2 balls": ct.l2(CENTRES, "1/255"),
    "l1 balls in arrays": ct.l1(CENTRES, 2) & ct.box(np.zeros(3), np.ones(3)),
    "box": ct.box(np.zeros(3), np.ones(3, dtype=np.float32)),
    "box cut": ct.box(np.zeros(3), np.ones(3)) & ct.box("1/3", "2/3"),
    "points": ct.points(CENTRES),
    "cube": ct.box(0, 1),
}
QUANTITIES = {
    "linf": lambda x: ct.discrepancy(F, G, over=x),
    "l1": lambda x: ct.discrepancy(F, G, over=x, norm="l1"),
    "l2": lambda x: ct.discrepancy(F, G, over=x, norm="l2"),
    "modulo": lambda x: ct.discrepancy(F, G, over=x, modulo_mean=True),
    "modulo l1": lambda x: ct.discrepancy(F, G, over=x, modulo_mean=True, norm="l1"),
    "modulo l2": lambda x: ct.discrepancy(F, G, over=x, modulo_mean=True, norm="l2"),
    "output": lambda x: ct.discrepancy(F, G, over=x, output=1),
    "functional": lambda x: ct.discrepancy(F, G, over=x, functional=[1, -0.5, 0]),
    "upper": lambda x: ct.discrepancy(F, G, over=x, upper=[1, -0.5, 0]),
    "bound": lambda x: ct.output_bound(F, over=x, functional=[1, 2, 3]),
    "one output": lambda x: ct.output_bound(F, over=x, output=2),
    "margin": lambda x: ct.margin(F, G, over=x),
    "decision": lambda x: ct.decision(F, G, over=x).quantity,
}


class Files:
    """A bundle in memory, as the kernel reads one."""

    def __init__(self, claim) -> None:
        text = encode_claim(claim)
        self.files = {"claim": text.text} | {f"blobs/{d}": v for d, v in text.blobs.items()}
        for net in (claim.f, claim.g):
            if net is not None:
                e = network_text(net)
                self.files |= {f"networks/{e.digest}": e.text} | {f"blobs/{d}": v for d, v in e.blobs.items()}

    def read(self, name: str) -> bytes:
        return self.files[name]


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_the_kernel_renders_the_same_json_from_the_text_alone(domain, quantity):
    claim = QUANTITIES[quantity](DOMAINS[domain]) <= "0.125"
    kernel = KernelClaim(Files(claim))
    assert render(kernel) == claim_json(claim)
    assert (kernel.relation, kernel.threshold) == ("at-most", Fraction(1, 8))
    assert kernel.domain.parts == claim.domain.parts


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_kernel_decodes_the_domain_that_was_meant(domain):
    claim = ct.discrepancy(F, G, over=DOMAINS[domain]) < "1/3"
    kernel = KernelClaim(Files(claim))
    assert kernel.relation == "below"
    for k in range(claim.domain.parts):
        for i in range(3):
            assert kernel.domain.coordinate(k, i) == claim.domain.coordinate(k, i)


def test_the_specified_example_has_the_keys_that_are_written():
    lines = SPEC.read_text().split("Example", 1)[1].splitlines()
    written = "".join(line.strip() for line in lines if line.startswith("    "))
    claim = ct.discrepancy(F, G, over=BALLS) <= 0.2
    mine = re.sub(r"[0-9a-f]{64}", "HEX", claim_json(claim).decode())
    assert mine == written


def test_json_is_canonical():
    text = claim_json(ct.decision(F, G, over=BALLS)).decode("ascii")
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    assert json.loads(text)["threshold"] == "0/1"


def oracle(q, x, part) -> Fraction:
    """The quantity from its definition, in rational arithmetic on float evaluations made exact; squared for l2."""
    from certify.networks.exact import exact_values

    f = exact_values(q.f, x)[0]
    g = exact_values(q.g, x)[0] if q.g is not None else [Fraction(0)] * 3
    d = [a - b for a, b in zip(f, g, strict=True)]
    if q.modulo_mean:
        d = [v - sum(d) / 3 for v in d]
    row = None if q.row is None else [Fraction(float(v)) for v in q.row]
    match q.kind:
        case "value":
            sizes = [abs(v) for v in d]
            return {"linf": max(sizes), "l1": sum(sizes), "l2": sum(v * v for v in sizes)}[q.norm]
        case "output":
            return abs(d[q.index])
        case "functional":
            return abs(sum(a * v for a, v in zip(row, d, strict=True)))
        case "upper":
            return sum(a * v for a, v in zip(row, d, strict=True))
    c = q.labels[part]
    sides = [d] if q.kind == "margin" else [f, g]
    return max(v[j] - v[c] for v in sides for j in range(3) if j != c)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 1))
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_the_value_at_a_point_is_the_definition(quantity, seed, part):
    q = QUANTITIES[quantity](BALLS)
    x = BALLS.sample(np.random.default_rng(seed), 1, part)[0]
    low, high = q.value_at(x, part=part)
    want = oracle(q, x, part)
    if q.norm == "l2" and q.kind == "value":
        assert low * low <= want <= high * high and high - low <= high / 2**60
    else:
        assert low == high == want
    f = q.f(x)
    g = None if q.g is None else q.g(x)
    assert q.evaluate(f, g, part)[0] == pytest.approx(float(low), abs=1e-12)
    rows = [np.zeros(1)]
    for r in q.rows(part):
        zero = np.zeros(len(r.on_f if r.on_f is not None else r.on_g))
        rows.append((zero if r.on_f is None else r.on_f @ f[0]) + (zero if r.on_g is None else r.on_g @ g[0]))
    assert q.combine(np.concatenate(rows[1:])) == pytest.approx(float(low), abs=1e-12)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_an_enclosure_holds_the_value_of_everything_enclosed(quantity, seed):
    q = QUANTITIES[quantity](BALLS)
    rng = np.random.default_rng(seed)

    def draw() -> list[Fraction]:
        return [Fraction(int(v), 8) for v in rng.integers(-8, 9, 3)]

    f, g, wide_f, wide_g = draw(), draw(), draw(), draw()
    pair_f = tuple([op(a, b) for a, b in zip(f, wide_f, strict=True)] for op in (min, max))
    pair_g = tuple([op(a, b) for a, b in zip(g, wide_g, strict=True)] for op in (min, max))
    one, no = q.g is not None, None
    low, high = enclose(q, pair_f, pair_g if one else no, 0)
    for a in (f, wide_f):
        for b in (g, wide_g):
            x, y = enclose(q, (a, a), (b, b) if one else no, 0)
            assert low <= x <= y <= high


def test_a_value_outside_the_domain_is_refused():
    q = ct.discrepancy(F, G, over=BALLS)
    with pytest.raises(BadInput, match="part 1 of the domain"):
        q.value_at(CENTRES[0], part=1)
    with pytest.raises(BadInput, match="x: expected a point of the domain"):
        q.value_at(CENTRES[0] + 1)
    with pytest.raises(BadInput, match="x': expected a point"):
        q.value_at(CENTRES[0], CENTRES[0] + 1)


def test_thresholds_mean_the_decimal_and_relations_their_signs():
    q = ct.discrepancy(F, G, over=BALLS)
    assert (q <= 0.2).threshold == Fraction(1, 5)
    assert (Fraction(1, 5) >= q).relation == "at-most" and (q < 0.2).relation == "below"
    t = Fraction(1, 5)
    assert (q <= t).holds(t) and not (q < t).holds(t) and not (q <= t).holds(t + Fraction(1, 10**50))


def test_a_lower_bound_on_an_output_is_an_upper_bound_on_its_negative():
    claim = ct.output_bound(F, over=BALLS, output=1) >= "-3/2"
    assert claim.quantity.row.tolist() == [0, -1, 0] and claim.threshold == Fraction(3, 2)
    assert not np.signbit(claim.quantity.row[[0, 2]]).any()
    assert (ct.output_bound(F, over=BALLS, output=1) > 0).relation == "below"


def test_labels_default_to_the_coarse_class_at_each_centre():
    assert ct.margin(F, G, over=BALLS).labels == tuple(G(CENTRES).argmax(1))
    assert ct.decision(F, G, over=BALLS, labels=[2, 0]).quantity.labels == (2, 0)


def test_networks_pair_when_their_layouts_agree_up_to_axes_of_size_one():
    wide, flat, other = network(0, 6, 3, (1, 2, 3)), network(1, 6, 3, (6, 1)), network(2, 6, 3, (3, 2))
    x = ct.linf(np.zeros((1, 6)), 1)
    assert ct.discrepancy(wide, flat, over=x).domain is x
    assert ct.discrepancy(wide, network(3, 6, 3, (2, 3, 1)), over=ct.linf(np.zeros((4, 1, 2, 3)), 1)).domain.parts == 4
    with pytest.raises(BadInput, match=r"input: f has shape \(1, 2, 3\), g has \(3, 2\)"):
        ct.discrepancy(wide, other, over=x)
    with pytest.raises(BadInput, match=r"points of shape \(1, 2, 3\), found \(3, 2\)"):
        ct.discrepancy(wide, flat, over=ct.linf(np.zeros((4, 3, 2)), 1))


def test_a_box_of_two_numbers_takes_the_shape_of_the_network():
    assert isinstance(ct.box(0, 1), UniformBox)
    assert ct.discrepancy(network(0, 6, 3, (2, 3)), network(1, 6, 3), over=ct.box(0, 1)).domain.shape == (2, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ct.discrepancy(F, network(1, 3, 4), over=BALLS), r"output: f has shape \(3,\), g has \(4,\)"),
        (lambda: ct.discrepancy(F, G, over=ct.box(np.zeros(2), np.ones(2))), r"points of shape \(3,\), found \(2,\)"),
        (lambda: ct.discrepancy(F, G, over=ct.linf(np.zeros((3, 1)), 1)), "give one point as a batch of one"),
        (lambda: ct.discrepancy(F, "g.onnx", over=BALLS), "expected networks, found Network and str"),
        (lambda: ct.discrepancy(F, G, over=CENTRES), "expected a box, balls or points, found ndarray"),
        (lambda: ct.discrepancy(F, G, over=BALLS, norm="l3"), "norm: expected linf, l2 or l1, found 'l3'"),
        (lambda: ct.discrepancy(F, G, over=BALLS, output=3), "output: expected 0 to 2, found 3"),
        (lambda: ct.discrepancy(F, G, over=BALLS, output=0, functional=[1, 2, 3]), "at most one of"),
        (lambda: ct.discrepancy(F, G, over=BALLS, output=0, modulo_mean=True), "modulo_mean: expected a norm"),
        (lambda: ct.discrepancy(F, G, over=BALLS, functional=[1, 2]), "expected 3 numbers, found 2"),
        (lambda: ct.discrepancy(F, G, over=BALLS, functional=[1, 2, np.inf]), "expected finite entries"),
        (lambda: ct.discrepancy(network(0, 3, 1), network(1, 3, 1), over=BALLS, modulo_mean=True), "one output"),
        (lambda: ct.margin(network(0, 3, 1), network(1, 3, 1), over=BALLS), "needs two outputs, found 1"),
        (lambda: ct.margin(F, G, over=BALLS, labels=[0]), "labels: expected 2 integers, found 1"),
        (lambda: ct.margin(F, G, over=BALLS, labels=[0, 3]), "labels: expected 0 to 2, found 0 to 3"),
        (lambda: ct.margin(F, G, over=BALLS, labels=[0.0, 1.0]), "labels: expected 2 integers"),
        (lambda: ct.discrepancy(F, G, over=BALLS) <= -1, "threshold: expected zero or more for a norm, found -1"),
        (lambda: ct.discrepancy(F, G, over=BALLS) <= "wide", "threshold: expected a number"),
        (lambda: ct.discrepancy(F, G, over=BALLS) >= 1, "use <="),
        (lambda: ct.output_bound(F, over=BALLS), "give output= or functional="),
    ],
)
def test_bad_claims_end_in_one_clear_line(make, message):
    with pytest.raises(BadInput, match=message) as e:
        make()
    assert "\n" not in str(e.value)


def test_a_claim_is_neither_true_nor_false_before_it_is_proved():
    with pytest.raises(TypeError, match="until it is proved"):
        bool(ct.discrepancy(F, G, over=BALLS) <= 1)


def test_a_claim_reads_as_a_sentence():
    claim = ct.discrepancy(F, G, over=BALLS) <= 0.2
    assert str(claim) == "sup ||f - g||_inf <= 1/5 over 2 balls of linf radius 3/100 within [0, 1]"


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_a_least_claim_round_trips_and_its_value_is_the_smallest_row(seed):
    rng = np.random.default_rng(seed)
    b = Builder()
    h = b.relu(b.linear(b.input(2), Dense(rng.normal(size=(3, 2))), rng.normal(size=3)))
    f = b.finish(b.linear(h, Dense(rng.normal(size=(2, 3)))), (2,), (2,))
    X, k = ct.box([-1, -1], [1, 1]), int(rng.integers(1, 4))
    on_f, on_g = rng.normal(size=(k, 2)), rng.normal(size=(k, 2))
    limits = [Fraction(int(v), 7) for v in rng.integers(-9, 9, k)]
    second = [None, on_g, -on_f][seed % 3]
    q = ct.least(f, f if second is not None else None, over=X, on_f=on_f, on_g=second, limits=limits)
    files = claim_files(q < 0)
    assert render(KernelClaim(BundleFiles(files))) == files["claim.json"]
    x = rng.uniform(-1, 1, size=2)
    y = [Fraction(v) for v in exact_values(f, x)[0]]
    rows = on_f if second is None else np.concatenate([on_f, second], axis=1)
    outputs = y if second is None else [*y, *y]
    true = min(
        sum(Fraction(a) * v for a, v in zip(r, outputs, strict=True)) - t for r, t in zip(rows, limits, strict=True)
    )
    assert q.value_at(x) == (true, true)
    assert q.evaluate(f(x[None]), None if second is None else f(x[None]), 0)[0] == pytest.approx(float(true), abs=1e-9)


def test_a_conjunction_that_no_input_meets_is_proved_and_one_that_is_met_is_refuted():
    # |x| and 1 - |x| on [-1, 1]: both at least 1/2 at |x| = 1/2, never both at least 0.6.
    b = Builder()
    x = b.input(1)
    h = b.relu(b.linear(x, Dense(np.array([[1.0], [-1.0]]))))
    f = b.finish(b.linear(h, Dense(np.array([[1.0, 1.0], [-1.0, -1.0]])), np.array([0.0, 1.0])), (1,), (2,))
    over = ct.box([-1.0], [1.0])
    assert ct.prove(ct.least(f, over=over, on_f=np.eye(2), limits=["0.6", "0.6"]) < 0, "5s").status == "proved"
    met = ct.prove(ct.least(f, over=over, on_f=np.eye(2), limits=["0.4", "0.4"]) < 0, "5s")
    assert met.status == "refuted"
    assert met.witness is not None and met.witness.value >= 0


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"on_f": np.eye(2), "limits": [0]}, "on_f: expected 1 rows of 2 numbers"),
        ({"on_f": np.eye(2)[:0], "limits": []}, "expected at least one row"),
        ({"on_f": np.eye(2), "on_g": np.eye(2), "limits": [0, 0]}, "expected a second network"),
    ],
)
def test_a_least_claim_of_the_wrong_shape_is_bad_input(more, text):
    b = Builder()
    f = b.finish(b.linear(b.input(2), Dense(np.eye(2))), (2,), (2,))
    with pytest.raises(BadInput, match=text):
        ct.least(f, over=ct.box([0, 0], [1, 1]), **more)
