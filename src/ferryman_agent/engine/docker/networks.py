"""Networks of the engine: bridges, each with a subnet of its own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from ferryman_agent.engine.docker.api import Api
from ferryman_agent.engine.docker.reading import subnets_of
from ferryman_agent.engine.docker.specification import endpoint_json, network_json
from ferryman_agent.engine.port import Endpoint, EngineError, Subnet


class Networks(Api):
    """What the port asks of networks."""

    def ensure_network(self, name: str, subnet: Subnet, labels: Mapping[str, str]) -> None:
        """Have the bridge network with its own subnet; one with another subnet is replaced."""
        found = self._seek(f"/networks/{name}")
        if found and any(known.addresses == subnet.addresses for known in subnets_of(found)):
            return
        if found:
            self.remove_network(name)
        self._ask("POST", "/networks/create", network_json(name, subnet, labels))

    def subnet(self, network: str) -> Subnet | None:
        """The subnet of a network, None when there is no such network or it has none."""
        found = self._seek(f"/networks/{network}")
        return next(iter(subnets_of(found)), None) if found else None

    def connect(self, endpoint: Endpoint, workload: str) -> None:
        """Put a workload, running or not, on a network once more, at this endpoint."""
        url = f"/networks/{endpoint.network}"
        with suppress(EngineError):  # it may be there at another address, or not at all
            self._ask("POST", f"{url}/disconnect", {"Container": workload, "Force": True})
        self._ask("POST", f"{url}/connect", {"Container": workload, "EndpointConfig": endpoint_json(endpoint)})

    def remove_network(self, name: str) -> None:
        """Remove it, whatever is still connected to it; gone already is fine."""
        try:
            for workload in self._ask("GET", f"/networks/{name}").get("Containers") or {}:
                self._ask("POST", f"/networks/{name}/disconnect", {"Container": workload, "Force": True})
            self._ask("DELETE", f"/networks/{name}")
        except EngineError as error:
            if not error.is_missing:
                raise
