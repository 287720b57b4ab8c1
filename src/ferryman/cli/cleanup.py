"""cleanup: merged branches, old images in the registry, unused images on servers."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ferryman.cleanup.names import shown, visible
from ferryman.cli.messages import messages
from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, print_json
from ferryman.github.run import add_to_summary

if TYPE_CHECKING:
    from ferryman.cleanup.report import Report

Environments = Annotated[
    list[str] | None,
    typer.Option("--to", metavar="NAME", help="Which servers are pruned; several times, all without it."),
]


def cleanup(  # noqa: PLR0913, PLR0917 - each is an option of the command
    to: Environments = None,
    branches: Annotated[bool, typer.Option("--branches", help="Merged branches on GitHub.")] = False,
    images: Annotated[bool, typer.Option("--images", help="Old images in the registry.")] = False,
    server: Annotated[bool, typer.Option("--server", help="Unused images on the servers.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would go; change nothing.")] = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Remove merged branches, old images in the registry, unused images on the servers; all three or those named."""
    from ferryman.cleanup.cleanup import PARTS, Order, Surroundings, clean_up
    from ferryman.cleanup.report import Report
    from ferryman.watching.interruption import Interrupted, Signals, Stopped

    named = frozenset(part for part, is_on in zip(PARTS, (branches, images, server), strict=True) if is_on)

    def tell(line: str) -> None:
        messages.print(shown(line))

    order = Order(config, tuple(to or ()), named or frozenset(PARTS), dry_run)
    report = Report(dry_run)
    stopped: int | None = None
    with Signals() as signals:
        try:
            clean_up(order, Surroundings(os.environ, datetime.now(UTC), tell), report)
        except Stopped as stop:  # what went is told all the same
            stopped = stop.number
        with signals.into(lambda _: None):
            _show(report, as_json=as_json)
    if stopped:
        raise Interrupted(stopped, "what was removed stands above; nothing that serves was touched")
    report.check()


def _show(report: Report, *, as_json: bool) -> None:
    """On standard output, and in the summary of a workflow's run."""
    from ferryman.cleanup.summary import lines, markdown

    if as_json:
        print_json(report.as_json())
    else:
        for line in lines(report):
            typer.echo(line)
        _show_failures(report)
    add_to_summary(markdown(report), os.environ)


def _show_failures(report: Report) -> None:
    for failure in report.failures:
        told = [f"not done: {failure.part}: {failure.message} [{failure.code}]"]
        told += [f"hint: {failure.hint}"] if failure.hint else []
        for line in told:
            messages.print(visible(line))


command = cleanup
