"""How much a reduced linear system errs: the energy gain of the difference, with a certificate."""

from certify.convex.reduction.balanced import balanced_truncation
from certify.convex.reduction.error import reduction_error

__all__ = ["balanced_truncation", "reduction_error"]
