"""``python -I -m certify.kernel [--pure] [--json] [--share I/N] CERTIFICATE``: exit 0 accepted, 1 rejected, 2 declined.

With --share only the leaves I modulo N are replayed, and the verdict is about them: all N shares must be accepted.
Exit 0 is reached from one line only. Misuse exits with 64, a missing file with 66, a fault of this program or
of the machine with 70: none of these is a verdict.
"""

from __future__ import annotations

import os
import sys
import time
from types import ModuleType
from typing import Any

USAGE = "usage: python -I -m certify.kernel [--pure] [--json] [--share I/N] CERTIFICATE"
ACCEPTED, REJECTED, DECLINED, MISUSE, MISSING, FAULT = 0, 1, 2, 64, 66, 70


def main(arguments: list[str]) -> int:
    """Check one certificate and print the verdict; returns the exit code."""
    given, share = list(arguments), (0, 1)
    if "--share" in given:
        at = given.index("--share")
        share = _share(given[at + 1 : at + 2])
        del given[at : at + 2]
    flags = {a for a in given if a.startswith("-")}
    paths = [a for a in given if not a.startswith("-")]
    if flags - {"--pure", "--json"} or len(paths) != 1 or not 0 <= share[0] < share[1]:
        print(USAGE, file=sys.stderr)
        return MISUSE
    if not os.path.exists(paths[0]):
        print(f"{paths[0]}: no such file or directory", file=sys.stderr)
        return MISSING
    from certify.kernel import VERSION
    from certify.kernel.verdict import Declined, Rejected

    arithmetic: ModuleType
    if "--pure" in flags:
        from certify.kernel.arithmetic import pure

        arithmetic = pure
    else:
        # Products here are small: a second thread was measured to cost up to eight times the whole check.
        for library in ("OPENBLAS", "OMP", "MKL"):
            os.environ.setdefault(f"{library}_NUM_THREADS", "1")
        from certify.kernel.arithmetic import fast

        arithmetic = fast
    from certify.kernel.check import check

    times = [time.perf_counter()]
    report: dict[str, Any] = {"certificate": paths[0], "kernel": VERSION, "arithmetic": arithmetic.NAME}
    code = REJECTED
    try:
        done = check(paths[0], arithmetic, lambda: times.append(time.perf_counter()), share)
        report |= {"verdict": "accepted", "id": done.id, "leaves": done.leaves}
        if share != (0, 1):
            report["share"] = f"{share[0]}/{share[1]}"
        report |= done.told
        report["bounds"] = [None if b is None else f"{b.numerator}/{b.denominator}" for b in done.bounds]
        code = ACCEPTED
    except Rejected as e:
        report |= {"verdict": "rejected", "code": e.code, "place": e.place, "reason": e.text}
    except Declined as e:
        report |= {"verdict": "declined", "code": e.code, "place": e.place, "reason": e.text}
        code = DECLINED
    except (MemoryError, RecursionError) as e:
        report |= {"verdict": "declined", "code": "resources", "place": paths[0], "reason": type(e).__name__}
        code = DECLINED
    milliseconds = [round(1000 * (b - a)) for a, b in zip(times, [*times[1:], time.perf_counter()], strict=True)]
    report["milliseconds"] = {"read": milliseconds[0], "replay": sum(milliseconds[1:])}
    _show(report, "--json" in flags)
    return code


def _share(words):
    """(I, N) from ["I/N"]; (0, 0), which is none, from anything else."""
    parts = words[0].split("/") if words else []
    if len(parts) != 2 or not all(p.isascii() and p.isdigit() and len(p) < 10 for p in parts):
        return 0, 0
    return int(parts[0]), int(parts[1])


def _show(report, as_json):
    if as_json:
        import json

        print(json.dumps(report))
    elif report["verdict"] == "accepted":
        part = f"share {report['share']} " if "share" in report else ""
        print(f"{part}accepted: {report['certificate']} ({report['leaves']} leaves, id {report['id'][:16]})")
    else:
        # A hostile file name must not write lines of its own, nor bytes that the terminal cannot show.
        text = f"{report['verdict']}: {report['place']}: {report['reason']} [{report['code']}]"
        print("".join(c if " " <= c <= "~" else ascii(c)[1:-1] for c in text))


def _last_resort(kind, value, _trace):
    """An uncaught error must never look like a verdict: Python's own exit code for it is 1."""
    print(f"kernel fault, please report: {kind.__name__}: {value}", file=sys.stderr)
    sys.stderr.flush()
    os._exit(FAULT)


if __name__ == "__main__":
    sys.excepthook = _last_resort
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.exit(code)
