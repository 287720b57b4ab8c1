"""logs: what a role's container writes."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, To, destination

Role = Annotated[str, typer.Option("--role", help="Which role's container.")]


def logs(  # noqa: PLR0913, PLR0917 - each is an option of the command
    to: To = None,
    role: Role = "web",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
    tail: Annotated[int, typer.Option("--tail", "-n", min=0, help="How many last lines.")] = 100,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Show the log of a role's container."""
    target = destination(config, to)

    def show(event: dict[str, Any]) -> None:
        if as_json:
            typer.echo(json.dumps({"stream": event["stream"], "text": event["text"]}))
            return
        stream = sys.stderr if event["stream"] == "stderr" else sys.stdout
        stream.write(event["text"])
        stream.flush()

    parameters = {**target.app, "role": role, "follow": follow, "tail": tail}
    try:
        target.link.request("logs", parameters, on_event=show)
    except KeyboardInterrupt:
        return  # how a person ends --follow


command = logs
