"""What Harbour is told: the form of each report. docs/protocol.md has it as the contract between the two."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar


@dataclass(frozen=True)
class Place:
    """The app that a report is about, and the deployment, if Harbour knows it; '' where there is none."""

    app: str
    environment: str
    deployment: str = ""

    def as_json(self) -> dict[str, str]:
        """The part of the report that names them."""
        named = {"app": self.app, "environment": self.environment, "deployment": self.deployment}
        return {key: value for key, value in named.items() if value}


@dataclass(frozen=True)
class Report:
    """A report without its sequence and time, which the outbox adds. The fields of each kind are its `data`."""

    report_kind: ClassVar[str]
    place: Place

    @property
    def data(self) -> dict[str, Any]:
        """What is told, by name."""
        own = [field.name for field in fields(self) if field.name not in ("place", "change")]
        return {name: getattr(self, name) for name in own}

    def as_json(self) -> dict[str, Any]:
        """As the outbox keeps it."""
        return {"kind": self.report_kind, **self.place.as_json(), "data": self.data}


@dataclass(frozen=True)
class DeploymentStarted(Report):
    """A deploy or a rollback (`kind`) begins. `release` is a release's summary, `sequence` the CI run's number."""

    report_kind = "deployment.started"
    kind: str
    sequence: int | None
    release: dict[str, Any] | None
    previous: int | None
    commits: list[dict[str, str]]
    commits_complete: bool


@dataclass(frozen=True)
class DeploymentStep(Report):
    """A step of it begins, or ended: `state` is started, done, skipped or failed."""

    report_kind = "deployment.step"
    step: str
    state: str
    seconds: float | None
    detail: str


@dataclass(frozen=True)
class DeploymentFinished(Report):
    """Its outcome. `error` has code, message and details; `stayed` are migrations that stay applied.

    `downtime`, in seconds, is told only where there was one.
    """

    report_kind = "deployment.finished"
    outcome: str
    seconds: float
    error: dict[str, Any] | None
    stayed: list[str]
    downtime: float | None

    @property
    def data(self) -> dict[str, Any]:
        """What is told, by name."""
        told = super().data
        return told if self.downtime is not None else {key: told[key] for key in told if key != "downtime"}


@dataclass(frozen=True)
class AppChanged(DeploymentFinished):
    """What came of a transaction that ships nothing: `change` is restart, start, stop, maintenance and the like."""

    change: str

    def as_json(self) -> dict[str, Any]:
        """As the outbox keeps it; each change is a kind of its own."""
        return {**super().as_json(), "kind": f"app.{self.change}"}


@dataclass(frozen=True)
class AppRemoved(Report):
    """An app is gone. `kept` are the volumes that stay."""

    report_kind = "app.removed"
    with_data: bool | None
    kept: list[str] | None


@dataclass(frozen=True)
class ScheduleFailed(Report):
    """A run of a scheduled command did not succeed: `outcome` is failed, timed-out, stopped or lost."""

    report_kind = "schedule.failed"
    schedule: str
    outcome: str
    release: int
    exit_code: int | None
    seconds: float | None


@dataclass(frozen=True)
class NoticeReport(Report):
    """A notice is raised, gets better or worse, or is over. `subject`: an app's id, or a part of the server."""

    report_kind = "notice"
    code: str
    subject: str
    message: str
    severity: str
    since: str
    next: str
    ended: bool
