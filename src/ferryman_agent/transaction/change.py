"""What a caller asks to do with an app that is there, checked: restart, start, stop, maintenance, remove."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any, ClassVar

from ferryman_agent.errors import BadRequest, Refused
from ferryman_agent.manifest import NAME
from ferryman_agent.transaction.order import DeployOrder, RollbackOrder, app_id, whole_number

MESSAGE_CHARACTERS = 300  # with its page in HTML and in JSON it must fit one command of the edge
RETRY_AFTER_SECONDS = 60
RETRY_AFTER_LIMIT_SECONDS = 7 * 86400


@dataclass(frozen=True)
class RestartOrder:
    """Replace the containers of one role, or of all when it is None, by new ones of the same release."""

    kind: ClassVar[str] = "restart"
    app_id: str
    role: str | None


@dataclass(frozen=True)
class StartOrder:
    """Start an app that was stopped."""

    kind: ClassVar[str] = "start"
    app_id: str


@dataclass(frozen=True)
class StopOrder:
    """Stop all roles, and PostgreSQL and accessories too when `database` says so."""

    kind: ClassVar[str] = "stop"
    app_id: str
    database: bool


@dataclass(frozen=True)
class MaintenanceOrder:
    """Have the edge answer for the app, or end that. `message` '' is the edge's own; `retry_after` in seconds."""

    kind: ClassVar[str] = "maintenance"
    app_id: str
    is_on: bool
    message: str = ""
    retry_after: int = RETRY_AFTER_SECONDS


@dataclass(frozen=True)
class RemoveOrder:
    """Remove an app from this server; its volumes only `with_data`."""

    kind: ClassVar[str] = "remove"
    app_id: str
    with_data: bool


@dataclass(frozen=True)
class AccessoryRemoveOrder:
    """Remove an accessory that the serving release does not define; its volumes stay."""

    kind: ClassVar[str] = "accessory-remove"
    app_id: str
    name: str


ChangeOrder = RestartOrder | StartOrder | StopOrder | MaintenanceOrder | RemoveOrder | AccessoryRemoveOrder
Order = DeployOrder | RollbackOrder | ChangeOrder


def kind_of(order: Order) -> str:
    """What the ledger calls a transaction of this order."""
    if isinstance(order, DeployOrder):
        return "deploy"
    return "rollback" if isinstance(order, RollbackOrder) else order.kind


def parse_restart(params: dict[str, Any]) -> RestartOrder:
    """A checked order to restart."""
    role = params.get("role")
    if role is not None and not (isinstance(role, str) and NAME.fullmatch(role)):
        raise BadRequest("bad-request", f"role: {role!r} is not a role's name")
    return RestartOrder(app_id(params), role)


def parse_accessory_remove(params: dict[str, Any]) -> AccessoryRemoveOrder:
    """A checked order to remove an accessory."""
    name = params.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BadRequest("bad-request", f"name: {name!r} is not an accessory's name")
    return AccessoryRemoveOrder(app_id(params), name)


def parse_start(params: dict[str, Any]) -> StartOrder:
    """A checked order to start."""
    return StartOrder(app_id(params))


def parse_stop(params: dict[str, Any]) -> StopOrder:
    """A checked order to stop."""
    return StopOrder(app_id(params), _truth(params, "database"))


def parse_maintenance(params: dict[str, Any]) -> MaintenanceOrder:
    """A checked order to begin or to end maintenance."""
    is_on = params.get("on")
    if not isinstance(is_on, bool):
        raise BadRequest("bad-request", "on: must be true or false")
    if not is_on:
        return MaintenanceOrder(app_id(params), is_on=False)
    seconds = whole_number(params, "retry_after")
    seconds = RETRY_AFTER_SECONDS if seconds is None else seconds
    if not 1 <= seconds <= RETRY_AFTER_LIMIT_SECONDS:
        raise BadRequest("bad-request", f"retry_after: {seconds} is not between 1 and {RETRY_AFTER_LIMIT_SECONDS}")
    return MaintenanceOrder(app_id(params), True, _line(params, "message"), seconds)


def _line(params: dict[str, Any], key: str) -> str:
    """Optional text without control characters, line ends, and what turns the direction of the text around it."""
    text = params.get(key)
    if text is None:
        return ""
    is_line = isinstance(text, str) and not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text)
    if not is_line or len(text) > MESSAGE_CHARACTERS:
        raise BadRequest("bad-request", f"{key}: must be one line of at most {MESSAGE_CHARACTERS} characters")
    return str(text)


def parse_remove(params: dict[str, Any]) -> RemoveOrder:
    """A checked order to remove; Refused `not-confirmed` unless the app's name is given once more."""
    order = RemoveOrder(app_id(params), _truth(params, "with_data"))
    if params.get("confirm") != params["app"]:
        raise Refused(
            "not-confirmed",
            f"the name {params['app']} was not confirmed",
            state="nothing was changed",
            hint=f"--yes-remove {params['app']}",
        )
    return order


def _truth(params: dict[str, Any], key: str) -> bool:
    found = params.get(key, False)
    if not isinstance(found, bool):
        raise BadRequest("bad-request", f"{key}: must be true or false")
    return found
