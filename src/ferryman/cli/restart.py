"""restart: new containers of the release that serves."""

from __future__ import annotations

from typing import Annotated

import typer

from ferryman.cli.changes import change, release_of, where
from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, To, destination


def restart(
    to: To = None,
    role: Annotated[str | None, typer.Option("--role", help="One role, or an accessory; all roles without it.")] = None,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Replace the containers of the release that serves by new ones, without a lost request."""
    target = destination(config, to)
    what = f"{role} of release" if role else "release"
    change(
        target,
        ("restart", {"role": role}),
        lambda result: f"{what} {release_of(result)} of {where(target)} is restarted",
        as_json,
    )


command = restart
