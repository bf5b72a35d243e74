"""What the words on the command line mean: numbers, limits, domains, places to write.

Everything wrong with a word itself is misuse (exit code 64); what it points at may still be bad input.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from certify.errors import BadInput, CertifyError

if TYPE_CHECKING:
    from certify.domains import Domain, UniformBox

T = TypeVar("T")


def word(read: Callable[[], T]) -> T:
    """The value of a word; a BadInput about the word itself becomes misuse."""
    try:
        return read()
    except BadInput as e:
        raise CertifyError(str(e)) from None


def number(text: str, option: str) -> Fraction:
    """A decimal or a ratio, exactly as typed."""
    from certify.numbers import rational

    return word(lambda: rational(text, option))


def seconds(text: str | None, default: str = "30s") -> float:
    """A time such as 30s, 2m or 500ms."""
    from certify.strategy import parse_budget

    return word(lambda: parse_budget(default if text is None else text))


def domain(over: str | None, radii: dict[str, str | None], within: str | None, box: str | None) -> Domain | UniformBox:
    """The input set of ``diff``: balls around the points of --over, or the box of --box; cut by --within.

    radii: norm -> the radius given for it, or None. Raises CertifyError for options that do not go together.
    """
    import certify.domains as domains
    from certify.selectors import Selector, read_named

    given = {norm: r for norm, r in radii.items() if r is not None}
    X: Domain | UniformBox
    if box is not None:
        if over is not None or given:
            raise CertifyError("--box: expected no --over and no radius beside it")
        X = domains.box(*read_named(Path(box), "lo", "hi"))
    elif over is None:
        raise CertifyError("expected --over X.npz with one of --linf, --l2, --l1, or --box B.npz; found neither")
    else:
        selector = word(lambda: Selector.parse(over, "--over"))
        if len(given) != 1:
            found = ", ".join(f"--{n}" for n in given) or "none"
            raise CertifyError(f"--over: expected one of --linf, --l2, --l1 beside it, found {found}")
        norm, text = next(iter(given.items()))
        radius = number(text, f"--{norm}")
        make = {"linf": domains.linf, "l2": domains.l2, "l1": domains.l1}[norm]
        X = make(selector.read(), radius)
    if within is None:
        return X
    limits = within.split(",")
    if len(limits) != 2:
        raise CertifyError(f"--within: expected LO,HI, found {within!r}")
    cut: Domain | UniformBox = X & domains.box(*(number(v, "--within") for v in limits))
    return cut


def check_writable(path: str | None) -> None:
    """Raises BadInput for a place that cannot be written, before minutes are spent on what should go there."""
    if path is None:
        return
    target = Path(path)
    if not path or (target.exists() and not target.is_dir() and not os.access(target, os.W_OK)):
        raise BadInput(f"{path or '-o'}: cannot be written")
    if target.is_dir() and any(target.iterdir()) and not (target / "manifest").exists():
        raise BadInput(f"{path}: a directory that is no certificate is not overwritten")
    place = target.parent
    while not place.exists():
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK):
        raise BadInput(f"{path}: cannot be written, since {place} is no directory that can be")
