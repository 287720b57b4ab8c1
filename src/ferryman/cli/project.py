"""init."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ferryman.cli.options import messages


def init(
    folder: Annotated[Path, typer.Argument(help="The project's folder.")] = Path(),
) -> None:
    """Take a Django project in: write ferryman.toml, and a Dockerfile and .dockerignore where they are missing."""
    from ferryman.project import write_project

    report = write_project(folder)
    for path in report.written:
        typer.echo(f"written  {path}")
    for path in report.kept:
        typer.echo(f"kept     {path}")
    for line in report.unknown:
        messages.print(f"not found out: {line}", markup=False, soft_wrap=True)
    for advice in report.advice:
        messages.print(f"add to {advice.path}, {advice.why}:", markup=False, highlight=False, soft_wrap=True)
        for line in advice.lines:
            messages.print(f"    {line}", markup=False, highlight=False, soft_wrap=True)
    messages.print("next: commit, then `ferryman rehearse`", markup=False, highlight=False)
