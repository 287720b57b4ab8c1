"""The outcome of a deployment whose run ended without recording one: it was interrupted, or the disk was full."""

from __future__ import annotations

from datetime import datetime

from ferryman_agent.errors import AgentError
from ferryman_agent.host import Host
from ferryman_agent.host.serving import postgres_of, serving_state
from ferryman_agent.ledger import App, Deployment, Outcome
from ferryman_agent.transaction.journal import Journal
from ferryman_agent.transaction.names import StepName
from ferryman_agent.transaction.runs.conductor import with_stayed
from ferryman_agent.transaction.steps.database import known_to

WALL_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


def record_unfinished(host: Host, app_id: str) -> None:
    """Record the outcome of every deployment of an app that nobody carries out any more."""
    for deployment in host.ledger.unfinished():
        app = host.ledger.app(app_id)
        if app and deployment.app == app_id:
            _record(host, app, deployment)


def _record(host: Host, app: App, deployment: Deployment) -> None:
    if deployment.state is Outcome.COMMITTED and app.removal:  # the removal goes on
        return
    journal = Journal(host.ledger, app, deployment)
    if deployment.state is Outcome.COMMITTED:
        journal.log("the agent was interrupted after the commit and went forward")
        journal.finished(Outcome.SUCCEEDED, None, [])
        return
    stayed = _migrations_that_stayed(host, app, deployment)
    seconds = _downtime(host, app, deployment)
    down = {} if seconds is None else {"downtime": seconds}
    error = AgentError(
        "interrupted",
        "the agent was interrupted before the commit and went back",
        state=with_stayed(_state(app, seconds) or serving_state(app), stayed),
        hint=f"{deployment.kind} again",
        stayed=stayed,
        **down,
    )
    if seconds is not None:
        journal.down(seconds)
    journal.finished(Outcome.INTERRUPTED, error, stayed)


def _state(app: App, downtime: float | None) -> str:
    """In what state the app is where its old container had to stop for a new one; '' where it had not."""
    if downtime is None:
        return ""
    if app.degraded:
        return f"release {app.serving} does not answer again yet; the agent tries every half a minute"
    return f"release {app.serving} serves again, it was down for at most {downtime:.1f} s"


def _downtime(host: Host, app: App, deployment: Deployment) -> float | None:
    """Seconds since the old container was to stop, where that was before the commit.

    By the wall clock: the agent that looked at the monotonic one is gone, and maybe the server was started anew.
    """
    if not app.serving or app.stopped:
        return None
    stops = (event for event in host.ledger.events(deployment.id) if event.get("step") == StepName.STOP_OLD)
    stop = next(stops, None)
    if stop is None or any(event["state"] == "skipped" for event in stops):
        return None
    since = datetime.strptime(stop["at"], WALL_TIME)
    return round((datetime.strptime(host.ledger.now(), WALL_TIME) - since).total_seconds(), 3)


def _migrations_that_stayed(host: Host, app: App, deployment: Deployment) -> list[str]:
    """The applied migrations that the candidate's image knows and the serving release's does not."""
    candidate = host.ledger.release(app.id, deployment.release) if deployment.release else None
    if candidate is None or not candidate.manifest.get("database"):
        return []
    serving = host.ledger.release(app.id, app.serving) if app.serving else None
    try:
        image = host.engine.image(candidate.reference)
        old = host.engine.image(serving.reference) if serving else None
        known, before = known_to(candidate, image), known_to(serving, old) if serving else None
        if not known or (serving and before is None):
            return []
        return sorted(postgres_of(host, app).applied_migrations() & set(known) - set(before or []))
    except AgentError:
        return []
