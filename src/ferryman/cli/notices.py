"""Shows what a person should look at on the server: its notices, and duties of the agent that are not alive."""

from __future__ import annotations

from typing import Any

import typer


def show_duties(duties: list[dict[str, Any]]) -> None:
    """A line for each that is not alive."""
    for duty in duties:
        if not duty["alive"]:
            typer.echo(f"duty         {duty['name']} is not alive since {duty['since']}: {duty['error']}")


def show_notices(notices: list[dict[str, str]]) -> None:
    """Two lines for each that stands: what it is, and what to do about it."""
    for notice in notices:
        said = f"{notice['subject']}: {notice['message']}"
        typer.echo(f"notice       {notice['severity']} since {notice['since']}: {said}")
        typer.echo(f"             next: {notice['next']}")
