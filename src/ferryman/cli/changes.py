"""What the commands share that change an app which is there: the call, its signals, and how its outcome is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from ferryman.cli.display import Steps, down
from ferryman.cli.messages import messages
from ferryman.cli.options import print_json

if TYPE_CHECKING:
    from ferryman.destination import Destination


def change(
    target: Destination,
    asked: tuple[str, dict[str, Any]],
    told: Callable[[dict[str, Any]], str],
    as_json: bool,
) -> None:
    """Have the agent carry out a kind of request with its parameters, and tell the outcome in the words of `told`."""
    kind, parameters = asked
    result = carry_out(target, kind, {**target.app, **parameters})
    if as_json:
        print_json(result)
    else:
        is_same = result["outcome"] == "unchanged"
        took = "" if is_same or result["seconds"] is None else f", {result['seconds']:.1f} s"
        typer.echo(f"{'unchanged: ' if is_same else ''}{told(result)}{took}{down(result)}")
    warn_degraded(result)


def carry_out(target: Destination, kind: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Ask the agent and stay to the end, whatever interrupts this call."""
    from ferryman.watching.interruption import Signals
    from ferryman.watching.spectator import ask_transaction

    with Signals() as signals, Steps(messages) as steps:
        return ask_transaction(target, kind, parameters, steps.show, signals)


def warn_degraded(result: dict[str, Any]) -> None:
    """Say loudly what does not stay up."""
    if result["degraded"]:
        messages.print(f"degraded: {result['degraded']}", style="bold yellow")


def where(target: Destination) -> str:
    """The app and its environment, in a sentence."""
    return f"{target.manifest['app']} in {target.name}"


def release_of(result: dict[str, Any]) -> str:
    """The release of an outcome, in a sentence."""
    release = result["release"]
    return f"{release['number']} ({release['revision'][:7]})"
