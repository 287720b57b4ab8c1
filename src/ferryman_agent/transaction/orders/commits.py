"""The commits that a deploy brings: checked as the client sent them, and cut at what served before."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ferryman_agent.errors import BadRequest
from ferryman_agent.ledger import Release
from ferryman_agent.ledger.states import SERVED

LIMIT = 50
LIMIT_BYTES = 64 << 10  # they go into the ledger with the deployment, and to Harbour
SHOWN_WITHOUT_PREVIOUS = 20
SUBJECT_CHARACTERS = 200
AUTHOR_CHARACTERS = 100
PARENTS = 16
SHA = re.compile(r"[0-9a-f]{40}")
AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# Control characters, line ends, halves of surrogate pairs, and what turns the direction of the text around it.
UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True)
class Commit:
    """One commit. `parents` is None where they are not known: at the end of a shallow clone."""

    revision: str
    parents: tuple[str, ...] | None
    subject: str
    author: str
    at: str


@dataclass(frozen=True)
class Brought:
    """The commits that were not served before, newest first, and whether none is missing."""

    commits: tuple[Commit, ...] = ()
    is_complete: bool = True

    def as_json(self) -> dict[str, Any]:
        """As it is shown, kept and reported."""
        keys = ("revision", "subject", "author", "at")
        listed = [{key: getattr(commit, key) for key in keys} for commit in self.commits]
        return {"commits": listed, "commits_complete": self.is_complete}


NOTHING = Brought()
UNKNOWN = Brought(is_complete=False)


def parse_commits(found: Any) -> tuple[Commit, ...] | None:
    """The log of the revision that is shipped, newest first, checked; None when the client sent none."""
    if found is None:
        return None
    if not isinstance(found, list) or len(found) > LIMIT:
        raise BadRequest("bad-request", f"commits: must be a list of at most {LIMIT}")
    commits = tuple(_commit(f"commits/{index}", item) for index, item in enumerate(found))
    if len(json.dumps(Brought(commits).as_json())) > LIMIT_BYTES:
        raise BadRequest("bad-request", f"commits: at most {LIMIT_BYTES} bytes are kept")
    return commits


def _commit(where: str, item: Any) -> Commit:
    if not isinstance(item, dict):
        raise BadRequest("bad-request", f"{where}: must be an object")
    revision = item.get("revision")
    if not isinstance(revision, str) or not SHA.fullmatch(revision):
        raise BadRequest("bad-request", f"{where}/revision: must have 40 hexadecimal digits")
    return Commit(
        revision=revision,
        parents=_parents(where, item.get("parents")),
        subject=_text(where, item, "subject", SUBJECT_CHARACTERS),
        author=_text(where, item, "author", AUTHOR_CHARACTERS),
        at=_time(where, item.get("at")),
    )


def _parents(where: str, found: Any) -> tuple[str, ...] | None:
    if found is None:
        return None
    if (
        not isinstance(found, list)
        or len(found) > PARENTS
        or not all(isinstance(sha, str) and SHA.fullmatch(sha) for sha in found)
    ):
        raise BadRequest("bad-request", f"{where}/parents: must be null or at most {PARENTS} revisions")
    return tuple(found)


def _text(where: str, item: dict[str, Any], key: str, limit: int) -> str:
    text = item.get(key)
    if not isinstance(text, str) or len(text) > limit or UNFIT.search(text):
        raise BadRequest("bad-request", f"{where}/{key}: must be one line of at most {limit} characters")
    return text


def _time(where: str, text: Any) -> str:
    if isinstance(text, str) and AT.fullmatch(text):
        try:
            datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")  # is there such a day?
            return text
        except ValueError:
            pass
    raise BadRequest("bad-request", f"{where}/at: must be a time such as 2026-11-23T08:59:48Z")


def brought(log: Sequence[Commit] | None, previous: Release | None, releases: Sequence[Release]) -> Brought:
    """Pure: which commits of `log` the `previous` release did not have.

    1. Leave out what the previous release's commit is reached from: dates don't tell, since a branch that was merged
       today may be older than what serves.
    2. Where the log does not have that commit, leave out what any release that served had, and show only the newest:
       a deploy of an older revision brings nothing. That is not known to be all.
    """
    if log is None:
        return UNKNOWN
    known = {commit.revision: commit for commit in log}
    start = _sha(previous) if previous else None
    if start in known:
        had = _reached([start], known)
        commits = tuple(commit for commit in log if commit.revision not in had)
        return Brought(commits, all(_is_whole(commit, known) for commit in commits))
    served = [_sha(release) for release in releases if release.state in SERVED]
    had = _reached([revision for revision in served if revision in known], known)
    commits = tuple(commit for commit in log if commit.revision not in had)
    return Brought(commits[:SHOWN_WITHOUT_PREVIOUS], is_complete=False)


def _sha(release: Release) -> str:
    return release.revision[:40]  # a dirty build's has more


def _reached(revisions: Sequence[str], known: Mapping[str, Commit]) -> set[str]:
    """The revisions and their ancestors, as far as the log has them."""
    found: set[str] = set()
    waiting = list(revisions)
    while waiting:
        revision = waiting.pop()
        if revision in known and revision not in found:
            found.add(revision)
            waiting += known[revision].parents or ()
    return found


def _is_whole(commit: Commit, known: Mapping[str, Commit]) -> bool:
    return commit.parents is not None and all(parent in known for parent in commit.parents)
