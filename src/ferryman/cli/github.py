"""github protect: required reviews and checks on main and develop."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Annotated

import typer

from ferryman.cli.messages import messages
from ferryman.cli.options import AsJson, print_json
from ferryman.errors import Refused

command = typer.Typer(no_args_is_help=True, help="The repository on GitHub.")
Branches = Annotated[
    list[str] | None,
    typer.Option("--branch", metavar="NAME", help="Which; several times. main and develop without it."),
]


@command.command("protect")
def protect(
    branches: Branches = None,
    check: Annotated[list[str] | None, typer.Option("--check", metavar="NAME", help="A check that must pass.")] = None,
    reviews: Annotated[int, typer.Option("--reviews", min=1, max=6, help="How many approvals.")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be set; change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Require a reviewed pull request before anything gets into main and develop; forbid force pushes and deletion."""
    from contextlib import closing

    from ferryman.cleanup.names import shown
    from ferryman.github.api import GitHub, find_access
    from ferryman.github.branches import LASTING
    from ferryman.github.protection import Rules, protect

    with closing(GitHub(find_access(os.environ))) as client:
        found = protect(client, branches or LASTING, Rules(reviews, tuple(check or ())), is_dry=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, "branches": [asdict(one) for one in found]})
    else:
        for one in found:
            lacking = f": {', '.join(one.lacks)}" if one.lacks else ""
            typer.echo(shown(f"{one.branch:<12} {one.state}") + shown(lacking))
    for one in found:
        if one.state == "missing":
            messages.print(f"there is no branch {shown(one.branch)}")
    different = [shown(one.branch) for one in found if one.state == "differs"]
    if different:
        raise Refused(
            "protection-differs",
            f"{', '.join(different)} has a protection that lacks something; it was not overwritten",
            state="what is set there stays as it is",
            hint="add it in the repository's settings, under Branches",
        )
