"""Compares a repository's workflows with those that its ferryman.toml asks for, and writes what differs."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ferryman.config import Configuration
from ferryman.errors import Refused, UsageError
from ferryman.image.source import find_repository
from ferryman.workflows.files import TOOL_FOLDER, is_untouched, workflow_files


class State(Enum):
    """How a file stands against what `init` would write."""

    MISSING = "missing"
    CURRENT = "current"
    OUTDATED = "outdated"  # as an earlier `init` wrote it
    CHANGED = "changed"  # by a person
    LEFT_OVER = "left over"  # the wheel of another version


@dataclass(frozen=True)
class Drift:
    """One file: its path from the repository's root, how it stands, and the difference to what `init` writes."""

    path: str
    state: State
    difference: str = ""

    @property
    def is_drift(self) -> bool:
        """Whether the file is not what `init` writes."""
        return self.state is not State.CURRENT

    @property
    def is_left_over(self) -> bool:
        """Whether the file is to be removed."""
        return self.state is State.LEFT_OVER


Ask = Callable[[Drift], bool]


def repository_root(folder: Path) -> tuple[Path, str]:
    """The root of the Git repository that a project is in, and the project's folder below it."""
    try:
        repository = find_repository(folder)
    except UsageError:
        return folder.resolve(), ""
    return repository.root, repository.project


def find_drift(configuration: Configuration) -> list[Drift]:
    """How each of the files stands."""
    root, prefix = repository_root(configuration.root)
    wanted = workflow_files(configuration, prefix)
    found = [_compare(root, name, content) for name, content in wanted.items()]
    wheels = sorted((root / TOOL_FOLDER).glob("ferryman-*.whl"))
    names = [path.relative_to(root).as_posix() for path in wheels if _is_inside(root, path)]
    return found + [Drift(name, State.LEFT_OVER) for name in names if name not in wanted]


def write_workflows(configuration: Configuration, ask: Ask | None, *, overwrite: bool = False) -> list[Drift]:
    """Write what is missing or outdated; what a person changed only after `ask` said yes, or with `overwrite`.

    Returns the files that were written. Raises Refused `workflow-changed` before anything is written, where nobody can
    be asked.
    """
    root, prefix = repository_root(configuration.root)
    wanted = workflow_files(configuration, prefix)
    differing = [drift for drift in find_drift(configuration) if drift.is_drift]
    changed = [drift for drift in differing if drift.state is State.CHANGED]
    if changed and ask is None and not overwrite:
        raise _changed(changed)
    kept = {drift.path for drift in changed if not overwrite and ask is not None and not ask(drift)}
    written = [drift for drift in differing if drift.path not in kept]
    outside = [drift.path for drift in written if not _is_inside(root, root / drift.path)]
    if outside:
        raise UsageError(
            "not-writable",
            f"{outside[0]} is a link that leads out of the repository",
            state="no workflow was written",
            hint="remove the link; GitHub reads no workflow through one",
        )
    for drift in written:
        path = root / drift.path
        try:
            if drift.state is State.LEFT_OVER:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wanted[drift.path])
        except OSError as error:
            raise UsageError("not-writable", f"{path} can't be written: {error.strerror}") from None
    return written


def _is_inside(root: Path, path: Path) -> bool:
    return path.resolve().is_relative_to(root.resolve())


def _compare(root: Path, name: str, wanted: bytes) -> Drift:
    try:
        present = (root / name).read_bytes()
    except FileNotFoundError:
        return Drift(name, State.MISSING)
    except OSError as error:
        raise UsageError("not-readable", f"{root / name} can't be read: {error.strerror}") from None
    if present == wanted:
        return Drift(name, State.CURRENT)
    if name.endswith(".whl"):
        return Drift(name, State.OUTDATED)
    text = present.decode(errors="replace").replace("\r\n", "\n")  # as Git checks out where Windows's ends are wanted
    if text == wanted.decode():
        return Drift(name, State.CURRENT)
    state = State.OUTDATED if is_untouched(text) else State.CHANGED
    return Drift(name, state, _difference(name, text, wanted.decode()))


def _difference(name: str, present: str, wanted: str) -> str:
    lines = difflib.unified_diff(
        present.splitlines(), wanted.splitlines(), f"{name} (as it is)", f"{name} (as init writes it)", lineterm=""
    )
    return "\n".join(lines)


def _changed(changed: list[Drift]) -> Refused:
    names = ", ".join(drift.path for drift in changed)
    return Refused(
        "workflow-changed",
        f"somebody changed {names}, and nobody can be asked here",
        state="nothing was written",
        hint="`ferryman init --check` shows the difference; `ferryman init --overwrite` writes over it",
    )
