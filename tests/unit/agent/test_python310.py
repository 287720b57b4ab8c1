"""The agent runs wherever Debian 12 or Ubuntu 22.04 do: Python 3.10, and nothing but the standard library."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ferryman_agent

PACKAGE = Path(ferryman_agent.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
IMPORT_ALL = """
import importlib, pkgutil, sys, warnings
warnings.simplefilter("error")
import ferryman_agent
names = [m.name for m in pkgutil.walk_packages(ferryman_agent.__path__, "ferryman_agent.") if "__main__" not in m.name]
for name in names:
    importlib.import_module(name)
foreign = {n.partition(".")[0] for n in sys.modules} - sys.stdlib_module_names - {"ferryman_agent", "__main__"}
print(len(names), *sorted(foreign))
"""


def python310() -> str | None:
    """A Python 3.10 that runs: one of pyenv's, or on PATH."""
    known = [str(path) for path in sorted((Path.home() / ".pyenv" / "versions").glob("3.10.*/bin/python"))]
    known.append(shutil.which("python3.10") or "")
    return next((python for python in known if python and _runs(python)), None)


def _runs(python: str) -> bool:
    return subprocess.run([python, "-V"], check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_standard_library_is_imported(path: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(), feature_version=(3, 10))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add((node.module or "").partition(".")[0])
    assert imported - sys.stdlib_module_names <= {"ferryman_agent"}


def test_every_module_can_be_imported_by_python_310(tmp_path: Path) -> None:
    python = python310()
    if python is None:
        pytest.skip("no Python 3.10 on this machine")
    shutil.copytree(PACKAGE, tmp_path / "ferryman_agent", ignore=shutil.ignore_patterns("__pycache__"))
    compiled = [python, "-m", "compileall", "-q", str(tmp_path)]
    assert subprocess.run(compiled, check=False, capture_output=True).returncode == 0
    command = [python, "-S", "-c", IMPORT_ALL]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 40  # and no name of a foreign module after the number
