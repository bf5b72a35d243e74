"""The command line: ``certify prove | check | diff | explain | audit | rules | demo``, and those about matrices.

Exit codes are verdicts, and nothing else looks like one:

    0 1 2      proved, refuted, unknown (prove, audit, diff --fail-above); accepted, rejected, declined (check, explain)
    64         misuse                          65   a model that has no exact form here
    66         a missing or malformed file     67   an empty domain    69   a kernel that is not built
    70         a fault of this program         130  interrupted        141  nobody reads the output

An interrupted search is no interrupted command: what it found is checked and reported, with 0, 1 or 2. Only a second
interrupt, or one before there is any bound, leaves with 130.

This module turns what happens into an exit code and one line; the commands
are in certify.cli.searching, judging, inequalities, matrices, systems, samples and tracing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

MISUSE, FAULT, INTERRUPTED, BROKEN_PIPE = 64, 70, 130, 141


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and leave with its exit code; never with a traceback (but for the hidden --traceback)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    code = run(given)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
        code = BROKEN_PIPE
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; everything that goes wrong becomes one line and a code."""
    from certify.errors import CertifyError

    given = [a for a in arguments if a != "--traceback"]
    as_json = "--json" in given
    try:
        return _dispatch(given)
    except CertifyError as e:
        return _fail(str(e), e.exit_code, as_json)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED, as_json)
    except BrokenPipeError:
        _forget_output()
        return BROKEN_PIPE
    except SystemExit as e:
        # rich leaves with 1 when nobody reads its output, which would look like a verdict.
        return BROKEN_PIPE if isinstance(e.__context__, BrokenPipeError) else FAULT
    except Exception as e:
        if "--traceback" in arguments:
            raise
        return _fail(f"internal error, please report it: {type(e).__name__}: {e}", FAULT, as_json)


def _dispatch(given: list[str]) -> int:
    import cyclopts

    from certify.cli import inequalities, judging, matrices, samples, searching, systems, tracing
    from certify.cli.app import app
    from certify.errors import CertifyError

    # Importing these modules registers their commands.
    assert inequalities and judging and matrices and samples and searching and systems and tracing
    try:
        command, bound, _ = app.parse_args(given, print_error=False, exit_on_error=False)
    except cyclopts.CycloptsError as e:
        text = str(e).rstrip(".")
        raise CertifyError(f"{text}; see certify --help") from None
    code = command(*bound.args, **bound.kwargs)
    return code if isinstance(code, int) else 0


def _fail(text: str, code: int, as_json: bool) -> int:
    from certify.show import one_line

    line = one_line(text)
    if as_json:
        import json

        print(json.dumps({"error": line, "exit": code}))
    else:
        print(f"certify: {line}", file=sys.stderr)
    return code


def _forget_output() -> None:
    """Python flushes stdout when it leaves, and would exit with 120 over a reader that went away."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
