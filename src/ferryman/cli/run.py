"""run: a scheduled command now, by hand."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from ferryman.cli.messages import messages
from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, To, destination, print_json


def run(
    schedule: Annotated[str, typer.Argument(metavar="SCHEDULE", help="A name from [app.schedules].")],
    to: To = None,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait for its end.")] = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Run a scheduled command now, with the release that serves, and show its log. Ctrl-C leaves it running."""
    target = destination(config, to)

    def show(event: dict[str, Any]) -> None:
        if event["kind"] == "log":
            stream = sys.stderr if as_json or event["stream"] == "stderr" else sys.stdout
            stream.write(event["text"])
            stream.flush()

    result = target.link.request("run", {**target.app, "schedule": schedule, "detach": detach}, on_event=show)
    if as_json:
        print_json(result)
        return
    where = f"{schedule} of release {result['release']} of {target.app['app']} in {target.name}"
    took = f"succeeded, {result['seconds']:.1f} s" if result["state"] == "succeeded" else "runs"
    messages.print(f"{where} {took}")


command = run
