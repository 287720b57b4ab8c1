"""check: the mistakes that break deploys."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer

from ferryman.cli.messages import messages
from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, print_json
from ferryman.errors import FerrymanError


class Format(StrEnum):
    """How findings are shown."""

    TEXT = "text"
    GITHUB = "github"


def check(
    output_format: Annotated[Format, typer.Option("--format", help="text, or github: annotations.")] = Format.TEXT,
    as_json: AsJson = False,
    quick: Annotated[bool, typer.Option("--quick", help="Read the files alone; run nothing of the project.")] = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Find the mistakes that break deploys, in Dockerfile, settings, ferryman.toml, Compose files and workflows."""
    from ferryman.checks.linter import lint_project
    from ferryman.checks.project import read_project
    from ferryman.config import load_configuration
    from ferryman.github.run import add_to_summary, annotation, table
    from ferryman.project.drift import find_drift
    from ferryman.project.plan import plan_workflows, repository_root

    configuration = load_configuration(config)
    root, prefix = repository_root(configuration.root)
    drifted = [drift for drift in find_drift(plan_workflows(configuration)) if drift.is_drift]
    found = lint_project(read_project(configuration, root), drifted, is_quick=quick)
    if quick:
        messages.print("check: the project was not run (--quick); its settings are judged by their text alone")
    if as_json:
        print_json({"findings": [finding.as_json() for finding in found]})
    for finding in found if not as_json else ():
        is_annotated = output_format is Format.GITHUB
        place = finding.path if finding.path.startswith(".github/") or not prefix else f"{prefix}/{finding.path}"
        told = f"{finding.why}\nfix: {finding.fix}"
        typer.echo(
            annotation(finding.level, told, title=finding.code, file=place, line=finding.line)
            if is_annotated
            else str(finding)
        )
    if found:
        rows = [[finding.code, f"{finding.path}:{finding.line}", finding.why, finding.fix] for finding in found]
        add_to_summary("### Deploy linter\n\n" + table(["Finding", "Where", "Why", "Fix"], rows), os.environ)
    errors = sum(finding.level == "error" for finding in found)
    if errors:
        raise FerrymanError(
            "deploy-mistakes", f"{errors} mistakes that break deploys", hint="each finding says how to put it right"
        )
    messages.print(f"check: {len(found) or 'no'} warning{'' if len(found) == 1 else 's'}, no mistake")


command = check
