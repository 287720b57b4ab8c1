"""accessory remove: side containers that no release defines any more."""

from __future__ import annotations

from typing import Annotated

import typer

from ferryman.cli.changes import change, where
from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, To, destination

command = typer.Typer(no_args_is_help=True, help="Side containers of the app; no deploy touches them.")


@command.command("remove")
def accessory_remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The accessory.")],
    to: To = None,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Remove an accessory that the release which serves does not define any more. Its volumes stay."""
    target = destination(config, to)
    change(target, ("accessory.remove", {"name": name}), lambda _: f"{name} of {where(target)} is removed", as_json)
