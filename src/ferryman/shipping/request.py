"""What the agent is asked for, besides the image: manifest, log, and the registry's login for this call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ferryman.destination import Destination
from ferryman.git.commits import read_commits
from ferryman.image.credentials import find_credentials
from ferryman.image.reference import split_reference
from ferryman.shipping.options import DeployOptions
from ferryman.shipping.retained import release_number

if TYPE_CHECKING:
    from ferryman.shipping.images import ShippedImage

MIGRATIONS = 5000
LONGEST = 200
MIGRATIONS_BYTES = 500_000  # a request may have a mebibyte, with the manifest and the log


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
        **_migrations(image),
    }


def _migrations(image: ShippedImage) -> dict[str, list[str]]:
    """What the image knows of migrations, for an agent that else reads its label; more than it takes is not told."""
    names = image.migrations or ()
    is_taken = image.migrations is not None and len(names) <= MIGRATIONS and max(map(len, names), default=0) <= LONGEST
    return {"migrations": list(names)} if is_taken and sum(map(len, names)) <= MIGRATIONS_BYTES else {}


def rollback_parameters(destination: Destination, release: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """What the agent is asked for to go back to the release that a person names, "" for the previous healthy one."""
    number = release_number(destination, release)
    return {**destination.app, "to": number, "credentials": registry_credentials(destination, variables)}


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
