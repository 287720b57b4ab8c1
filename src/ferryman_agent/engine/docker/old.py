"""# old: what `transaction/` asks in Docker's JSON. This file goes with the last caller, and `Old` in `client.py`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from ferryman_agent.engine.docker.containers import Containers
from ferryman_agent.engine.docker.images import Images
from ferryman_agent.engine.docker.networks import Networks
from ferryman_agent.engine.docker.transport import call, unbroken
from ferryman_agent.engine.port import Endpoint, EngineError, Keep, Workload
from ferryman_agent.errors import Unavailable


class Old(Images, Networks, Containers):
    """Methods that are gone from the port, and the forms of arguments that are."""

    def version(self) -> dict[str, Any]:
        return self._version()

    def info(self) -> dict[str, Any]:
        return dict(self._ask("GET", "/info"))

    def events(self, types: list[str], actions: list[str]) -> Iterator[dict[str, Any]]:
        filters = json.dumps({"type": types, "event": actions})
        response, connection = call(self._path, ("GET", self._url("/events", {"filters": filters})))
        with closing(connection), unbroken("its events"):
            connection.sock.settimeout(None)
            yield {}
            for line in response:
                if line.strip():
                    yield dict(json.loads(line))

    def image(self, reference: str) -> Any:
        return super().image(reference)

    def images(self, repository: str) -> Any:
        return super().images(repository)

    def image_bytes(self) -> dict[str, Any] | None:
        try:
            found = self._ask("GET", "/system/df", query={"type": "image"}, timeout=30)
        except (EngineError, Unavailable):
            return None
        return found if found and found.get("LayersSize") is not None else None

    def network(self, name: str) -> dict[str, Any] | None:
        found = self._seek(f"/networks/{name}")
        return None if found is None else dict(found)

    def connect(self, endpoint: Endpoint | str, workload: str, address: str | None = None, alias: str = "") -> None:
        super().connect(Endpoint(endpoint, address, alias) if isinstance(endpoint, str) else endpoint, workload)

    def volume(self, name: str) -> dict[str, Any]:
        return dict(self._ask("GET", f"/volumes/{name}"))

    def create(self, name: str, workload: Workload | dict[str, Any]) -> str:
        if isinstance(workload, Workload):
            return super().create(name, workload)
        return str(self._ask("POST", "/containers/create", workload, query={"name": name})["Id"])

    def set_restart_policy(self, container: str, policy: str) -> None:
        self.keep(container, Keep(policy))

    def container(self, name: str) -> dict[str, Any] | None:
        found = self._seek(f"/containers/{name}/json")
        return None if found is None else dict(found)

    def containers(self, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        wanted = [f"{key}={value}" if value else key for key, value in labels.items()]
        query: dict[str, object] = {"all": 1, "filters": json.dumps({"label": wanted})}
        return list(self._ask("GET", "/containers/json", query=query))
