"""Recovery: what a crash, an OOM kill or a power cut interrupted goes back before its commit, forward after it."""

from __future__ import annotations

from ferryman_agent.database import known_migrations
from ferryman_agent.engine import EngineError
from ferryman_agent.errors import AgentError
from ferryman_agent.ledger import App, Deployment
from ferryman_agent.transaction.before import state_after_failure
from ferryman_agent.transaction.journal import Journal
from ferryman_agent.transaction.reconciliation import bring
from ferryman_agent.transaction.server import Server


def recover(server: Server) -> None:
    """Bring every app to its committed release, and record the outcome of what was interrupted.

    1. Remove what candidates left behind, make containers and edge agree with the ledger.
    2. Record interrupted deployments: before the commit as interrupted, after it as succeeded.
    """
    unfinished = server.ledger.unfinished()
    for app in server.ledger.apps():
        why = bring(server, app)
        if why != app.degraded:
            server.ledger.set_degraded(app.id, why)
        for deployment in unfinished:
            if deployment.app == app.id:
                _record(server, app, deployment)


def _record(server: Server, app: App, deployment: Deployment) -> None:
    journal = Journal(server.ledger, app, deployment)
    if deployment.state == "committed":
        journal.log("the agent was interrupted after the commit and went forward")
        journal.finished("succeeded", None, [])
        return
    stayed = _migrations_that_stayed(server, app, deployment)
    error = AgentError(
        "interrupted",
        "the agent was interrupted before the commit and went back",
        state=state_after_failure(app, stayed),
        hint="deploy again",
        stayed=stayed,
    )
    journal.finished("interrupted", error, stayed)


def _migrations_that_stayed(server: Server, app: App, deployment: Deployment) -> list[str]:
    """The applied migrations that the candidate's image knows and the serving release's does not."""
    candidate = server.ledger.release(app.id, deployment.release) if deployment.release else None
    if candidate is None or not candidate.manifest.get("database"):
        return []
    serving = server.ledger.release(app.id, app.serving) if app.serving else None
    try:
        image, old = server.docker.image(candidate.reference), serving and server.docker.image(serving.reference)
        known, before = known_migrations(image) if image else None, known_migrations(old) if old else None
        if not known or (serving and before is None):
            return []
        return sorted(server.postgres(app).applied_migrations() & set(known) - set(before or []))
    except (AgentError, EngineError):
        return []
