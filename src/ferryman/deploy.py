"""Ships an app: builds and pushes its image where that is needed, and says what the agent is then asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ferryman.destination import Destination, Workshop
from ferryman.errors import FerrymanError
from ferryman.events import OnEvent, step
from ferryman.image import (
    BuildRequest,
    build_cache,
    build_image,
    find_credentials,
    manifest_digest,
    push,
    require_manifest,
    rerouted,
    set_tag,
    split_reference,
)
from ferryman.image.commits import read_commits
from ferryman.image.source import find_repository, resolve_revision

NO_DIGEST = f"sha256:{'0' * 64}"


@dataclass(frozen=True)
class DeployOptions:
    """How to deploy. `revision` None: HEAD, from a clean tree. `sequence` is the CI run number."""

    revision: str | None = None
    build: bool = True
    allow_dirty: bool = False
    use_cache: bool = False
    sequence: int | None = None
    allow_older: bool = False


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


def deploy_parameters(
    destination: Destination, image: ShippedImage, options: DeployOptions, variables: Mapping[str, str]
) -> dict[str, Any]:
    """What the agent is asked: the manifest, the image by digest, the registry's credentials for this call, the log."""
    return {
        "manifest": destination.manifest,
        "digest": image.digest,
        "revision": image.revision,
        "sequence": options.sequence,
        "allow_older": options.allow_older,
        "image_bytes": image.size or None,
        "credentials": registry_credentials(destination, variables),
        "commits": _commits(destination, image.revision),
    }


def _commits(destination: Destination, revision: str) -> list[dict[str, Any]] | None:
    """The newest commits of a revision; None when [reports] leaves them out."""
    reports = destination.configuration.reports
    if reports and not reports.commits:
        return None
    return read_commits(destination.configuration.root, revision[:40])  # a dirty build's tag has more


def registry_credentials(destination: Destination, variables: Mapping[str, str]) -> dict[str, str] | None:
    """The login that the server's engine needs; none for the rehearsal's own registry."""
    if destination.registry:
        return None
    found = find_credentials(split_reference(destination.configuration.app.image), variables)
    return {"username": found.username, "password": found.password} if found else None


def move_latest(destination: Destination, digest: str, variables: Mapping[str, str]) -> str:
    """Make `latest` name the image that serves now; returns what happened, never fails a deploy that is committed."""
    repository = rerouted(destination.configuration.app.image, destination.registry)
    try:
        credentials = find_credentials(split_reference(repository), variables)
        return "moved" if set_tag(repository, digest, "latest", credentials) else "there already"
    except FerrymanError as error:
        return f"not moved: {error.message}; the next deploy moves it"


def latest_drift(destination: Destination, digest: str, variables: Mapping[str, str]) -> bool | None:
    """True when the registry's `latest` is not what serves; None when the registry can't be asked."""
    repository = rerouted(destination.configuration.app.image, destination.registry)
    try:
        credentials = find_credentials(split_reference(repository), variables)
        return manifest_digest(f"{repository}:latest", credentials) != digest
    except FerrymanError:
        return None
