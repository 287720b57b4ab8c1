"""Which run carries out which order."""

from __future__ import annotations

from collections.abc import Callable

from ferryman_agent.ledger import App
from ferryman_agent.transaction.accessory_changes import AccessoryRemoval, AccessoryRestart, names_of
from ferryman_agent.transaction.change import (
    AccessoryRemoveOrder,
    MaintenanceOrder,
    Order,
    RemoveOrder,
    RestartOrder,
    StartOrder,
    StopOrder,
)
from ferryman_agent.transaction.deploy import Transaction
from ferryman_agent.transaction.journal import Journal
from ferryman_agent.transaction.order import DeployOrder, RollbackOrder
from ferryman_agent.transaction.removal import Removal
from ferryman_agent.transaction.restart import Restart
from ferryman_agent.transaction.run import Run
from ferryman_agent.transaction.server import Server
from ferryman_agent.transaction.stop import Maintenance, Stop

RUNS: dict[tuple[type, ...], Callable[..., Run]] = {
    (DeployOrder, RollbackOrder): Transaction,
    (RestartOrder, StartOrder): Restart,
    (StopOrder,): Stop,
    (MaintenanceOrder,): Maintenance,
    (RemoveOrder,): Removal,
    (AccessoryRemoveOrder,): AccessoryRemoval,
}


def run_of(server: Server, journal: Journal, order: Order, app: App) -> Run:
    """The run of this order."""
    if isinstance(order, RestartOrder) and app.serving and order.role in names_of(server, app):
        return AccessoryRestart(server, journal, order, app)
    run = next(run for orders, run in RUNS.items() if isinstance(order, orders))
    return run(server, journal, order, app)
