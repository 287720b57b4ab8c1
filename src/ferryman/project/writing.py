"""Writes a plan: what is missing or outdated, and never over what is a person's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ferryman.errors import Refused, UsageError
from ferryman.project.drift import Drift, State, find_drift, is_inside
from ferryman.project.plan import PlannedFile, Rule, plan_project

Ask = Callable[[Drift], bool]


@dataclass(frozen=True)
class InitReport:
    """What `init` did: paths written, kept and removed; what was found, and what a person is to check."""

    written: tuple[str, ...]
    kept: tuple[str, ...]
    removed: tuple[str, ...]
    notes: tuple[str, ...]
    unknown: tuple[str, ...]


def write_project(
    folder: Path,
    ask: Ask | None = None,
    *,
    overwrite: bool = False,
    is_quick: bool = False,
    keeps_dockerfile: bool = True,
) -> InitReport:
    """Take a project in: inspect it, plan its files, and write what it lacks.

    Raises what `write_files` raises.
    """
    plan = plan_project(folder, is_quick=is_quick, keeps_dockerfile=keeps_dockerfile)
    drifted = write_files(plan.files, ask, overwrite=overwrite)
    removed = {drift.path for drift in drifted if drift.is_left_over}
    written = {drift.path for drift in drifted} - removed
    paths = [file.path for file in plan.files]
    return InitReport(
        written=tuple(path for path in paths if path in written),
        kept=tuple(path for path in paths if path not in written),
        removed=tuple(sorted(removed)),
        notes=plan.findings.notes,
        unknown=plan.findings.unknown,
    )


def write_files(files: Sequence[PlannedFile], ask: Ask | None, *, overwrite: bool = False) -> list[Drift]:
    """Write what is missing or outdated; what a person changed only after `ask` said yes, or with `overwrite`.

    Returns the files that were written or removed. Before anything is written it raises Refused `workflow-changed`
    where nobody can be asked, and UsageError `not-writable` for a link that leads out of the repository.
    """
    differing = [drift for drift in find_drift(files) if drift.is_drift]
    changed = [drift for drift in differing if drift.state is State.CHANGED]
    if changed and ask is None and not overwrite:
        raise _changed(changed)
    kept = {drift.path for drift in changed if not overwrite and ask is not None and not ask(drift)}
    written = [drift for drift in differing if drift.path not in kept]
    planned = {file.path: file for file in files}
    _require_inside([(planned[d.path].root, d.path) for d in written if _is_ours(planned.get(d.path))])
    for drift in written:
        if drift.is_left_over:
            _try(drift.place, drift.place.unlink)
        else:
            _write(planned[drift.path])
    return written


def _is_ours(file: PlannedFile | None) -> bool:
    return file is not None and file.rule is Rule.OURS


def _require_inside(places: list[tuple[Path, str]]) -> None:
    outside = [path for root, path in places if not is_inside(root, root / path)]
    if outside:
        raise UsageError(
            "not-writable",
            f"{outside[0]} is a link that leads out of the repository",
            state="nothing was written",
            hint="remove the link; GitHub reads no workflow through one",
        )


def _write(file: PlannedFile) -> None:
    def act() -> None:
        file.place.parent.mkdir(parents=True, exist_ok=True)
        if file.rule is Rule.OURS:
            file.place.write_bytes(file.content)
        elif file.rule is Rule.LINE:
            before = file.place.read_bytes() if file.place.exists() else b""
            with file.place.open("ab") as appended:
                appended.write(file.content.removeprefix(before))
        else:
            # A file that was made since the inspection is kept.
            with file.place.open("xb") as made:
                made.write(file.content)

    _try(file.place, act)


def _try(path: Path, act: Callable[[], None]) -> None:
    try:
        act()
    except FileExistsError:
        return
    except OSError as error:
        raise UsageError("not-writable", f"{path} can't be written: {error.strerror}") from None


def _changed(changed: list[Drift]) -> Refused:
    names = ", ".join(drift.path for drift in changed)
    return Refused(
        "workflow-changed",
        f"somebody changed {names}, and nobody can be asked here",
        state="nothing was written",
        hint="`ferryman init --check` shows the difference; `ferryman init --overwrite` writes over it",
    )
