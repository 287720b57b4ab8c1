"""Retention: the last healthy releases are kept by digest; images beyond them go."""

from __future__ import annotations

import shutil

from ferryman_agent.ledger import App, Release
from ferryman_agent.transaction.server import Server


def beyond(app: App, releases: list[Release], retain: int, before: int | None = None) -> list[Release]:
    """Pure: the releases that retention does not hold (newest first given). Failures never evict a healthy one.

    The release that served `before` is held too, however old it is: it is where the next rollback goes.
    """
    healthy = [release for release in releases if release.state == "healthy"]
    kept = {release.number for release in healthy[:retain]} | {app.serving, before}
    return [r for r in releases if r.number not in kept and r.state in ("healthy", "failed")]


def prune(server: Server, app: App) -> int:
    """Remove the images and folders of releases beyond retention; returns how many images went."""
    current = server.ledger.app(app.id) or app
    releases = server.ledger.releases(app.id)
    serving = next((r for r in releases if r.number == current.serving), None)
    retain = int(serving.manifest["retain"]) if serving else 1
    going = beyond(current, releases, retain, server.ledger.served_before(app.id))
    numbers = {release.number for release in going}
    held = {
        release.reference
        for other in server.ledger.apps()
        for release in server.ledger.releases(other.id)
        if release.state in ("healthy", "candidate") and not (other.id == app.id and release.number in numbers)
    }
    gone = {r.reference for r in going if r.reference not in held and server.docker.remove_image(r.reference)}
    for release in going:
        shutil.rmtree(server.app_folder(app.id) / "releases" / str(release.number), ignore_errors=True)
    server.ledger.mark_releases(app.id, [r.number for r in going if r.state == "healthy"], "pruned")
    server.ledger.mark_releases(app.id, [r.number for r in going if r.state == "failed"], "failed-pruned")
    return len(gone)
