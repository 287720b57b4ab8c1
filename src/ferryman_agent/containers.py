"""Pure: what containers an app has, how they are named and addressed, and how they are fenced in."""

from __future__ import annotations

import json
from typing import Any

from ferryman_agent.engine.docker import stop_seconds
from ferryman_agent.ledger import AccessoryRecord, App, Release, Run
from ferryman_agent.manifest import Accessory, Manifest, Resources, Role, Schedule

NETWORK_PREFIX = "10.213"
SUBNETS = range(1, 250)
LANE_ADDRESS = {"a": 10, "b": 11}
DATABASE_ADDRESS = 2
ACCESSORY_ADDRESSES = range(20, 100)
# as of PostgreSQL: images that begin as root, take their volume over and go on as a user of their own
OWN_VOLUME_CAPABILITIES = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"]
HEALTH_SECONDS = 10
FIRST_HEALTH_SECONDS = 60
HOST_PORT = 8000  # of an app without a domain: the edge's, or Docker's own with the strategy recreate
# Docker's own limit: an engine that restarts waits for its slowest container, and nothing serves meanwhile.
ENGINE_STOP_SECONDS = 10
LOG = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}


def network_name(app_id: str) -> str:
    """The app's own network."""
    return f"ferryman.{app_id}"


def subnet(app: App) -> dict[str, str]:
    """The app's own subnet, so that its addresses never move; the engine gives out the upper half alone."""
    network = f"{NETWORK_PREFIX}.{app.subnet}"
    return {"Subnet": f"{network}.0/24", "IPRange": f"{network}.128/25"}


def address(app: App, last: int) -> str:
    """A fixed address in the app's subnet."""
    return f"{NETWORK_PREFIX}.{app.subnet}.{last}"


def lane_address(app: App, lane: str) -> str:
    """Where the web container of a lane listens."""
    return address(app, LANE_ADDRESS[lane])


def container_name(app_id: str, role: str, number: int, turn: int = 0) -> str:
    """The name of a role's container; `turn` is how often it was restarted."""
    return f"ferryman.{app_id}.{role}.{number}" + (f".{turn}" if turn else "")


def current_name(app: App, role: str, number: int) -> str:
    """The name of a role's container of a release, which the ledger knows to have been restarted if it serves."""
    return container_name(app.id, role, number, app.turns.get(role, 0) if number == app.serving else 0)


def accessory_name(record: AccessoryRecord) -> str:
    """The name of an accessory's container; after its second replacement it ends in .2."""
    return f"ferryman.{record.app}.{record.name}" + (f".{record.turn}" if record.turn else "")


def accessory_volumes(app_id: str, accessory: Accessory) -> dict[str, str]:
    """Docker's name of each named volume -> its path in the container."""
    prefix = f"ferryman.{app_id}.accessory.{accessory.name}"
    return {f"{prefix}.{name}": path for name, path in accessory.volumes.items()}


def run_name(run: Run) -> str:
    """The name of the container of a scheduled command's run."""
    return f"ferryman.{run.app}.{run.schedule}.run.{run.number}"


def database_name(app_id: str) -> str:
    """The name of the app's PostgreSQL container."""
    return f"ferryman.{app_id}.postgres"


def database_volume(app_id: str, version: int) -> str:
    """The volume with the app's data, one per major version."""
    return f"ferryman.{app_id}.postgres-{version}"


def labels(app_id: str, role: str, number: int | None = None) -> dict[str, str]:
    """The labels by which containers are found again."""
    found = {"ferryman.app": app_id, "ferryman.role": role}
    return found if number is None else {**found, "ferryman.release": str(number)}


def volume_names(manifest: Manifest) -> dict[str, str]:
    """Docker's name of each named volume -> its path in the container."""
    return {f"ferryman.{manifest.app_id}.volume.{name}": path for name, path in manifest.volumes.items()}


def variables(app: App, manifest: Manifest, release: Release, stored: dict[str, str], own: dict[str, str]) -> list[str]:
    """The environment of a release's containers: ours first, then plain values, then what was set with `env set`."""
    hosts = [manifest.domain] if manifest.domain else ["localhost", "127.0.0.1", "[::1]", manifest.host]
    merged = {
        "ALLOWED_HOSTS": ",".join(dict.fromkeys(hosts)),
        "FERRYMAN_APP": app.name,
        "FERRYMAN_ENVIRONMENT": app.environment,
        "FERRYMAN_RELEASE": str(release.number),
        "FERRYMAN_REVISION": release.revision,
        "PORT": str(manifest.web.port),
        **own,
        **manifest.values,
        **stored,
    }
    return [f"{name}={value}" for name, value in sorted(merged.items())]


