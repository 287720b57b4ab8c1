"""rehearse, rehearse down: the project on a throw-away server of this machine."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from ferryman.cli.display import Steps
from ferryman.cli.messages import messages
from ferryman.cli.options import DEFAULT_CONFIG, Config, Verbose

command = typer.Typer(invoke_without_command=True)


@command.callback()
def _rehearse(
    context: typer.Context,
    allow_dirty: Annotated[bool, typer.Option("--allow-dirty", help="Ship the working tree as it is.")] = False,
    verbose: Verbose = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Ship the project to a throw-away server on this machine, through every real part, and leave it running."""
    if context.invoked_subcommand:
        return
    from ferryman.rehearsal.rehearsal import rehearse as run
    from ferryman.shipping.options import DeployOptions

    with Steps(messages, is_verbose=verbose) as steps:
        rehearsed = run(config, DeployOptions(allow_dirty=allow_dirty), os.environ, steps.show)
    for line in rehearsed.notes:
        messages.print(f"check: {line}")
    messages.print("ship again: ferryman deploy --to rehearsal; remove it all: ferryman rehearse down")
    typer.echo(rehearsed.url)


@command.command("down")
def down(
    images: Annotated[bool, typer.Option("--images", help="Also the stand-in images, which are dear to make.")] = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Remove everything that the rehearsal of this project made."""
    from ferryman.rehearsal.rehearsal import down as run

    removed = run(config, messages.print, images=images)
    typer.echo(f"removed {removed} containers, volumes, networks and images")
