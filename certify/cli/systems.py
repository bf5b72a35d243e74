"""The command about linear systems: how much a reduced one errs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from certify.cli.app import Flag, Out, app
from certify.cli.inequalities import Limit, report
from certify.cli.options import check_writable, number
from certify.errors import CertifyError


@app.command
def reduction(
    full: str, reduced: str | None = None, /, *, order: int | None = None, discrete: Flag = False,
    save: Annotated[str | None, Parameter(name=["--save"])] = None, fail_above: Limit = None, out: Out = None,
    json: Flag = False,
) -> int:  # fmt: skip
    """Bound the energy gain (H-infinity norm) of the error between a linear system and a reduced one.

    Parameters
    ----------
    full
        FILE.mat or FILE.npz with arrays A, B, C and perhaps D.
    reduced
        A second one with the same inputs and outputs; or none, with --order.
    order
        Reduce to so many states by balanced truncation.
    discrete
        Discrete time: x+ = A x + B u.
    save
        Where the reduced system of --order goes: FILE.npz.
    fail_above
        A limit: exit 0 when the gain is proved to be at most this, 1 when it is refuted, 2 otherwise.
    out
        Where the certificate goes.
    json
        Print one JSON object.
    """
    from certify.convex.reduction import balanced_truncation, reduction_error
    from certify.statements.arrays import load_system, save_system

    check_writable(out)
    if (reduced is None) == (order is None):
        raise CertifyError("reduction: expected a reduced system or --order, and not both")
    if save is not None and (order is None or Path(save).suffix != ".npz"):
        raise CertifyError("--save: expected a name that ends in .npz, and --order")
    limit = None if fail_above is None else number(fail_above, "--fail-above")
    system = load_system(full)
    small = load_system(str(reduced)) if order is None else balanced_truncation(system, order, not discrete).system
    if save is not None:
        save_system(save, small)
    return report(reduction_error(system, small, not discrete, limit), out, json)
