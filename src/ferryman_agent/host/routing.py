"""Routing: where the edge sends each app's requests, as the ledger says; one agreement at a time."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from ferryman_agent.containers import HOST_PORT, lane_endpoint
from ferryman_agent.edge import Closed, Edge, Route, in_maintenance, stopped
from ferryman_agent.engine import Engine
from ferryman_agent.host.lookups import role_containers
from ferryman_agent.ledger import App, Ledger
from ferryman_agent.manifest import Manifest, parse_manifest


@dataclass
class Routing:
    """Makes the edge agree with the ledger. Safe to use from several threads."""

    ledger: Ledger
    engine: Engine
    edge: Edge
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _aside: set[str] = field(default_factory=set, repr=False)

    def routes(self) -> list[Route]:
        """Where every app's requests must go, according to the ledger.

        An app whose port Docker publishes has none; nor has one whose old container still publishes the port that the
        edge is to have: it could not be bound, and the edge would serve nobody.
        """
        found = []
        for app in self.ledger.apps():
            release = self.ledger.release(app.id, app.serving) if app.serving and not app.removal else None
            if release and app.id not in self._aside:
                manifest = parse_manifest(release.manifest)
                if manifest.is_published or (manifest.domain is None and self.publishing(app.id)):
                    continue
                addresses = {lane: f"{lane_endpoint(app, lane).address}:{manifest.web.port}" for lane in ("a", "b")}
                lane = None if app.stopped else app.lane
                found.append(Route(app.slot, manifest.domain, addresses, lane, closed_of(app, manifest)))
        return found

    def agree(self, *announced: Route) -> None:
        """Make the edge route as the ledger says. One at a time: an older view must not overwrite a newer one."""
        with self._lock:
            self.edge.agree([*self.routes(), *announced])

    def open(self, manifest: Manifest) -> None:
        """Have the edge up, with the port that a release will need, before anything depends on it.

        A published container needs none; and the port that one still holds is opened when that one has stopped.
        """
        if manifest.is_published:
            return
        if manifest.domain is None and self.publishing(manifest.app_id):
            self.edge.prepare()
        else:
            self.agree(Route(0, manifest.domain, {}, None))

    def step_aside(self, app_id: str, *, is_aside: bool) -> None:
        """Whether the edge gives up the port of an app that is about to be published, from the next agreement on."""
        (self._aside.add if is_aside else self._aside.discard)(app_id)

    def leave(self, app_id: str) -> None:
        """Remove the edge when the app needs none, and no other has one, is about to have one, or is leaving it."""
        with self._lock:
            others = [app for app in self.ledger.apps() if app.id != app_id]
            is_busy = any(deployment.app != app_id for deployment in self.ledger.unfinished())
            if not is_busy and not self.routes() and not any(app.removal for app in others):
                self.edge.remove()

    def publishing(self, app_id: str) -> list[str]:
        """The web containers of an app that hold its port on the host now."""
        found = role_containers(self.engine, app_id, "web")
        return [container.name for container in found if HOST_PORT in container.published]


def closed_of(app: App, manifest: Manifest) -> Closed | None:
    """What the edge answers in the app's place; None when the app answers itself."""
    if app.stopped:
        return stopped()
    found = app.maintenance
    return in_maintenance(found.message, found.retry_after, manifest.web.health) if found else None
