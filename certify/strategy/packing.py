"""How a leaf was bounded (certify.provers.branch.Finish) as named arrays and back, to travel and to rest in a state.

No pickles: a state directory may come from anywhere. Only the classes named here are made again, with fields of
plain numbers and arrays; whether they prove anything is the kernel's to say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.errors import BadInput
from certify.provers.branch import Finish
from certify.provers.hints import Hints, Tightening
from certify.provers.semidefinite import FormProofs, RowProof

CLASSES = {c.__name__: c for c in (Finish, FormProofs, Hints, RowProof, Tightening)}
FORM = "finish"


def pack(finish: Finish) -> dict[str, NDArray[Any]]:
    """The arrays of a finish, numbered, and its form as JSON in bytes."""
    arrays: dict[str, NDArray[Any]] = {}
    form = json.dumps(_form(finish, arrays), separators=(",", ":"))
    return {FORM: np.frombuffer(form.encode(), dtype=np.uint8)} | arrays


def unpack(arrays: Mapping[str, NDArray[Any]]) -> Finish | None:
    """The inverse of ``pack``; None when there is none. Raises BadInput for anything else."""
    if FORM not in arrays:
        return None
    try:
        found = _value(json.loads(arrays[FORM].tobytes()), arrays)
    except (ValueError, KeyError, TypeError, IndexError) as e:
        raise BadInput(f"state: expected a packed leaf, found something else ({type(e).__name__}: {e})") from None
    if not isinstance(found, Finish):
        raise BadInput(f"state: expected a packed Finish, found {type(found).__name__}")
    return found


def _form(v: Any, arrays: dict[str, NDArray[Any]]) -> Any:
    if isinstance(v, np.generic):
        v = v.item()
    if v is None or isinstance(v, bool | int | float | str):
        return v
    if isinstance(v, np.ndarray):
        name = f"{FORM}{len(arrays)}"
        arrays[name] = v
        return ["array", name]
    if isinstance(v, list | tuple):
        return ["list" if isinstance(v, list) else "tuple", *(_form(e, arrays) for e in v)]
    if isinstance(v, Mapping):
        return ["map", *([_form(k, arrays), _form(e, arrays)] for k, e in v.items())]
    if type(v).__name__ in CLASSES:
        return ["class", type(v).__name__, *(_form(getattr(v, f.name), arrays) for f in fields(v))]
    raise TypeError(f"a finish holds {type(v).__name__}; expected numbers, arrays, containers or {sorted(CLASSES)}")


def _value(form: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if not isinstance(form, list):
        return form
    kind, *rest = form
    if kind == "array":
        return arrays[rest[0]]
    if kind == "class":
        return CLASSES[rest[0]](*(_value(e, arrays) for e in rest[1:]))
    if kind == "map":
        return {_value(k, arrays): _value(e, arrays) for k, e in rest}
    made = [_value(e, arrays) for e in rest]
    return {"list": made, "tuple": tuple(made)}[kind]
