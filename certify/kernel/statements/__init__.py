"""Kinds of statements about matrices: one file each, SIGNATURE and check(statement, evidence). Spec: statements.md."""

from certify.kernel.statements import s_procedure

KINDS = {"s-procedure": s_procedure}
