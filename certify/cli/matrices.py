"""The commands about what is integrated out of a matrix: modes of a kernel, variables of a Gaussian."""

from __future__ import annotations

from dataclasses import replace

from certify.cli.app import EXIT, Flag, Out, app, print_json
from certify.cli.inequalities import Limit, against, report
from certify.cli.options import check_writable, number
from certify.errors import CertifyError

# Of a table of couplings by distance.
MOST_ROWS = 12


@app.command
def ridge(
    kernel: str, /, *, ridge: str, cuts: str | None = None, features: Flag = False, fit: Flag = False,
    fail_above: Limit = None, out: Out = None, json: Flag = False,
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
    fail_above
        A limit for unit targets, at each scale: exit 0 when all changes are proved to be at most this, 1 when one is
        refuted, 2 otherwise.
    out
        Where the certificate goes; for a single cut.
    json
        Print one JSON object.
    """
    from certify import show
    from certify.convex.ridges.ridge_flow import ridge_flow
    from certify.statements.arrays import load_array

    check_writable(out)
    chosen = None if cuts is None else _whole_numbers(cuts, "--cuts")
    if out is not None and (chosen is None or len(set(chosen)) != 1):
        raise CertifyError("-o: expected a single number of modes in --cuts beside it")
    s = number(ridge, "--ridge")
    limit = None if fail_above is None else number(fail_above, "--fail-above")
    found = ridge_flow(load_array(kernel), s, chosen, features=features, of="fit" if fit else "coefficients")
    if limit is not None:
        found = replace(found, cuts=tuple(replace(c, error=against(c.error, limit)) for c in found.cuts))
    if out is not None:
        return report(found.cuts[0].error, out, json)
    if json:
        print_json(found.as_json())
        return EXIT[found.status]
    console = show.console()
    console.print(show.status(found.status), found.show(), sep=": ")
    return EXIT[found.status]


@app.command
def marginal(
    precision: str, /, *, keep: str, candidate: str | None = None, reach: float | None = None, absolute: Flag = False,
    fail_above: Limit = None, out: Out = None, json: Flag = False,
) -> int:  # fmt: skip
    """Integrate variables out of a Gaussian, and bound the error of a simpler precision matrix for the others.

    Parameters
    ----------
    precision
        The symmetric precision matrix of all variables: FILE.npy or FILE.npz:NAME.
    keep
        The variables that stay, from 0, such as 0-9,20.
    candidate
        The precision that stands for theirs; by default the exact one, rounded.
    reach
        Entries between variables whose numbers differ by more than this are set to zero.
    absolute
        The operator norm of the difference, not the error relative to the candidate.
    fail_above
        A limit: exit 0 when the error is proved to be at most this, 1 when it is refuted, 2 otherwise.
    out
        Where the certificate goes.
    json
        Print one JSON object.
    """
    from certify import show
    from certify.convex.marginals.marginal import marginalise
    from certify.statements.arrays import load_array

    check_writable(out)
    kept = _whole_numbers(keep, "--keep")
    given = None if candidate is None else load_array(candidate)
    limit = None if fail_above is None else number(fail_above, "--fail-above")
    found = marginalise(load_array(precision), kept, given, reach=reach, norm="absolute" if absolute else "relative",
                        limit=limit)  # fmt: skip
    code = report(found, out, json)
    rows = found.details.get("decay", [])[:MOST_ROWS]
    if rows and not json:
        shown = [(f"{r['distance']:g}", show.upper(r["at_most"]), show.lower(r["at_least"])) for r in rows]
        show.console().print(show.table(("distance", "couplings <=", ">="), shown))
    return code


def _whole_numbers(text: str, option: str) -> list[int]:
    """Numbers with commas between, and ranges such as 0-9."""
    out: list[int] = []
    for word in text.split(","):
        ends = word.split("-")
        if len(ends) > 2 or not all(e.isascii() and e.isdigit() for e in ends):
            raise CertifyError(f"{option}: expected whole numbers and ranges, such as 0-4,7; found {word!r}")
        out += range(int(ends[0]), int(ends[-1]) + 1)
    return out
