"""Random claims end to end: no established bound is below an exact evaluation, and the kernel accepts every file."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certify.strategy import prove
from certify.testing import claims


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(claims(), st.integers(0, 2**32 - 1))
def test_no_established_bound_is_below_an_exact_evaluation(claim, seed):
    r = prove(claim, budget="0.5s")
    assert r.verdict.accepted
    rng = np.random.default_rng(seed)
    for k, bracket in enumerate(r.brackets):
        for x in claim.domain.sample(rng, 4, k):
            x2 = claim.domain.sample(rng, 1, k)[0]
            assert claim.quantity.value_at(x, x2, k)[0] <= bracket.upper
    assert r.status != "proved" or claim.holds(r.bracket.upper)
