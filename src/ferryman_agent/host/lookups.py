"""Look-ups: which containers an app has, which volumes, and the last lines of a log."""

from __future__ import annotations

from ferryman_agent.containers import accessory_name, current_name, database_name, labels
from ferryman_agent.engine import Engine, Observed
from ferryman_agent.errors import AgentError
from ferryman_agent.ledger import App, Ledger, Release

LOG_LINE_LIMIT = 2000


def role_containers(engine: Engine, app_id: str, role: str) -> list[Observed]:
    """The containers of a role, running or not, of whatever release."""
    return engine.workloads(labels(app_id, role))


def app_containers(engine: Engine, app_id: str) -> list[Observed]:
    """All containers that an app has."""
    return engine.workloads({"ferryman.app": app_id})


def app_volumes(engine: Engine, app_id: str) -> list[str]:
    """All volumes that an app has, by name; those that an older agent made carry no label."""
    return sorted(engine.volumes({"ferryman.app": app_id}, prefix=f"ferryman.{app_id}."))


def lasting_containers(ledger: Ledger, app: App, release: Release) -> list[str]:
    """Names of the containers that must be up for a committed release, accessories as they were last made."""
    roles = release.manifest["roles"]
    names = [current_name(app, role, release.number) for role in roles]
    names += [accessory_name(record) for record in ledger.accessories(app.id) if record.is_committed]
    return names + ([database_name(app.id)] if release.manifest.get("database") else [])


def tail(engine: Engine, container: str, lines: int = 25) -> list[str]:
    """The last log lines of a container."""
    try:
        output = b"".join(chunk for _, chunk in engine.logs(container, tail=lines))
    except AgentError:
        return []
    text = output.decode(errors="replace").replace("\0", "")  # Harbour's database takes no NUL
    return [line[:LOG_LINE_LIMIT] for line in text.splitlines()[-lines:]]
