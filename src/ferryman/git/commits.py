"""Reads the log of a commit, for the server and Harbour to tell what a deploy brings."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ferryman.process import answer

LIMIT = 50
LIMIT_BYTES = 60 << 10  # the agent keeps at most 64 KiB of them
SUBJECT_CHARACTERS = 200
AUTHOR_CHARACTERS = 100
PARENTS = 16
TIMEOUT_SECONDS = 10.0
LATEST_SECONDS = 253402300799  # the end of the year 9999
FORMAT = "%H%x00%P%x00%ct%x00%aN%x00%s"
FIELDS = 5
# What would end a line, steer a terminal, or turn the direction of the text around it.
UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def read_commits(repository: Path, revision: str) -> list[dict[str, Any]] | None:
    """Return the newest commits of a revision, newest first: `revision`, `parents`, `subject`, `author`, `at`.

    At most 50, and fewer in a shallow clone, where the last ones' `parents` are None: not known. None when the log
    can't be read; a deploy does not fail for it.
    """
    # Whatever the user's own settings add to a log (signatures, diffs, another encoding) stays out.
    options = ["--no-show-signature", "--no-patch", "--no-color", "--encoding=UTF-8"]
    log = [*["log", f"--max-count={LIMIT}", *options, "-z", f"--format=tformat:{FORMAT}"], "--end-of-options", revision]
    output = _git(repository, *log, "--")
    return None if output is None else list(_bounded(_commits(output, _ends(repository))))


def _commits(output: str, ends: frozenset[str]) -> Iterator[dict[str, Any]]:
    fields = output.split("\0")
    for start in range(0, len(fields) - FIELDS + 1, FIELDS):
        revision, parents, seconds, author, subject = fields[start : start + FIELDS]
        above = parents.split()
        yield {
            "revision": revision,
            "parents": None if revision in ends or len(above) > PARENTS else above,
            "subject": _line(subject, SUBJECT_CHARACTERS),
            "author": _line(author, AUTHOR_CHARACTERS),
            "at": _time(seconds),
        }


def _bounded(commits: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    size = 0
    for commit in commits:
        size += len(json.dumps(commit)) + 2
        if size > LIMIT_BYTES:
            return
        yield commit


def _line(text: str, limit: int) -> str:
    shown = UNFIT.sub("\ufffd", text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _time(seconds: str) -> str:
    known = min(int(seconds), LATEST_SECONDS) if re.fullmatch(r"\d{1,20}", seconds) else 0
    return datetime.fromtimestamp(known, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ends(repository: Path) -> frozenset[str]:
    """The commits at the end of a shallow clone, which Git shows as if they had no parents."""
    path = _git(repository, "rev-parse", "--git-path", "shallow")
    try:
        return frozenset((repository / (path or "").rstrip("\n")).read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return frozenset()


def _git(repository: Path, *arguments: str) -> str | None:
    try:
        status, output, _ = answer(["git", "-C", str(repository), *arguments], timeout=TIMEOUT_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return output if status == 0 else None
