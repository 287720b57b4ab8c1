"""Recovery: what a crash, an OOM kill or a power cut interrupted goes back before its commit, forward after it."""

from __future__ import annotations

from ferryman_agent.engine import EngineError
from ferryman_agent.errors import AgentError
from ferryman_agent.ledger import App, Deployment
from ferryman_agent.manifest import parse_manifest
from ferryman_agent.transaction import after
from ferryman_agent.transaction.after import Committed
from ferryman_agent.transaction.before import serving_state
from ferryman_agent.transaction.journal import Journal
from ferryman_agent.transaction.server import Server


def recover(server: Server) -> None:
    """Bring every app to its committed release, and record the outcome of what was interrupted.

    1. Record interrupted deployments: before the commit as interrupted, after it as succeeded.
    2. Remove what candidates left behind.
    3. Make containers and edge agree with the ledger.
    """
    unfinished = {deployment.app: deployment for deployment in server.ledger.unfinished()}
    for app in server.ledger.apps():
        deployment = unfinished.get(app.id)
        try:
            _bring(server, app, deployment)
        except (AgentError, EngineError) as error:
            server.ledger.set_degraded(app.id, f"not recovered: {error}")
        if deployment:
            _record(server, app, deployment)


def _bring(server: Server, app: App, deployment: Deployment | None) -> None:
    after.leftovers_of_candidates(server, app)
    release = server.ledger.release(app.id, app.serving) if app.serving else None
    if release is None:
        return
    committed = Committed(server, app, parse_manifest(release.manifest), release)
    server.prepare_app(app)
    if committed.manifest.database:
        server.postgres(app).ensure(committed.manifest.database)
    after.converge(committed)
    if deployment and deployment.state == "committed":
        server.ledger.set_degraded(app.id, after.replace_roles(committed))


def _record(server: Server, app: App, deployment: Deployment) -> None:
    journal = Journal(server.ledger, app, deployment)
    if deployment.state == "committed":
        journal.log("the agent was interrupted after the commit and went forward")
        journal.finished("succeeded", None, [])
        return
    error = AgentError(
        "interrupted",
        "the agent was interrupted before the commit and went back",
        state=serving_state(app),
        hint="deploy again",
    )
    journal.finished("interrupted", error, [])
