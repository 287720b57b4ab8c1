"""status: what serves, and what is not as it should be."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import typer

from ferryman.cli.display import describe
from ferryman.cli.messages import messages
from ferryman.cli.notices import show_duties, show_notices
from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, To, destination, print_json

if TYPE_CHECKING:
    from ferryman.destination import Destination


def status(to: To = None, as_json: AsJson = False, config: Config = DEFAULT_CONFIG) -> None:
    """Show what serves: release, state, containers, health, since when."""
    target = destination(config, to)
    found = target.link.request("status", target.app)
    app = {**found["apps"][0], "edge": found["edge"], "outbox": found["outbox"], "agent": found["agent"]}
    app["duties"], app["notices"] = found.get("duties", []), found.get("notices", [])  # an older agent tells none
    release = app["release"]
    app["latest_differs"] = _latest_differs(target, release["digest"]) if release else None
    if as_json:
        print_json(app)
        return
    typer.echo(f"app          {app['app']} in {app['environment']}")
    typer.echo(f"state        {app['state']}" + (f" ({app['degraded']})" if app["degraded"] else ""))
    if release:
        typer.echo(f"release      {release['number']}  {release['revision'][:12]}  {release['digest'][:19]}…")
        typer.echo(f"since        {app['since']}")
        health = app["health"]
        typer.echo(f"health       {health['path']} answers {health['status'] or 'nothing'}")
    for role, container in app["roles"].items():
        typer.echo(f"{role:<12} {_container(container)}")
    show_accessories(app.get("accessories", {}))
    show_schedules(app.get("schedules", {}))
    if app.get("stopped"):
        which = "with its database" if app["stopped"]["database"] else "its database runs"
        typer.echo(f"stopped      since {app['stopped']['since']}, {which}")
    if app.get("maintenance"):
        found = app["maintenance"]
        said = f": {found['message']}" if found["message"] else ""
        typer.echo(f"maintenance  since {found['since']}, Retry-After {found['retry_after']} s{said}")
    is_published = app.get("strategy") == "recreate"
    typer.echo("port         8000, published by Docker" if is_published else f"edge         {app['edge']['state']}")
    if app["running"]:
        typer.echo(f"running      {describe(app['running'])}")
    for waiting in app.get("waiting", []):
        typer.echo(f"waiting      {describe(waiting)}")
    show_duties(app["duties"])
    show_notices(app["notices"])
    if app["latest_differs"]:
        messages.print("latest in the registry is not what serves; the next deploy moves it")


def _latest_differs(target: Destination, digest: str) -> bool | None:
    from ferryman.shipping.latest import latest_drift

    return latest_drift(target, digest, os.environ)


def show_accessories(accessories: dict[str, dict[str, Any]]) -> None:
    """A line for each: whether it runs, its health, and what to do where it differs from its definition."""
    for name, container in accessories.items():
        health = f", {container['health']}" if container["health"] else ""
        typer.echo(f"{name:<12} {_container(container)}{health}{_definition(name, container)}")


def show_schedules(schedules: dict[str, dict[str, Any]]) -> None:
    """A line for each: what came of the last run, whether one is under way, and when it comes next."""
    for name, schedule in schedules.items():
        parts = [_ended(schedule["last"])] if schedule["last"] else []
        parts += [f"runs since {schedule['running']['started_at']}"] if schedule["running"] else []
        parts += [f"next {schedule['next']}"] if schedule["next"] else []
        typer.echo(f"{name:<12} {', '.join(parts) or 'does not run while the app is stopped'}")


def _ended(run: dict[str, Any]) -> str:
    """A run that is over: 'failed (exit code 3) 2026-11-24T03:00:00.123Z after 4.2 s, 2 skipped'."""
    code = f" (exit code {run['exit_code']})" if run["exit_code"] else ""
    after = f" after {run['seconds']:.1f} s" if run["seconds"] is not None else ""
    skipped = f", {run['skipped']} skipped" if run["skipped"] else ""
    return f"{run['state']}{code} {run['started_at']}{after}{skipped}"


def _container(container: dict[str, Any]) -> str:
    since = f" since {container['since']}" if container["since"] else ""
    return f"{container['state']}{since}, {container['restarts']} restarts"


def _definition(name: str, container: dict[str, Any]) -> str:
    """What to do about an accessory that is not what the release that serves defines."""
    if container["definition"] == "changed":
        return f"; as release {container['release']} defined it: ferryman restart --role {name}"
    return f"; not defined any more: ferryman accessory remove {name}" if container["definition"] == "gone" else ""


command = status
