"""What `deploy` and `rollback` share: their turn among others, the call, and how the outcome is told."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ferryman.cli.changes import release_of, warn_degraded, where
from ferryman.cli.display import Steps, down
from ferryman.cli.messages import messages
from ferryman.cli.options import destination, duration, print_json

if TYPE_CHECKING:
    from ferryman.destination import Destination
    from ferryman.shipping.story import Shipping

Wait = Annotated[bool, typer.Option("--wait", help="Wait while another deploy of the app runs.")]
WaitTimeout = Annotated[
    float | None,
    typer.Option("--wait-timeout", parser=duration, metavar="TIME", help="At most: 90s, 1h; 30m without it."),
]
CancelRunning = Annotated[
    bool, typer.Option("--cancel-running", help="Cancel what runs, unless it is committed, and go on.")
]
Verify = Annotated[bool, typer.Option("--verify", help="Ask the service from here; only then move `latest`.")]


def shipping_target(config: Path, to: str | None, *, is_verified: bool) -> Destination:
    """The destination; with an address from outside when the service is to be asked there after the commit."""
    target = destination(config, to)
    if is_verified:
        from ferryman.shipping.outside import health_address

        health_address(target)
    return target


def ship(
    title: str, target: Destination, act: Callable[[Shipping], Any], *, is_verified: bool, is_verbose: bool = False
) -> dict[str, Any]:
    """Carry out what ships, with its report in the run of a workflow; returns the result."""
    from ferryman.shipping.report import reported
    from ferryman.shipping.story import Shipping
    from ferryman.watching.interruption import Signals

    with (
        reported(title, target.name, os.environ) as report,
        Signals() as signals,
        Steps(messages, is_verbose=is_verbose) as steps,
    ):
        act(Shipping(target, os.environ, report, report.listen(steps.show), signals, is_verified))
    return report.result


def show_shipped(target: Destination, result: dict[str, Any], *, as_json: bool) -> None:
    """Tell what serves now, and what is not as it should be."""
    if as_json:
        print_json(result)
    elif result["outcome"] == "unchanged":
        typer.echo(f"unchanged: release {release_of(result)} serves this already")
    else:
        took = "committed, not finished yet" if result["seconds"] is None else f"{result['seconds']:.1f} s"
        typer.echo(f"release {release_of(result)} of {where(target)} serves, {took}{down(result)}")
    warn_degraded(result)
    if result["latest"].startswith("not moved"):
        messages.print(f"latest: {result['latest']}")
