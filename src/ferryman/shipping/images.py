"""Has the image of a commit in its registry: there already, or built and pushed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from ferryman.destination import Destination, Workshop
from ferryman.events import OnEvent, step
from ferryman.git.repository import find_repository, resolve_revision
from ferryman.image.build import BuildRequest, build_cache, build_image
from ferryman.image.credentials import find_credentials
from ferryman.image.push import push
from ferryman.image.reference import rerouted, split_reference
from ferryman.image.registry import manifest_digest, require_manifest
from ferryman.shipping.options import DeployOptions

NO_DIGEST = f"sha256:{'0' * 64}"


@dataclass(frozen=True)
class ShippedImage:
    """An image in its registry. `size` as unpacked, 0: not known; `stored_bytes` as the registry keeps it."""

    revision: str
    digest: str
    size: int
    sent_bytes: int
    was_there: bool
    unread: str = ""
    stored_bytes: int = 0


def ship_image(
    destination: Workshop, options: DeployOptions, variables: Mapping[str, str], on_event: OnEvent
) -> ShippedImage:
    """Have the image of a revision in the registry: there already, or built and pushed. Events: step build, step push.

    Raises what `ferryman.image` raises.
    """
    if not options.build:
        return published_image(destination, options, variables)
    request = dataclasses.replace(
        BuildRequest.of(destination.configuration, options.revision),
        allow_dirty=options.allow_dirty,
        stand_ins=destination.stand_ins,
        use_cache=options.use_cache,
        on_line=lambda line: on_event({"kind": "log", "text": line}),
    )
    with step("build", on_event) as build:
        image = build_image(request)
        build.detail = "this commit's image is here already" if image.was_there else f"{image.size >> 20} MiB"
    with step("push", on_event) as pushing:
        credentials = find_credentials(split_reference(rerouted(image.reference, destination.registry)), variables)
        pushed = push(image.reference, credentials, request.on_line, registry_override=destination.registry)
        if options.use_cache and (kept := build_cache(request)):
            push(kept, credentials, request.on_line, registry_override=destination.registry)
        pushing.detail = "in the registry already" if pushed.was_there else f"{pushed.sent_bytes / 1e3:.0f} KB"
    tag = split_reference(image.reference).version
    return ShippedImage(tag, pushed.digest, image.size, pushed.sent_bytes, pushed.was_there, image.unread)


def published_image(destination: Workshop, options: DeployOptions, variables: Mapping[str, str]) -> ShippedImage:
    """The image of a revision that the registry has; Refused `image-not-in-registry` when it has none."""
    repository = find_repository(destination.configuration.root)
    sha = resolve_revision(repository.root, "HEAD" if options.revision is None else options.revision)
    reference = rerouted(f"{destination.configuration.app.image}:{sha}", destination.registry)
    found = require_manifest(reference, find_credentials(split_reference(reference), variables))
    return ShippedImage(sha, found.digest, 0, 0, was_there=True, stored_bytes=sum(found.blobs.values()))


def planned_image(destination: Destination, options: DeployOptions, variables: Mapping[str, str]) -> ShippedImage:
    """The image that a deploy would ship; `was_there` False when it would have to be built first."""
    repository = find_repository(destination.configuration.root)
    sha = resolve_revision(repository.root, "HEAD" if options.revision is None else options.revision)
    reference = rerouted(f"{destination.configuration.app.image}:{sha}", destination.registry)
    digest = manifest_digest(reference, find_credentials(split_reference(reference), variables))
    return ShippedImage(sha, digest or NO_DIGEST, 0, 0, was_there=digest is not None)
