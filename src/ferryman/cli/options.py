"""Options and output that several commands share."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ferryman.destination import Destination

To = Annotated[str | None, typer.Option("--to", help="Environment of ferryman.toml, or rehearsal.", metavar="NAME")]
Config = Annotated[Path, typer.Option("--config", help="The configuration file.", metavar="FILE")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show every line of the build and the push.")]
Revision = Annotated[str | None, typer.Option("--revision", help="Commit, tag or branch; HEAD without it.")]
AllowDirty = Annotated[bool, typer.Option("--allow-dirty", help="Build the working tree, and label the image so.")]
ToRelease = Annotated[str, typer.Argument(help="Number or revision; the previous healthy one without it.")]
DEFAULT_CONFIG = Path("ferryman.toml")


def destination(config: Path, to: str | None) -> Destination:
    """The destination that the options name."""
    from ferryman.environments import find_destination

    return find_destination(config, to, os.environ)


def duration(text: str) -> float:
    """Seconds, of an option's value such as 90s or 1h."""
    from ferryman.config.quantities import parse_duration

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
