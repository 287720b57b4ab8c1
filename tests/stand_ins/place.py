"""A project with two environments behind fake links, and what its clean-up is asked with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from registry_stand_in import RegistryStandIn

from ferryman.cleanup.cleanup import Order, Surroundings, clean_up
from ferryman.cleanup.report import Report
from ferryman.config import load_configuration, manifest
from ferryman.destination import Destination
from ferryman.testing import FakeLink

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def revision(number: int) -> str:
    """A commit."""
    return f"{number:040x}"


class Place:
    """A project with two environments behind fake links, and a registry with images of many ages."""

    def __init__(self, folder: Path, registry: RegistryStandIn) -> None:
        self.config, self.registry = folder / "ferryman.toml", registry
        self.links = {"production": FakeLink(), "staging": FakeLink(), "rehearsal": FakeLink()}
        self.variables: Mapping[str, str] = {}
        self.told: list[str] = []
        self.write("[cleanup]\nkeep_images = 2\nkeep_days = 7\n")
        for name in ("production", "staging"):
            self.links[name].answer("prune", {"images": [], "bytes": 0, "busy": False})

    def write(self, more: str) -> None:
        self.config.write_text(
            f'[app]\nname = "shop"\nimage = "{self.registry.image}"\n[app.roles.web]\nhealth = "/health"\n'
            '[environments.production]\nhost = "a.example"\n[environments.staging]\nhost = "${STAGING}"\n' + more
        )

    def answers(self, name: str, *held: tuple[str, str], **status: Any) -> None:
        """What an environment tells: its releases as (digest, state), and what runs or waits."""
        self.links[name].answer("releases", releases(*held))
        self.links[name].answer("status", {"apps": [app("shop", name, **status)]})

    def find(self, path: Path, name: str | None, variables: Mapping[str, str]) -> Destination:
        assert name
        configuration = load_configuration(path)
        told = manifest(configuration, name, None)
        registry = self.registry.image.partition("/")[0] if name == "rehearsal" else None
        return Destination(configuration, name, told, self.links[name], registry)

    def clean(self, *parts: str, to: tuple[str, ...] = (), is_dry: bool = False) -> Report:
        order = Order(self.config, to, frozenset(parts), is_dry)
        return clean_up(order, Surroundings(self.variables, NOW, self.told.append, self.find))

    def asked(self, name: str) -> list[str]:
        return [request.kind for request in self.links[name].requests]


def app(name: str, environment: str, **status: Any) -> dict[str, Any]:
    """An app in an answer to `status`."""
    return {"app": name, "environment": environment, "running": None, **status}


def releases(*held: tuple[str, str], of: str = "") -> dict[str, Any]:
    """An answer to `releases`, of (digest, state)."""
    return {"releases": [{"digest": d, "state": state, "serving": False, "revision": of} for d, state in held]}


def old_images(registry: RegistryStandIn, number: int) -> list[str]:
    """Images of one revision each, the first the oldest; each has 10 bytes of its own, and a base of 1000."""
    return [
        registry.push(revision(n), created=f"2026-01-{n + 1:02}T00:00:00Z", layers={"base": 1000, f"l{n}": 10})
        for n in range(number)
    ]
