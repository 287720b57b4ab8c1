"""Whether an app's containers are on its network, at their addresses, and putting back what was taken off."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ferryman_agent.containers import (
    DATABASE_ADDRESS,
    accessory_name,
    address,
    current_name,
    database_name,
    lane_address,
    network_name,
)
from ferryman_agent.engine import Docker, EngineError
from ferryman_agent.ledger import AccessoryRecord, App


def fixed_addresses(app: App, accessories: Iterable[AccessoryRecord]) -> dict[str, str]:
    """Pure: container → its fixed address: of PostgreSQL, accessories, and the web container that serves."""
    found = {database_name(app.id): address(app, DATABASE_ADDRESS)}
    found |= {accessory_name(record): address(app, record.address) for record in accessories}
    if app.serving is not None and app.lane is not None:
        found[current_name(app, "web", app.serving)] = lane_address(app, app.lane)
    return found


def detached(app: App, fixed: dict[str, str], containers: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Pure: of containers, as the engine lists them, those that run and can't be reached where others look for them."""
    return [c for c in containers if c["State"] == "running" and not _is_attached(app, fixed, c)]


def _is_attached(app: App, fixed: dict[str, str], container: dict[str, Any]) -> bool:
    endpoint = container["NetworkSettings"]["Networks"].get(network_name(app.id))
    return endpoint is not None and fixed.get(_name(container)) in (None, endpoint["IPAddress"])


def attach(docker: Docker, app: App, fixed: dict[str, str]) -> None:
    """Put every running container of an app on its network; one that can't be put there goes, and is made anew."""
    for container in detached(app, fixed, docker.containers({"ferryman.app": app.id})):
        role = container["Labels"].get("ferryman.role", "")
        try:
            docker.connect(network_name(app.id), container["Id"], fixed.get(_name(container)), role)
        except EngineError:
            docker.remove(container["Id"])


def _name(container: dict[str, Any]) -> str:
    return str(container["Names"][0]).lstrip("/")
