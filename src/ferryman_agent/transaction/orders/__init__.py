"""Orders: what a caller asks for, checked. Pure."""

from ferryman_agent.transaction.orders.changing import (
    AccessoryRemoveOrder,
    MaintenanceOrder,
    RemoveOrder,
    RestartOrder,
    StartOrder,
    StopOrder,
)
from ferryman_agent.transaction.orders.deploying import DeployOrder, RollbackOrder

ChangeOrder = RestartOrder | StartOrder | StopOrder | MaintenanceOrder | RemoveOrder | AccessoryRemoveOrder
Order = DeployOrder | RollbackOrder | ChangeOrder

__all__ = [
    "AccessoryRemoveOrder",
    "ChangeOrder",
    "DeployOrder",
    "MaintenanceOrder",
    "Order",
    "RemoveOrder",
    "RestartOrder",
    "RollbackOrder",
    "StartOrder",
    "StopOrder",
]
