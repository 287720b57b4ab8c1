"""Pure: a workload, an endpoint and a network as the engine takes them, in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ferryman_agent.engine.port import Endpoint, HealthCommand, Keep, Limits, Subnet, Workload

LOG = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
TMPFS = "rw,noexec,nosuid,nodev,size={size},mode=1777"
NANOSECONDS = 10**9
HOST = "host"


def stop_seconds(grace: float) -> int:
    """A grace as the engine takes it: whole seconds, from 1 on."""
    return max(1, round(grace))


def workload_json(workload: Workload) -> dict[str, Any]:
    """A container as the engine creates it, without a privilege but its capabilities."""
    ports = {f"{inside}/tcp": [{"HostPort": str(outside)}] for outside, inside in workload.published.items()}
    specification: dict[str, Any] = {
        "Image": workload.image,
        "User": workload.user,
        "Env": list(workload.environment),
        "Cmd": list(workload.command),
        "Labels": dict(workload.labels),
        "StopTimeout": stop_seconds(workload.stop_grace),
        "ExposedPorts": {port: {} for port in ports},
        "Healthcheck": _health_json(workload.health) if workload.health else None,
        "HostConfig": _filled(_host_json(workload, ports)),
    }
    if workload.endpoint:
        endpoints = {workload.endpoint.network: endpoint_json(workload.endpoint)}
        specification["NetworkingConfig"] = {"EndpointsConfig": endpoints}
    return _filled(specification)


def _host_json(workload: Workload, ports: dict[str, Any]) -> dict[str, Any]:
    return {
        "NetworkMode": workload.endpoint.network if workload.endpoint else HOST,
        **policy_json(workload.keep),
        **_limits_json(workload.limits),
        "CapDrop": ["ALL"],
        "CapAdd": list(workload.capabilities),
        "SecurityOpt": ["no-new-privileges"],
        "ReadonlyRootfs": workload.is_read_only,
        "Tmpfs": {path: TMPFS.format(size=size) for path, size in workload.tmpfs.items()},
        "Mounts": [*_mounts("volume", workload.volumes), *_mounts("bind", workload.folders)],
        "PortBindings": ports,
        "LogConfig": LOG,
        "Init": False,
    }


def _filled(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if value not in (None, "", [], {})}


def _limits_json(limits: Limits) -> dict[str, Any]:
    open_files = limits.open_files
    return {
        "Memory": limits.memory,
        "MemorySwap": limits.memory,
        "NanoCpus": None if limits.cpus is None else int(limits.cpus * NANOSECONDS),
        "PidsLimit": limits.pids,
        "ShmSize": limits.shared_memory,
        "Ulimits": [{"Name": "nofile", "Soft": open_files, "Hard": open_files}] if open_files else None,
    }


def _mounts(kind: str, mounted: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Type": kind, "Source": source, "Target": path} for source, path in mounted.items()]


def _health_json(health: HealthCommand) -> dict[str, Any]:
    return {
        "Test": ["CMD", *health.command],
        "Interval": health.interval * NANOSECONDS,
        "Timeout": health.interval * NANOSECONDS,
        "Retries": health.retries,
        "StartPeriod": health.first * NANOSECONDS,
        "StartInterval": NANOSECONDS // 2,  # an engine before 25 does not know it, and asks at the interval
    }


def endpoint_json(endpoint: Endpoint) -> dict[str, Any]:
    """A container's place on a network."""
    fixed = {"IPAMConfig": {"IPv4Address": endpoint.address}} if endpoint.address else {}
    return {**fixed, **({"Aliases": [endpoint.alias]} if endpoint.alias else {})}


def policy_json(keep: Keep) -> dict[str, Any]:
    """A container's restart policy."""
    return {"RestartPolicy": {"Name": keep.value}}


def network_json(name: str, subnet: Subnet, labels: Mapping[str, str]) -> dict[str, Any]:
    """A bridge network as the engine creates it."""
    configuration = {"Subnet": subnet.addresses, "IPRange": subnet.chosen_from}
    return {"Name": name, "Driver": "bridge", "Labels": dict(labels), "IPAM": {"Config": [configuration]}}
