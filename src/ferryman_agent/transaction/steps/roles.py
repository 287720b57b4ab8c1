"""The other roles: replaced after the commit, each with its own grace and overlap; watched until they stay up."""

from __future__ import annotations

from ferryman_agent.engine import Inspected, Observed
from ferryman_agent.host import Host
from ferryman_agent.host.lookups import tail
from ferryman_agent.host.serving import Committed
from ferryman_agent.ledger import App
from ferryman_agent.manifest import Manifest, Role, parse_manifest
from ferryman_agent.transaction.facts import Facts
from ferryman_agent.transaction.journal import StepEntry
from ferryman_agent.transaction.names import StepName
from ferryman_agent.transaction.steps.step import Step
from ferryman_agent.transaction.steps.switchover import start_role, stop_others
from ferryman_agent.transaction.transaction import Transaction

DROPPED_GRACE_SECONDS = 10.0
STAY_UP_SECONDS = 3.0
STAY_UP_POLL_SECONDS = 0.2


def _plan(facts: Facts) -> str | None:
    return f"replace {', '.join(facts.roles)}" if facts.roles else None


def _replace(transaction: Transaction, entry: StepEntry) -> None:
    entry.detail = replace_roles(transaction.target)
    if entry.detail:
        transaction.open_ends.append(entry.detail)


ROLES = Step(StepName.ROLES, _plan, _replace)


def replaced(host: Host, app: App | None, manifest: Manifest) -> tuple[str, ...]:
    """The roles besides web that there will be, and those that go: the release does not have them any more."""
    going = dropped(host, app, manifest) if app else []
    names = [role for role in manifest.roles if role != "web"]
    return tuple(dict.fromkeys([*names, *(container.role for container in going)]))


def replace_roles(target: Committed) -> str:
    """Replace every role other than web; returns why the release is degraded, '' when all stay up.

    What runs already is left alone; it is watched again only when it was degraded.
    """
    engine = target.host.engine
    for container in dropped(target.host, target.app, target.manifest):
        engine.stop(container.id, _own_grace(target, container))
        engine.remove(container.id)
    watched = []
    for role in target.other_roles:
        if role.overlap:
            is_new = start_role(target, role)
            stop_others(target, role)
        else:
            stop_others(target, role)
            is_new = start_role(target, role)
        if is_new or target.app.degraded:
            watched.append(role)
    return "; ".join(_watch(target, watched))


def dropped(host: Host, app: App, manifest: Manifest) -> list[Observed]:
    """Containers of roles that the release does not have; what is no role's carries other labels."""
    found = host.engine.workloads({"ferryman.app": app.id, "ferryman.release": ""})
    own = {*manifest.roles, "migrate"}
    return [container for container in found if container.role not in own and not container.is_scheduled]


def _own_grace(target: Committed, container: Observed) -> float:
    """The `stop_grace` that a container's own release gives its role."""
    release = target.host.ledger.release(target.app.id, container.release or 0)
    graces = parse_manifest(release.manifest).stop_graces if release else {}
    return graces.get(container.role, DROPPED_GRACE_SECONDS)


def _watch(target: Committed, roles: list[Role]) -> list[str]:
    """Problems of roles that do not stay up for a few seconds."""
    stopwatch = target.host.stopwatch
    problems: dict[str, str] = {}
    restarts: dict[str, int] = {}
    deadline = stopwatch.seconds() + STAY_UP_SECONDS
    while roles and stopwatch.seconds() < deadline:
        for role in roles:
            container = target.host.engine.workload(target.container(role.name))
            count = container.restarts if container else 0
            # one that was degraded may have restarted long ago; a new one has not restarted yet
            is_stable = count == restarts.setdefault(role.name, count if target.app.degraded else 0)
            # while it is up again it does not tell why it had ended
            is_news = role.name not in problems and not is_stable
            if not container or not container.is_running or is_news:
                problems[role.name] = _problem(target, role, container)
        stopwatch.wait(STAY_UP_POLL_SECONDS)
    return list(problems.values())


def _problem(target: Committed, role: Role, container: Inspected | None) -> str:
    if container is None:
        return f"{role.name} has no container"
    last = (tail(target.host.engine, target.container(role.name), 1) or [""])[-1]
    code = "" if container.is_running else f" (exit code {container.exit_code})"
    return f"{role.name} does not stay up{code}" + (f": {last}" if last else "")
