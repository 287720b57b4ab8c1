"""The preflight: refuse what can be refused before anything is made."""

from __future__ import annotations

import contextlib

from ferryman_agent.containers import HOST_PORT
from ferryman_agent.edge import Route
from ferryman_agent.edge.runtime import EdgeError
from ferryman_agent.errors import Refused
from ferryman_agent.host import Host
from ferryman_agent.host.serving import committed, serving_state
from ferryman_agent.ledger import App
from ferryman_agent.manifest import Manifest
from ferryman_agent.transaction.facts import Facts
from ferryman_agent.transaction.journal import StepEntry
from ferryman_agent.transaction.names import StepName
from ferryman_agent.transaction.orders import DeployOrder, RemoveOrder, RestartOrder, RollbackOrder, StartOrder
from ferryman_agent.transaction.orders.deploying import check_sequence
from ferryman_agent.transaction.steps.accessories import containers as accessories
from ferryman_agent.transaction.steps.accessories.containers import Source
from ferryman_agent.transaction.steps.commit import check_domain_is_free
from ferryman_agent.transaction.steps.downtime import has_direct_route
from ferryman_agent.transaction.steps.step import Step, always
from ferryman_agent.transaction.transaction import Transaction


def _preflight(transaction: Transaction, entry: StepEntry) -> None:
    """Check what the facts show. What concerns a release that is known is recorded: which one it is."""
    facts, host, app = transaction.facts, transaction.host, transaction.app
    entry.detail = facts.unchanged or facts.detail
    if facts.unchanged:
        return
    if isinstance(facts.order, (DeployOrder, RollbackOrder, RestartOrder, StartOrder)):
        _check_release(host, app, facts)
    if isinstance(facts.order, (DeployOrder, RollbackOrder)):
        return  # which release it is gets recorded once there is room for it
    transaction.release = facts.release
    if facts.release and not isinstance(facts.order, RemoveOrder):
        host.ledger.target(transaction.journal.deployment.id, facts.release.number)


PREFLIGHT = Step(StepName.PREFLIGHT, always("check variables, domain and sequence"), _preflight)


def _check_release(host: Host, app: App, facts: Facts) -> None:
    assert facts.release is not None  # noqa: S101 - these orders have one
    manifest = facts.wanted
    _check_variables(host, app, manifest, facts.release.environment_version)
    check_domain_is_free(host, app, manifest)
    if not facts.records:  # an accessory needs no port of the host
        _check_ports(host, app, manifest)
    if isinstance(facts.order, (DeployOrder, RollbackOrder)):
        accessories.check(host, app, Source(manifest, facts.release))
    if isinstance(facts.order, DeployOrder):
        check_sequence(facts.order, app.sequence, serving_state(app))


def _check_variables(host: Host, app: App, manifest: Manifest, environment_version: int) -> None:
    _, stored = host.ledger.environment(app.id, environment_version)
    missing = missing_variables(manifest, stored)
    if missing:
        raise Refused(
            "variable-missing",
            f"ferryman.toml requires {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not set here",
            state=serving_state(app),
            hint=f"ferryman env set {missing[0]} --to {app.environment}",
            missing=missing,
        )


def missing_variables(manifest: Manifest, stored: dict[str, str]) -> list[str]:
    """The variables that app or accessories require and that are not set."""
    missing = [name for name in manifest.required if name not in stored and name not in manifest.values]
    secrets = [name for accessory in manifest.accessories.values() for name in accessory.secrets]
    return list(dict.fromkeys([*missing, *(name for name in secrets if name not in stored)]))


def _check_ports(host: Host, app: App, manifest: Manifest) -> None:
    """Refuse what a published container can't do, and a port that something else on this server has."""
    if not manifest.is_published:
        _check_edge(host, app, manifest)
        return
    if app.maintenance:
        raise Refused(
            "edge-needed",
            f"{app.id} is in maintenance, which only the edge can show, and recreate has none",
            state=f"{serving_state(app)}; nothing was changed",
            hint=f"ferryman maintenance off --to {app.environment}",
        )
    is_ours = has_direct_route(committed(host, app)) or host.routing.publishing(app.id)
    if not is_ours:
        with contextlib.suppress(EdgeError):
            host.routing.agree()  # the edge may have it open for an app that is gone
    if not is_ours and not host.is_port_free(HOST_PORT):
        raise _port_taken(app, HOST_PORT, app.id)


def _check_edge(host: Host, app: App, manifest: Manifest) -> None:
    """An edge that is started anew for a port that it can't have would serve nobody: the other apps would be down."""
    if manifest.domain is None and host.routing.publishing(app.id):
        return
    for port in host.edge.ports_to_open(Route(0, manifest.domain, {}, None)):
        if not host.is_port_free(port):
            raise _port_taken(app, port, "the edge")


def _port_taken(app: App, port: int, wanted_by: str) -> Refused:
    return Refused(
        "port-taken",
        f"port {port} of this server is in use by something that is not {wanted_by}",
        state=f"{serving_state(app)}; nothing was changed",
        hint=f"on the server: ss -ltnp 'sport = :{port}'",
    )
