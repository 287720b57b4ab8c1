"""Options and output that several commands share."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ferryman.config.quantities import parse_duration
from ferryman.destination import Destination, find_destination
from ferryman.workflows.run import is_github, uncommanding

To = Annotated[str | None, typer.Option("--to", help="Environment of ferryman.toml, or rehearsal.", metavar="NAME")]
Config = Annotated[Path, typer.Option("--config", help="The configuration file.", metavar="FILE")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show every line of the build and the push.")]
DEFAULT_CONFIG = Path("ferryman.toml")


class Messages(Console):
    """Standard error. When its reader leaves, the command goes on, and its exit status still tells the outcome.

    What an app, a server or a commit says is no command to the GitHub run that this is part of.
    """

    def print(self, *objects: Any, **options: Any) -> None:
        """Print text, as data."""
        is_read = is_github(os.environ)
        super().print(*(uncommanding(o) if is_read and isinstance(o, str) else o for o in objects), **options)

    def on_broken_pipe(self) -> None:
        """Say nothing more, instead of ending the command."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


messages = Messages(stderr=True)


def destination(config: Path, to: str | None) -> Destination:
    """The destination that the options name."""
    return find_destination(config, to, os.environ)


def duration(text: str) -> float:
    """Seconds, of an option's value such as 90s or 1h."""
    try:
        return parse_duration(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no duration; write 90s, 30m or 1h") from None


def print_json(content: Any) -> None:
    """Data, for a program."""
    typer.echo(json.dumps(content, indent=2))


def table(rows: list[list[str]], header: list[str]) -> None:
    """Data, for a person: aligned columns without borders, so that it can be cut and searched."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, *rows]:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())
