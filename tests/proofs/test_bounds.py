"""Random and quadratic cases: both kernels establish the same bound, to the last digit, and refuse one unit less."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import pytest
from both_kernels import assert_same, needs_rocq

from bundles import FAST, bundle, established, sealed, with_threshold, write_directory  # isort: skip
from cases import KINDS, random_case, random_least, random_styles  # isort: skip
from rational_oracle import squared  # isort: skip
import semidefinite_bundles as quadratic  # isort: skip

pytestmark = needs_rocq


def same_at_and_below(files, folder, where, square=False):
    """The claim at the bound that the Python kernel establishes, strictly below it, and one unit lower."""
    bound = max(established(files, FAST))
    # A reported root is rounded up by less than 2^-60 of itself; squares are what is compared.
    below = bound * (1 - Fraction(1, 2**56)) if square else bound - Fraction(1, bound.denominator)
    claims = {"at": (bound, "at-most", "accepted")}
    if not square:
        claims["strict"] = bound, "below", "rejected"
    if below >= 0 or not square:
        claims["less"] = below, "at-most", "accepted" if square and bound == 0 else "rejected"
    for name, (threshold, relation, said) in claims.items():
        path = write_directory(with_threshold(files, threshold, relation), folder / f"{where}-{name}")
        assert assert_same(path, f"{where}, {name}") == said


def drawn(seed, kind, huge=False, least=False):
    """A random bundle, and whether squares are what its claim compares."""
    case, r = random_case(seed, kind), random.Random(seed)
    if least:
        case = replace(case, quantity=random_least(r, case.f.n_out, case.g is not None))
    return bundle(case, random_styles(seed, huge), r.randrange(4), seed, r.choice([0.0, 0.5])), squared(case)


@pytest.mark.parametrize("huge", [False, True], ids=["usual", "huge"])
@pytest.mark.parametrize("kind", KINDS)
def test_random_cases(kind, huge, tmp_path):
    for seed in range(4 if huge else 6):
        files, square = drawn(seed, kind, huge)
        same_at_and_below(files, tmp_path, seed, square)


@pytest.mark.parametrize("kind", KINDS)
def test_the_least_of_some_rows(kind, tmp_path):
    for seed in range(8):
        path = write_directory(drawn(seed, kind, seed % 4 == 0, least=True)[0], tmp_path / str(seed))
        assert assert_same(path, seed) == "accepted"


def test_the_stored_quadratic_plans(tmp_path):
    for name in ("relu-pair", "merged-neurons"):
        same_at_and_below(quadratic.stored(name), tmp_path, name)


def crude(files):
    """The same bundle, the backward pass of its last step in so few bits that the form decides."""
    lines = files["proof"].split(b"\n")
    return sealed(files | {"proof": b"\n".join(b"conclude 0 0" if w.startswith(b"conclude ") else w for w in lines)})


def without_forms(files):
    """The same bundle with the backward pass alone."""
    words = (b"coordinates ", b"fact ", b"product ", b"quadratic ")
    lines = files["proof"].split(b"\n")
    return files | {"proof": b"\n".join(w for w in lines if not w.startswith(words))}


@pytest.mark.parametrize("kind", quadratic.KINDS)
def test_quadratic_bounds(kind, tmp_path):
    """Plans of the library's prover, spoilt ones, and those that an optimiser finds for the facts of the rule."""
    seen = shown = 0
    for seed in range(3):
        case = quadratic.one_row(seed, kind)
        proved = quadratic.semidefinite(case, seed, spoil=0.3 * (seed == 2), lossy=seed == 2)
        for name, files in (("proved", proved), ("best", quadratic.exploiting(case, seed))):
            for how in (lambda f: f, crude) if files is not None else ():
                same_at_and_below(how(files), tmp_path, f"{seed}-{name}-{how.__name__}")
                shown += established(how(files), FAST) < established(without_forms(how(files)), FAST)
            seen += files is not None
    # Residual networks as small as these have no bound that a form improves.
    assert seen >= 1 and (shown >= 1 or kind == "residual")
