"""The gap of the strategy `recreate`: the old container stops before the new one starts, and comes back if it fails."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from ferryman_agent.containers import HOST_PORT
from ferryman_agent.edge import Route
from ferryman_agent.edge.runtime import EdgeError
from ferryman_agent.errors import Refused
from ferryman_agent.ledger import App
from ferryman_agent.manifest import Manifest
from ferryman_agent.transaction import after
from ferryman_agent.transaction.after import Committed
from ferryman_agent.transaction.before import serving_state
from ferryman_agent.transaction.convergence import wait_until_it_answers
from ferryman_agent.transaction.journal import Journal, Step
from ferryman_agent.transaction.server import Server

UP = ("running", "restarting", "paused")


def check(server: Server, app: App, manifest: Manifest) -> None:
    """Refuse what a published container can't do, and a port that something else on this server has."""
    if not manifest.is_published:
        _check_edge(server, app, manifest)
        return
    if app.maintenance:
        raise Refused(
            "edge-needed",
            f"{app.id} is in maintenance, which only the edge can show, and recreate has none",
            state=f"{serving_state(app)}; nothing was changed",
            hint=f"ferryman maintenance off --to {app.environment}",
        )
    old = after.committed(server, app)
    is_ours = has_direct_route(old) or server.publishing(app.id)
    if not is_ours:
        with contextlib.suppress(EdgeError):
            server.agree()  # the edge may have it open for an app that is gone
    if not is_ours and not server.is_port_free(HOST_PORT):
        raise _port_taken(app, HOST_PORT, app.id)


def _check_edge(server: Server, app: App, manifest: Manifest) -> None:
    """An edge that is started anew for a port that it can't have would serve nobody: the other apps would be down."""
    if manifest.domain is None and server.publishing(app.id):
        return
    for port in server.edge.ports_to_open(Route(0, manifest.domain, {}, None)):
        if not server.is_port_free(port):
            raise _port_taken(app, port, "the edge")


def _port_taken(app: App, port: int, wanted_by: str) -> Refused:
    return Refused(
        "port-taken",
        f"port {port} of this server is in use by something that is not {wanted_by}",
        state=f"{serving_state(app)}; nothing was changed",
        hint=f"on the server: ss -ltnp 'sport = :{port}'",
    )


def has_direct_route(target: Committed | None) -> bool:
    """True when the edge has the port of the host for this release."""
    return bool(target and not target.manifest.is_published and target.manifest.domain is None)


@dataclass
class Gap:
    """From `open` to `close` nothing answers for the app; its seconds are recorded as downtime."""

    server: Server
    journal: Journal
    app: App
    old: Committed | None = None
    began: float | None = None
    is_back: bool = False

    def open(self, step: Step) -> None:
        """Stop what serves; it is kept, and after a reboot the engine itself brings it back.

        1. The edge gives the port up, if it has it for this app.
        2. The old container gets the policy with which it returns, then SIGTERM.
        """
        after.clear_lane(self.server, self.app)
        self.old = after.committed(self.server, self.app)
        up = [c for c in self.server.role_containers(self.app.id, "web").values() if c["State"] in UP]
        if up and not self.app.stopped:
            self.began = self.server.stopwatch.seconds()
        if has_direct_route(self.old):
            self.server.step_aside(self.app.id, is_aside=True)
            self.server.agree()
        if self.old is None or not up:
            step.skip("nothing runs")
            return
        for container in up:
            self.server.docker.set_restart_policy(container["Id"], after.RETURNING)
            self.server.docker.stop(container["Id"], self.old.manifest.web.stop_grace)
        step.detail = f"release {self.old.release.number} is kept until the new one is healthy"

    def close(self, step: Step) -> None:
        """Something answers again."""
        if self.began is not None:
            self.journal.down(self.server.stopwatch.seconds() - self.began)
            step.detail = f"down for {self.journal.downtime:.1f} s"

    def end(self) -> None:
        """What the edge is to do follows from the ledger again."""
        self.server.step_aside(self.app.id, is_aside=False)

    def bring_back(self, step: Step) -> None:
        """Start the old container again and wait until it answers; AgentError or EngineError when it does not."""
        assert self.old is not None  # noqa: S101 - asked by the caller
        after.start_role(self.old, self.old.manifest.web)
        after.switch(self.old)
        wait_until_it_answers(self.old, self.old.manifest.web.health_timeout)
        self.is_back = True
        self.close(step)

    @property
    def state(self) -> str:
        """In what state a failure leaves the app; '' when nothing of it was touched."""
        if self.old is None or self.app.stopped:
            return ""
        number = self.old.release.number
        if not self.is_back:
            return f"release {number} does not answer again yet; the agent tries every half a minute"
        if self.journal.downtime is None:
            return ""
        return f"release {number} serves again, it was down for {self.journal.downtime:.1f} s"
