"""The commands about matrices, chains, dynamics and polynomials. Each prints a bracket and leaves with its status."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from certify.cli.app import EXIT, Flag, Out, app, print_json
from certify.cli.options import check_writable, number
from certify.errors import CertifyError

Limit = Annotated[str | None, Parameter(name=["--fail-above"])]


def report(found: Any, out: str | None, json: bool) -> int:
    """Print a Bound, write its certificate, and return the exit code of its status."""
    from certify import show

    saved = None if out is None or found.certificate is None else str(found.certificate.save(out))
    if json:
        print_json(found.as_json() | {"written": saved})
        return EXIT[found.status]
    console = show.console()
    console.print(show.status(found.status), show.one_line(str(found).split(": ", 1)[-1]), sep=": ")
    if found.verdict is not None:
        console.print(f"  certificate: {show.one_line(str(found.verdict))}")
    seconds = ", ".join(f"{k} {v:.2g} s" for k, v in found.seconds.items())
    if seconds:
        console.print(f"  time: {seconds}")
    if saved is not None:
        console.print(f"  wrote {show.one_line(saved)}")
    return EXIT[found.status]


def _limit(text: str | None) -> Any:
    return None if text is None else number(text, "--fail-above")


@app.command
def lipschitz(f: str, g: str | None = None, /, *, fail_above: Limit = None, out: Out = None, json: Flag = False) -> int:
    """Bound the Lipschitz constant of a network, or of the difference of two, in the Euclidean norm.

    Parameters
    ----------
    f
        A model file: a chain of affine layers and relus.
    g
        A second one on the same inputs: the gain of f - g.
    fail_above
        A limit: exit 0 when the constant is proved to be at most this, 1 when it is refuted, 2 otherwise.
    out
        Where the certificate goes.
    json
        Print one JSON object.
    """
    from certify.convex.lipschitz.gains import lipschitz as gain
    from certify.networks.load import load

    check_writable(out)
    limit = _limit(fail_above)
    networks = [load(m) for m in (f, *([] if g is None else [g]))]
    return report(against(gain(*networks), limit), out, json)


@app.command
def truncation(
    full: str, coarse: str, /, *, over: str | None = None, fail_above: Limit = None, out: Out = None,
    json: Flag = False,
) -> int:  # fmt: skip
    """Bound the norm of (A - A_r) x over the unit ball, or over an ellipsoid.

    Parameters
    ----------
    full, coarse
        Two matrices of one shape: FILE.npy or FILE.npz:NAME.
    over
        The matrix Q of an ellipsoid x' Q x <= 1.
    fail_above
        A limit: exit 0 when the norm is proved to be at most this, 1 when it is refuted, 2 otherwise.
    out
        Where the certificate goes.
    json
        Print one JSON object.
    """
    from certify.convex.truncation import truncation as bound
    from certify.statements.arrays import load_array

    check_writable(out)
    limit = _limit(fail_above)
    shape = None if over is None else load_array(over)
    return report(against(bound(load_array(full), load_array(coarse), over=shape), limit), out, json)


@app.command
def gap(
    matrix: str, /, *, modes: int | None = None, stationary: str | None = None, out: Out = None, json: Flag = False
) -> int:
    """Say whether the eigenvalues of a symmetric matrix fall in two groups with a gap between: a separation of scales.

    Parameters
    ----------
    matrix
        FILE.npy or FILE.npz:NAME, exactly symmetric.
    modes
        How many eigenvalues are above the gap; by default where it is largest.
    stationary
        The matrix is a transfer operator, reversible with these weights: FILE.npy or FILE.npz:NAME; auto finds them;
        weights says that the matrix holds symmetric weights or counts, to be divided by the sums of its rows.
    out
        Where the certificate goes.
    json
        Print one JSON object.
    """
    from certify.convex.spectra.spectrum import spectral_gap
    from certify.statements.arrays import load_array

    check_writable(out)
    law = stationary if stationary in (None, "auto", "weights") else load_array(stationary)
    return report(spectral_gap(load_array(matrix), m="auto" if modes is None else modes, stationary=law), out, json)


@app.command
def lump(chain: str, partition: str, /, *, fail_above: Limit = None, out: Out = None, json: Flag = False) -> int:
    """Bound, for all times, how far the law of the blocks is from that of a Markov chain on the blocks.

    Parameters
    ----------
    chain
        A matrix with non-negative rows that sum to one: FILE.npy or FILE.npz:NAME.
    partition
        The block of each state, numbers from 0.
    fail_above
        A limit on the total variation: exit 0 when it is proved, 1 when it is refuted, 2 otherwise.
    out
        Where the certificate goes.
    json
        Print one JSON object.
    """
    from certify.convex.lumping.lump import lump as bound
    from certify.statements.arrays import load_array

    check_writable(out)
    limit = _limit(fail_above)
    return report(against(bound(load_array(chain), load_array(partition)), limit), out, json)


@app.command
def inequality(
    conclusion: str, /, *given: str, out: Out = None, json: Flag = False
) -> int:  # fmt: skip
    """Prove or refute a polynomial inequality, such as "x**2 + y**2 >= 2*x*y", under others that follow it.

    Parameters
    ----------
    conclusion
        What is to be proved: two polynomials with >= or <= between.
    given
        What is assumed: inequalities and equations of this form.
    out
        Where the certificate goes.
    json
        Print one JSON object.
    """
    from certify.symbolic.polynomials.prove import prove_inequality

    check_writable(out)
    return report(prove_inequality(conclusion, given=list(given)), out, json)


def against(found: Any, limit: Any) -> Any:
    """The same bracket as an answer to whether the supremum is at most a limit."""
    if limit is None:
        return found
    from dataclasses import replace

    from certify.results import Bracket, Status

    lower, upper = found.bracket.lower, found.bracket.upper
    if lower is None and upper is None:
        raise CertifyError("--fail-above: there is no bracket to compare with")
    status: Status = "proved" if upper is not None and upper <= limit else "unknown"
    if lower is not None and lower > limit:
        status = "refuted"
    return replace(found, status=status, bracket=Bracket(lower, upper, status))


@app.command(name="range")
def range_(
    form: str, /, *over: str, fail_above: Limit = None, leaves: int = 20_000, out: Out = None, json: Flag = False
) -> int:
    """Bound the largest value of a closed form over a box: certify range "x*exp(-x)" x=0,5.

    Parameters
    ----------
    form
        With + - * / **, exp, log, sqrt, abs, min, max, tanh, sigmoid, relu, softplus, sinh, cosh.
    over
        The box: NAME=LOW,HIGH for each variable.
    fail_above
        A limit: exit 0 when the form is proved to be at most this, 1 when it is refuted, 2 otherwise.
    leaves
        The most pieces the box is cut into.
    out
        Where the certificate goes.
    json
        Print one JSON object.
    """
    from certify.symbolic.ranges.bound import range_bound

    check_writable(out)
    box = {}
    for text in over:
        name, _, ends = text.partition("=")
        low, comma, high = ends.partition(",")
        if not comma:
            raise CertifyError(f"{text}: expected NAME=LOW,HIGH")
        box[name.strip()] = (low.strip(), high.strip())
    return report(range_bound(form, box, _limit(fail_above), leaves=leaves), out, json)
