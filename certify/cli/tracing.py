"""The command that shows what stands behind each rule of the kernel."""

from __future__ import annotations

from dataclasses import asdict

from certify.cli.app import Flag, app, print_json


@app.command
def rules(*, json: Flag = False) -> int:
    """Show the kernel's rules: meaning, code, theorem, vectors, property tests.

    Parameters
    ----------
    json
        Print one JSON object.
    """
    from certify import show
    from certify.traceability import all_rules

    found = all_rules()
    if json:
        print_json({"rules": [asdict(r) | {"missing": r.missing} for r in found]})
        return 0
    console = show.console()
    for r in found:
        console.print(show.one_line(f"{r.name}: {r.meaning}"), style="bold")
        console.print(f"  code      {r.kernel}")
        console.print(f"  theorem   {r.theorem}, " + (f"{r.proved_in}" if r.proved_in else "pending"))
        console.print(f"  vectors   {len(r.accept)} accepted, {len(r.reject)} rejected (specs/vectors)")
        console.print(f"  tests     {len(r.tests)} (tests/kernel)")
        if r.missing:
            console.print(f"  missing   {', '.join(r.missing)}", style="yellow")
    return 0
