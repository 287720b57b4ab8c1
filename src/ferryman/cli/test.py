"""test code, test unit, test image: what the pipeline tries before a deploy."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from ferryman.cli.messages import messages
from ferryman.cli.options import DEFAULT_CONFIG, Config

command = typer.Typer(no_args_is_help=True, help="Run what the pipeline runs before a deploy; no server is touched.")

Base = Annotated[str, typer.Option("--base", help="The commit whose migrations are no news; the one before without.")]


@command.command("code")
def code(
    base: Base = "",
    update_baseline: Annotated[
        bool,
        typer.Option(
            "--update-baseline", help="Write .ferryman-baseline, or take off what was put right; check nothing."
        ),
    ] = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """The project's linters and formatter, migrations that are complete, and squawk over the SQL of the new ones."""
    from ferryman.config import load_configuration
    from ferryman.trial.code import try_code
    from ferryman.trial.linters import write_baseline
    from ferryman.trial.outcomes import Outcomes

    configuration = load_configuration(config)
    if not update_baseline:
        try_code(configuration, base, Outcomes("Code quality", os.environ, messages.print))
        return
    for linter, files in write_baseline(configuration).files.items():
        messages.print(f"{linter}: {len(files)} on the baseline")
    messages.print("commit .ferryman-baseline")


@command.command("unit")
def unit(config: Config = DEFAULT_CONFIG) -> None:
    """The app's own tests with a PostgreSQL of production's version, and their coverage."""
    from ferryman.config import load_configuration
    from ferryman.trial.outcomes import Outcomes
    from ferryman.trial.unit import try_units

    try_units(load_configuration(config), Outcomes("Unit tests", os.environ, messages.print))


@command.command("image")
def image(
    cache: Annotated[bool, typer.Option("--cache", help="Take layers from the registry.")] = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Build the image, run it as a server would, stop it under load, and look into it."""
    from ferryman.config import load_configuration
    from ferryman.trial.image import try_image
    from ferryman.trial.outcomes import Outcomes

    outcomes = Outcomes("Docker tests", os.environ, messages.print)
    try_image(load_configuration(config), os.environ, outcomes, use_cache=cache)
