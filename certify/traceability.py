"""The kernel's rules, traced: meaning, kernel code, theorem, vectors, property tests.

Everything is found where it lives: a rule is a file of certify/kernel/rules, or a kind of statement in
certify/kernel/statements, its meaning the first sentence there, its theorem `<stem>_correct` in the file of its stem
below proofs/rules or proofs/statements, its accept vectors are those named after it, its reject vectors those
of the reason codes it can reject with, its property tests the functions of test files that name it in ``TESTED_RULES``.
Only a source checkout has all of this; elsewhere what is missing is said to be.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from certify.kernel import rules, statements

ROOT = Path(__file__).resolve().parents[1]
# Where each family of rules lives: kernel, specification, proofs.
FAMILIES = {
    "rules": (Path(rules.__file__).parent, "rules.md"),
    "statements": (Path(statements.__file__).parent, "statements.md"),
}


@dataclass(frozen=True)
class Rule:
    """One rule of the kernel and what stands behind it; paths are relative to the checkout's root."""

    name: str
    family: str
    meaning: str
    kernel: str
    theorem: str
    proved_in: str | None
    accept: list[str] = field(default_factory=list)
    reject: list[str] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)
    spec: bool = False

    @property
    def missing(self) -> list[str]:
        """What a complete rule has and this one has not."""
        have = {
            f"a section of specs/{FAMILIES[self.family][1]}": self.spec,
            f"a theorem {self.theorem}": self.proved_in is not None,
            "accept vectors": bool(self.accept),
            "property tests": bool(self.tests),
        }
        return [what for what, found in have.items() if not found]


def all_rules(root: Path = ROOT) -> list[Rule]:
    """Every rule and kind of statement, in the order of its page of specs/; those it does not name come last."""
    tests = dict(_tests(root / "tests" / "kernel"))
    found: list[Rule] = []
    for family, (folder, page) in FAMILIES.items():
        sections = re.findall(r"^## (.+)$", _read(root / "specs" / page), re.MULTILINE)
        files = [f for f in sorted(folder.glob("*.py")) if f.stem != "__init__"]
        mine = [_rule(f, family, root, sections, tests) for f in files]
        found += sorted(mine, key=lambda r: (sections.index(r.name) if r.spec else len(sections), r.name))
    return found


def _rule(file: Path, family: str, root: Path, sections: list[str], tests: dict[str, list[str]]) -> Rule:
    stem = file.stem
    name = stem if family == "rules" else stem.replace("_", "-")
    document = ast.get_docstring(ast.parse(file.read_text())) or ""
    codes = re.search(r"Rejects with: ([a-z\s,-]+)\.", document)
    reasons = [] if codes is None else [c.strip() for c in codes.group(1).split(",")]
    vectors = root / "specs" / "vectors"
    proof = root / "proofs" / family / f"{stem}.v"
    theorem = f"{stem}_correct"
    text = _read(proof)
    proved = (
        re.search(rf"^(Theorem|Corollary|Lemma) {theorem}\b", text, re.MULTILINE) if "Admitted" not in text else None
    )
    return Rule(
        name=name,
        family=family,
        meaning=document.split("\n")[0].split("*: ", 1)[-1].rstrip("."),
        kernel=f"certify/kernel/{family}/{file.name}",
        theorem=theorem,
        proved_in=None if proved is None else f"proofs/{family}/{proof.name}",
        accept=_named(vectors / "accept", (name, *_USERS.get(name, ()))),
        reject=[v for v in _named(vectors / "reject", reasons) if family == "rules" or f"--{name}-" in v],
        tests=tests.get(name, []),
        spec=name in sections,
    )


# Rules that never conclude alone: the vectors of these rules exercise them.
_USERS = {"psd": ("quadratic", "s-procedure")}


def _named(folder: Path, stems: tuple[str, ...] | list[str]) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name.split("--")[0] in stems) if folder.is_dir() else []


def _tests(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """(rule, its tests as file::function) from the ``TESTED_RULES`` of test files."""
    out: dict[str, list[str]] = {}
    for file in sorted(folder.glob("test_*.py")) if folder.is_dir() else []:
        tree = ast.parse(file.read_text())
        named: list[str] = []
        for node in tree.body:
            if isinstance(node, ast.Assign) and any(
                isinstance(t, ast.Name) and t.id == "TESTED_RULES" for t in node.targets
            ):
                named = list(ast.literal_eval(node.value))
        functions = [
            f"{file.name}::{n.name}" for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")
        ]
        for rule in named:
            out.setdefault(rule, []).extend(functions)
    yield from out.items()


def _read(file: Path) -> str:
    return file.read_text() if file.is_file() else ""


def status_table(found: list[Rule]) -> str:
    """The table of specs/rules.md#status-of-proofs, or that of specs/statements.md, of the rules given."""
    lines = ["| rule | kernel | theorem | vectors | property tests |", "|---|---|---|---|---|"]
    for r in found:
        proved = f"`{r.theorem}`" + ("" if r.proved_in else " (pending)")
        files = ", ".join(f"`{f}`" for f in sorted({t.split("::")[0] for t in r.tests}))
        lines.append(
            f"| {r.name} | `{r.kernel.removeprefix('certify/kernel/')}` | {proved} "
            f"| {len(r.accept)} accept, {len(r.reject)} reject | {files} |"
        )
    return "\n".join(lines)
