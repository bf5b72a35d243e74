"""Derivations to be read: assumptions, steps, the identity behind the certificate, as LaTeX."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from certify.symbolic.assumptions import (
    Assumption,
    Close,
    Convex,
    Equal,
    Independent,
    Inside,
    Lipschitz,
    Monotone,
    NormBound,
    Relation,
    Slope,
)
from certify.symbolic.expressions import Atom, Form, Map, Norm, Vector

if TYPE_CHECKING:
    from certify.symbolic.derivation import Derivation

MOST = 40


def name(text: str) -> str:
    """A name with its digits as a subscript: f12 is f_{12}."""
    found = re.fullmatch(r"([A-Za-z]+)_?(\w*)", text)
    if found is None:
        return rf"\mathrm{{{text}}}".replace("_", r"\_")
    letters, rest = found.groups()
    head = letters if len(letters) == 1 else rf"\mathrm{{{letters}}}"
    return head + (f"_{{{rest}}}" if rest else "")


def expression(e: Any) -> str:
    """A sympy expression."""
    import sympy

    return str(sympy.latex(e))


def of_map(f: Map) -> str:
    """A map, with towers as compositions."""
    if f.kind == "tower":
        inner = str(f.layers)
        return rf"{{({inner})}}_{{{f.depth}}} \circ \cdots \circ {{({inner})}}_{{1}}"
    if f.kind == "gradient":
        return rf"\nabla {name(f.name.split()[-1])}"
    return name(f.name)


def atom(a: Atom) -> str:
    """A named vector, or a map of one."""
    if a.map is None or a.argument is None:
        return name(a.name)
    head = of_map(a.map)
    return rf"({head})({vector(a.argument)})" if a.map.kind == "tower" else f"{head}({vector(a.argument)})"


def vector(v: Vector) -> str:
    """A linear combination."""
    out = ""
    for a, c in v.terms:
        negative = c.could_extract_minus_sign()
        size = -c if negative else c
        factor = "" if size == 1 else expression(size) + r"\," if size.is_Atom else rf"({expression(size)})\,"
        sign = " - " if negative else " + " if out else ""
        out += sign + factor + atom(a)
    return out.strip() or "0"


def norm(v: Vector) -> str:
    """|v|."""
    return rf"\|{vector(v)}\|"


def form(f: Form) -> str:
    """A quadratic quantity."""
    out = []
    for (a, b), c in f.products:
        what = rf"\|{atom(a)}\|^2" if a == b else rf"\langle {atom(a)}, {atom(b)} \rangle"
        out.append(_times(c) + what)
    for (n, z), c in f.values:
        out.append(_times(c) + f"{name(n)}({vector(z)})")
    if f.constant != 0:
        out.append(expression(f.constant))
    return " + ".join(out).replace("+ -", "- ") or "0"


def _times(c: Any) -> str:
    return "" if c == 1 else "-" if c == -1 else rf"{expression(c)}\,"


def decimal(q: Any) -> str | None:
    """A long rational that is a short decimal, as one."""
    if not q.is_Rational or q.q < 10_000 or 10**18 % q.q:
        return None
    whole = abs(int(q.p)) * (10**18 // int(q.q))
    return f"{'-' if q.p < 0 else ''}{whole // 10**18}.{whole % 10**18:018d}".rstrip("0")


def assumption(a: Assumption) -> str:
    """What is assumed, in mathematics."""
    u, v = "u", "v"
    if isinstance(a, NormBound):
        return rf"{norm(a.vector)} \le {expression(a.radius)}"
    if isinstance(a, Lipschitz):
        f = name(a.map.name)
        return rf"\|{f}({u}) - {f}({v})\| \le {expression(a.constant)}\,\|{u} - {v}\|" + _on(a.on)
    if isinstance(a, Close):
        return rf"\|{name(a.first.name)}(z) - {name(a.second.name)}(z)\| \le {expression(a.error)}" + _on(a.on)
    if isinstance(a, Slope):
        f, low, high = name(a.map.name), expression(a.low), expression(a.high)
        if a.at_zero:
            return rf"\langle {f}(u) - {low}\,u,\; {high}\,u - {f}(u) \rangle \ge 0,\quad {f}(0) = 0"
        d = rf"\delta {f}"
        return rf"\langle {d} - {low}\,\delta,\; {high}\,\delta - {d} \rangle \ge 0"
    if isinstance(a, Monotone):
        f = name(a.map.name)
        return rf"\langle {f}(u) - {f}(v), u - v \rangle \ge {expression(a.modulus)}\,\|u - v\|^2"
    if isinstance(a, Convex):
        smooth = "" if a.smooth is None else rf",\ {expression(a.smooth)}\text{{-smooth}}"
        return rf"{name(a.function.name)}\ {expression(a.strong)}\text{{-strongly convex}}{smooth}"
    if isinstance(a, Independent):
        f = name(a.map.name)
        return rf"{f}(z) = {f}({name(a.kept.name)} z)"
    if isinstance(a, Equal):
        return f"{vector(a.left)} = {vector(a.right)}"
    if isinstance(a, Inside):
        return rf"{vector(a.vector)} \in {name(a.region)}"
    if isinstance(a, Relation):
        return rf"{form(a.form)} \ge 0"
    return rf"\text{{{a}}}"


def _on(region: str) -> str:
    return rf"\quad\text{{on }} {name(region)}" if region else ""


def document(d: Derivation) -> str:
    """The whole derivation: a fragment for \\input, with amsmath."""
    goal = norm(d.goal.of.vector) if isinstance(d.goal.of, Norm) else form(d.goal.of)
    out = [r"\paragraph{Assumptions.}", r"\begin{itemize}"]
    for a in d.used[:MOST]:
        proof = f"checked, certificate \\texttt{{{a.certificate[:16]}}}" if a.standing == "checked" else a.standing
        out.append(rf"  \item ${assumption(a)}$ \hfill ({proof})")
    if len(d.used) > MOST:
        out.append(rf"  \item and {len(d.used) - MOST} more of these kinds")
    out.append(r"\end{itemize}")
    if d.found:
        out += [r"\paragraph{Steps.}", r"\begin{align*}"]
        out += [rf"  {said} && \text{{{_text(why)}}} \\" for said, why in d.steps[:MOST]]
        if len(d.steps) > MOST:
            out.append(rf"  & \cdots && \text{{{len(d.steps) - MOST} more}} \\")
        out[-1] = out[-1].removesuffix(r" \\")
        out += [r"\end{align*}", r"\paragraph{Conclusion.}"]
        where = "".join(rf",\quad {expression(c)} > 0" for c in d.conditions)
        out.append(rf"\[ {goal} \;\le\; {decimal(d.bound) or expression(d.bound)}{where} \]")
    said = d.status if d.status != "conditional" else "conditional on the assumptions above that are not checked"
    kernel = "" if d.certificate is None else rf" The kernel accepted certificate \texttt{{{d.certificate.id[:16]}}}."
    out.append(f"Status: {said}.{kernel if d.found else ''}")
    if d.tight:
        out.append(rf"The bound is attained: {_verbatim(d.instance)}.")
    return "\n".join(out) + "\n"


def _text(said: str) -> str:
    """Words for text mode."""
    said = re.sub(r"([_#%&$^])", r"\\\1{}", said)
    for word, meant in (("<=", r"$\le$"), (">=", r"$\ge$"), ("|", "$|$"), ("<", r"$\langle$"), (">", r"$\rangle$")):
        said = said.replace(word, meant)
    return said


def _verbatim(text: Any) -> str:
    short = str(text)
    short = short if len(short) < 300 else short[:300] + " ..."
    return r"\texttt{" + re.sub(r"([_#%&$^])", r"\\\1{}", short) + "}"
