"""The command about samples. What it prints is a statistical claim, never a bound on a supremum."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from certify.cli.app import EXIT, Flag, Out, app, print_json
from certify.cli.options import check_writable, number
from certify.errors import CertifyError


@app.command
def rate(
    failures: int, trials: int, /, *, level: str = "0.95", side: Literal["both", "upper", "lower"] = "both",
    fail_above: str | None = None, out: Out = None, json: Flag = False,
) -> int:  # fmt: skip
    """Bound a rate of failure from counts of independent trials, with certificates of its binomial tails.

    Parameters
    ----------
    failures
        How many trials failed.
    trials
        How many there were.
    level
        The confidence, between 0 and 1.
    side
        Which ends: both, upper or lower.
    fail_above
        A rate: exit 0 when the upper end is at most this, 2 otherwise.
    out
        Where the certificate goes: of the upper end, where there is one, else of the lower.
    json
        Print one JSON object.
    """
    from certify import show
    from certify.statistics import clopper_pearson

    check_writable(out)
    found = clopper_pearson(failures, trials, level, side)
    most = None if fail_above is None else number(fail_above, "--fail-above")
    if out is not None and not found.certificates:
        raise CertifyError(f"--out: there is no certificate for {failures} of {trials}")
    saved = None if out is None else str(Path(found.certificates[0][1].save(out)))
    if json:
        print_json(found.as_json() | {"written": saved})
    else:
        console = show.console()
        console.print(show.one_line(str(found)))
        for end, verdict in found.verdicts:
            console.print(f"  {end} end: {show.one_line(str(verdict))}")
        if saved is not None:
            console.print(f"  wrote {show.one_line(saved)}")
    return EXIT["proved"] if most is None or found.high <= most else EXIT["unknown"]
