"""Retention: the last healthy releases are kept by digest; images beyond them go."""

from __future__ import annotations

import shutil

from ferryman_agent.ledger import App, Release
from ferryman_agent.transaction.server import Server

HELD = ("healthy", "candidate")


def beyond(app: App, releases: list[Release], retain: int, before: int | None = None) -> list[Release]:
    """Pure: the releases that retention does not hold (newest first given). Failures never evict a healthy one.

    The release that served `before` is held too, however old it is: it is where the next rollback goes.
    """
    healthy = [release for release in releases if release.state == "healthy"]
    kept = {release.number for release in healthy[:retain]} | {app.serving, before}
    return [r for r in releases if r.number not in kept and r.state in ("healthy", "failed")]


def held_by_others(server: Server, app_id: str) -> set[str]:
    """The images that other apps on this server retain."""
    others = [app.id for app in server.ledger.apps() if app.id != app_id]
    return {r.reference for other in others for r in server.ledger.releases(other) if r.state in HELD}


def unheld(server: Server, app: App, keep: int = 0) -> list[Release]:
    """The releases of an app beyond retention, newest first, without `keep` and those that a scheduled command runs."""
    current = server.ledger.app(app.id) or app
    releases = server.ledger.releases(app.id)
    serving = next((r for r in releases if r.number == current.serving), None)
    retain = int(serving.manifest["retain"]) if serving else 1
    found = beyond(current, releases, retain, server.ledger.served_before(app.id))
    in_use = {keep} | {run.release for run in server.ledger.unfinished_runs() if run.app == app.id}
    return [release for release in found if release.number not in in_use]


def only_held_by(server: Server, app: App, going: list[Release]) -> set[str]:
    """The images of these releases that nothing else on this server retains."""
    numbers = {release.number for release in going}
    own = {r.reference for r in server.ledger.releases(app.id) if r.state in HELD and r.number not in numbers}
    return {release.reference for release in going} - own - held_by_others(server, app.id)


def prune(server: Server, app: App, keep: int = 0) -> int:
    """Remove the images and folders of releases beyond retention, but `keep`; returns how many images went."""
    going = unheld(server, app, keep)
    gone = [reference for reference in only_held_by(server, app, going) if server.docker.remove_image(reference)]
    for release in going:
        shutil.rmtree(server.app_folder(app.id) / "releases" / str(release.number), ignore_errors=True)
    server.ledger.mark_releases(app.id, [r.number for r in going if r.state == "healthy"], "pruned")
    server.ledger.mark_releases(app.id, [r.number for r in going if r.state == "failed"], "failed-pruned")
    return len(gone)
