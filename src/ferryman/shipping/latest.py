"""The tag `latest`: moved to what serves after the commit, and compared with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ferryman.destination import Destination
from ferryman.errors import FerrymanError
from ferryman.image.credentials import find_credentials
from ferryman.image.reference import rerouted, split_reference
from ferryman.image.registry import manifest_digest, set_tag


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


def why_overtaken(destination: Destination, release: Mapping[str, Any]) -> str:
    """Why `latest` stays: while the service was asked another release may have been committed, and moved it."""
    try:
        serving = destination.link.request("status", destination.app)["apps"][0]["release"]
    except FerrymanError as error:
        return f"not moved: {error.message}; the next deploy moves it"
    is_same = serving and serving["digest"] == release["digest"]
    return "" if is_same else f"not moved: release {release['number']} serves no more"
