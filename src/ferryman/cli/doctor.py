"""doctor: what the server has beside its ledger, and the rebuild of a lost ledger."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from ferryman.cli.messages import messages
from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, To, destination, print_json
from ferryman.errors import Refused

WHOLE = "whole"


def doctor(
    to: To = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Rebuild a ledger that can't be used.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Rebuild without a question.")] = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Show what the server has, and how that differs from its ledger; with --rebuild make a ledger of it."""
    target = destination(config, to)
    found = target.link.request("doctor", {})
    is_whole = found["ledger"]["state"] == WHOLE
    if rebuild:
        _show(found, as_json=False)
        if not is_whole and not yes:
            _confirm()
        found = target.link.request("doctor", {"rebuild": True})
        _show_rebuilt(found, as_json=as_json)
        return
    _show(found, as_json=as_json)
    if not is_whole:
        raise typer.Exit(4)


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json({key: value for key, value in found.items() if key != "lines"})
        return
    for line in found["lines"]:
        typer.echo(line)


def _confirm() -> None:
    is_confirmed = sys.stdin.isatty() and typer.confirm(
        "Rebuild the ledger from this? What is lost is named above.", err=True
    )
    if not is_confirmed:
        raise Refused("not-confirmed", "the rebuild was not confirmed", state="nothing was changed", hint="--yes")


def _show_rebuilt(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found["rebuilt"])
        return
    typer.echo(f"the ledger was rebuilt, with {', '.join(found['rebuilt']['apps']) or 'no app'}")
    for kept in found["rebuilt"]["kept"]:
        messages.print(f"the old one is kept on the server: {kept}")


command = doctor
