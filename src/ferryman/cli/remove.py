"""remove: an app goes from its server."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from ferryman.cli.changes import carry_out
from ferryman.cli.messages import messages
from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, To, destination, print_json
from ferryman.errors import Refused, UsageError


def remove(  # noqa: PLR0913, PLR0917 - each is an option of the command
    name: Annotated[
        str | None,
        typer.Argument(metavar="[APP]", help="Another app of that server, such as a mistyped one; name.environment."),
    ] = None,
    to: To = None,
    with_data: Annotated[bool, typer.Option("--with-data", help="Its database and its volumes too.")] = False,
    yes_remove: Annotated[
        str | None, typer.Option("--yes-remove", metavar="NAME", help="The app's name, where nobody can be asked.")
    ] = None,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Remove the app from the server, after you typed its name. Its data stays unless you say otherwise."""
    target = destination(config, to)
    app, _, environment = (name or target.app["app"]).partition(".")
    named = {"app": app, "environment": environment or target.name, "with_data": with_data}
    _show(target.link.request("removal.plan", named))
    result = carry_out(target, "remove", {**named, "confirm": _confirmed(app) if yes_remove is None else yes_remove})
    if as_json:
        print_json(result)
    else:
        typer.echo(f"{app} in {named['environment']} is removed")
    if result.get("kept"):
        messages.print(f"kept: {', '.join(result['kept'])}; a later deploy finds it again")


def _show(plan: dict[str, Any]) -> None:
    """What will go, on standard error."""
    lines = [f"goes: {kind:<10} {name}" for kind in ("containers", "images", "volumes") for name in plan[kind]]
    lines.append(f"goes: {plan['releases']} releases, {plan['variables']} variables, its passwords, its network")
    lines += [f"stays: {name}" for name in plan["kept"]]
    for line in lines:
        messages.print(line)


def _confirmed(app: str) -> str:
    """The name as a person typed it; Refused when it is another one."""
    if not sys.stdin.isatty():
        raise UsageError(
            "confirmation-missing",
            "nobody can be asked for the app's name here",
            state="nothing was changed",
            hint=f"add --yes-remove {app}",
        )
    typed = str(typer.prompt(f"type {app} to remove it", err=True))
    if typed != app:
        raise Refused("not-confirmed", f"{typed!r} is not the app's name {app}", state="nothing was changed")
    return typed


command = remove
