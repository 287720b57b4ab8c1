"""follow, cancel: commands for a deployment that somebody asked for."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ferryman.cli.display import Steps, down
from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, To, destination, messages, print_json
from ferryman.destination import Destination
from ferryman.errors import DeployFailed, FerrymanError, Refused
from ferryman.interruption import Signals
from ferryman.spectator import follow_command, follow_transaction

Followed = Annotated[
    str | None, typer.Argument(metavar="[DEPLOYMENT]", help="Its id; without it what runs, or the newest.")
]
Cancelled = Annotated[
    str | None, typer.Argument(metavar="[DEPLOYMENT]", help="Its id, also of one that waits; without it what runs.")
]


def follow(
    deployment: Followed = None, to: To = None, as_json: AsJson = False, config: Config = DEFAULT_CONFIG
) -> None:
    """Watch a deployment from anywhere; ends with its outcome as exit status."""
    target = destination(config, to)
    with Signals() as signals, Steps(messages) as steps:
        result = follow_transaction(target, deployment, steps.show, signals)
    if as_json:
        print_json(result)
    else:
        typer.echo(_outcome(target, result))
    if result["degraded"]:
        messages.print(f"degraded: {result['degraded']}", style="bold yellow", markup=False)


def _outcome(target: Destination, result: dict[str, Any]) -> str:
    release = result.get("release")
    shown = f": release {release['number']} ({release['revision'][:7]})" if release else ""
    where = f"{target.manifest['app']} in {target.name}"
    took = f"{result['seconds'] or 0:.1f} s{down(result)}"
    return f"{result.get('kind', 'deployment')} {result['outcome']}{shown} of {where}, {took}"


def cancel(
    deployment: Cancelled = None, to: To = None, as_json: AsJson = False, config: Config = DEFAULT_CONFIG
) -> None:
    """Cancel a deployment before its commit, and wait until it is taken back."""
    target = destination(config, to)
    named = {"deployment": deployment} if deployment else {}
    answer = target.link.request("cancel", {**target.app, **named})
    if not answer["cancelled"]:
        raise _too_late(target, answer)
    error = _end(target, answer["deployment"])
    if as_json:
        print_json({"deployment": answer["deployment"], "cancelled": True, "state": error.state})
    else:
        typer.echo(f"cancelled: {error.state or error.message}")


def _end(target: Destination, deployment: str) -> DeployFailed:
    """The error that a cancelled deployment ends with."""
    try:
        with Signals() as signals, Steps(messages) as steps:
            result = follow_transaction(target, deployment, steps.show, signals)
    except DeployFailed as error:
        return error
    raise _too_late(target, result)


def _too_late(target: Destination, answer: dict[str, Any]) -> FerrymanError:
    outcome = answer.get("outcome") or "committed"
    release = answer["release"].get("number") if isinstance(answer.get("release"), dict) else answer.get("release")
    serves = f"; release {release} serves" if outcome in ("committed", "succeeded") and release else ""
    return Refused(
        "nothing-to-cancel",
        f"deployment {answer['deployment']} can't be cancelled any more: it is {outcome}",
        state=f"nothing was changed by this call{serves}",
        hint=f"ferryman rollback --to {target.name}" if serves else follow_command(target, answer["deployment"]),
    )
