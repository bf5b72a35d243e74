"""Kinds of statements about matrices: one file each, SIGNATURE and check(statement, evidence). Spec: statements.md."""

from certify.kernel.statements import (
    difference_gain,
    gain,
    inertia,
    invariant,
    lipschitz,
    local_lipschitz,
    lumping,
    polynomial,
    range,
    s_procedure,
    stationary,
    super_solution,
    tail,
    truncation,
)

KINDS = {
    "difference-gain": difference_gain,
    "gain": gain,
    "inertia": inertia,
    "invariant": invariant,
    "lipschitz": lipschitz,
    "local-lipschitz": local_lipschitz,
    "lumping": lumping,
    "polynomial": polynomial,
    "range": range,
    "s-procedure": s_procedure,
    "stationary": stationary,
    "super-solution": super_solution,
    "tail": tail,
    "truncation": truncation,
}
