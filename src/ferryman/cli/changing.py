"""maintenance, restart, stop, start, remove: an operator's commands that change an app which is there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from ferryman.cli.display import Steps, down
from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, To, destination, messages, print_json
from ferryman.destination import Destination
from ferryman.errors import Refused, UsageError
from ferryman.interruption import Signals
from ferryman.spectator import ask_transaction

maintenance = typer.Typer(no_args_is_help=True, help="Let the edge answer 503 for the app, or end that.")
accessory = typer.Typer(no_args_is_help=True, help="Side containers of the app; no deploy touches them.")
Message = Annotated[str | None, typer.Option("--message", help="What people read; plain text, one line.")]
RetryAfter = Annotated[int | None, typer.Option("--retry-after", min=1, metavar="SECONDS", help="60 without it.")]


@maintenance.command("on")
def maintenance_on(
    to: To = None,
    message: Message = None,
    retry_after: RetryAfter = None,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Answer every request but the health check's with 503 and a small page; the app goes on running."""
    target = destination(config, to)
    parameters = {"on": True, "message": message, "retry_after": retry_after}
    _change(target, ("maintenance", parameters), lambda _: f"maintenance of {_where(target)} is on", as_json)


@maintenance.command("off")
def maintenance_off(to: To = None, as_json: AsJson = False, config: Config = DEFAULT_CONFIG) -> None:
    """Let the app answer again."""
    target = destination(config, to)
    _change(target, ("maintenance", {"on": False}), lambda _: f"maintenance of {_where(target)} is off", as_json)


def restart(
    to: To = None,
    role: Annotated[str | None, typer.Option("--role", help="One role, or an accessory; all roles without it.")] = None,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Replace the containers of the release that serves by new ones, without a lost request."""
    target = destination(config, to)
    what = f"{role} of release" if role else "release"
    _change(
        target,
        ("restart", {"role": role}),
        lambda result: f"{what} {_release(result)} of {_where(target)} is restarted",
        as_json,
    )


@accessory.command("remove")
def accessory_remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The accessory.")],
    to: To = None,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Remove an accessory that the release which serves does not define any more. Its volumes stay."""
    target = destination(config, to)
    _change(target, ("accessory.remove", {"name": name}), lambda _: f"{name} of {_where(target)} is removed", as_json)


def stop(
    to: To = None,
    database: Annotated[bool, typer.Option("--database", help="Its PostgreSQL and accessories too.")] = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Stop all roles of the app, until it is started or deployed again; the edge answers 503."""
    target = destination(config, to)
    _change(target, ("stop", {"database": database}), lambda _: f"{_where(target)} is stopped", as_json)


def start(to: To = None, as_json: AsJson = False, config: Config = DEFAULT_CONFIG) -> None:
    """Start an app that was stopped, with the release that served."""
    target = destination(config, to)
    _change(target, ("start", {}), lambda result: f"release {_release(result)} of {_where(target)} serves", as_json)


def _where(target: Destination) -> str:
    return f"{target.manifest['app']} in {target.name}"


def _release(result: dict[str, Any]) -> str:
    release = result["release"]
    return f"{release['number']} ({release['revision'][:7]})"


def _change(
    target: Destination,
    asked: tuple[str, dict[str, Any]],
    told: Callable[[dict[str, Any]], str],
    as_json: bool,
) -> None:
    kind, parameters = asked
    with Signals() as signals, Steps(messages) as steps:
        result = ask_transaction(target, kind, {**target.app, **parameters}, steps.show, signals)
    if as_json:
        print_json(result)
    else:
        is_same = result["outcome"] == "unchanged"
        took = "" if is_same or result["seconds"] is None else f", {result['seconds']:.1f} s"
        typer.echo(f"{'unchanged: ' if is_same else ''}{told(result)}{took}{down(result)}")
    if result["degraded"]:
        messages.print(f"degraded: {result['degraded']}", style="bold yellow", markup=False)


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
    _show_removal(target.link.request("removal.plan", named))
    parameters = {**named, "confirm": _confirmed(app) if yes_remove is None else yes_remove}
    with Signals() as signals, Steps(messages) as steps:
        result = ask_transaction(target, "remove", parameters, steps.show, signals)
    if as_json:
        print_json(result)
    else:
        typer.echo(f"{app} in {named['environment']} is removed")
    if result.get("kept"):
        messages.print(f"kept: {', '.join(result['kept'])}; a later deploy finds it again", markup=False)


def _show_removal(plan: dict[str, Any]) -> None:
    """What will go, on standard error."""
    lines = [f"goes: {kind:<10} {name}" for kind in ("containers", "images", "volumes") for name in plan[kind]]
    lines.append(f"goes: {plan['releases']} releases, {plan['variables']} variables, its passwords, its network")
    lines += [f"stays: {name}" for name in plan["kept"]]
    for line in lines:
        messages.print(line, markup=False, highlight=False, soft_wrap=True)


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
