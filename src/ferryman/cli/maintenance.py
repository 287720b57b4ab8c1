"""maintenance on, maintenance off: whether the edge answers 503 for the app."""

from __future__ import annotations

from typing import Annotated

import typer

from ferryman.cli.changes import change, where
from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, To, destination

command = typer.Typer(no_args_is_help=True, help="Let the edge answer 503 for the app, or end that.")
Message = Annotated[str | None, typer.Option("--message", help="What people read; plain text, one line.")]
RetryAfter = Annotated[int | None, typer.Option("--retry-after", min=1, metavar="SECONDS", help="60 without it.")]


@command.command("on")
def maintenance_on(
    to: To = None,
    message: Message = None,
    retry_after: RetryAfter = None,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Answer every request but the health check's with 503 and a small page; the app goes on running."""
    target = destination(config, to)
    parameters = {"on": True, "message": message, "retry_after": retry_after}
    change(target, ("maintenance", parameters), lambda _: f"maintenance of {where(target)} is on", as_json)


@command.command("off")
def maintenance_off(to: To = None, as_json: AsJson = False, config: Config = DEFAULT_CONFIG) -> None:
    """Let the app answer again."""
    target = destination(config, to)
    change(target, ("maintenance", {"on": False}), lambda _: f"maintenance of {where(target)} is off", as_json)
