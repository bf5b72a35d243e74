"""Put results together: triangle, telescope, contraction, composition, restriction, weakening, union.

A part is what a result says: a quantity between two objects over a domain is at most a number. Where both parts name
their objects, they must fit, else the combination is refused; where one does not say, the result is conditional on it.
The arithmetic of each step is a certificate of kind *polynomial*; the parts keep their own, which the result lists.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any, Literal

from certify.certificate import Certificate, Verdict
from certify.errors import BadInput
from certify.inequalities.rounding import size
from certify.results import Result, round_up
from certify.statements.bound import Bound, judged
from certify.symbolic.derivation import Derivation
from certify.symbolic.polynomials.evidence import Leaf, Squares, evidence, polynomial_statement
from certify.symbolic.polynomials.poly import Poly, total


@dataclass(frozen=True)
class Part:
    """One inequality: ``subject`` <= upper.

    of: what it is about, where that is known: "first" and "second" for the distance of two maps, "map" for a gain,
    "over" for the domain ("everywhere" where there is none), "norm", "kind" of a quantity.
    rests_on: ids of accepted certificates; missing: what is not known or not checked.
    """

    subject: str
    upper: Fraction
    of: Mapping[str, str] = field(default_factory=dict)
    rests_on: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    certificate: Certificate | None = None
    verdict: Verdict | None = None

    @property
    def status(self) -> Literal["proved", "conditional"]:
        """Conditional on everything in ``missing``."""
        return "conditional" if self.missing else "proved"

    @property
    def bound(self) -> float:
        """The upper end, rounded up."""
        found = round_up(self.upper)
        assert found is not None
        return found

    def as_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {
            "subject": self.subject,
            "status": self.status,
            "upper": self.bound,
            "upper_exact": str(self.upper),
            "of": dict(self.of),
            "rests_on": list(self.rests_on),
            "conditional_on": list(self.missing),
            "certificate": None if self.certificate is None else self.certificate.id,
            "verdict": None if self.verdict is None else self.verdict.verdict,
        }

    def __str__(self) -> str:
        said = f"{self.status}: {self.subject} <= {self.bound:.6g}"
        return "; ".join([said, *(f"conditional on: {m}" for m in self.missing)])


def part(result: Any, **of: str) -> Part:
    """A Part from a Bound, a Result, another Part, or a number that somebody asserts.

    of: names of what it is about, where the result does not say (first, second, map, over, norm). Contradicting what a
    certificate says is refused. Raises BadInput for a result without a proved upper end.
    """
    if isinstance(result, Part):
        return replace(result, of=_agreed(result.of, of, result.subject))
    if isinstance(result, Bound | Result):
        return _of_result(result, of)
    if isinstance(result, Derivation):
        return _of_derivation(result, of)
    q = size(result, "a part")
    return Part(f"a number {q}", q, of, missing=(f"{q} is asserted, without a certificate",))


def _of_derivation(d: Derivation, of: Mapping[str, str]) -> Part:
    if not d.found or d.bound is None or not d.bound.is_Rational or d.certificate is None:
        raise BadInput(f"a part: {d.goal} has no bound that is a rational number")
    weak = tuple(str(a) for a in d.used if a.standing != "checked")
    ids = [a.certificate for a in d.used if a.certificate]
    return Part(str(d.goal.of), Fraction(int(d.bound.p), int(d.bound.q)), of, (*ids, d.certificate.id), weak)


def _of_result(result: Bound | Result, of: Mapping[str, str]) -> Part:
    subject = result.subject if isinstance(result, Bound) else str(result.claim.quantity.kind)
    if result.bracket.upper is None:
        raise BadInput(f"a part: {subject} has no proved upper end")
    said = _said(result)
    ids, missing = list(dict(getattr(result, "details", {})).get("rests_on", [])), []
    missing += list(dict(getattr(result, "details", {})).get("conditional_on", []))
    if result.certificate is not None and result.verdict is not None and result.verdict.accepted:
        ids.append(result.certificate.id)
    else:
        missing.append(f"{subject} has no accepted certificate")
    return Part(subject, result.bracket.upper, _agreed(said, of, subject), tuple(ids), tuple(missing))


def _said(result: Bound | Result) -> dict[str, str]:
    """What the certificate itself says it is about."""
    if isinstance(result, Bound) or result.certificate is None:
        return {}
    claim = result.certificate.claim
    over = json.dumps([claim["domain"], claim["within"]], sort_keys=True)
    quantity = json.dumps(claim["quantity"], sort_keys=True)
    kind = claim["quantity"]["kind"]
    return {"first": claim["f"], "second": claim["g"], "over": over, "norm": quantity, "kind": kind}


def _agreed(said: Mapping[str, str], given: Mapping[str, str], subject: str) -> dict[str, str]:
    for k, v in given.items():
        if k in said and said[k] != v:
            raise BadInput(f"{subject}: its {k} is {said[k][:40]}, not {v[:40]}")
    return {**said, **given}


def _match(one: Part, key: str, other: Part, other_key: str, what: str) -> tuple[str, ...]:
    """Nothing when they are the same; what is missing when one does not say; BadInput when they differ."""
    a, b = one.of.get(key), other.of.get(other_key)
    if a is None or b is None:
        return (f"{what}: {one.subject if a is None else other.subject} does not say",)
    if a != b:
        raise BadInput(f"{what}: {one.subject} has {a[:40]}, {other.subject} has {b[:40]}")
    return ()


def _distance(p: Part, what: str) -> Part:
    """Refuse what is no distance: margins and single outputs obey no triangle inequality of this form."""
    kind = p.of.get("kind", "value")
    if kind != "value":
        raise BadInput(f"{what}: expected the norm of a difference, found a bound on {kind}")
    return p


def _reaches(p: Part, what: str) -> tuple[str, ...]:
    """What must be known of the domain of a part whose maps are applied to the images of others."""
    over = p.of.get("over")
    if over == "everywhere":
        return ()
    where = "on a set that it does not name" if over is None else f"on {over[:60]}"
    return (f"{what}: {p.subject} holds {where}, and that all points in play lie there",)


def _together(
    subject: str, upper: Fraction, parts: Sequence[Part], missing: Sequence[str], of: Mapping[str, str], goal: Any
) -> Part:
    """The combination, with the certificate of its arithmetic."""
    statement, (matrices, items) = goal
    made, said = judged("polynomial", statement, matrices, items)
    if not said.accepted:
        raise AssertionError(f"{subject}: the kernel does not accept its arithmetic ({said}); please report")
    ids = tuple(dict.fromkeys([*(i for p in parts for i in p.rests_on), made.id]))
    lacking = tuple(dict.fromkeys([*(m for p in parts for m in p.missing), *missing]))
    return Part(subject, upper, of, ids, lacking, made, said)


def _linear(upper: Fraction, weights: Sequence[Fraction], bounds: Sequence[Fraction], last: Sequence[Fraction]) -> Any:
    """x <= sum weights x_i and x_i <= bounds_i give x <= upper; ``last``: weights of the x_i, for a slack >= 0."""
    n = len(bounds) + 1
    x = [Poly.variable(n, k) for k in range(n)]
    given = [Poly.constant(n, b) - x[k + 1] for k, b in enumerate(bounds)]
    given.append(total(n, [w * x[k + 1] for k, w in enumerate(weights)]) - x[0])
    slack = upper - sum((w * b for w, b in zip(weights, bounds, strict=True)), Fraction(0))
    terms = [Squares.times(w, (k,), n) for k, w in enumerate(last)]
    terms += [Squares.times(1, (len(bounds),), n), Squares.times(slack, (), n)]
    return polynomial_statement(Poly.constant(n, upper) - x[0], given), evidence([Leaf(tuple(terms))])


def triangle(*parts: Any) -> Part:
    """|f_0 - f_n| <= the sum of |f_(k-1) - f_k|; neighbours must share a map, all the domain and the norm."""
    found = [_distance(part(p), "triangle") for p in parts]
    if len(found) < 2:
        raise BadInput(f"triangle: expected two parts at least, found {len(found)}")
    missing: list[str] = []
    for a, b in pairwise(found):
        missing += _match(a, "second", b, "first", "triangle, the map in the middle")
        missing += _match(a, "over", b, "over", "triangle, the domain")
        missing += _match(a, "norm", b, "norm", "triangle, the norm")
    ends = {k: v for k, p in (("first", found[0]), ("second", found[-1])) if (v := p.of.get(k)) is not None}
    of = {**{k: v for k in ("over", "norm") if (v := found[0].of.get(k)) is not None}, **ends}
    upper, ones = sum((p.upper for p in found), Fraction(0)), [Fraction(1)] * len(found)
    goal = _linear(upper, ones, [p.upper for p in found], ones)
    return _together("the distance of the first and the last", upper, found, missing, of, goal)


def telescope(gains: Sequence[Any], errors: Sequence[Any], start: Any = 0) -> Part:
    """a_l <= L_l a_(l-1) + e_l for the layers in order; gain l must be of the ``first`` map of error l."""
    if len(gains) != len(errors) or not gains:
        raise BadInput(f"telescope: expected as many gains as errors, found {len(gains)} and {len(errors)}")
    found: Part | None = None if isinstance(start, int) and start == 0 else part(start)
    for g, e in zip(gains, errors, strict=True):
        found = _layer(part(g), part(e), found)
    assert found is not None
    return found


def _layer(gain: Part, error: Part, before: Part | None) -> Part:
    error = _distance(error, "telescope")
    missing = _match(gain, "map", error, "first", "telescope, the map whose gain counts")
    missing += _match(gain, "norm", error, "norm", "telescope, the norm")
    missing += _reaches(gain, "telescope") + _reaches(error, "telescope")
    if gain.of.get("at") is not None:
        raise BadInput(f"telescope: {gain.subject} holds at {gain.of['at']} only, and the coarse network leaves it")
    if before is None:
        goal = _linear(error.upper, [Fraction(1)], [error.upper], [Fraction(1)])
        return _together("the error after the layer", error.upper, [gain, error], missing, {}, goal)
    upper = gain.upper * before.upper + error.upper
    # x <= L a + e with L, a, e unknown numbers below their bounds, a and L not negative.
    n = 4
    x, k, a, e = (Poly.variable(n, j) for j in range(n))
    given = [k, a, gain.upper - k, before.upper - a, error.upper - e, k * a + e - x]
    terms = [
        Squares.times(1, (5,), n),
        Squares.times(1, (4,), n),
        Squares.times(1, (2, 1), n),
        Squares.times(gain.upper, (3,), n),
    ]
    goal = polynomial_statement(Poly.constant(n, upper) - x, given), evidence([Leaf(tuple(terms))])
    return _together("the error after the layer", upper, [gain, error, before], missing, {}, goal)


def contraction(gain: Any, error: Any) -> Part:
    """Fixed points x = f(x), y = g(y): |x - y| <= e / (1 - L), with L the gain of f itself and e = sup |f - g|.

    The gain must be of the map that the error is made against: the contraction of a chain is not that of its lumping.
    Raises BadInput for a gain of another map, or one that is not below 1.
    """
    g, e = part(gain), _distance(part(error), "contraction")
    if g.upper >= 1:
        raise BadInput(f"contraction: expected a gain below 1, found {g.bound:.6g} for {g.subject}")
    missing: tuple[str, ...] = ()
    known = [v for k in ("first", "second") if (v := e.of.get(k)) is not None]
    if g.of.get("map") is None or not known:
        missing = (
            f"contraction, whose gain it is: {g.subject if g.of.get('map') is None else e.subject} does not say",
        )
    elif g.of["map"] not in known:
        raise BadInput(
            f"contraction: the gain is of {g.of['map'][:40]}, the error is between {' and '.join(known)[:80]}"
        )
    missing += _match(g, "norm", e, "norm", "contraction, the norm")
    missing += _reaches(g, "contraction") + _reaches(e, "contraction")
    upper = e.upper / (1 - g.upper)
    # x <= L x + e: (1 - L)(upper - x) = (1 - L) upper - e + (e - (1 - L) x), and 1 - L is positive.
    n = 1
    x = Poly.variable(n, 0)
    given = [g.upper * x + e.upper - x]
    leaf = Leaf((Squares.times(1 / (1 - g.upper), (0,), n),))
    goal = polynomial_statement(Poly.constant(n, upper) - x, given), evidence([leaf])
    return _together("the distance of the fixed points", upper, [g, e], missing, {}, goal)


def composition(outer: Any, inner: Any) -> Part:
    """|F o f - F o g| <= L |f - g|, with L the gain of F on a set that holds both images."""
    g, e = part(outer), _distance(part(inner), "composition")
    upper = g.upper * e.upper
    n = 3
    x, k, a = (Poly.variable(n, j) for j in range(n))
    given = [k, a, g.upper - k, e.upper - a, k * a - x]
    terms = (Squares.times(1, (4,), n), Squares.times(1, (2, 1), n), Squares.times(g.upper, (3,), n))
    goal = polynomial_statement(Poly.constant(n, upper) - x, given), evidence([Leaf(terms)])
    missing: tuple[str, ...] = () if "map" in g.of else (f"composition, whose gain it is: {g.subject} does not say",)
    missing += _match(g, "norm", e, "norm", "composition, the norm") + _reaches(g, "composition")
    of = {k: v for k in ("over",) if (v := e.of.get(k)) is not None}
    return _together("the distance after the outer map", upper, [g, e], missing, of, goal)


def restriction(whole: Any, over: str, *, inside: bool | None = None) -> Part:
    """The same over a smaller domain. inside: True when somebody vouches for that; the result is conditional on it."""
    p = part(whole)
    if inside is False:
        raise BadInput(f"restriction: {over} is not inside the domain of {p.subject}")
    missing = () if over == p.of.get("over") else (f"restriction: that {over} lies inside the domain of {p.subject}",)
    one = [Fraction(1)]
    return _together(p.subject, p.upper, [p], missing, {**p.of, "over": over}, _linear(p.upper, one, [p.upper], one))


def weakening(strong: Any, limit: Any) -> Part:
    """A larger limit; raises BadInput for a smaller one."""
    p, t = part(strong), size(limit, "limit")
    if t < p.upper:
        raise BadInput(f"weakening: expected a limit of at least {p.bound:.6g}, found {limit}")
    one = [Fraction(1)]
    return _together(p.subject, t, [p], (), p.of, _linear(t, one, [p.upper], one))


def union(*parts: Any) -> Part:
    """The largest of the bounds, over the union of the domains; all must be about the same maps and norm."""
    found = [part(p) for p in parts]
    if not found:
        raise BadInput("union: expected one part at least")
    missing: list[str] = []
    for a, b in pairwise(found):
        for key in ("first", "second", "norm"):
            missing += _match(a, key, b, key, f"union, the {key}")
    most = max(found, key=lambda p: p.upper).upper
    found = [p if p.upper == most else weakening(p, most) for p in found]
    one = [Fraction(1)]
    over = [p.of.get("over") for p in found]
    of = {k: v for k in ("first", "second", "norm") if (v := found[0].of.get(k)) is not None}
    if all(over):
        of["over"] = json.dumps(sorted({str(o) for o in over}))
    return _together(found[0].subject, most, found, missing, of, _linear(most, one, [most], one))
