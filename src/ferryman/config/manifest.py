"""What the agent is told about an app: a plain dictionary made from the configuration."""

from __future__ import annotations

from typing import Any

from ferryman.config.given import SECRET_KEY
from ferryman.config.models import Configuration, Database, Environment, Variables

REHEARSAL_HOST = "127.0.0.1"

# What came to the manifest later is left out where it is the default: a release of before stays as it is.


def _secret_key(variables: Variables) -> dict[str, str]:
    return {} if variables.secret_key == SECRET_KEY else {"secret_key": variables.secret_key}


def _database(database: Database) -> dict[str, Any]:
    found = database.as_dict()
    if not found["variables"]:
        del found["variables"]
    return found


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
        "roles": {name: role.as_dict() for name, role in {"web": app.roles.web, **app.roles.others}.items()},
        "schedules": {name: found.as_dict() for name, found in app.schedules.items()},
        "accessories": {name: found.as_dict() for name, found in configuration.accessories.items()},
        "resources": app.resources.as_dict(),
        "read_only": app.read_only,
        "tmpfs": dict(app.tmpfs) if isinstance(app.tmpfs, dict) else list(app.tmpfs),
        "volumes": dict(app.volumes),
        "env": {"required": list(app.env.required), "values": values, **_secret_key(app.env)},
        "database": _database(configuration.database) if configuration.database else None,
        "retain": app.retain,
    }
