"""An app's network: its containers are on it, at their addresses, and what was taken off is put back."""

from __future__ import annotations

from collections.abc import Iterable

from ferryman_agent.containers import (
    DATABASE_ADDRESS,
    accessory_name,
    address,
    current_name,
    database_name,
    labels,
    lane_endpoint,
    network_name,
    subnet,
)
from ferryman_agent.engine import Endpoint, Engine, EngineError, Observed, State
from ferryman_agent.ledger import AccessoryRecord, App, Ledger


def prepare_network(engine: Engine, ledger: Ledger, app: App) -> None:
    """The app's network, with what runs on it; there already is the usual case."""
    engine.ensure_network(network_name(app.id), subnet(app), labels(app.id, "network"))
    fixed = fixed_addresses(app, ledger.accessories(app.id))
    for container in detached(app, fixed, engine.workloads({"ferryman.app": app.id})):
        endpoint = Endpoint(network_name(app.id), fixed.get(container.name), container.role)
        try:
            engine.connect(endpoint, container.id)
        except EngineError:  # it can't be put there: it goes, and is made anew
            engine.remove(container.id)


def is_attached(ledger: Ledger, app: App, containers: list[Observed]) -> bool:
    """Whether all that run of an app's containers are on its network."""
    return not detached(app, fixed_addresses(app, ledger.accessories(app.id)), containers)


def fixed_addresses(app: App, accessories: Iterable[AccessoryRecord]) -> dict[str, str]:
    """Pure: container → its fixed address: of PostgreSQL, accessories, and the web container that serves."""
    found = {database_name(app.id): address(app, DATABASE_ADDRESS)}
    found |= {accessory_name(record): address(app, record.address) for record in accessories}
    if app.serving is not None and app.lane is not None:
        serving = lane_endpoint(app, app.lane).address
        found[current_name(app, "web", app.serving)] = serving or ""
    return found


def detached(app: App, fixed: dict[str, str], containers: Iterable[Observed]) -> list[Observed]:
    """Pure: those that run and can't be reached where others look for them."""
    return [c for c in containers if c.state is State.RUNNING and not _is_attached(app, fixed, c)]


def _is_attached(app: App, fixed: dict[str, str], container: Observed) -> bool:
    found = container.addresses.get(network_name(app.id))
    return found is not None and fixed.get(container.name) in (None, found)
