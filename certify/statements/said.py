"""What a statement says, written out for people, where that is short: closed forms, polynomials, tails.

Everything is read from the claim of the certificate by the kernel's own reader, not from what made it.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from certify.certificate import Certificate
from certify.kernel.arithmetic import fast
from certify.kernel.statement import Statement
from certify.statements.exact import fractions

LONGEST = 2_000


class _Files:
    """The files of a certificate, as the kernel's reader asks for them."""

    def __init__(self, certificate: Certificate) -> None:
        self._files = certificate.files

    def read(self, name: str) -> bytes:
        return self._files[name]


def said(certificate: Certificate) -> str:
    """The statement of an accepted certificate in formulas; empty for a kind that has no short form, or a long one."""
    statement = Statement(_Files(certificate), fast)
    write = _WRITERS.get(statement.kind)
    text = "" if write is None else write(statement)
    return text if len(text) <= LONGEST else ""


def _range(s: Statement) -> str:
    names = [f"x{j}" for j in range(s["box"].shape[1])]
    constants = fractions(s["constants"])[0]
    low, high = fractions(s["box"])
    out: list[str] = []
    for row in fractions(s["program"]):
        op, a, b = (int(v) for v in row)
        if op == 0:
            out.append(f"({constants[a]})" if constants[a] < 0 or constants[a].denominator > 1 else str(constants[a]))
        elif op == 1:
            out.append(names[a])
        elif op == 6:
            out.append(f"{out[a]}**{b}")
        elif op in _INFIX:
            out.append(f"({out[a]} {_INFIX[op]} {out[b]})")
        else:
            out.append(f"{_CALLS[op]}({out[a]}{', ' + out[b] if op in (7, 8) else ''})")
        if len(out[-1]) > LONGEST:
            return ""
    where = ", ".join(f"{v} in [{a}, {b}]" for v, a, b in zip(names, low, high, strict=True))
    return f"{out[-1]} <= {s['limit']} for all {where}"


_INFIX = {2: "+", 3: "-", 4: "*", 5: "/"}
_CALLS = {7: "min", 8: "max", 9: "sqrt", 10: "exp", 11: "log"}


def _polynomial(s: Statement) -> str:
    from certify.symbolic.polynomials.poly import Poly
    from certify.symbolic.polynomials.writing import polynomial_text

    n, parts = s["variables"], s["polynomials"]
    names = [f"x{j}" for j in range(n)]
    texts = []
    for powers, coefficients in zip(parts[::2], parts[1::2], strict=True):
        terms: dict[tuple[int, ...], Fraction] = {}
        for e, c in zip(fractions(powers), fractions(coefficients)[0], strict=True):
            key = tuple(int(v) for v in e)
            terms[key] = terms.get(key, Fraction(0)) + c
        texts.append(polynomial_text(Poly(n, terms), names))
    goal, premises = texts[0], texts[1:]
    zeros = s["equalities"]
    at = len(premises) - zeros
    given = [f"{p} >= 0" for p in premises[:at]] + [f"{p} = 0" for p in premises[at:]]
    return f"{goal} >= 0" + (f" wherever {', '.join(given)}" if given else "")


def _tail(s: Statement) -> str:
    n, k, p, delta = (s[name] for name in ("trials", "failures", "rate", "level"))
    return f"at most {k} failures in {n} independent trials have probability <= {delta}, at any rate of failure >= {p}"


_WRITERS: dict[str, Callable[[Statement], str]] = {"range": _range, "polynomial": _polynomial, "tail": _tail}
