"""The app's named volumes: made with their labels, and owned by the image's user, before anything mounts them."""

from __future__ import annotations

from ferryman_agent.containers import app_workload, container_name, labels, volume_names
from ferryman_agent.host.lookups import app_volumes
from ferryman_agent.host.volumes import is_unowned, own_volumes
from ferryman_agent.manifest import Role
from ferryman_agent.transaction.facts import Facts
from ferryman_agent.transaction.journal import StepEntry
from ferryman_agent.transaction.names import StepName
from ferryman_agent.transaction.steps.step import Step
from ferryman_agent.transaction.transaction import Transaction


def _plan(facts: Facts) -> str | None:
    if not facts.wanted.volumes:
        return None
    missing = [name for name in volume_names(facts.wanted) if name not in facts.volumes]
    return f"make {', '.join(missing)}" if missing else "the volumes are there"


def _have_volumes(transaction: Transaction, entry: StepEntry) -> None:
    """Have them; a container of the image that never starts tells whose they are, and fills new ones from the image."""
    host, app, manifest = transaction.host, transaction.app, transaction.manifest
    wanted, known = volume_names(manifest), app_volumes(host.engine, app.id)
    missing = [name for name in wanted if name not in known]
    if not missing and not any(is_unowned(host.engine, name) for name in wanted):
        entry.skip("the volumes are there")
        return
    for name in missing:
        host.engine.ensure_volume(name, labels(app.id, "volume"))
    container = container_name(app.id, "migrate", transaction.candidate.number)
    host.engine.remove(container)
    role = Role("migrate", manifest.web.command, stop_grace=1.0)  # never started; some images have no command
    host.engine.create(container, app_workload(manifest, transaction.candidate, role, ()))
    try:
        own_volumes(host.engine, container, wanted)
    finally:
        host.engine.remove(container)
    entry.detail = f"made {', '.join(missing)}" if missing else "they belong to the image's user now"


VOLUMES = Step(StepName.VOLUMES, _plan, _have_volumes)
