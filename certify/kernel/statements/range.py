"""*range*: the largest value of a closed form over a box.

    the leaves of a tree of cuts cover the box      over each, the enclosure of the form lies at or below the limit
    -----------------------------------------------------------------------------------------------------------  range
    for all x in the box, the form is defined, and form(x) <= limit

The form is a program, one step a row: step i takes earlier steps, or what is no step, and the last is the value.
    0 a .  constant a            4 a b  product                 8 a b  the larger
    1 a .  variable a            5 a b  quotient                9 a .  square root
    2 a b  sum                   6 a n  power n, n >= 1        10 a .  e to the power of a
    3 a b  difference            7 a b  the smaller            11 a .  natural logarithm
Evidence: item 0 is `p k`, bits after the point and halvings; then the tree from its root, low side before high side:
`j q` cuts variable j at q / 2^p, an empty `item` is a leaf. Enclosures: certify/kernel/enclosures.py.
Rejects with: above-limit, domain, empty-box, exponent, hint, not-a-cut, program, shape.
Spec: statements.md#range. Proof: range_correct.
"""

from __future__ import annotations

from certify.kernel import enclosures
from certify.kernel.exact import same_shape
from certify.kernel.limits import BITS, STEPS, VALUE_BITS, WORK
from certify.kernel.verdict import limit, require

# constants (1, c). program (r, 3), integers. box (2, n), the low ends and the high ends.
SIGNATURE = (("constants", "matrix"), ("program", "matrix"), ("box", "matrix"), ("limit", "rational"))

CONSTANT, VARIABLE, POWER = 0, 1, 6
UNARY = {9: enclosures.root, 10: enclosures.exponential, 11: enclosures.logarithm}
BINARY = {
    2: enclosures.add,
    3: enclosures.subtract,
    4: enclosures.multiply,
    5: enclosures.divide,
    7: enclosures.least,
    8: enclosures.largest,
}


def check(s, e) -> None:
    constants, box, most = s["constants"], s["box"], s["limit"]
    same_shape(constants, 1, constants.shape[1], "the constants")
    same_shape(box, 2, box.shape[1], "the box")
    require((box.n.rows(0, 1) - box.n.rows(1, 2)).largest() <= 0, "empty-box", "claim", "a low end is above a high end")
    steps = _program(s["program"], constants.shape[1], box.shape[1])
    require(bool(e.items) and len(e.items[0]) == 2, "hint", "proof", "expected `item P K`")
    p, k = e.items[0]
    require(p >= 0 and k >= 0, "hint", "proof", "the number of bits or of halvings is negative")
    limit(max(p, k), BITS, "proof", "the number of bits or of halvings")
    limit(len(steps) * len(e.items), WORK, "proof", "steps times leaves")
    given = _enclosed(constants.n, constants.n, constants.den, p)
    todo = [_enclosed(box.n.rows(0, 1), box.n.rows(1, 2), box.den, p)]
    for item in e.items[1:]:
        require(bool(todo), "not-a-cut", "proof", "items after the last leaf")
        part = todo.pop()
        if item:
            todo += _halves(part, item)
        else:
            top = value(steps, given, part, p, k)[1]
            fits = top * most.denominator <= most.numerator << p
            require(fits, "above-limit", "proof", "the enclosure of the form over a leaf passes the limit")
    require(not todo, "not-a-cut", "proof", "the tree ends before its last leaf")


def _program(m, constants, variables):
    """The steps as triples, after a look at what each takes."""
    rows = m.shape[0]
    same_shape(m, rows, 3, "the program")
    limit(rows, STEPS, "claim", "steps of the program")
    whole = m.n // m.den
    require(not m.a.any_true((whole * m.den).differs(m.n)), "program", "claim", "a word of the program is no integer")
    flat = whole.tolist()
    steps = [tuple(flat[3 * i : 3 * i + 3]) for i in range(rows)]
    for i, (op, a, b) in enumerate(steps):
        known = {CONSTANT: constants, VARIABLE: variables}.get(op, i)
        second = b if op in BINARY else 0
        fits = 0 <= op <= 11 and 0 <= a < known and 0 <= second < max(i, 1)
        require(fits, "program", "claim", f"step {i} is {op} {a} {b}, which is no step there")
    return steps


def _enclosed(low, high, den, p):
    """Entries of two rows over a denominator, as enclosures."""
    below, above = (low << p).tolist(), (-high << p).tolist()
    return [(x // den, -(y // den)) for x, y in zip(below, above, strict=True)]


def _halves(part, item):
    """The high side and the low side of a cut."""
    require(len(item) == 2 and 0 <= item[0] < len(part), "not-a-cut", "proof", "expected `item J Q` or `item`")
    j, q = item
    low, high = part[j]
    require(low <= q <= high, "not-a-cut", "proof", f"{q} is outside what it cuts")
    return [[*part[:j], (q, high), *part[j + 1 :]], [*part[:j], (low, q), *part[j + 1 :]]]


def value(steps, constants, variables, p, k):
    """The enclosure of the last step over a box of enclosures."""
    out: list[tuple[int, int]] = []
    for op, a, b in steps:
        if op in BINARY:
            found = BINARY[op](out[a], out[b], p, k)
        elif op in UNARY:
            found = UNARY[op](out[a], p, k)
        elif op == POWER:
            found = enclosures.power(out[a], b, p)
        else:
            found = (constants if op == CONSTANT else variables)[a]
        limit(max(found[1].bit_length(), found[0].bit_length()), VALUE_BITS, "proof", "bits of a value")
        out.append(found)
    return out[-1]
