"""Inequalities along every run of a system: proved at symbolic depth, refuted by a run, or unknown."""

from __future__ import annotations

import pytest

import certify as ct
from certify.certificate import check
from certify.errors import BadInput

LIPSCHITZ = {"state": ["a", "q"], "start": ["a == b", "q == 1"], "step": ["a_next <= L*a + e", "q_next == L*q"]}
TOWER = {
    "state": ["a", "q", "t"],
    "always": ["L >= 0", "e >= 0"],
    "start": ["a == b", "q == 1", "t == 0"],
    "step": ["a_next <= (1 + L)*a + e", "q_next == (1 + L)*q", "t_next == t + 1"],
}
PROVED = {
    "layers": ("(L - 1)*(a - q*b) <= e*(q - 1)", LIPSCHITZ | {"always": ["L >= 1"]}),
    "telescoping": (
        "a <= e*t",
        {"state": ["a", "t"], "start": ["a == 0", "t == 0"], "step": ["a_next <= a + e", "t_next == t + 1"]},
    ),
    "residual tower": ("a <= q*(b + e*t)", TOWER),
    "contraction": (
        "(1 - r)*a <= (1 - r)*b + e",
        {
            "state": ["a"], "always": ["0 <= r", "r <= 1", "e >= 0", "b >= 0"], "start": ["a == b"],
            "step": ["a_next <= r*a + e"],
        },
    ),
    "rotation": (
        "x**2 + y**2 <= 1",
        {
            "state": ["x", "y"], "start": ["x**2 + y**2 <= 1"],
            "step": ["x_next == (3*x - 4*y)/5", "y_next == (4*x + 3*y)/5"],
        },
    ),
    "logistic map": ("x >= 0", {"state": ["x"], "start": ["0 <= x <= 1"], "step": ["x_next == 4*x*(1 - x)"]}),
}  # fmt: skip


@pytest.mark.parametrize("name", PROVED)
def test_proves_at_any_depth_in_under_a_second(name):
    claim, system = PROVED[name]
    r = ct.prove_invariant(claim, **system)
    assert r.status == "proved", str(r)
    assert r.certificate is not None and r.certificate.claim["statement"] == "invariant"
    assert check(r.certificate).accepted
    # Measured 0.1 to 0.3 s; the machine may be busy.
    assert sum(r.seconds.values()) < 5


def test_refutes_by_a_run():
    step = ["x_next == x - y/10", "y_next == y + x/10"]
    r = ct.prove_invariant("x**2 + y**2 <= 1", state=["x", "y"], start=["x**2 + y**2 <= 1"], step=step)
    assert r.status == "refuted" and r.certificate is None
    x0, y0, x1, y1 = (r.witness[v] for v in ("x[0]", "y[0]", "x[1]", "y[1]"))
    assert x0**2 + y0**2 <= 1 and x1 == x0 - y0 / 10 and y1 == y0 + x0 / 10
    assert r.value == 1 - x1**2 - y1**2 < 0


def test_a_bound_that_is_too_small_by_a_little_is_refuted():
    claim = "(L - 1)*(a - q*b) <= e*(q - 1) - 1/1000000"
    r = ct.prove_invariant(claim, **LIPSCHITZ, always=["L >= 1"])
    assert r.status == "refuted" and r.value < 0


def test_what_is_true_but_not_inductive_is_unknown():
    # x runs through 0, 1, 2, ..; a real x next to them would not do.
    system = {"state": ["x"], "start": ["x == 0"], "step": ["x_next == x + 1"]}
    r = ct.prove_invariant("(x - 7/2)**2 >= 1/4", **system, seconds=3)
    assert r.status == "unknown" and r.certificate is None and "not shown" in str(r)


def test_named_invariants_help():
    step = ["x_next == x + y", "y_next == y*z", "z_next == z"]
    system = {"state": ["x", "y", "z"], "start": ["x == 0", "y == 1", "z**3 >= 1"], "step": step}
    helped = ct.prove_invariant("x >= 0", **system, invariants=["y >= 0", "z >= 0"], seconds=20)
    assert helped.status == "proved", str(helped)


@pytest.mark.parametrize(
    ("claim", "changed"),
    [("x == 0", {}), ("x_next >= 0", {}), ("x > 0", {}), ("x >= 0", {"state": []}), ("x >= 0", {"state": ["x", "x"]}),
     ("x >= 0", {"start": ["x_next == 0"]}), ("x >= 0", {"invariants": ["x == 0"]})],
)  # fmt: skip
def test_bad_systems_are_one_line(claim, changed):
    with pytest.raises(BadInput) as e:
        ct.prove_invariant(claim, **({"state": ["x"], "start": ["x == 0"], "step": ["x_next == x"]} | changed))
    assert "\n" not in str(e.value)
