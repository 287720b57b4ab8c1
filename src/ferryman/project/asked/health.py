"""Chooses the path that tells whether a service can serve, by how the paths answered; pure."""

from __future__ import annotations

from collections.abc import Sequence

from ferryman.survey.answers import Called
from ferryman.survey.inside.health import NAMED


def choose_health(called: Sequence[Called]) -> tuple[str, str]:
    """The path and the reason; ("", "") when none fits.

    1. Named for it, and it fails without a database. 2. Named for it. 3. The front page. 4. Any that answers.
    """
    good = [path for path in called if is_good(path.up)]
    named = [path for path in good if NAMED.search(path.path)]
    asks = [path for path in named if not is_good(path.down)]
    if asks:
        return asks[0].path, "it answers, and fails if the database is away"
    if named:
        return named[0].path, "it answers, with and without a database"
    front = [path for path in good if path.path == "/"]
    if front:
        return "/", "it answers" + ("" if is_good(front[0].down) else ", and fails if the database is away")
    if good:
        return good[0].path, "it answers; no path is named for the purpose"
    return "", ""


def is_good(status: int) -> bool:
    """What the agent takes for healthy."""
    return 200 <= status < 300
