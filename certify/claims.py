"""Claims: a quantity of one or two networks over a domain, compared with a threshold.

    ct.discrepancy(f, g, over=X) <= "1/5"

A claim is the only thing a person must read. Its meaning is specs/semantics.md#claims, its file specs/format.md#claim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from certify.domains import Domain, UniformBox
from certify.errors import BadInput
from certify.kernel.limits import PAIRED_ROWS
from certify.networks.graph import Network
from certify.networks.maps import Floats
from certify.numbers import Scalar as Number
from certify.numbers import as_floats, rational

Kind = Literal["value", "output", "functional", "upper", "least", "margin", "decision"]


@dataclass(frozen=True, eq=False)
class Rows:
    """Linear functionals on the outputs: a . f + b . g for rows a, b (R, m); None stands for zeros."""

    on_f: Floats | None
    on_g: Floats | None


@dataclass(frozen=True, eq=False)
class Quantity:
    """What is bounded: a function of the outputs of f and g (g None: zero), for every x in the domain.

    kind:   value, output, functional, upper, least, margin or decision (specs/semantics.md#claims)
    norm, modulo_mean: for value; index: for output; row (m,): for functional and upper; labels: one class for each part
    on_f, on_g (K, m), limits (K,): for least, min over k of on_f_k . f + on_g_k . g - limits_k
    """

    kind: Kind
    f: Network
    g: Network | None
    domain: Domain
    norm: Literal["linf", "l2", "l1"] = "linf"
    modulo_mean: bool = False
    index: int = 0
    row: NDArray[np.floating] | None = None
    labels: tuple[int, ...] = ()
    on_f: NDArray[np.floating] | None = None
    on_g: NDArray[np.floating] | None = None
    limits: tuple[Fraction, ...] = ()

    def __le__(self, threshold: Number) -> Claim:
        return Claim(self, "at-most", self._limit(threshold))

    def __lt__(self, threshold: Number) -> Claim:
        return Claim(self, "below", self._limit(threshold))

    def __ge__(self, threshold: Number) -> Claim:
        """a . f >= t everywhere, as -a . f <= -t; one-sided quantities only."""
        return Claim(self._negated(), "at-most", -rational(threshold, "threshold"))

    def __gt__(self, threshold: Number) -> Claim:
        """a . f > t everywhere, as -a . f < -t; one-sided quantities only."""
        return Claim(self._negated(), "below", -rational(threshold, "threshold"))

    def _negated(self) -> Quantity:
        if self.kind != "upper" or self.row is None:
            raise BadInput(f"claim: a lower bound on the supremum of {self.kind} is no claim; use <=")
        # 0 - a rather than -a: a negative zero would be another tensor with another digest.
        return replace(self, row=as_floats(0 - self.row, "functional"))

    def _limit(self, threshold: Number) -> Fraction:
        """The threshold; raises BadInput for one that a norm can never meet."""
        t = rational(threshold, "threshold")
        if self.kind == "value" and t < 0:
            raise BadInput(f"threshold: expected zero or more for a norm, found {t}")
        return t

    @property
    def m(self) -> int:
        return self.f.n_out

    def rows(self, part: int) -> list[Rows]:
        """The functionals whose suprema make the quantity on a part: their maximum, except for the norms l1 and l2
        and for least."""
        if self.kind == "least":
            mix = self.mixtures()
            return [Rows(*(None if a is None else mix @ a.astype(np.float64) for a in (self.on_f, self.on_g)))]
        eye = np.eye(self.m)
        match self.kind:
            case "value":
                plus = eye - 1.0 / self.m if self.modulo_mean else eye
            case "output":
                plus = eye[self.index : self.index + 1]
            case "functional" | "upper":
                assert self.row is not None
                plus = self.row.astype(np.float64).reshape(1, -1)
            case _:
                plus = np.delete(eye, self.labels[part], axis=0) - eye[self.labels[part]]
        if self.kind == "decision":
            return [Rows(plus, None), Rows(None, plus)]
        if self.kind in ("value", "output", "functional"):
            plus = np.concatenate([plus, -plus])
        return [Rows(plus, None if self.g is None else -plus)]

    def combine(self, uppers: Floats) -> float:
        """The quantity's bound from the bounds of its rows, in order."""
        if self.kind == "least":
            return float(self.above(uppers).min())
        if self.kind == "value" and self.norm != "linf":
            sizes = np.maximum(uppers.reshape(2, -1).max(axis=0), 0)
            return float(sizes.sum() if self.norm == "l1" else np.linalg.norm(sizes))
        return float(uppers.max())

    def evaluate(self, f: Floats, g: Floats | None, part: int) -> Floats:
        """The quantity at a batch of outputs (batch, m), in float64."""
        if self.kind == "least":
            smallest: Floats = self.gaps(f, g).min(axis=1)
            return smallest
        d = f if g is None else f - g
        if self.kind == "value":
            d = d - d.mean(axis=1, keepdims=True) if self.modulo_mean else d
            order = {"linf": np.inf, "l1": 1, "l2": 2}[self.norm]
            out: Floats = np.linalg.norm(d, ord=order, axis=1)
            return out
        values = []
        for r in self.rows(part):
            v = np.zeros((len(f), len(r.on_f if r.on_f is not None else r.on_g)))  # type: ignore[arg-type]
            if r.on_f is not None:
                v = v + f @ r.on_f.T
            if r.on_g is not None and g is not None:
                v = v + g @ r.on_g.T
            values.append(v)
        best: Floats = np.concatenate(values, axis=1).max(axis=1)
        return best

    def gaps(self, f: Floats, g: Floats | None) -> Floats:
        """How far each row of least lies above its limit (batch, K), in float64."""
        assert self.on_f is not None
        v = f @ self.on_f.T.astype(np.float64) - self._limits()
        return v if self.on_g is None or g is None else v + g @ self.on_g.T.astype(np.float64)

    def mixtures(self) -> Floats:
        """Weights (R, K) of the rows that are bounded for least: each alone, then each pair; rules.md#conclude."""
        eye = np.eye(len(self.limits))
        i, j = np.triu_indices(len(eye) if len(eye) <= PAIRED_ROWS else 0, 1)
        return np.concatenate([eye, eye[i] + eye[j]])

    def above(self, uppers: Floats) -> Floats:
        """How far bounds (..., R) of the rows of least lie above what they must stay below, as bounds of the least."""
        mix = self.mixtures()
        return np.asarray((uppers - mix @ self._limits()) / mix.sum(axis=1))

    def _limits(self) -> Floats:
        return np.array([float(t) for t in self.limits])

    def value_at(self, x: ArrayLike, x2: ArrayLike | None = None, part: int | None = None) -> tuple[Fraction, Fraction]:
        """Exact (lower, upper) of the quantity at a point of the domain; see certify.claim_values."""
        from certify.claim_values import value_at

        return value_at(self, x, x2, part)


@dataclass(frozen=True, eq=False)
class Claim:
    """quantity <= threshold (at-most) or < threshold (below), for every input of the domain."""

    quantity: Quantity
    relation: Literal["at-most", "below"]
    threshold: Fraction

    @property
    def f(self) -> Network:
        return self.quantity.f

    @property
    def g(self) -> Network | None:
        return self.quantity.g

    @property
    def domain(self) -> Domain:
        return self.quantity.domain

    def holds(self, value: Fraction) -> bool:
        """Whether a value satisfies the relation."""
        return value <= self.threshold if self.relation == "at-most" else value < self.threshold

    def __bool__(self) -> bool:
        raise TypeError("a claim is not true or false until it is proved: use certify.prove(claim)")

    def __str__(self) -> str:
        sign = "<=" if self.relation == "at-most" else "<"
        return f"{describe(self.quantity)} {sign} {self.threshold} over {self.domain}"


def describe(q: Quantity) -> str:
    """The quantity in words."""
    d = "f" if q.g is None else "f - g"
    text = {
        "value": f"sup ||{d}||_{q.norm[1:]}" + (" modulo the mean" if q.modulo_mean else ""),
        "output": f"sup |({d})_{q.index}|",
        "functional": f"sup |a . ({d})|",
        "upper": f"sup a . ({d})",
        "least": f"sup of the least of {len(q.limits)} rows a . f{'' if q.on_g is None else ' + b . g'} - t",
        "margin": "sup of the push towards a wrong class",
        "decision": "sup of the worst wrong-minus-right logit of f and of g",
    }
    return text[q.kind]


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(s for s in shape if s != 1)


def _same_layout(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Equal up to axes of size 1, or of equal size with one side flat (row-major)."""
    x, y = _squeezed(a), _squeezed(b)
    return x == y or (prod(x) == prod(y) and min(len(x), len(y)) <= 1)


def check_interfaces(f: Network, g: Network) -> None:
    """Two networks are paired on inputs and outputs up to axes of size 1; flattening only when one side is flat."""
    for what, a, b in (("input", f.input_shape, g.input_shape), ("output", f.output_shape, g.output_shape)):
        if not _same_layout(a, b):
            raise BadInput(f"{what}: f has shape {a}, g has {b}; they are not the same up to axes of size 1")
    if f.n_out != g.n_out:
        raise BadInput(f"output: f has {f.n_out} entries, g has {g.n_out}")


def _paired(f: Network, g: Network | None, over: Domain | UniformBox) -> Domain:
    """The domain of a claim about f and g, in the layout of f's input; raises BadInput when shapes do not fit."""
    if not isinstance(f, Network) or not (g is None or isinstance(g, Network)):
        raise BadInput(f"claim: expected networks, found {type(f).__name__} and {type(g).__name__}; load them first")
    if isinstance(over, UniformBox):
        over = over.over(f.input_shape)
    if not isinstance(over, Domain):
        raise BadInput(f"domain: expected a box, balls or points, found {type(over).__name__}")
    if not _same_layout(over.shape, f.input_shape):
        hint = "; give one point as a batch of one" if over.parts * over.n == f.n_in else ""
        raise BadInput(f"domain: expected points of shape {f.input_shape}, found {over.shape}{hint}")
    if g is not None:
        check_interfaces(f, g)
    return over


def discrepancy(
    f: Network,
    g: Network,
    *,
    over: Domain | UniformBox,
    norm: Literal["linf", "l2", "l1"] = "linf",
    modulo_mean: bool = False,
    output: int | None = None,
    functional: ArrayLike | None = None,
    upper: ArrayLike | None = None,
) -> Quantity:
    """sup over x of a norm of f(x) - g(x), of one output's difference, of |a . (f - g)|, or of a . (f - g).

    norm, modulo_mean: modulo_mean takes the mean over the outputs out first, which softmax ignores; refused with
    fewer than two outputs. At most one of output (a number), functional and upper (a, as an array) replaces the norm.
    Raises BadInput when shapes do not fit.
    """
    over = _paired(f, g, over)
    single = sum(v is not None for v in (output, functional, upper))
    if single > 1:
        raise BadInput("discrepancy: expected at most one of output, functional and upper, found several")
    if modulo_mean and single:
        raise BadInput("modulo_mean: expected a norm, found a single functional; take the mean out of it yourself")
    if norm not in ("linf", "l2", "l1"):
        raise BadInput(f"norm: expected linf, l2 or l1, found {norm!r}")
    if modulo_mean and f.n_out < 2:
        raise BadInput("modulo_mean: with one output the difference is its own mean")
    if output is not None:
        return Quantity("output", f, g, over, index=_index(output, f.n_out))
    if upper is not None:
        return Quantity("upper", f, g, over, row=_row(upper, f.n_out))
    if functional is not None:
        return Quantity("functional", f, g, over, row=_row(functional, f.n_out))
    return Quantity("value", f, g, over, norm=norm, modulo_mean=modulo_mean)


def output_bound(
    f: Network, *, over: Domain | UniformBox, output: int | None = None, functional: ArrayLike | None = None
) -> Quantity:
    """sup over x of one output, or of a . f(x): compare with <= for an upper, >= for a lower bound."""
    over = _paired(f, None, over)
    if (output is None) == (functional is None):
        raise BadInput("output_bound: give output= or functional=")
    if functional is None:
        functional = np.eye(f.n_out)[_index(output, f.n_out)]
    return Quantity("upper", f, None, over, row=_row(functional, f.n_out))


def least(
    f: Network,
    g: Network | None = None,
    *,
    over: Domain | UniformBox,
    on_f: ArrayLike,
    on_g: ArrayLike | None = None,
    limits: Sequence[Number],
) -> Quantity:
    """sup over x of min over k of on_f_k . f(x) + on_g_k . g(x) - limits_k.

    ``least(...) < 0`` says that no x satisfies all of on_f_k . f + on_g_k . g >= limits_k at once: a closed set of
    unsafe outputs is never reached. on_f, on_g: (K, m), each float meaning exactly itself; limits: K exact numbers.
    Raises BadInput when shapes do not fit.
    """
    over = _paired(f, g, over)
    if on_g is not None and g is None:
        raise BadInput("least: expected a second network beside on_g, found none")
    exact = tuple(rational(t, f"limits[{k}]") for k, t in enumerate(limits))
    if not exact:
        raise BadInput("least: expected at least one row, found none")
    a, b = (None if v is None else _table(v, len(exact), f.n_out, w) for v, w in ((on_f, "on_f"), (on_g, "on_g")))
    return Quantity("least", f, g, over, on_f=a, on_g=b, limits=exact)


def _table(a: ArrayLike, rows: int, m: int, what: str) -> NDArray[np.floating]:
    table = as_floats(a, what)
    if table.shape != (rows, m):
        raise BadInput(f"{what}: expected {rows} rows of {m} numbers, found shape {table.shape}")
    return table


def margin(f: Network, g: Network, *, over: Domain | UniformBox, labels: ArrayLike | None = None) -> Quantity:
    """sup over x of the push of f - g towards a wrong class: max over j != c of (f_j - f_c) - (g_j - g_c).

    labels: the right class c of each part; by default g's class at the part's centre.
    """
    over = _paired(f, g, over)
    return Quantity("margin", f, g, over, labels=_labels(f, g, over, labels))


def decision(f: Network, g: Network, *, over: Domain | UniformBox, labels: ArrayLike | None = None) -> Claim:
    """The claim that f and g both decide, strictly, for class c on each part; labels as for ``margin``."""
    over = _paired(f, g, over)
    return Quantity("decision", f, g, over, labels=_labels(f, g, over, labels)) < 0


def _row(a: ArrayLike, m: int) -> NDArray[np.floating]:
    row = as_floats(a, "functional").ravel()
    if len(row) != m:
        raise BadInput(f"functional: expected {m} numbers, found {len(row)}")
    return row


def _index(output: int | None, m: int) -> int:
    if not isinstance(output, int | np.integer) or isinstance(output, bool) or not 0 <= output < m:
        raise BadInput(f"output: expected 0 to {m - 1}, found {output!r}")
    return int(output)


def centres(domain: Domain) -> Floats:
    """A representative point of each part (parts, n)."""
    return np.array([domain.centre(k) for k in range(domain.parts)])


def _labels(f: Network, g: Network, over: Domain, labels: ArrayLike | None) -> tuple[int, ...]:
    if f.n_out < 2:
        raise BadInput(f"labels: a decision needs two outputs, found {f.n_out}")
    found = g(centres(over)).argmax(axis=1) if labels is None else np.atleast_1d(np.asarray(labels))
    if found.dtype.kind not in "iu" or len(found) != over.parts:
        raise BadInput(f"labels: expected {over.parts} integers, found {len(found)} of dtype {found.dtype}")
    if found.min() < 0 or found.max() >= f.n_out:
        raise BadInput(f"labels: expected 0 to {f.n_out - 1}, found {found.min()} to {found.max()}")
    return tuple(int(c) for c in found)
