"""Compares planned files with what a project has."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ferryman.errors import UsageError
from ferryman.github.workflows.files import TOOL_FOLDER, is_untouched
from ferryman.project.plan import PlannedFile, Rule


class State(Enum):
    """How a file stands against what `init` would write."""

    MISSING = "missing"
    CURRENT = "current"
    OUTDATED = "outdated"  # as an earlier `init` wrote it
    CHANGED = "changed"  # by a person
    OWN = "own"  # the project's, written once or never
    LEFT_OVER = "left over"  # the wheel of another version


@dataclass(frozen=True)
class Drift:
    """One file: its path from the project's or the repository's root, how it stands, the difference to the plan.

    `place` is where one that is left over lies.
    """

    path: str
    state: State
    difference: str = ""
    place: Path = Path()

    @property
    def is_drift(self) -> bool:
        """Whether the file is not as it is to be."""
        return self.state not in (State.CURRENT, State.OWN)

    @property
    def is_left_over(self) -> bool:
        """Whether the file is to be removed."""
        return self.state is State.LEFT_OVER


def find_drift(files: Sequence[PlannedFile]) -> list[Drift]:
    """How each of the planned files stands, and what is left over of earlier ones."""
    return [_compare(file) for file in files] + _left_over(files)


def _left_over(files: Iterable[PlannedFile]) -> list[Drift]:
    """Wheels that the plan has no more; one that a link leads out of the repository to is none of them."""
    ours = [file for file in files if file.rule is Rule.OURS]
    planned = {file.path for file in ours}
    found = [
        Drift(path.relative_to(root).as_posix(), State.LEFT_OVER, place=path)
        for root in dict.fromkeys(file.root for file in ours)
        for path in sorted((root / TOOL_FOLDER).glob("ferryman-*.whl"))
        if is_inside(root, path)
    ]
    return [drift for drift in found if drift.path not in planned]


def is_inside(root: Path, path: Path) -> bool:
    """Whether a path leads nowhere out of a folder."""
    return path.resolve().is_relative_to(root.resolve())


def _compare(file: PlannedFile) -> Drift:
    try:
        present = file.place.read_bytes()
    except FileNotFoundError:
        return Drift(file.path, State.MISSING)
    except OSError as error:
        raise UsageError("not-readable", f"{file.place} can't be read: {error.strerror}") from None
    if file.rule is Rule.ONCE:
        return Drift(file.path, State.OWN)
    if present == file.content:
        return Drift(file.path, State.CURRENT)
    if file.rule is Rule.LINE or file.path.endswith(".whl"):
        return Drift(file.path, State.OUTDATED)
    text = present.decode(errors="replace").replace("\r\n", "\n")  # as Git checks out where Windows's ends are wanted
    wanted = file.content.decode()
    if text == wanted:
        return Drift(file.path, State.CURRENT)
    state = State.OUTDATED if is_untouched(text) else State.CHANGED
    return Drift(file.path, state, _difference(file.path, text, wanted))


def _difference(name: str, present: str, wanted: str) -> str:
    lines = difflib.unified_diff(
        present.splitlines(), wanted.splitlines(), f"{name} (as it is)", f"{name} (as init writes it)", lineterm=""
    )
    return "\n".join(lines)
