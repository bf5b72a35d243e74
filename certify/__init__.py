"""certify: worst-case bounds on what a simplified network discards, with certificates a small kernel checks.

    import certify as ct
    net = ct.load("digits.onnx")
    small = ct.prune(net, fraction=0.5)
    r = ct.prove(ct.discrepancy(net, small, over=ct.linf(images, "0.01") & ct.box(0, 1)) <= 0.2)

Names are imported when first used: the trusted kernel runs under this package and must load nothing of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_WHERE = {
    "certify.networks.load": ["load"],
    "certify.networks.graph": ["Network"],
    "certify.domains": ["box", "linf", "l2", "l1", "points"],
    "certify.claims": ["discrepancy", "margin", "decision", "output_bound", "least", "Claim"],
    "certify.coarsenings": [
        "prune", "low_rank", "merge", "quantise", "round_to", "ablate", "subspace", "dictionary", "replace",
    ],
    "certify.vnnlib": ["read_vnnlib"],
    "certify.strategy": ["prove", "bound", "strengths"],
    "certify.convex.spectra.spectrum": ["spectral_gap"],
    "certify.convex.marginals.marginal": ["marginalise"],
    "certify.convex.spectra.survival": ["gap_survives"],
    "certify.convex.spectra.gram": ["gram", "covariance"],
    "certify.convex.truncation": ["truncation"],
    "certify.convex.ridges.ridge": ["ridge_truncation"],
    "certify.convex.ridges.ridge_flow": ["ridge_flow"],
    "certify.convex.reduction": ["balanced_truncation", "reduction_error"],
    "certify.certificate": ["Certificate", "check"],
    "certify.results": ["Result", "Bracket"],
    "certify.convex.lumping.lump": ["lump"],
    "certify.convex.lumping.refine": ["refine_partition"],
    "certify.convex.lumping.stationary": ["stationary_bounds"],
    "certify.convex.budgets.budget": ["error_budget"],
    "certify.convex.budgets.influence": ["ising_comparison"],
    "certify.convex.lipschitz.gains": ["lipschitz", "difference_gain"],
    "certify.symbolic.deriving": ["derive"],
    "certify.symbolic.polynomials.prove": ["prove_inequality", "lower_bound"],
    "certify.symbolic.polynomials.runs": ["prove_invariant"],
    "certify.symbolic.ranges.bound": ["range_bound"],
    "certify.errors": ["CertifyError"],
}  # fmt: skip
_HOME = {name: module for module, names in _WHERE.items() for name in names}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in ("inequalities", "statistics", "symbolic"):
        return import_module(f"certify.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'certify' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


if TYPE_CHECKING:
    from certify.certificate import Certificate, check
    from certify.claims import Claim, decision, discrepancy, least, margin, output_bound
    from certify.coarsenings import (
        ablate,
        dictionary,
        low_rank,
        merge,
        prune,
        quantise,
        replace,
        round_to,
        subspace,
    )
    from certify.convex.budgets.budget import error_budget
    from certify.convex.budgets.influence import ising_comparison
    from certify.convex.lipschitz.gains import difference_gain, lipschitz
    from certify.convex.lumping.lump import lump
    from certify.convex.lumping.refine import refine_partition
    from certify.convex.lumping.stationary import stationary_bounds
    from certify.convex.marginals.marginal import marginalise
    from certify.convex.reduction import balanced_truncation, reduction_error
    from certify.convex.ridges.ridge import ridge_truncation
    from certify.convex.ridges.ridge_flow import ridge_flow
    from certify.convex.spectra.gram import covariance, gram
    from certify.convex.spectra.spectrum import spectral_gap
    from certify.convex.spectra.survival import gap_survives
    from certify.convex.truncation import truncation
    from certify.domains import box, l1, l2, linf, points
    from certify.errors import CertifyError
    from certify.networks.graph import Network
    from certify.networks.load import load
    from certify.results import Bracket, Result
    from certify.strategy import bound, prove, strengths
    from certify.symbolic.deriving import derive
    from certify.symbolic.polynomials.prove import lower_bound, prove_inequality
    from certify.symbolic.polynomials.runs import prove_invariant
    from certify.symbolic.ranges.bound import range_bound
    from certify.vnnlib import read_vnnlib
