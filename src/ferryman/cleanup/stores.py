"""Where images are stored: a registry with the common API, or Docker Hub; both look, look again, and remove."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from ferryman.cleanup.images import REVISION_TAG, StoredImage
from ferryman.image.build import LABEL_COMMITTED
from ferryman.image.credentials import Credentials
from ferryman.image.docker_hub import DockerHub
from ferryman.image.reference import DOCKER_HUB, Reference
from ferryman.image.registry import Manifest, Registry


class Store(Protocol):
    """The images of one repository."""

    def look(self) -> list[StoredImage]:
        """All images that have a tag."""
        ...

    def named_since(self, looked: Iterable[StoredImage]) -> frozenset[str]:
        """The digests that another tag than a revision, or a new tag, names now."""
        ...

    def remove(self, image: StoredImage, kept: frozenset[str], /) -> bool:
        """Remove an image and the parts that are not kept; False when it was gone already."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


def open_store(reference: Reference, credentials: Credentials | None) -> Store:
    """The store of a repository."""
    if reference.registry == DOCKER_HUB:
        return HubStore(DockerHub(reference, credentials))
    return RegistryStore(Registry(reference, credentials, actions="pull,push,delete"))


class RegistryStore:
    """A repository behind the common registry API. Deleting by digest takes every tag of that digest."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def look(self) -> list[StoredImage]:
        tags: dict[str, list[str]] = {}
        manifests: dict[str, Manifest] = {}
        for tag in self._registry.tags():
            found = self._registry.manifest(tag)
            if found:
                tags.setdefault(found.digest, []).append(tag)
                manifests[found.digest] = found
        return [self._stored(manifests[digest], names) for digest, names in tags.items()]

    def _stored(self, manifest: Manifest, tags: list[str]) -> StoredImage:
        parts = [manifest, *self._parts(manifest)]
        blobs = {part.digest: len(part.body) for part in parts}
        for part in parts:
            blobs |= part.blobs
        children = frozenset(part.digest for part in parts[1:]) | manifest.children
        return StoredImage(manifest.digest, tuple(sorted(tags)), self._created(parts), blobs, children)

    def _parts(self, manifest: Manifest) -> list[Manifest]:
        """The images that a list holds, those of lists within it too."""
        found: list[Manifest] = []
        for digest in sorted(manifest.children):
            child = self._registry.manifest(digest)
            if child:
                found += [child, *self._parts(child)]
        return found

    def _created(self, parts: list[Manifest]) -> datetime | None:
        """The newest of its images' own times, and of their commits': a cached layer may be older than its image."""
        times = []
        for part in parts:
            found = self._registry.image_configuration(part.configuration) if part.configuration else {}
            labels = (found.get("config") or {}).get("Labels") or {}
            times += [read_time(found.get("created")), read_time(labels.get(LABEL_COMMITTED))]
        return max((time for time in times if time), default=None)

    def named_since(self, looked: Iterable[StoredImage]) -> frozenset[str]:
        known = {tag for image in looked for tag in image.tags if REVISION_TAG.fullmatch(tag)}
        found = [self._registry.manifest(tag) for tag in self._registry.tags() if tag not in known]
        return frozenset(digest for manifest in found if manifest for digest in (manifest.digest, *manifest.children))

    def remove(self, image: StoredImage, kept: frozenset[str], /) -> bool:
        is_gone = self._registry.delete(image.digest)
        for child in sorted(image.children - kept):
            self._registry.delete(child)
        return is_gone

    def close(self) -> None:
        self._registry.client.close()


class HubStore:
    """A repository on Docker Hub. Tags are deleted one by one, and take nothing else with them."""

    def __init__(self, hub: DockerHub) -> None:
        self._hub = hub

    def look(self) -> list[StoredImage]:
        grouped: dict[str, list[Mapping[str, Any]]] = {}
        for tag in self._hub.tags():
            grouped.setdefault(_digest(tag) or f"tag:{tag['name']}", []).append(tag)
        return [_from_hub(digest, tags) for digest, tags in grouped.items()]

    def named_since(self, looked: Iterable[StoredImage]) -> frozenset[str]:
        known = {tag for image in looked for tag in image.tags}
        found = [tag for tag in self._hub.tags() if tag["name"] not in known]
        return frozenset(digest for tag in found if (digest := _digest(tag)))

    def remove(self, image: StoredImage, _kept: frozenset[str], /) -> bool:
        deleted = [self._hub.delete_tag(tag) for tag in image.tags]
        return any(deleted)

    def close(self) -> None:
        self._hub.__exit__()


def _images(tag: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A list of images; Docker's description calls it one object, its answers have a list."""
    found = tag.get("images") or []
    return found if isinstance(found, list) else [found]


def _digest(tag: Mapping[str, Any]) -> str:
    """The digest that a tag names; its only image's where the answer has none of the tag's own."""
    images = _images(tag)
    return str(tag.get("digest") or (images[0].get("digest") if len(images) == 1 else "") or "")


def _from_hub(digest: str, tags: list[Mapping[str, Any]]) -> StoredImage:
    images = [image for tag in tags for image in _images(tag)]
    blobs = {str(image["digest"]): int(image.get("size") or 0) for image in images if image.get("digest")}
    pushed = [read_time(tag.get("tag_last_pushed") or tag.get("last_updated")) for tag in tags]
    is_known = digest.startswith("sha256:") and all(pushed)
    created = max((time for time in pushed if time), default=None) if is_known else None
    names = tuple(sorted(str(tag["name"]) for tag in tags))
    return StoredImage(digest, names, created, blobs, frozenset(blobs) - {digest})


def read_time(text: Any) -> datetime | None:
    """A time such as 2026-11-23T08:00:00.123456789Z; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
