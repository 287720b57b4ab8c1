"""The transactions that run now: one per app at a time, held by this living process and by nothing that outlives it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ferryman_agent.errors import Refused
from ferryman_agent.ledger import App, Deployment
from ferryman_agent.transaction.deploy import Transaction
from ferryman_agent.transaction.journal import Journal
from ferryman_agent.transaction.order import DeployOrder, RollbackOrder
from ferryman_agent.transaction.server import Server


class RunningTransactions:
    """Starts transactions in threads of their own: a caller that dies takes nothing with it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._changed = threading.Condition()
        self._settling: set[str] = set()
        self._transactions: dict[str, Transaction] = {}

    def begin(self, request: str, order: DeployOrder | RollbackOrder, app: App) -> Deployment:
        """Start it; a repeated request attaches. Refused `busy` tells who deploys and which step."""
        with self._changed:
            self._changed.wait_for(lambda: app.id not in self._settling)
            known = self._server.ledger.deployment(request)
            if known:
                return known
            running = self._transactions.get(app.id)
            if running:
                raise _busy(running.journal)
            kind = "deploy" if isinstance(order, DeployOrder) else "rollback"
            sequence = order.sequence if isinstance(order, DeployOrder) else None
            app = self._server.ledger.app(app.id) or app
            deployment = self._server.ledger.begin(app, request, kind, sequence)
            transaction = Transaction(self._server, Journal(self._server.ledger, app, deployment), order, app)
            self._transactions[app.id] = transaction
        threading.Thread(target=self._run, args=(transaction,), name=f"transaction {app.id}").start()
        return deployment

    def _run(self, transaction: Transaction) -> None:
        try:
            transaction.carry_out()
        finally:
            with self._changed:
                self._transactions.pop(transaction.app.id, None)
            transaction.journal.close()
            self._server.report_added()

    def of(self, app_id: str) -> Transaction | None:
        """The transaction of an app that runs now."""
        with self._changed:
            return self._transactions.get(app_id)

    def by_deployment(self, identifier: str) -> Transaction | None:
        """The running transaction with this deployment or request id."""
        with self._changed:
            running = list(self._transactions.values())
        return next((t for t in running if identifier in (t.journal.deployment.id, t.journal.deployment.request)), None)

    def when_idle(self, app_id: str, act: Callable[[App], None]) -> bool:
        """Run `act` with the app while none of its transactions can begin; False when one runs."""
        with self._changed:
            app = self._server.ledger.app(app_id)
            if app is None or app_id in self._transactions or app_id in self._settling:
                return False
            self._settling.add(app_id)
        try:
            act(app)
        finally:
            with self._changed:
                self._settling.discard(app_id)
                self._changed.notify_all()
        return True


def _busy(journal: Journal) -> Refused:
    deployment = journal.deployment
    return Refused(
        "busy",
        f"a {deployment.kind} of {deployment.app} runs since {deployment.started_at}, in step {journal.current_step}",
        state="nothing was changed by this call",
        hint="ferryman status shows when it is over",
        deployment=deployment.id,
    )
