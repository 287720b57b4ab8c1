"""Builds from a stand-in where a Dockerfile pins a base image by a digest that can't be pulled here."""

from __future__ import annotations

import re
from collections.abc import Set

# The line that a Dockerfile written by `init` begins with.
GENERATED = "# Layers from the most to the least lasting, so that a change of the code pushes only the last one.\n"
PINNED = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._/:-]*)@sha256:[0-9a-f]{64}")
NAMES_IMAGE = re.compile(r"^\s*(FROM|ARG|COPY\s+.*--from=|RUN\s+.*--mount=)", re.IGNORECASE)


def without_pins(dockerfile: str, stand_ins: Set[str]) -> tuple[str, list[str]]:
    """Drop the digest of each image that is in `stand_ins`; return the new text and the images it concerns."""
    used: list[str] = []

    def unpin(found: re.Match[str]) -> str:
        if found["name"] not in stand_ins:
            return found[0]
        used.append(found["name"])
        return found["name"]

    lines = [PINNED.sub(unpin, line) if NAMES_IMAGE.match(line) else line for line in dockerfile.splitlines(True)]
    return "".join(lines), list(dict.fromkeys(used))
