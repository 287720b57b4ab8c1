"""# old: what `transaction/` asks the engine in memory in Docker's JSON. It goes with engine/docker/old.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ferryman_agent.engine import Docker, Endpoint, HealthCommand, Keep, Limits, State, Workload
from ferryman_agent.engine.docker.specification import workload_json
from ferryman_agent.testing.container import FakeContainer


class OldDocker(Docker):
    """The methods that are gone from the port, by those that are there."""

    if TYPE_CHECKING:
        by_name: dict[str, FakeContainer]

        def _find(self, workload: str) -> FakeContainer | None: ...

        def _create(self, name: str, workload: Workload) -> str: ...

        def _connect(self, endpoint: Endpoint, workload: str) -> None: ...

    def version(self) -> dict[str, Any]:
        facts = self.facts()
        return {"Version": facts.version, "ApiVersion": "1.45", "Arch": facts.architecture, "Os": "linux"}

    def info(self) -> dict[str, Any]:
        return {"DockerRootDir": str(self.facts().folder)}

    def events(self, types: list[str], actions: list[str]) -> Iterator[dict[str, Any]]:
        for happened in self.happenings():
            if happened.kind in types and happened.action in actions:
                actor = {"Attributes": {"name": happened.name}}
                yield {"Type": happened.kind, "Action": happened.action, "Actor": actor}
            elif not happened.kind:
                yield {}

    def image_bytes(self) -> dict[str, Any] | None:
        usage = self.image_usage()
        if usage is None:
            return None
        images = [{"Id": name, "Size": size, "SharedSize": shared} for name, (size, shared) in usage.images.items()]
        return {"LayersSize": usage.layers, "Images": images}

    def network(self, name: str) -> dict[str, Any] | None:
        subnet = self.subnet(name)
        return {"IPAM": {"Config": [{"Subnet": subnet.addresses}]}} if subnet else None

    def connect(self, endpoint: Endpoint | str, workload: str, address: str | None = None, alias: str = "") -> None:
        self._connect(Endpoint(endpoint, address, alias) if isinstance(endpoint, str) else endpoint, workload)

    def volume(self, name: str) -> dict[str, Any]:
        return {"Name": name, "Mountpoint": str(self.volume_folder(name))}

    def create(self, name: str, workload: Workload | dict[str, Any]) -> str:
        return self._create(name, workload if isinstance(workload, Workload) else _workload_of(workload))

    def set_restart_policy(self, container: str, policy: str) -> None:
        self.keep(container, Keep(policy))

    def container(self, name: str) -> dict[str, Any] | None:
        found = self._find(name)
        if found is None:
            return None
        state = {
            "Status": str(found.state),
            "Running": found.is_up,
            "Paused": found.state is State.PAUSED,
            "ExitCode": found.exit_code,
            "StartedAt": found.started_at,
            "FinishedAt": found.finished_at,
            **({"Health": {"Status": found.health}} if found.health else {}),
        }
        made = workload_json(found.workload)
        keys = ("Image", "Env", "Labels", "Cmd", "StopTimeout", "Healthcheck", "User")
        return {
            "Id": found.id,
            "Name": f"/{found.name}",
            "Config": {key: made.get(key) for key in keys},
            "HostConfig": {**made["HostConfig"], "RestartPolicy": {"Name": found.keep.value}},
            "State": state,
            "RestartCount": found.restarts,
            "Address": found.address,
            "NetworkSettings": {"Networks": _networks(found)},
        }

    def containers(self, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        return [
            {
                "Id": found.id,
                "Names": [f"/{found.name}"],
                "Labels": dict(found.labels),
                "State": str(found.state),
                "Ports": [{"PublicPort": port} for port in found.published],
                "NetworkSettings": {"Networks": _networks(self.by_name[found.name])},
            }
            for found in self.workloads(labels)
        ]


def _networks(found: FakeContainer) -> dict[str, Any]:
    return {name: {"IPAddress": address} for name, address in found.addresses.items()}


def _workload_of(made: dict[str, Any]) -> Workload:
    host = made["HostConfig"]
    ends = made.get("NetworkingConfig", {}).get("EndpointsConfig", {}).get(host["NetworkMode"], {})
    fixed = ends.get("IPAMConfig", {}).get("IPv4Address")
    return Workload(
        image=made["Image"],
        labels=made.get("Labels", {}),
        endpoint=Endpoint(host["NetworkMode"], fixed, ends.get("Aliases", [""])[0]),
        environment=tuple(made.get("Env", ())),
        command=tuple(made.get("Cmd", ())),
        user=made.get("User", ""),
        limits=Limits(
            host.get("Memory"), host["NanoCpus"] / 1e9 if "NanoCpus" in host else None, host.get("PidsLimit")
        ),
        capabilities=tuple(host.get("CapAdd", ())),
        is_read_only=host.get("ReadonlyRootfs", False),
        tmpfs=tuple(host.get("Tmpfs", ())),
        volumes={mount["Source"]: mount["Target"] for mount in host.get("Mounts", ())},
        published={int(b[0]["HostPort"]): int(p.split("/")[0]) for p, b in host.get("PortBindings", {}).items()},
        health=HealthCommand(tuple(made["Healthcheck"]["Test"][1:]), 10, 60) if "Healthcheck" in made else None,
        stop_grace=made.get("StopTimeout", 10),
        keep=Keep(host.get("RestartPolicy", {}).get("Name", "no")),
    )
