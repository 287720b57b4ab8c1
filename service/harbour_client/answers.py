"""The forms of what Harbour answers."""

from typing import Any, Literal, NotRequired, TypedDict

Role = Literal["owner", "member", "viewer"]
Scope = Literal["read", "write", "report", "metrics"]
Severity = Literal["info", "warning", "critical"]
Outcome = Literal["succeeded", "failed", "cancelled", "unchanged", "interrupted"]


class ReleaseSummary(TypedDict):
    """A release inside something else."""

    id: int
    number: int
    revision: str
    image: str
    digest: str


class Environment(TypedDict):
    """An app in one environment on one server."""

    id: int
    app: str
    environment: str
    server: str
    release: ReleaseSummary | None
    serving_since: str | None


class App(TypedDict):
    """An app and where it serves."""

    name: str
    description: str
    repository: str
    created_at: str
    environments: list[Environment]


class Server(TypedDict):
    """A server, what it reported last, and what serves there."""

    name: str
    agent: str
    created_at: str
    last_reported_at: str | None
    last_sequence: int
    gaps: list[list[int]]
    environments: list[Environment]


class Notice(TypedDict):
    """What a person should know about a server or an app on it; `app` and `environment` are null for the former."""

    id: int
    server: str
    app: str | None
    environment: str | None
    code: str
    subject: str
    severity: Severity
    message: str
    next: str
    since: str
    told_at: str
    ended_at: str | None


class Release(TypedDict, total=False):
    """A release; in a list the fields that were chosen."""

    id: int
    app: str
    environment: str
    server: str
    number: int
    revision: str
    image: str
    digest: str
    environment_version: int | None
    created_at: str


class Step(TypedDict):
    """One step of a deployment."""

    step: str
    state: Literal["started", "done", "skipped", "failed"]
    started_at: str
    seconds: float | None
    detail: str


class Person(TypedDict):
    """A person."""

    email: str
    name: str


class Deployment(TypedDict, total=False):
    """A deployment; in a list the fields that were chosen."""

    id: str
    app: str
    environment: str
    server: str
    kind: str
    sequence: int | None
    release: ReleaseSummary | None
    previous: int | None
    outcome: Outcome | None
    started_at: str
    finished_at: str | None
    seconds: float | None
    downtime: float | None
    steps: list[Step]
    error: dict[str, Any] | None
    stayed: list[str]
    commits: list[dict[str, Any]]
    commits_complete: bool
    note: str
    noted_at: str | None
    noted_by: Person | None


class Event(TypedDict, total=False):
    """An event as it was reported; in a list the fields that were chosen."""

    id: int
    server: str
    sequence: int
    at: str
    received_at: str
    kind: str
    app: str | None
    environment: str | None
    deployment: str | None
    data: dict[str, Any]


class MyMembership(TypedDict):
    """A role of whoever asks."""

    app: str
    role: Role


class Me(TypedDict):
    """Whoever asks."""

    email: str
    name: str
    is_staff: bool
    memberships: list[MyMembership]
    scopes: list[Scope] | None


class Membership(TypedDict):
    """Who is what in an app."""

    id: int
    app: str
    email: str
    name: str
    role: Role
    created_at: str


class Invitation(TypedDict):
    """An invitation; its link is shown once, where none goes by mail."""

    id: int
    app: str
    email: str
    role: Role
    invited_by: str | None
    created_at: str
    expires_at: str
    link: NotRequired[str | None]


class Token(TypedDict):
    """A token; its text is shown once."""

    id: int
    name: str
    prefix: str
    server: str | None
    scopes: list[Scope]
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    revoked_at: str | None
    token: NotRequired[str]


class Receipt(TypedDict):
    """What became of a report."""

    accepted: int
    duplicates: int
    last_sequence: int
    gaps: list[list[int]]
