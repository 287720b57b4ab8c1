"""What a caller asks to do with an app that is there, checked: restart, start, stop, maintenance, remove."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ferryman_agent.errors import BadRequest, Refused
from ferryman_agent.ledger import Kind
from ferryman_agent.transaction.orders.parameters import app_id, line, name, truth, whole_number

RETRY_AFTER_SECONDS = 60
RETRY_AFTER_LIMIT_SECONDS = 7 * 86400


@dataclass(frozen=True)
class RestartOrder:
    """Replace the containers of one role, or of all when it is None, by new ones of the same release."""

    kind: ClassVar[Kind] = Kind.RESTART
    app_id: str
    role: str | None


@dataclass(frozen=True)
class StartOrder:
    """Start an app that was stopped."""

    kind: ClassVar[Kind] = Kind.START
    app_id: str


@dataclass(frozen=True)
class StopOrder:
    """Stop all roles, and PostgreSQL and accessories too when `database` says so."""

    kind: ClassVar[Kind] = Kind.STOP
    app_id: str
    database: bool


@dataclass(frozen=True)
class MaintenanceOrder:
    """Have the edge answer for the app, or end that. `message` '' is the edge's own; `retry_after` in seconds."""

    kind: ClassVar[Kind] = Kind.MAINTENANCE
    app_id: str
    is_on: bool
    message: str = ""
    retry_after: int = RETRY_AFTER_SECONDS


@dataclass(frozen=True)
class RemoveOrder:
    """Remove an app from this server; its volumes only `with_data`."""

    kind: ClassVar[Kind] = Kind.REMOVE
    app_id: str
    with_data: bool


@dataclass(frozen=True)
class AccessoryRemoveOrder:
    """Remove an accessory that the serving release does not define; its volumes stay."""

    kind: ClassVar[Kind] = Kind.ACCESSORY_REMOVE
    app_id: str
    name: str


def parse_restart(params: dict[str, Any]) -> RestartOrder:
    """A checked order to restart."""
    role = None if params.get("role") is None else name(params, "role", "a role's")
    return RestartOrder(app_id(params), role)


def parse_accessory_remove(params: dict[str, Any]) -> AccessoryRemoveOrder:
    """A checked order to remove an accessory."""
    return AccessoryRemoveOrder(app_id(params), name(params, "name", "an accessory's"))


def parse_start(params: dict[str, Any]) -> StartOrder:
    """A checked order to start."""
    return StartOrder(app_id(params))


def parse_stop(params: dict[str, Any]) -> StopOrder:
    """A checked order to stop."""
    return StopOrder(app_id(params), truth(params, "database"))


def parse_maintenance(params: dict[str, Any]) -> MaintenanceOrder:
    """A checked order to begin or to end maintenance."""
    if not truth(params, "on", default=None):
        return MaintenanceOrder(app_id(params), is_on=False)
    seconds = whole_number(params, "retry_after")
    seconds = RETRY_AFTER_SECONDS if seconds is None else seconds
    if not 1 <= seconds <= RETRY_AFTER_LIMIT_SECONDS:
        raise BadRequest("bad-request", f"retry_after: {seconds} is not between 1 and {RETRY_AFTER_LIMIT_SECONDS}")
    return MaintenanceOrder(app_id(params), True, line(params, "message"), seconds)


def parse_remove(params: dict[str, Any]) -> RemoveOrder:
    """A checked order to remove; Refused `not-confirmed` unless the app's name is given once more."""
    order = RemoveOrder(app_id(params), truth(params, "with_data"))
    if params.get("confirm") != params["app"]:
        raise Refused(
            "not-confirmed",
            f"the name {params['app']} was not confirmed",
            state="nothing was changed",
            hint=f"--yes-remove {params['app']}",
        )
    return order
