"""The trusted base keeps to specs/trusted-base.toml, and the test that says so catches planted breaches."""

from __future__ import annotations

import ast
import io
import shutil
import subprocess
import sys
import tokenize
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RULES = tomllib.loads((ROOT / "specs" / "trusted-base.toml").read_text())["kernel"]
KERNEL = ROOT / RULES["package"]


def breaches(kernel: Path) -> list[str]:
    """Everything in a kernel folder that the trusted base does not allow."""
    out = []
    for file in sorted(kernel.rglob("*.py")):
        name, tree = str(file.relative_to(kernel)), ast.parse(file.read_text())
        for module in imports(tree):
            ours = module == "certify.kernel" or module.startswith("certify.kernel.")
            numpy = module.split(".")[0] == "numpy" and name == RULES["numpy_only_in"]
            if not ours and not numpy and module.split(".")[0] not in RULES["imports"]:
                out.append(f"{name} imports {module}")
        out += [f"{name}:{n.lineno} {what}" for n in ast.walk(tree) if (what := forbidden(n))]
    if sum(code_lines(f) for f in kernel.rglob("*.py")) > RULES["line_ceiling"]:
        out.append("the kernel is longer than its ceiling")
    return out


def imports(tree):
    for n in ast.walk(tree):
        if isinstance(n, ast.Import):
            yield from (a.name for a in n.names)
        elif isinstance(n, ast.ImportFrom):
            yield n.module or "."


def forbidden(n) -> str:
    if isinstance(n, ast.Div):
        return ""
    if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div):
        return "true division"
    if isinstance(n, ast.Assert):
        return "assert"
    if isinstance(n, ast.Constant) and isinstance(n.value, float | complex):
        return "a float"
    if isinstance(n, ast.Name) and n.id in RULES["banned_names"]:
        return n.id
    broad = isinstance(n, ast.ExceptHandler) and (
        n.type is None or getattr(n.type, "id", "") in ("Exception", "BaseException")
    )
    return "a broad except" if broad else ""


def code_lines(file: Path) -> int:
    source = file.read_text()
    docs: set[int] = set()
    for n in ast.walk(ast.parse(source)):
        if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant) and isinstance(n.value.value, str):
            docs |= set(range(n.lineno, (n.end_lineno or n.lineno) + 1))
    skip = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    lines: set[int] = set()
    for t in tokenize.generate_tokens(io.StringIO(source).readline):
        if t.type not in skip:
            lines |= set(range(t.start[0], t.end[0] + 1))
    return len(lines - docs)


def test_the_kernel_keeps_to_its_trusted_base():
    assert breaches(KERNEL) == []


@pytest.mark.parametrize(
    "breach",
    [
        "import scipy", "from certify.networks import graph", "import numpy", "x = 1 / 2", "x = 0.5", "assert True",
        "try:\n    pass\nexcept Exception:\n    pass", "eval('1')", "\n".join(f"x{i} = {i}" for i in range(2500)),
    ],
)  # fmt: skip
def test_a_planted_breach_is_caught(tmp_path, breach):
    copy = tmp_path / "kernel"
    shutil.copytree(KERNEL, copy)
    (copy / "check.py").write_text((copy / "check.py").read_text() + "\n" + breach + "\n")
    assert breaches(copy)


def test_the_trusted_process_loads_nothing_else_of_ours():
    code = "import sys, certify.kernel.check; print(*sorted(m for m in sys.modules if m.split('.')[0] in "
    code += "('certify', 'scipy', 'onnx', 'torch', 'sklearn', 'rich', 'cyclopts')))"
    out = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert [m for m in out if m != "certify" and not m.startswith("certify.kernel")] == []
