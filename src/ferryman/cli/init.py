"""init: a Django project is taken in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ferryman.cli.messages import messages
from ferryman.errors import FerrymanError, Refused

if TYPE_CHECKING:
    from ferryman.project.drift import Drift

CheckOnly = Annotated[bool, typer.Option("--check", help="Write nothing; fail when the workflows differ.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Also over workflows that somebody changed.")]
Generate = Annotated[
    bool, typer.Option("--generate-dockerfile", help="Write Dockerfile.ferryman, though the project has a Dockerfile.")
]
NoTests = Annotated[bool, typer.Option("--no-tests", help="Do not run the linters and the tests once.")]
Quick = Annotated[bool, typer.Option("--quick", help="Read the project's files alone; run nothing of it.")]


def init(  # noqa: PLR0913, PLR0917 - each is an option of the command
    folder: Annotated[Path, typer.Argument(help="The project's folder.")] = Path(),
    check: CheckOnly = False,
    overwrite: Overwrite = False,
    quick: Quick = False,
    generate_dockerfile: Generate = False,
    no_tests: NoTests = False,
) -> None:
    """Take a Django project in: write what is missing of ferryman.toml, Dockerfile, .dockerignore and the workflows."""
    from ferryman.project.writing import write_project

    if check:
        _check(folder)
        return
    report = write_project(
        folder,
        _ask if sys.stdin.isatty() else None,
        overwrite=overwrite,
        is_quick=quick,
        keeps_dockerfile=not generate_dockerfile,
    )
    for word, paths in (("written", report.written), ("kept", report.kept), ("removed", report.removed)):
        for path in paths:
            typer.echo(f"{word:<8} {path}")
    for line in report.notes:
        messages.print(line)
    for line in report.unknown:
        messages.print(f"check: {line}")
    is_new = "ferryman.toml" in report.written
    if is_new and not (quick or no_tests):
        _try_first(folder)
    messages.print("next: commit, then `ferryman rehearse`")


def _try_first(folder: Path) -> None:
    """What the first push would come to: it is known before."""
    from ferryman.git.repository import find_repository
    from ferryman.trial.first import try_first

    try:
        find_repository(folder)
    except FerrymanError:
        messages.print("the jobs code and unit were not tried: this is no Git repository yet")
        return
    messages.print("trying the jobs code and unit once; --no-tests leaves it out")
    try_first(folder / "ferryman.toml", messages.print, sets_coverage=True)


def _ask(drift: Drift) -> bool:
    messages.print(drift.difference)
    return typer.confirm(f"Somebody changed {drift.path}. Write over it?", err=True)


def _check(folder: Path) -> None:
    from ferryman.config import load_configuration
    from ferryman.project.drift import find_drift
    from ferryman.project.plan import plan_workflows

    planned = plan_workflows(load_configuration(folder / "ferryman.toml"))
    drifted = [drift for drift in find_drift(planned) if drift.is_drift]
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


command = init
