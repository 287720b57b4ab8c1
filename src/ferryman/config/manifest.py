"""What the agent is told about an app: a plain dictionary made from the configuration."""

from __future__ import annotations

from typing import Any

from ferryman.config.models import Accessory, Configuration, Database, Environment, Role, Schedule, WebRole

REHEARSAL_HOST = "127.0.0.1"


def manifest(configuration: Configuration, environment_name: str, environment: Environment | None) -> dict[str, Any]:
    """Return the manifest; durations are seconds, sizes bytes.

    `environment` is None in the rehearsal, which has no section of its own: there [rehearsal] env joins the values.
    """
    app = configuration.app
    values = dict(app.env.values)
    if environment is None:
        values.update(configuration.rehearsal.env)
    return {
        "app": app.name,
        "environment": environment_name,
        "domain": environment.domain if environment else None,
        "host": environment.host if environment else REHEARSAL_HOST,
        "image": app.image,
        "strategy": app.strategy,
        "roles": {"web": _web(app.roles.web)} | {name: _role(role) for name, role in app.roles.others.items()},
        "schedules": {name: _schedule(found) for name, found in app.schedules.items()},
        "accessories": {name: _accessory(found) for name, found in configuration.accessories.items()},
        "resources": app.resources.model_dump(),
        "read_only": app.read_only,
        "tmpfs": list(app.tmpfs),
        "volumes": dict(app.volumes),
        "env": {"required": list(app.env.required), "values": values},
        "database": _database(configuration.database),
        "retain": app.retain,
    }


def _web(role: WebRole) -> dict[str, Any]:
    return role.model_dump() | {"command": list(role.command)}


def _role(role: Role) -> dict[str, Any]:
    return role.model_dump() | {"command": list(role.command)}


def _schedule(schedule: Schedule) -> dict[str, Any]:
    return schedule.model_dump() | {"command": list(schedule.command)}


def _accessory(accessory: Accessory) -> dict[str, Any]:
    told = accessory.model_dump()
    told["env"]["secrets"] = list(accessory.env.secrets)
    return told | {"command": list(accessory.command), "health": list(accessory.health)}


def _database(database: Database | None) -> dict[str, Any] | None:
    return None if database is None else database.model_dump() | {"migrate": list(database.migrate)}
