"""Which release a person means: its number, its revision, or nothing for the previous healthy one."""

from __future__ import annotations

import re

from ferryman.destination import Destination
from ferryman.errors import Refused, UsageError

LONGEST_NUMBER = 6  # seven digits and more are a revision, which may have no letter


def release_number(destination: Destination, text: str) -> int | None:
    """The number of the release that a text names; None for an empty one: the agent chooses.

    A revision is at least its first 7 characters. Raises UsageError `release-malformed`, Refused `unknown-release`.
    """
    named = text.strip().lower()
    if not named:
        return None
    if re.fullmatch(rf"[0-9]{{1,{LONGEST_NUMBER}}}", named):
        return int(named)
    if not re.fullmatch(r"[0-9a-f]{7,40}", named):
        raise UsageError(
            "release-malformed",
            f"{text[:60]!r} is neither a release number nor a revision of at least 7 characters",
            state="nothing was asked of the server",
            hint=f"ferryman releases --to {destination.name}",
        )
    releases = destination.link.request("releases", destination.app)["releases"]
    found = [row for row in releases if row["revision"].startswith(named) and row["state"] in ("healthy", "serving")]
    if not found:
        raise Refused(
            "unknown-release",
            f"no retained release is of revision {named}",
            state="nothing was changed",
            hint=f"ferryman releases --to {destination.name}",
        )
    return int(max(row["number"] for row in found))
