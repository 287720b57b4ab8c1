"""status, releases, deployments, logs: commands that change nothing."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated, Any

import typer

from ferryman.cli.display import describe
from ferryman.cli.notices import show_duties, show_notices
from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, To, destination, messages, print_json, table
from ferryman.deploy import latest_drift

Role = Annotated[str, typer.Option("--role", help="Which role's container.")]


def status(to: To = None, as_json: AsJson = False, config: Config = DEFAULT_CONFIG) -> None:
    """Show what serves: release, state, containers, health, since when."""
    target = destination(config, to)
    found = target.link.request("status", target.app)
    app = {**found["apps"][0], "edge": found["edge"], "outbox": found["outbox"], "agent": found["agent"]}
    app["duties"], app["notices"] = found.get("duties", []), found.get("notices", [])  # an older agent tells none
    release = app["release"]
    app["latest_differs"] = latest_drift(target, release["digest"], os.environ) if release else None
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
        messages.print("latest in the registry is not what serves; the next deploy moves it", markup=False)


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
    return f"{container['state']} since {container['since']}, {container['restarts']} restarts"


def _definition(name: str, container: dict[str, Any]) -> str:
    """What to do about an accessory that is not what the release that serves defines."""
    if container["definition"] == "changed":
        return f"; as release {container['release']} defined it: ferryman restart --role {name}"
    return f"; not defined any more: ferryman accessory remove {name}" if container["definition"] == "gone" else ""


def releases(to: To = None, as_json: AsJson = False, config: Config = DEFAULT_CONFIG) -> None:
    """List the releases, newest first: which serves, and which can be rolled back to."""
    target = destination(config, to)
    found = target.link.request("releases", target.app)
    if as_json:
        print_json(found)
        return
    rows = [
        [
            str(release["number"]),
            "serving" if release["serving"] else release["state"],
            release["revision"][:12],
            release["digest"][7:19],
            str(release["environment_version"]),
            _here(release),
            release["created_at"],
        ]
        for release in found["releases"]
    ]
    table(rows, ["release", "state", "revision", "digest", "env", "image", "created"])


def _here(release: dict[str, Any]) -> str:
    """Whether the server has the image; an older agent does not say."""
    is_here = release.get("image_here")
    return "-" if is_here is None else "here" if is_here else "gone"


def deployments(
    to: To = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="How many.")] = 20,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """List the newest deployments with their outcomes."""
    target = destination(config, to)
    found = target.link.request("deployments", {**target.app, "limit": limit})
    if as_json:
        print_json(found)
        return
    rows = [
        [
            item["started_at"],
            item["kind"],
            str(item["release"] or "-"),
            item["state"],
            f"{item['seconds'] or 0:.1f} s",
            "-" if item.get("downtime") is None else f"{item['downtime']:.1f} s",
            (item["error"] or {}).get("message", ""),
        ]
        for item in found["deployments"]
    ]
    table(rows, ["started", "kind", "release", "outcome", "took", "down", "error"])


def logs(  # noqa: PLR0913, PLR0917 - each is an option of the command
    to: To = None,
    role: Role = "web",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
    tail: Annotated[int, typer.Option("--tail", "-n", min=0, help="How many last lines.")] = 100,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Show the log of a role's container."""
    target = destination(config, to)

    def show(event: dict[str, Any]) -> None:
        if as_json:
            typer.echo(json.dumps({"stream": event["stream"], "text": event["text"]}))
            return
        stream = sys.stderr if event["stream"] == "stderr" else sys.stdout
        stream.write(event["text"])
        stream.flush()

    parameters = {**target.app, "role": role, "follow": follow, "tail": tail}
    try:
        target.link.request("logs", parameters, on_event=show)
    except KeyboardInterrupt:
        return  # how a person ends --follow
