"""Which run carries out which order."""

from __future__ import annotations

from ferryman_agent.ledger import App
from ferryman_agent.transaction.change import MaintenanceOrder, Order, RemoveOrder, RestartOrder, StartOrder, StopOrder
from ferryman_agent.transaction.deploy import Transaction
from ferryman_agent.transaction.journal import Journal
from ferryman_agent.transaction.removal import Removal
from ferryman_agent.transaction.restart import Restart
from ferryman_agent.transaction.run import Run
from ferryman_agent.transaction.server import Server
from ferryman_agent.transaction.stop import Maintenance, Stop


def run_of(server: Server, journal: Journal, order: Order, app: App) -> Run:
    """The run of this order."""
    if isinstance(order, (RestartOrder, StartOrder)):
        return Restart(server, journal, order, app)
    if isinstance(order, StopOrder):
        return Stop(server, journal, order, app)
    if isinstance(order, MaintenanceOrder):
        return Maintenance(server, journal, order, app)
    if isinstance(order, RemoveOrder):
        return Removal(server, journal, order, app)
    return Transaction(server, journal, order, app)
