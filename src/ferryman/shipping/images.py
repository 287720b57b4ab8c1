"""Has the image of a commit in its registry: there already, or built and pushed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from ferryman.ahead import import_ahead
from ferryman.destination import Destination, Workshop
from ferryman.docker_command import docker_command
from ferryman.events import OnEvent, step
from ferryman.git.repository import find_repository, resolve_revision
from ferryman.image.build import BuildRequest, BuiltImage, build_cache, build_image
from ferryman.image.credentials import find_credentials
from ferryman.image.migrations import Migrations, ReadingBeside
from ferryman.image.reference import rerouted, split_reference
from ferryman.shipping.options import DeployOptions

NO_DIGEST = f"sha256:{'0' * 64}"


@dataclass(frozen=True)
class ShippedImage:
    """An image in its registry. `size` as unpacked, 0: not known; `stored_bytes` as the registry keeps it.

    `migrations` None: not known here, and `unread` says why where the image was asked; its label may tell the agent.
    """

    revision: str
    digest: str
    size: int
    sent_bytes: int
    was_there: bool
    unread: str = ""
    stored_bytes: int = 0
    migrations: tuple[str, ...] | None = None


def ship_image(
    destination: Workshop, options: DeployOptions, variables: Mapping[str, str], on_event: OnEvent
) -> ShippedImage:
    """Have the image of a revision in the registry: there already, or built and pushed. Events: step build, step push.

    While it is pushed, it is asked for its migrations, unless it carries them. Raises what `ferryman.image` raises.
    """
    if not options.build:
        return published_image(destination, options, variables)
    import_ahead("ferryman.image.push")
    request = dataclasses.replace(
        BuildRequest.of(destination.configuration, options.revision),
        allow_dirty=options.allow_dirty,
        stand_ins=destination.stand_ins,
        use_cache=options.use_cache,
        labels_migrations=options.labels_migrations,
        on_line=lambda line: on_event({"kind": "log", "text": line}),
    )
    with step("build", on_event) as build:
        image = build_image(request)
        build.detail = "this commit's image is here already" if image.was_there else f"{image.size >> 20} MiB"
    with step("push", on_event) as pushing:
        from ferryman.image.push import push

        reading = _reading(request, image)
        credentials = find_credentials(split_reference(rerouted(image.reference, destination.registry)), variables)
        pushed = push(
            image.reference,
            credentials,
            request.on_line,
            registry_override=destination.registry,
            image_id=image.id,
        )
        if options.use_cache and (kept := build_cache(request)):
            push(kept, credentials, request.on_line, registry_override=destination.registry)
        migrations = reading.wait() if reading else _carried(image)
        pushing.detail = "in the registry already" if pushed.was_there else f"{pushed.sent_bytes / 1e3:.0f} KB"
    tag, read = split_reference(image.reference).version, migrations.known
    sizes = (image.size, pushed.sent_bytes, pushed.was_there)
    return ShippedImage(tag, pushed.digest, *sizes, migrations.reason, migrations=read)


def _reading(request: BuildRequest, image: BuiltImage) -> ReadingBeside | None:
    """The image's migrations, as they are read from now on; None where they are known, or there are none."""
    if not request.migrate or request.labels_migrations or image.migrations is not None:
        return None
    return ReadingBeside(docker_command(), image.reference, request.migrate, request.variables)


def _carried(image: BuiltImage) -> Migrations:
    return Migrations(None if image.migrations is None else tuple(image.migrations), image.unread)


def published_image(destination: Workshop, options: DeployOptions, variables: Mapping[str, str]) -> ShippedImage:
    """The image of a revision that the registry has; Refused `image-not-in-registry` when it has none."""
    from ferryman.image.registry import require_manifest

    repository = find_repository(destination.configuration.root)
    sha = resolve_revision(repository.root, "HEAD" if options.revision is None else options.revision)
    reference = rerouted(f"{destination.configuration.app.image}:{sha}", destination.registry)
    found = require_manifest(reference, find_credentials(split_reference(reference), variables))
    return ShippedImage(sha, found.digest, 0, 0, was_there=True, stored_bytes=sum(found.blobs.values()))


def planned_image(destination: Destination, options: DeployOptions, variables: Mapping[str, str]) -> ShippedImage:
    """The image that a deploy would ship; `was_there` False when it would have to be built first."""
    from ferryman.image.registry import manifest_digest

    repository = find_repository(destination.configuration.root)
    sha = resolve_revision(repository.root, "HEAD" if options.revision is None else options.revision)
    reference = rerouted(f"{destination.configuration.app.image}:{sha}", destination.registry)
    digest = manifest_digest(reference, find_credentials(split_reference(reference), variables))
    return ShippedImage(sha, digest or NO_DIGEST, 0, 0, was_there=digest is not None)
