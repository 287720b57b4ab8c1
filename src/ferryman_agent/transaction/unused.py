"""Unused images: those of releases beyond retention, and those of an app's repositories that nothing here retains."""

from __future__ import annotations

from typing import Any

from ferryman_agent.ledger import App
from ferryman_agent.transaction.retention import HELD, only_held_by, prune, unheld
from ferryman_agent.transaction.server import Server


def remove_unused(server: Server, app: App, *, is_dry: bool) -> dict[str, Any]:
    """Remove an app's unused images, or only tell them; no transaction may run meanwhile.

    1. Measure. 2. The releases beyond retention go, as after a deploy. 3. So do strays. 4. Measure again.
    Answers `images` ([{"image", "bytes"}], largest first; bytes with the layers that it shares) and `bytes`, what
    came back in all; null where the engine does not tell. Volumes, containers and other images are not looked at.
    """
    before = server.docker.image_bytes()
    beyond = {short_name(reference) for reference in only_held_by(server, app, unheld(server, app))}
    references = sorted(name for name in beyond | strays(server, app) if server.docker.image(name))
    found = {reference: server.docker.image(reference) or {} for reference in references}
    if is_dry:
        going, came_back = list(found), _own_bytes(before, {str(image.get("Id")) for image in found.values()})
    else:
        prune(server, app)
        for reference in references:
            server.docker.remove_image(reference)
        going = [reference for reference in references if server.docker.image(reference) is None]
        after = server.docker.image_bytes()
        came_back = before["LayersSize"] - after["LayersSize"] if before and after else None
    images = [{"image": reference, "bytes": int(found[reference].get("Size", 0))} for reference in going]
    return {"images": sorted(images, key=lambda image: (-image["bytes"], image["image"])), "bytes": came_back}


def strays(server: Server, app: App) -> set[str]:
    """References of images in the app's repositories that came by digest and that no app on this server retains.

    An image with a tag was brought by a person, for the agent pulls by digest alone.
    """
    releases = {other.id: server.ledger.releases(other.id) for other in server.ledger.apps()}
    held = {r.reference for listed in releases.values() for r in listed if r.state in HELD}
    held_ids = {image["Id"] for image in (server.docker.image(reference) for reference in held) if image}
    going: set[str] = set()
    for repository in {short_name(release.image) for release in releases[app.id]}:
        for image in server.docker.images(repository):
            names = [name for name in image.get("RepoDigests") or [] if name.partition("@")[0] == repository]
            if image["Id"] not in held_ids and not image.get("RepoTags"):
                going |= set(names)
    return going


def short_name(image: str) -> str:
    """A repository's name as the engine lists it: Docker Hub's without the registry."""
    name = image.removeprefix("docker.io/").removeprefix("index.docker.io/")
    return name.removeprefix("library/")


def _own_bytes(usage: dict[str, Any] | None, ids: set[str]) -> int | None:
    """What these images share with no other; layers that only they share among themselves are not counted."""
    images = [image for image in (usage or {}).get("Images") or [] if image["Id"] in ids]
    if usage is None or any(image.get("SharedSize", -1) < 0 for image in images):
        return None
    return sum(int(image["Size"]) - int(image["SharedSize"]) for image in images)
