"""Pure: what containers an app has, how they are named and reached, and how they are fenced in."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

from ferryman_agent.engine import Endpoint, HealthCommand, Keep, Limits, Subnet, Workload
from ferryman_agent.ledger import AccessoryRecord, App, Release, Run
from ferryman_agent.manifest import Accessory, Manifest, Resources, Role, Schedule

NETWORK_PREFIX = "10.213"
SUBNETS = range(1, 250)
LANE_ADDRESS = {"a": 10, "b": 11}
DATABASE_ADDRESS = 2
ACCESSORY_ADDRESSES = range(20, 100)
# as of PostgreSQL: images that begin as root, take their volume over and go on as a user of their own
OWN_VOLUME_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID")
HEALTH_SECONDS = 10
FIRST_HEALTH_SECONDS = 60
HOST_PORT = 8000  # of an app without a domain: the edge's, or Docker's own with the strategy recreate
# Docker's own limit: an engine that restarts waits for its slowest container, and nothing serves meanwhile.
ENGINE_STOP_SECONDS = 10


def network_name(app_id: str) -> str:
    """The app's own network."""
    return f"ferryman.{app_id}"


def subnet(app: App) -> Subnet:
    """The app's own subnet, so that its addresses never move; the engine gives out the upper half alone."""
    network = f"{NETWORK_PREFIX}.{app.subnet}"
    return Subnet(f"{network}.0/24", f"{network}.128/25")


def address(app: App, last: int) -> str:
    """A fixed address in the app's subnet."""
    return f"{NETWORK_PREFIX}.{app.subnet}.{last}"


def lane_address(app: App, lane: str) -> str:
    """Where the web container of a lane listens."""
    return address(app, LANE_ADDRESS[lane])


def lane_endpoint(app: App, lane: str) -> Endpoint:
    """Where the web container of a lane is reached."""
    return Endpoint(network_name(app.id), lane_address(app, lane), "web")


def accessory_endpoint(app: App, record: AccessoryRecord) -> Endpoint:
    """Where an accessory is reached."""
    return Endpoint(network_name(app.id), address(app, record.address), record.name)


def database_endpoint(app: App) -> Endpoint:
    """Where the app's PostgreSQL is reached."""
    return Endpoint(network_name(app.id), address(app, DATABASE_ADDRESS), "postgres")


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
        "CSRF_TRUSTED_ORIGINS": ",".join(_origins(manifest)),
        "FERRYMAN_APP": app.name,
        "FERRYMAN_ENVIRONMENT": app.environment,
        "FERRYMAN_RELEASE": str(release.number),
        "FERRYMAN_REVISION": release.revision,
        "FERRYMAN_SCHEME": manifest.scheme,
        "PORT": str(manifest.web.port),
        **own,
        **manifest.values,
        **stored,
    }
    return [f"{name}={value}" for name, value in sorted(merged.items())]


def _origins(manifest: Manifest) -> list[str]:
    """Where forms may come from. Never empty: Django refuses to start with '' in its list.

    A domain is trusted over https, too: where a proxy in front ends TLS, the browser says so and the edge does not.
    """
    if manifest.domain:
        return [f"http://{manifest.domain}", f"https://{manifest.domain}"]
    host = f"[{manifest.host}]" if ":" in manifest.host else manifest.host or "localhost"
    return [f"{manifest.scheme}://{host}:{HOST_PORT}"]


def app_workload(
    manifest: Manifest, release: Release, role: Role, environment: Iterable[str], endpoint: Endpoint | None = None
) -> Workload:
    """What a role of a release runs: limits, no privileges, read-only root. `endpoint` None: anywhere on its network.

    The engine keeps nothing up before the commit: `keep` is set at it, or by who makes a committed container anew.
    """
    is_published = role.name == "web" and manifest.is_published
    return Workload(
        image=release.reference,
        labels=labels(release.app, role.name, release.number),
        endpoint=endpoint or Endpoint(network_name(release.app), None, ""),
        environment=tuple(environment),
        command=tuple(role.command),
        limits=_limits(Resources(manifest.memory, manifest.cpus, manifest.pids)),
        is_read_only=manifest.read_only,
        tmpfs=manifest.tmpfs,
        volumes=volume_names(manifest),
        published={HOST_PORT: role.port} if is_published else {},
        stop_grace=min(role.stop_grace, ENGINE_STOP_SECONDS),
    )


def _limits(resources: Resources) -> Limits:
    return Limits(memory=resources.memory, cpus=resources.cpus, pids=resources.pids)


def run_workload(manifest: Manifest, release: Release, schedule: Schedule, environment: Iterable[str]) -> Workload:
    """A scheduled command: as a role, marked so that nobody looks after it as one."""
    role = Role(schedule.name, schedule.command, schedule.stop_grace)
    workload = app_workload(manifest, release, role, environment)
    return replace(workload, labels={**workload.labels, "ferryman.schedule": schedule.name})


def accessory_workload(app: App, record: AccessoryRecord, accessory: Accessory, stored: dict[str, str]) -> Workload:
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
    health = HealthCommand(tuple(accessory.health), HEALTH_SECONDS, FIRST_HEALTH_SECONDS) if accessory.health else None
    return Workload(
        image=accessory.image,
        labels={**labels(app.id, record.name), **known},
        endpoint=accessory_endpoint(app, record),
        environment=tuple(f"{name}={value}" for name, value in sorted(variables.items())),
        command=tuple(accessory.command),
        limits=_limits(accessory.resources),
        capabilities=OWN_VOLUME_CAPABILITIES,
        volumes=accessory_volumes(app.id, accessory),
        health=health,
        stop_grace=accessory.stop_grace,
        keep=Keep.UP,
    )


def database_workload(app: App, version: int, password: str) -> Workload:
    """The app's PostgreSQL: private network, named volume, no published port."""
    return Workload(
        image=f"postgres:{version}",
        labels={**labels(app.id, "postgres"), "ferryman.postgres": str(version)},
        endpoint=database_endpoint(app),
        environment=(f"POSTGRES_PASSWORD={password}", "PGDATA=/var/lib/postgresql/data/pgdata"),
        limits=Limits(pids=1024, shared_memory=128 << 20),
        capabilities=OWN_VOLUME_CAPABILITIES,
        volumes={database_volume(app.id, version): "/var/lib/postgresql/data"},
        stop_grace=60,
        keep=Keep.UP,
    )
