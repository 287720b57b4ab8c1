"""follow: a deployment, watched from anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ferryman.cli.changes import release_of, warn_degraded, where
from ferryman.cli.display import Steps, down
from ferryman.cli.messages import messages
from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, To, destination, print_json

if TYPE_CHECKING:
    from ferryman.destination import Destination

Followed = Annotated[
    str | None, typer.Argument(metavar="[DEPLOYMENT]", help="Its id; without it what runs, or the newest.")
]


def follow(
    deployment: Followed = None, to: To = None, as_json: AsJson = False, config: Config = DEFAULT_CONFIG
) -> None:
    """Watch a deployment from anywhere; ends with its outcome as exit status."""
    target = destination(config, to)
    result = watch(target, deployment)
    if as_json:
        print_json(result)
    else:
        typer.echo(_outcome(target, result))
    warn_degraded(result)


def watch(target: Destination, deployment: str | None) -> dict[str, Any]:
    """Show a deployment's steps to its end, and return what came of it."""
    from ferryman.watching.interruption import Signals
    from ferryman.watching.spectator import follow_transaction

    with Signals() as signals, Steps(messages) as steps:
        return follow_transaction(target, deployment, steps.show, signals)


def _outcome(target: Destination, result: dict[str, Any]) -> str:
    shown = f": release {release_of(result)}" if result.get("release") else ""
    took = f"{result['seconds'] or 0:.1f} s{down(result)}"
    return f"{result.get('kind', 'deployment')} {result['outcome']}{shown} of {where(target)}, {took}"


command = follow
