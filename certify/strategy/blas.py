"""One BLAS thread for a search.

Matrices here have a few hundred rows: two OpenBLAS threads took three times the wall time of one (interior point of
309 coordinates on 2 cores: 9-15 s against 5 s), and rows, parts and sub-trees give other cores better work.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Every BLAS that numpy and scipy bring uses one thread inside."""
    # Imported first: only libraries that are loaded can be told.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield
