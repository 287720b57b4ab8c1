"""init."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ferryman.cli.options import messages
from ferryman.errors import Refused
from ferryman.workflows.writing import Drift

CheckOnly = Annotated[bool, typer.Option("--check", help="Write nothing; fail when the workflows differ.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Also over workflows that somebody changed.")]


def init(
    folder: Annotated[Path, typer.Argument(help="The project's folder.")] = Path(),
    check: CheckOnly = False,
    overwrite: Overwrite = False,
) -> None:
    """Take a Django project in: write what is missing of ferryman.toml, Dockerfile, .dockerignore and the workflows."""
    from ferryman.project import write_project

    if check:
        _check(folder)
        return
    report = write_project(folder)
    for path in report.written:
        typer.echo(f"written  {path}")
    for path in report.kept:
        typer.echo(f"kept     {path}")
    _write_workflows(folder, overwrite=overwrite)
    for line in report.unknown:
        messages.print(f"check: {line}", markup=False, soft_wrap=True)
    for advice in report.advice:
        messages.print(f"add to {advice.path}, {advice.why}:", markup=False, highlight=False, soft_wrap=True)
        for line in advice.lines:
            messages.print(f"    {line}", markup=False, highlight=False, soft_wrap=True)
    messages.print("next: commit, then `ferryman rehearse`", markup=False, highlight=False)


def _write_workflows(folder: Path, *, overwrite: bool) -> None:
    from ferryman.config import load_configuration
    from ferryman.workflows.writing import find_drift, write_workflows

    configuration = load_configuration(folder / "ferryman.toml")
    ask = _ask if sys.stdin.isatty() and not overwrite else None
    before = find_drift(configuration)
    written = {drift.path for drift in write_workflows(configuration, ask, overwrite=overwrite)}
    for drift in before:
        word = "kept" if drift.path not in written else "removed" if drift.is_left_over else "written"
        typer.echo(f"{word:<8} {drift.path}")


def _ask(drift: Drift) -> bool:
    messages.print(drift.difference, markup=False, highlight=False, soft_wrap=True)
    return typer.confirm(f"Somebody changed {drift.path}. Write over it?", err=True)


def _check(folder: Path) -> None:
    from ferryman.config import load_configuration
    from ferryman.workflows.writing import find_drift

    drifted = [drift for drift in find_drift(load_configuration(folder / "ferryman.toml")) if drift.is_drift]
    for drift in drifted:
        typer.echo(f"{drift.state.value:<9} {drift.path}")
        if drift.difference:
            typer.echo(drift.difference)
    if drifted:
        raise Refused(
            "workflow-drift",
            f"{len(drifted)} files are not what `ferryman init` writes",
            state="nothing was written",
            hint="ferryman init",
        )
    typer.echo("the workflows are what `ferryman init` writes")
