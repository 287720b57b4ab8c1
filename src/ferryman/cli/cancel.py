"""cancel: a deployment is taken back before its commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ferryman.cli.follow import watch
from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, To, destination, print_json
from ferryman.errors import DeployFailed, FerrymanError, Refused

if TYPE_CHECKING:
    from ferryman.destination import Destination

Cancelled = Annotated[
    str | None, typer.Argument(metavar="[DEPLOYMENT]", help="Its id, also of one that waits; without it what runs.")
]


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
        result = watch(target, deployment)
    except DeployFailed as error:
        return error
    raise _too_late(target, result)


def _too_late(target: Destination, answer: dict[str, Any]) -> FerrymanError:
    from ferryman.watching.spectator import follow_command

    outcome = answer.get("outcome") or "committed"
    release = answer["release"].get("number") if isinstance(answer.get("release"), dict) else answer.get("release")
    serves = f"; release {release} serves" if outcome in ("committed", "succeeded") and release else ""
    return Refused(
        "nothing-to-cancel",
        f"deployment {answer['deployment']} can't be cancelled any more: it is {outcome}",
        state=f"nothing was changed by this call{serves}",
        hint=f"ferryman rollback --to {target.name}" if serves else follow_command(target, answer["deployment"]),
    )


command = cancel
