"""What a module says about the inequality it holds, and its core as a polynomial identity that the kernel expands.

An inequality is *certified* when its cores, with the reading that ties them to the statement by definitions alone, are
all of it; *cited* when a step is taken from the literature, which ``cited`` names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from certify.certificate import Certificate, Verdict
from certify.errors import CertifyError


@dataclass(frozen=True)
class Core:
    """A polynomial statement with its proof, in texts that sympy reads.

    goal >= 0 wherever all ``given`` are >= 0, because goal = sum of weight * square^2 * product of given[k].
    terms: (weight, what is squared, numbers of the premises to multiply). reading: what the letters stand for.
    """

    name: str
    reading: str
    goal: str
    given: tuple[str, ...]
    terms: tuple[tuple[str, str, tuple[int, ...]], ...]


@dataclass(frozen=True)
class Inequality:
    """One inequality.

    name:      the public name, an attribute of ``certify.inequalities``
    statement: in words and plain mathematics; latex: the same
    proof:     how it follows; source: where it is from
    cited:     the steps that are taken from the literature; empty when there are none
    cores:     what the kernel checks
    function:  of numbers; its result is on the safe side
    """

    name: str
    statement: str
    latex: str
    proof: str
    source: str
    cores: tuple[Core, ...]
    function: Callable[..., Any]
    cited: str = ""

    @property
    def status(self) -> Literal["certified", "cited"]:
        """Whether the certificates and definitions are all of the proof."""
        return "cited" if self.cited else "certified"

    def certificates(self) -> dict[str, tuple[Certificate, Verdict]]:
        """The certificate of each core and what the kernel, in a fresh interpreter, says of it."""
        return {c.name: judge(c) for c in self.cores}


@cache
def judge(core: Core) -> tuple[Certificate, Verdict]:
    """Build the certificate of a core and ask the kernel. Raises CertifyError for an identity that is none."""
    from certify.statements.bound import judged
    from certify.symbolic.polynomials.evidence import Leaf, Squares, evidence, gap, polynomial_statement
    from certify.symbolic.polynomials.poly import Poly

    names, polys = _read([core.goal, *core.given, *(s for _, s, _ in core.terms)])
    goal, given, squared = polys[0], polys[1 : 1 + len(core.given)], polys[1 + len(core.given) :]
    terms = [Squares((_rational(w),), (q,), premises) for (w, _, premises), q in zip(core.terms, squared, strict=True)]
    leaf = Leaf(tuple(terms))
    missing: Poly = gap(leaf, goal, given)
    if missing:
        raise CertifyError(f"core {core.name} in {', '.join(names)}: the identity leaves {dict(missing.terms)} open")
    return judged("polynomial", polynomial_statement(goal, given), *evidence([leaf]))


def _rational(text: str) -> Any:
    from fractions import Fraction

    return Fraction(text)


def _read(texts: Sequence[str]) -> tuple[list[str], list[Any]]:
    import sympy

    from certify.symbolic.identities import Letters

    used = sorted({str(s) for t in texts for s in sympy.sympify(t, locals=_plain(t)).free_symbols})
    symbols = {n: sympy.Symbol(n) for n in used}
    letters = Letters(list(symbols.values()))
    return used, [letters.poly(sympy.expand(sympy.sympify(t, locals=symbols))) for t in texts]


def _plain(text: str) -> dict[str, Any]:
    """Names such as S, E and beta are letters here, not sympy's constants and functions."""
    import re

    import sympy

    return {n: sympy.Symbol(n) for n in re.findall(r"[A-Za-z_]\w*", text)}
