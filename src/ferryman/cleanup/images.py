"""Decides which images of a registry's repository are old, and why each of the others stays; pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

# Every other tag was given by a person or by another program, and stays; so does what it names.
REVISION_TAG = re.compile(r"[0-9a-f]{40}(-dirty-[0-9a-f]+)?")
COMPANION_TAG = re.compile(r"sha256-([0-9a-f]{64})(\.[a-z0-9]+)?")
FIRST_BELIEVABLE_YEAR = 2000


@dataclass(frozen=True)
class StoredImage:
    """An image, or a list of images, as a registry holds it. `created` None: not known.

    `blobs` maps the digests of all that it consists of to bytes; `children` are the digests of a list's images.
    """

    digest: str
    tags: tuple[str, ...]
    created: datetime | None
    blobs: Mapping[str, int] = field(default_factory=dict)
    children: frozenset[str] = frozenset()

    @property
    def revisions(self) -> tuple[str, ...]:
        """Those of its tags that Ferryman gave."""
        return tuple(tag for tag in self.tags if REVISION_TAG.fullmatch(tag))

    @property
    def subject(self) -> str:
        """The digest of the image that this one only belongs to (a signature, an attestation); "" for any other."""
        found = [COMPANION_TAG.fullmatch(tag) for tag in self.tags]
        return f"sha256:{found[0][1]}" if found and all(found) and found[0] else ""


@dataclass(frozen=True)
class Retained:
    """What environments retain or serve, digest → where; what they are about to deploy, revision → where.

    `revisions` has those of what is retained: a registry may know the same image by another digest (of a list that
    holds it), and an image that was built again shares its parts with the first.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    coming: Mapping[str, str] = field(default_factory=dict)
    revisions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rules:
    """How many of the newest images stay, and for how many days every image does."""

    keep_images: int
    keep_days: int


@dataclass(frozen=True)
class Plan:
    """What goes, oldest first, and what stays with the reason."""

    going: list[StoredImage]
    kept: list[tuple[StoredImage, str]]


def plan_images(images: Iterable[StoredImage], retained: Retained, rules: Rules, now: datetime) -> Plan:
    """Sort images into those that go and those that stay.

    1. Each on its own: other tags, retained, deployed now, too young. 2. The newest. 3. A list's images stay with it.
    4. What only belongs to an image goes with it.
    """
    listed = list(images)
    why = {image.digest: _why_it_stays(image, retained, rules, now) for image in listed}
    dated = [image for image in listed if image.revisions and is_dated(image)]
    newest = sorted(dated, key=_age, reverse=True)[: rules.keep_images]
    for image in newest:
        why[image.digest] = why[image.digest] or f"one of the newest {rules.keep_images}"
    _keep_parts(listed, why)
    for image in listed:
        if image.subject:
            why[image.digest] = "" if why.get(image.subject) == "" else "belongs to an image that stays"
    going = sorted((image for image in listed if not why[image.digest]), key=_age)
    return Plan(going, [(image, why[image.digest]) for image in listed if why[image.digest]])


def is_dated(image: StoredImage) -> bool:
    """Whether its age can be believed: a reproducible build often says 1970."""
    return image.created is not None and image.created.year >= FIRST_BELIEVABLE_YEAR


def _age(image: StoredImage) -> datetime:
    return image.created or datetime.min.replace(tzinfo=UTC)


def _why_it_stays(image: StoredImage, retained: Retained, rules: Rules, now: datetime) -> str:
    other = [tag for tag in image.tags if not REVISION_TAG.fullmatch(tag)]
    if other:
        return f"has the tag {other[0]}"
    for digest in (image.digest, *sorted(image.children)):
        if digest in retained.digests:
            return f"retained by {retained.digests[digest]}"
    for revision in image.revisions:
        if revision in retained.coming:
            return f"about to be deployed to {retained.coming[revision]}"
        if revision in retained.revisions:
            return f"of a revision that {retained.revisions[revision]} retains"
    if image.created is None or not is_dated(image):
        return "its age is not known"
    return f"younger than {rules.keep_days} days" if now - image.created < timedelta(days=rules.keep_days) else ""


def _keep_parts(images: list[StoredImage], why: dict[str, str]) -> None:
    """An image that a kept list holds stays; it may be a list itself."""
    by_digest = {image.digest: image for image in images}
    waiting = [image for image in images if why[image.digest]]
    while waiting:
        for digest in waiting.pop().children:
            if digest in by_digest and not why[digest]:
                why[digest] = "part of an image that stays"
                waiting.append(by_digest[digest])


class Shares:
    """Counts what comes back: a layer comes back with the last image that has it."""

    def __init__(self, images: Iterable[StoredImage]) -> None:
        self._holders = Counter(digest for image in images for digest in image.blobs)

    def without(self, image: StoredImage) -> int:
        """Take an image away; returns the bytes that no other one has."""
        self._holders.subtract(image.blobs.keys())
        return sum(size for digest, size in image.blobs.items() if self._holders[digest] == 0)
