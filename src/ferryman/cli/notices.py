"""Shows what a person should look at on the server: duties of the agent that are not alive."""

from __future__ import annotations

from typing import Any

import typer


def show_duties(duties: list[dict[str, Any]]) -> None:
    """A line for each that is not alive."""
    for duty in duties:
        if not duty["alive"]:
            typer.echo(f"duty         {duty['name']} is not alive since {duty['since']}: {duty['error']}")
