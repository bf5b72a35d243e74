"""The commands about what is integrated out of a matrix: modes of a kernel, variables of a Gaussian."""

from __future__ import annotations

from certify.cli.app import EXIT, Flag, Out, app, print_json
from certify.cli.inequalities import report
from certify.cli.options import check_writable, number
from certify.errors import CertifyError


@app.command
def ridge(
    kernel: str, /, *, ridge: str, cuts: str | None = None, features: Flag = False, fit: Flag = False,
    out: Out = None, json: Flag = False,
) -> int:  # fmt: skip
    """Discard modes of a kernel matrix, and bound what a renormalised ridge leaves as an error, at several scales.

    Parameters
    ----------
    kernel
        A symmetric matrix: FILE.npy or FILE.npz:NAME.
    ridge
        The noise variance, or the regularisation.
    cuts
        Numbers of modes kept, such as 5,10,20; by default halves.
    features
        The file holds features, one row for each datum; a cut keeps the first columns.
    fit
        The change of fitted values, not of dual coefficients.
    out
        Where the certificate goes; for a single cut.
    json
        Print one JSON object.
    """
    from certify import show
    from certify.convex.ridge_flow import ridge_flow
    from certify.statements.arrays import load_array

    check_writable(out)
    chosen = None if cuts is None else _whole_numbers(cuts, "--cuts")
    if out is not None and (chosen is None or len(set(chosen)) != 1):
        raise CertifyError("-o: expected a single number of modes in --cuts beside it")
    s = number(ridge, "--ridge")
    found = ridge_flow(load_array(kernel), s, chosen, features=features, of="fit" if fit else "coefficients")
    if out is not None:
        return report(found.cuts[0].error, out, json)
    if json:
        print_json(found.as_json())
        return EXIT[found.status]
    console = show.console()
    console.print(show.status(found.status), found.show(), sep=": ")
    return EXIT[found.status]


def _whole_numbers(text: str, option: str) -> list[int]:
    """Numbers with commas between, and ranges such as 0-9."""
    out: list[int] = []
    for word in text.split(","):
        ends = word.split("-")
        if len(ends) > 2 or not all(e.isascii() and e.isdigit() for e in ends):
            raise CertifyError(f"{option}: expected whole numbers and ranges, such as 0-4,7; found {word!r}")
        out += range(int(ends[0]), int(ends[-1]) + 1)
    return out
