"""Recovery: what a crash, an OOM kill or a power cut interrupted goes back before its commit, forward after it."""

from __future__ import annotations

import sys

from ferryman_agent.ledger import App
from ferryman_agent.transaction.outcomes import record_unfinished
from ferryman_agent.transaction.reconciliation import bring
from ferryman_agent.transaction.server import Server


def recover(server: Server) -> None:
    """Bring every app to its committed release, and record the outcome of what was interrupted.

    1. Remove what candidates left behind, make containers and edge agree with the ledger.
    2. Record interrupted deployments: before the commit as interrupted, after it as succeeded.

    What a full disk does not let the ledger record now is recorded by the reconciliation.
    """
    for app in server.ledger.apps():
        recover_app(server, app)


def recover_app(server: Server, app: App) -> None:
    """The same for one app; nothing is raised."""
    try:
        why = bring(server, app)
        if why != app.degraded:
            server.ledger.set_degraded(app.id, why)
        record_unfinished(server, app.id)
        server.copy_ledger(app.id)
    except Exception as error:  # noqa: BLE001 - the other apps are recovered all the same, this one again later
        sys.stderr.write(f"{app.id}: what was recovered can't be recorded: {error!r}\n")
