"""exec: a command inside the app's container."""

from __future__ import annotations

from typing import Annotated

import typer

from ferryman.cli.options import DEFAULT_CONFIG, Config, To, destination


def execute(
    command: Annotated[list[str], typer.Argument(help="The command and its arguments, after --.")],
    to: To = None,
    role: Annotated[str, typer.Option("--role", help="In which role's container.")] = "web",
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Run a command inside the app's container, with a terminal when this is one."""
    from ferryman.terminal import run_remote

    target = destination(config, to)
    raise typer.Exit(run_remote(target, role, command))


command = execute
