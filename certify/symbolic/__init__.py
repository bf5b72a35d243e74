"""Inequalities with symbols in them: polynomials, derivations, a library of inequalities.

    from certify.symbolic import bound, close, lipschitz, maps, vectors
    x = vectors("x");  f, g = maps("f g")
    ct.derive([lipschitz(f, 2), close(f, g, "0.1")], bound(abs(f(f(x)) - g(g(x)))))

Names are imported when first used; sympy is loaded with them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from certify.symbolic.assumptions import (
        checked,
        close,
        contraction,
        convex,
        equal,
        independent,
        inside,
        lipschitz,
        monotone,
        sector,
        slope_restricted,
        spectral_decay,
        statistical,
        vanishes,
    )
    from certify.symbolic.derivation import Derivation
    from certify.symbolic.deriving import derive
    from certify.symbolic.expressions import (
        family,
        function,
        inner,
        linear_map,
        maps,
        projection,
        residual,
        sequence,
        through,
        tower,
        vectors,
    )
    from certify.symbolic.goals import bound

_WHERE = {
    "assumptions": [
        "checked", "close", "contraction", "convex", "equal", "independent", "inside", "lipschitz", "monotone",
        "sector", "slope_restricted", "spectral_decay", "statistical", "vanishes",
    ],
    "derivation": ["Derivation"],
    "deriving": ["derive"],
    "expressions": [
        "family", "function", "inner", "linear_map", "maps", "projection", "residual", "sequence", "through", "tower",
        "vectors",
    ],
    "goals": ["bound"],
}  # fmt: skip
_HOME = {name: module for module, names in _WHERE.items() for name in names}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
