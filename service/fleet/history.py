"""Folds events into the state of a deployment, in whatever order they arrive."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec.structs import asdict

from fleet.models import Deployment, Environment, Outcome, Release
from fleet.report import Event, Finished, Started, Step

Releases = Mapping[tuple[int, int], Release]


def begin(number: UUID, event: Event, environment: Environment) -> Deployment:
    """Return a deployment of which this is the first event seen."""
    return Deployment(id=number, environment=environment, started_at=event.at)


def fold(deployment: Deployment, event: Event, releases: Releases) -> None:
    """Bring the deployment up to date with one event; releases are found by environment and number."""
    match event.details:
        case Started() as started:
            _start(deployment, event, started, releases)
        case Step() as step:
            _step(deployment, event, step)
        case Finished() as finished:
            _finish(deployment, event, finished)


def _start(deployment: Deployment, event: Event, started: Started, releases: Releases) -> None:
    deployment.started_at = min(deployment.started_at, event.at)  # its preflight may have been told before
    deployment.kind = started.kind
    deployment.sequence = started.sequence
    deployment.previous = started.previous
    deployment.commits = [asdict(commit) for commit in started.commits or []]
    deployment.commits_complete = started.commits is not None and started.commits_complete is True
    if started.release is not None:
        deployment.release = releases[deployment.environment_id, started.release.number]


def _step(deployment: Deployment, event: Event, step: Step) -> None:
    known: dict[str, Any] | None = next((item for item in deployment.steps if item["step"] == step.step), None)
    if known is None:
        known = {"step": step.step, "state": "", "started_at": None, "seconds": None, "detail": ""}
        deployment.steps.append(known)
    if step.state == "started":
        known["started_at"] = _text(event.at)
        known["state"] = known["state"] or "started"
        return
    known["state"] = step.state
    known["seconds"] = step.seconds
    known["detail"] = step.detail or known["detail"]
    if known["started_at"] is None:
        known["started_at"] = _text(event.at - timedelta(seconds=min(step.seconds or 0, 86400)))


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _finish(deployment: Deployment, event: Event, finished: Finished) -> None:
    deployment.outcome = finished.outcome
    deployment.finished_at = event.at
    deployment.seconds = finished.seconds
    deployment.downtime = finished.downtime
    deployment.error = finished.error
    deployment.stayed = finished.stayed or []


def brought_to_serve(deployment: Deployment) -> bool:
    """Return whether the deployment put its release into service."""
    return deployment.outcome == Outcome.SUCCEEDED and deployment.release is not None
