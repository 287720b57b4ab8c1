"""The commits: each is one write of the ledger, after which nothing is undone."""

from __future__ import annotations

from ferryman_agent.errors import Refused
from ferryman_agent.host import Host
from ferryman_agent.ledger import App
from ferryman_agent.manifest import Manifest
from ferryman_agent.transaction.facts import Facts
from ferryman_agent.transaction.journal import StepEntry
from ferryman_agent.transaction.names import StepName
from ferryman_agent.transaction.steps.step import Step, always
from ferryman_agent.transaction.transaction import Transaction


def _commit_release(transaction: Transaction, entry: StepEntry) -> None:
    """The new release serves, in the lane in which it was started."""
    host, number = transaction.host, transaction.candidate.number
    with host.commit_lock, transaction.journal.committing():
        check_domain_is_free(host, transaction.app, transaction.manifest)
        host.ledger.commit(transaction.journal.deployment, number, transaction.app.next_lane)
    entry.detail = f"release {number} serves"


COMMIT_RELEASE = Step(StepName.COMMIT, always("the new release is what serves"), _commit_release)


def check_domain_is_free(host: Host, app: App, manifest: Manifest) -> None:
    """Refused when another app on this server already answers for this host name."""
    for other in host.ledger.apps():
        release = host.ledger.release(other.id, other.serving) if other.serving and other.id != app.id else None
        if release and release.manifest.get("domain") == manifest.domain:
            name = manifest.domain or "port 8000 (no domain)"
            raise Refused("domain-taken", f"{name} is served by {other.id}", hint="give each app its own domain")


def _plan_turns(facts: Facts) -> str:
    return "the new containers are what serves" if facts.replaces_web else "the roles are to be new"


def _commit_turns(transaction: Transaction, _: StepEntry) -> None:
    """New containers of the same release: each role that is replaced has its next turn."""
    app, facts = transaction.app, transaction.facts
    turns = {**app.turns, **{role: app.turns.get(role, 0) + 1 for role in facts.turning}}
    change: dict[str, object] = {"turns": turns, "degraded": ""}
    if facts.replaces_web:
        change["lane"] = app.next_lane
    if app.stopped:
        change |= {"stopped": None, "since": transaction.journal.deployment.started_at}
    with transaction.journal.committing():
        transaction.host.ledger.commit_change(transaction.journal.deployment, change)


COMMIT_TURNS = Step(StepName.COMMIT, _plan_turns, _commit_turns)
