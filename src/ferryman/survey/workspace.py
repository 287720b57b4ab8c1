"""A copy of a project in which its code may run: what Git has or would take, and nothing that a person keeps secret."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

SKIPPED = frozenset({".git", ".venv", "venv", "env", "node_modules", "__pycache__", ".tox", ".mypy_cache", ".ferryman"})
LARGEST_FILE_BYTES = 64 << 20


@contextmanager
def copied(folder: Path) -> Iterator[Path]:
    """A copy of the project's files; it is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="ferryman-survey-") as scratch:
        target = Path(scratch).resolve() / "project"
        target.mkdir()
        for name in _tracked(folder) or _all(folder):
            _copy(folder, target, name)
        yield target


def add(target: Path, texts: Mapping[str, str]) -> None:
    """Put planned files into a copy."""
    for name, text in texts.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _copy(folder: Path, target: Path, name: str) -> None:
    source, copy = folder / name, target / name
    if not source.is_file() or source.stat().st_size > LARGEST_FILE_BYTES:
        return
    if source.is_symlink() and not source.resolve().is_relative_to(folder.resolve()):
        return
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, copy)


def _tracked(folder: Path) -> list[str]:
    """What is committed, and what is neither committed nor ignored, but no `.env` of these; [] outside of Git."""
    committed = _git(folder, "--cached")
    new = [name for name in _git(folder, "--others", "--exclude-standard") if not Path(name).name.startswith(".env")]
    return [*committed, *new]


def _git(folder: Path, *options: str) -> list[str]:
    words = ["git", "ls-files", "-z", *options]
    try:
        done = subprocess.run(words, cwd=folder, capture_output=True, check=False)
    except OSError:
        return []
    return [name for name in done.stdout.decode(errors="surrogateescape").split("\0") if name]


def _all(folder: Path) -> list[str]:
    found: list[str] = []
    for here, folders, files in os.walk(folder):
        folders[:] = [] if "pyvenv.cfg" in files else [name for name in folders if name not in SKIPPED]
        inner = Path(here).relative_to(folder)
        found += [(inner / name).as_posix() for name in files if not name.startswith(".env")]
    return found
