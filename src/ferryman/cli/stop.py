"""stop: the app, until it is started or deployed again."""

from __future__ import annotations

from typing import Annotated

import typer

from ferryman.cli.changes import change, where
from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, To, destination


def stop(
    to: To = None,
    database: Annotated[bool, typer.Option("--database", help="Its PostgreSQL and accessories too.")] = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Stop all roles of the app, until it is started or deployed again; the edge answers 503."""
    target = destination(config, to)
    change(target, ("stop", {"database": database}), lambda _: f"{where(target)} is stopped", as_json)


command = stop
