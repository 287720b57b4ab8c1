"""Unused images: those of releases beyond retention, and those of an app's repositories that nothing here retains."""

from __future__ import annotations

from typing import Any

from ferryman_agent.engine import ImageUsage
from ferryman_agent.host import Host
from ferryman_agent.ledger import App
from ferryman_agent.ledger.states import HELD
from ferryman_agent.transaction.steps.teardown.retention import only_held_by, prune, unheld


def remove_unused(host: Host, app: App, *, is_dry: bool) -> dict[str, Any]:
    """Remove an app's unused images, or only tell them; no transaction may run meanwhile.

    1. Measure. 2. The releases beyond retention go, as after a deploy. 3. So do strays. 4. Measure again.
    Answers `images` ([{"image", "bytes"}], largest first; bytes with the layers that it shares) and `bytes`, what
    came back in all; null where the engine does not tell. Volumes, containers and other images are not looked at.
    """
    before = host.engine.image_usage()
    beyond = {short_name(reference) for reference in only_held_by(host, app, unheld(host, app))}
    found = {reference: host.engine.image(reference) for reference in sorted(beyond | strays(host, app))}
    here = {reference: image for reference, image in found.items() if image}
    if is_dry:
        going, came_back = list(here), _own_bytes(before, {image.id for image in here.values()})
    else:
        prune(host, app)
        for reference in here:
            host.engine.remove_image(reference)
        going = [reference for reference in here if host.engine.image(reference) is None]
        after = host.engine.image_usage()
        came_back = before.layers - after.layers if before and after else None
    images = [{"image": reference, "bytes": here[reference].size} for reference in going]
    return {"images": sorted(images, key=_by_size), "bytes": came_back}


def _by_size(image: dict[str, Any]) -> tuple[int, str]:
    return -image["bytes"], image["image"]


def strays(host: Host, app: App) -> set[str]:
    """References of images in the app's repositories that came by digest and that no app on this server retains.

    An image with a tag was brought by a person, for the agent pulls by digest alone.
    """
    releases = {other.id: host.ledger.releases(other.id) for other in host.ledger.apps()}
    held = {r.reference for listed in releases.values() for r in listed if r.state in HELD}
    held_ids = {image.id for image in (host.engine.image(reference) for reference in held) if image}
    going: set[str] = set()
    for repository in {short_name(release.image) for release in releases[app.id]}:
        for image in host.engine.images(repository):
            names = [name for name in image.digests if name.partition("@")[0] == repository]
            if image.id not in held_ids and not image.tags:
                going |= set(names)
    return going


def short_name(image: str) -> str:
    """A repository's name as the engine lists it: Docker Hub's without the registry."""
    name = image.removeprefix("docker.io/").removeprefix("index.docker.io/")
    return name.removeprefix("library/")


def _own_bytes(usage: ImageUsage | None, ids: set[str]) -> int | None:
    """What these images share with no other; layers that only they share among themselves are not counted."""
    found = [usage.images[identifier] for identifier in ids if identifier in usage.images] if usage else []
    if usage is None or any(shared < 0 for _, shared in found):
        return None
    return sum(size - shared for size, shared in found)
