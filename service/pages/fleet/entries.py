"""A deployment as the pages show it: its drawing, its failure, its commits, and a version to compare."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.conf import settings

from fleet.models import App, Deployment, Outcome
from pages.fleet.timeline import Waterfall, waterfall

# Steps come every few seconds, and a long one is a pull or a migration: after this, something holds the reports up.
NEWS_WITHIN = timedelta(minutes=10)
WEB_ADDRESS = ("http://", "https://")


@dataclass(frozen=True)
class Failure:
    """What is known of why a deployment failed; reports of other forms are read as far as they can be."""

    message: str
    exit_code: int | None
    http_status: int | None
    http_body: str
    log: list[str]


@dataclass(frozen=True)
class Commit:
    """A commit that a deployment brought, and where it can be read."""

    revision: str
    subject: str
    author: str
    at: datetime | None
    address: str


@dataclass(frozen=True)
class Entry:
    """A deployment with its drawing; open entries show it without a click."""

    deployment: Deployment
    now: datetime
    is_open: bool
    silent_since: datetime | None
    version: str

    @cached_property
    def waterfall(self) -> Waterfall:
        """Its steps on one scale; drawn only when it is shown."""
        return waterfall(self.deployment, self.now)

    @cached_property
    def failure(self) -> Failure | None:
        """Why it failed."""
        return failure(self.deployment.error)

    @property
    def state(self) -> str:
        """The outcome, or that it runs."""
        return self.deployment.outcome or "running"

    @property
    def moves(self) -> bool:
        """Whether more of it is about to come."""
        return self.state == "running" and self.silent_since is None

    @property
    def began(self) -> float:
        """Seconds of Unix time at which it began."""
        return self.deployment.started_at.timestamp()


def entry(deployment: Deployment, now: datetime, *, is_open: bool = False) -> Entry:
    """Judge one deployment; those that run or failed are open in any case."""
    silent_since = _silent_since(deployment, now)
    return Entry(
        deployment=deployment,
        now=now,
        is_open=is_open or deployment.outcome in {"", Outcome.FAILED},
        silent_since=silent_since,
        version=_version(deployment, silent_since),
    )


def failure(error: object) -> Failure | None:
    """Read an error as an agent reported it."""
    if not isinstance(error, dict):
        return None
    message, body, log = (error.get(name) for name in ("message", "http_body", "log"))
    return Failure(
        message=message if isinstance(message, str) and message else "It failed without a message",
        exit_code=_whole(error.get("exit_code")),
        http_status=_whole(error.get("http_status")),
        http_body=body if isinstance(body, str) else "",
        log=[str(line) for line in log] if isinstance(log, list) else [],
    )


def commits(deployment: Deployment, app: App) -> list[Commit]:
    """Return the commits that it brought, each with a link where the app's repository is known."""
    return list(_commits(deployment.commits, app.repository))


def _commits(reported: object, repository: str) -> Iterable[Commit]:
    home = repository.rstrip("/").removesuffix(".git") if repository.startswith(WEB_ADDRESS) else ""
    for item in reported if isinstance(reported, list) else []:
        if not isinstance(item, dict):
            continue
        revision, subject, author, at = (_text(item, name) for name in ("revision", "subject", "author", "at"))
        is_plain = revision.isalnum() and revision.isascii()
        yield Commit(revision, subject, author, _moment(at), f"{home}/commit/{revision}" if home and is_plain else "")


def _silent_since(deployment: Deployment, now: datetime) -> datetime | None:
    heard = deployment.environment.server.last_reported_at
    return heard if deployment.outcome == "" and heard and now - heard > NEWS_WITHIN else None


def _version(deployment: Deployment, silent_since: datetime | None) -> str:
    """Name what the entry shows, so that a page can ask for those alone that it does not have."""
    told = [
        *[settings.CONFIGURATION.release, deployment.id, deployment.kind, deployment.release_id, deployment.previous],
        *[deployment.outcome, deployment.started_at, deployment.finished_at, deployment.seconds, deployment.steps],
        *[deployment.downtime, deployment.error, deployment.stayed, bool(deployment.note), silent_since is not None],
    ]
    return hashlib.blake2b(repr(told).encode(), digest_size=6).hexdigest()


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(item: dict[str, Any], name: str) -> str:
    value = item.get(name)
    return value if isinstance(value, str) else ""


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
