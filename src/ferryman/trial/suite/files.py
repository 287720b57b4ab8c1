"""Finds the files that hold tests, and of which kind each is, from their text alone."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

TEST_FILE = re.compile(r"tests?(_\w*)?\.py|\w+_tests?\.py")
SKIPPED = {"node_modules", "site-packages", "venv", "env", "build", "dist"}
LARGEST_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True)
class TestFiles:
    """Test functions by file, relative to the folder; and which files only pytest can run."""

    __test__ = False

    counts: Mapping[str, int]
    of_pytest: tuple[str, ...]

    @property
    def examples(self) -> str:
        """Some of the files that have tests."""
        paths = sorted(path for path, count in self.counts.items() if count)
        return ", ".join(paths[:3]) + (", …" if len(paths) > 3 else "")


def find_test_files(folder: Path) -> TestFiles:
    """Look through a folder."""
    counts, of_pytest = {}, []
    for path in python_files(folder):
        name = path.relative_to(folder).as_posix()
        if path.name == "conftest.py":
            of_pytest.append(name)
        elif TEST_FILE.fullmatch(path.name):
            methods, functions = _count(path)
            counts[name] = methods + functions
            if functions:
                of_pytest.append(name)
    return TestFiles(counts, tuple(sorted(of_pytest)))


def python_files(folder: Path) -> Iterator[Path]:
    """The Python files below a folder, but not those of environments and of what was installed or built."""
    for here, folders, names in os.walk(folder):
        is_environment = "pyvenv.cfg" in names
        folders[:] = [] if is_environment else sorted(n for n in folders if n not in SKIPPED and n[0] != ".")
        if not is_environment:
            yield from (Path(here, name) for name in sorted(names) if name.endswith(".py"))


def _count(path: Path) -> tuple[int, int]:
    """How many test methods and how many test functions a file has."""
    if not path.is_file() or path.stat().st_size > LARGEST_BYTES:
        return 0, 0
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return 0, 0
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return sum(_tests(node.body) for node in classes), _tests(tree.body)


def _tests(body: list[ast.stmt]) -> int:
    functions = [node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return sum(node.name.startswith("test") for node in functions)
