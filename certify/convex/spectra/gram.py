"""``ct.gram`` and ``ct.covariance``: matrices of inner products, formed without rounding.

A product in floats is neither symmetric by right nor the product that was meant. These are exact, for every function
here that takes a matrix: the tangent kernel is the Gram matrix of the rows of the Jacobian (Jacot, Gabriel and Hongler
2018), the empirical Fisher matrix that of the columns of the gradients of the log-likelihood, weighted by the data.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal

import numpy as np

from certify.convex.forms import lowest
from certify.errors import BadInput
from certify.kernel.exact import Matrix
from certify.statements.exact import exact


def gram(X: Any, side: Literal["rows", "columns"] = "rows", weights: Any = None) -> Matrix:
    """Inner products of the rows of X, X W X' (r, r), or of its columns, X' W X (c, c), exactly.

    X: (r, c), floats taken exactly or Fractions. weights: the diagonal of W >= 0, as many as the inner products have
    terms; by default ones. Raises BadInput.
    """
    if side not in ("rows", "columns"):
        raise BadInput(f"side: expected 'rows' or 'columns', found {side!r}")
    x = exact(X, "X")
    x = x if side == "rows" else x.T
    return lowest((x if weights is None else x.each(_weights(weights, x.shape[1]))) @ x.T)


def covariance(X: Any, weights: Any = None) -> Matrix:
    """sum_i w_i (x_i - mean) (x_i - mean)', mean = sum_i w_i x_i, over the rows x_i of X, exactly.

    X: (r, c). weights: r numbers >= 0 that sum to one exactly; by default 1 / r each (the covariance of the sample, not
    the unbiased estimate). Raises BadInput.
    """
    x = exact(X, "X").T
    r = x.shape[1]
    row = _weights(np.full(r, Fraction(1, r), dtype=object) if weights is None else weights, r)
    if sum(int(v) for v in row.n.a.ravel()) != row.den:
        raise BadInput("weights: expected numbers that sum to one exactly, such as Fractions")
    mean = x @ row.T
    return lowest(x.each(row) @ x.T - mean @ mean.T)


def _weights(weights: Any, count: int) -> Matrix:
    row = exact(weights, "weights")
    if row.shape != (1, count) or (row.n.a < 0).any():
        raise BadInput(f"weights: expected {count} numbers >= 0, found shape {row.shape}")
    return row