def app_specification(
    app: App, manifest: Manifest, release: Release, role: Role, environment: list[str]
) -> dict[str, Any]:
    """The container of a role: limits, no privileges, read-only root; no restart policy before the commit."""
    specification: dict[str, Any] = {
        "Image": release.reference,
        "Env": environment,
        "Labels": labels(app.id, role.name, release.number),
        "HostConfig": {
            "NetworkMode": network_name(app.id),
            "RestartPolicy": {"Name": "no"},
            **_limits(Resources(manifest.memory, manifest.cpus, manifest.pids)),
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "ReadonlyRootfs": manifest.read_only,
            "Tmpfs": dict.fromkeys(manifest.tmpfs, "rw,noexec,nosuid,nodev,size=64m,mode=1777"),
            "Mounts": _mounts(volume_names(manifest)),
            "LogConfig": LOG,
            "Init": False,
        },
        "StopTimeout": min(stop_seconds(role.stop_grace), ENGINE_STOP_SECONDS),
    }
    if role.command:
        specification["Cmd"] = list(role.command)
    if role.name == "web" and manifest.is_published:
        port = f"{role.port}/tcp"
        specification["ExposedPorts"] = {port: {}}
        specification["HostConfig"]["PortBindings"] = {port: [{"HostPort": str(HOST_PORT)}]}
    return specification


def _limits(resources: Resources) -> dict[str, Any]:
    return {
        "Memory": resources.memory,
        "MemorySwap": resources.memory,
        "NanoCpus": int(resources.cpus * 1e9),
        "PidsLimit": resources.pids,
    }


def _mounts(volumes: dict[str, str]) -> list[dict[str, str]]:
    return [{"Type": "volume", "Source": name, "Target": path} for name, path in volumes.items()]


def run_specification(
    app: App, manifest: Manifest, release: Release, schedule: Schedule, environment: list[str]
) -> dict[str, Any]:
    """The container of a scheduled command: that of a role, marked so that nobody looks after it as one."""
    role = Role(schedule.name, schedule.command, schedule.stop_grace)
    specification = app_specification(app, manifest, release, role, environment)
    specification["Labels"]["ferryman.schedule"] = schedule.name
    return specification


def accessory_specification(
    app: App, record: AccessoryRecord, accessory: Accessory, stored: dict[str, str]
) -> dict[str, Any]:
    """An accessory: on the app's network at an address of its own, without a published port.

    Its labels hold what the ledger knows of it, but for values of secrets.
    """
    variables = {**accessory.values, **{name: stored[name] for name in accessory.secrets if name in stored}}
    known = {
        "ferryman.accessory": record.name,
        "ferryman.definition": json.dumps(record.definition, sort_keys=True),
        "ferryman.defined-by": str(record.release),
        "ferryman.environment": str(record.environment_version),
    }
    specification: dict[str, Any] = {
        "Image": accessory.image,
        "Env": [f"{name}={value}" for name, value in sorted(variables.items())],
        "Labels": {**labels(app.id, record.name), **known},
        "HostConfig": {
            "NetworkMode": network_name(app.id),
            "RestartPolicy": {"Name": "unless-stopped"},
            **_limits(accessory.resources),
            "CapDrop": ["ALL"],
            "CapAdd": OWN_VOLUME_CAPABILITIES,
            "SecurityOpt": ["no-new-privileges"],
            "Mounts": _mounts(accessory_volumes(app.id, accessory)),
            "LogConfig": LOG,
        },
        "StopTimeout": stop_seconds(accessory.stop_grace),
    }
    if accessory.command:
        specification["Cmd"] = list(accessory.command)
    if accessory.health:
        seconds = 10**9
        specification["Healthcheck"] = {
            "Test": ["CMD", *accessory.health],
            "Interval": HEALTH_SECONDS * seconds,
            "Timeout": HEALTH_SECONDS * seconds,
            "Retries": 3,
            "StartPeriod": FIRST_HEALTH_SECONDS * seconds,
            "StartInterval": seconds // 2,  # an engine before 25 does not know it, and asks every 10 s
        }
    return at_address(specification, app, address(app, record.address), record.name)


def at_address(specification: dict[str, Any], app: App, fixed: str, alias: str) -> dict[str, Any]:
    """The same container with a fixed address and a name on the app's network."""
    endpoint = {"IPAMConfig": {"IPv4Address": fixed}, "Aliases": [alias]}
    return {**specification, "NetworkingConfig": {"EndpointsConfig": {network_name(app.id): endpoint}}}


def database_specification(app: App, version: int, password: str) -> dict[str, Any]:
    """The app's PostgreSQL: private network, named volume, no published port."""
    specification = {
        "Image": f"postgres:{version}",
        "Env": [f"POSTGRES_PASSWORD={password}", "PGDATA=/var/lib/postgresql/data/pgdata"],
        "Labels": {**labels(app.id, "postgres"), "ferryman.postgres": str(version)},
        "HostConfig": {
            "NetworkMode": network_name(app.id),
            "RestartPolicy": {"Name": "unless-stopped"},
            "ShmSize": 128 << 20,
            "PidsLimit": 1024,
            "CapDrop": ["ALL"],
            "CapAdd": OWN_VOLUME_CAPABILITIES,
            "SecurityOpt": ["no-new-privileges"],
            "Mounts": _mounts({database_volume(app.id, version): "/var/lib/postgresql/data"}),
            "LogConfig": LOG,
        },
        "StopTimeout": 60,
    }
    return at_address(specification, app, address(app, DATABASE_ADDRESS), "postgres")
