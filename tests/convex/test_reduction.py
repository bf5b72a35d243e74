"""Error gains of reduced systems, in both times."""

from __future__ import annotations

import numpy as np
import pytest

from certify.convex.reduction import reduction_error
from certify.errors import BadInput


def systems(continuous: bool, seed: int):
    r = np.random.default_rng(seed)
    a = -np.diag([1.0, 2.0, 3.0, 9.0]) + 0.1 * r.standard_normal((4, 4))
    a = a if continuous else 0.6 * np.eye(4) + a / 20
    b, c, d = r.standard_normal((4, 1)), r.standard_normal((1, 4)), np.zeros((1, 1))
    return (a, b, c, d), (a[:2, :2], b[:2], c[:, :2], d)


@pytest.mark.parametrize("continuous", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_an_error_gain_is_proved_and_a_limit_too_low_is_unknown(continuous, seed):
    found = reduction_error(*systems(continuous, seed), continuous)
    assert found.status == "proved" and found.verdict.verdict == "accepted"
    assert found.details["numeric"] <= found.bound <= 1.25 * found.details["numeric"]
    low = reduction_error(*systems(continuous, seed), continuous, limit=0.9 * found.details["numeric"])
    assert low.status == "unknown" and low.bound is None


def test_an_unstable_system_is_one_clear_line():
    full, reduced = systems(True, 0)
    with pytest.raises(BadInput, match="not stable"):
        reduction_error((-full[0], *full[1:]), reduced)
