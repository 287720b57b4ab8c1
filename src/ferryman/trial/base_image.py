"""The images that a Dockerfile starts from: pinned by digest, and not older than they may be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from ferryman.docker_command import docker_command
from ferryman.errors import FerrymanError
from ferryman.image.credentials import find_credentials
from ferryman.image.reference import split_reference
from ferryman.image.registry import created_at
from ferryman.trial.outcomes import Check, CheckFailed, Outcomes
from ferryman.trial.postgresql import HERE
from ferryman.trial.tools import output

FROM = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(?P<image>\S+)(?:\s+AS\s+(?P<stage>\S+))?", re.IGNORECASE | re.MULTILINE)
FIRST_BELIEVABLE_YEAR = 2000  # builds that can be repeated set the time to 1970


def base_images(dockerfile: str) -> list[tuple[int, str]]:
    """The images that stages start from, with their lines; earlier stages and scratch are none."""
    found, stages = [], {"scratch"}
    for match in FROM.finditer(dockerfile):
        if match["image"].lower() not in stages:
            found.append((dockerfile.count("\n", 0, match.start("image")) + 1, match["image"]))
        stages |= {match["stage"].lower()} if match["stage"] else set()
    return found


def check_bases(dockerfile: str, days: int, variables: Mapping[str, str], outcomes: Outcomes) -> None:
    """Check each base image."""
    for image in dict.fromkeys(image for _, image in base_images(dockerfile)):
        with outcomes.check(f"base {image.partition('@')[0]}") as check:
            _check(image, days, variables, check)


def _check(image: str, days: int, variables: Mapping[str, str], check: Check) -> None:
    if "@sha256:" not in image:
        raise CheckFailed(f"{image} is not pinned by digest: write {image}@sha256:…")
    created = _created(image, variables)
    if created is None or created.year < FIRST_BELIEVABLE_YEAR:
        check.warn("pinned by digest; how old it is can't be found out")
        return
    age = (datetime.now(UTC) - created).days
    if age > days:
        raise CheckFailed(f"{age} days old, and [pipeline] base_days is {days}: pin a newer one")
    check.detail = f"pinned by digest, {age} days old"


def _created(image: str, variables: Mapping[str, str]) -> datetime | None:
    """From the local engine, which knows it where it was pulled, else from its registry."""
    try:
        shown = json.loads(output([*docker_command(), "image", "inspect", image], folder=HERE))
        return datetime.fromisoformat(shown[0]["Created"])
    except (CheckFailed, ValueError):
        pass
    try:
        return created_at(image, find_credentials(split_reference(image), variables))
    except FerrymanError:
        return None
