"""Makes a new project in a folder of its own: all of it, or nothing."""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ferryman.errors import UsageError
from ferryman.git.repository import find_repository
from ferryman.new.choices import Choices, check_name
from ferryman.new.rendering import render, render_pyproject
from ferryman.process import answer

LOCK_SECONDS = 180.0
GIT_SECONDS = 60.0
COMMIT = "Begin with what `ferryman new` writes"
EXECUTABLE = "manage.py"


@dataclass(frozen=True)
class Tools:
    """The programs that are at hand; None: that one is not, or is not wanted."""

    git: str | None
    uv: str | None

    @classmethod
    def found(cls, *, with_git: bool) -> Tools:
        """Those on PATH."""
        return cls(shutil.which("git") if with_git else None, shutil.which("uv"))


@dataclass(frozen=True)
class Made:
    """What was made, and what a person should know of it."""

    folder: Path
    files: int
    is_committed: bool
    notes: tuple[str, ...]


def make_project(parent: Path, choices: Choices, tools: Tools) -> Made:
    """Make the project's folder below `parent`.

    1. Check the name and the place. 2. Let uv choose the versions; without it, or where it can't, take the pinned ones.
    3. Write all files into a folder beside. 4. Make a repository of it, with a first commit. 5. Rename it into place.

    UsageError `name-unfit`, `folder-exists`, `not-writable`; then nothing is left behind.
    """
    check_name(choices.name)
    folder = parent / choices.name
    if folder.exists() or folder.is_symlink():
        raise _exists(folder)
    notes: list[str] = []
    is_inside = _is_in_repository(parent, tools)
    contents = render(choices, _lock(choices, tools.uv, notes), with_workflows=not is_inside)
    if is_inside:
        notes.append("the folder is in a Git repository: commit it there; `ferryman init` writes the workflows")
    try:
        with tempfile.TemporaryDirectory(prefix=".ferryman-new-", dir=parent) as beside:
            made = Path(beside, choices.name)
            _write(made, contents)
            is_committed = bool(tools.git) and not is_inside and _commit(str(tools.git), made, notes)
            made.rename(folder)
    except OSError as error:
        if folder.exists():
            raise _exists(folder) from None
        raise UsageError(
            "not-writable", f"{folder} can't be written: {error.strerror}", state="nothing was left behind"
        ) from None
    return Made(folder, len(contents) + 1, is_committed, tuple(notes))


def _exists(folder: Path) -> UsageError:
    return UsageError(
        "folder-exists",
        f"{folder.name} is there already",
        state="nothing was written",
        hint="choose another name; `ferryman init` takes in a project that exists",
    )


def _is_in_repository(parent: Path, tools: Tools) -> bool:
    if tools.git is None and shutil.which("git") is None:
        return False
    try:
        find_repository(parent)
    except UsageError:
        return False
    return True


def _lock(choices: Choices, uv: str | None, notes: list[str]) -> str:
    """The text of uv.lock; "" where there is no uv, or where it can't make one."""
    if uv is None:
        notes.append("uv is not installed: requirements.txt has versions that were current when Ferryman was released")
        return ""
    with tempfile.TemporaryDirectory(prefix="ferryman-") as scratch:
        Path(scratch, "pyproject.toml").write_text(render_pyproject(choices), encoding="utf-8")
        command = [uv, "lock", "--quiet", "--python", sys.executable]
        try:
            status, _, told = answer(command, folder=Path(scratch), timeout=LOCK_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            status, told = 1, str(error)
        if status == 0:
            return Path(scratch, "uv.lock").read_text(encoding="utf-8")
    notes.append(f"uv could make no lock, requirements.txt pins the versions instead: {_last_line(told)}")
    return ""


def _write(folder: Path, contents: Mapping[str, bytes]) -> None:
    for path, content in contents.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    (folder / EXECUTABLE).chmod(0o755)
    key = f"SECRET_KEY={secrets.token_urlsafe(40)}"
    own = folder / ".env"
    own.touch(mode=0o600)
    own.write_text(re.sub(r"^SECRET_KEY=.*$", key, contents[".env.example"].decode(), flags=re.MULTILINE))


def _commit(git: str, folder: Path, notes: list[str]) -> bool:
    for words in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "--all"),
        ("commit", "--quiet", f"--message={COMMIT}"),
    ):
        try:
            status, _, told = answer([git, "-C", str(folder), *words], timeout=GIT_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            status, told = 1, str(error)
        if status != 0:
            notes.append(f"not committed, git {words[0]} failed: {_last_line(told)}")
            return False
    return True


def _last_line(told: str) -> str:
    return (told.strip().splitlines() or ["it did not say why"])[-1]
