"""What a transaction works on: the narrow objects of this server, and what is derived from its ledger."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ferryman_agent.clock import Stopwatch, wall
from ferryman_agent.containers import (
    HOST_PORT,
    accessory_name,
    current_name,
    database_name,
    labels,
    lane_address,
    network_name,
    subnet,
    variables,
)
from ferryman_agent.database import Postgres
from ferryman_agent.edge import Closed, Edge, Route, in_maintenance, stopped
from ferryman_agent.engine import Docker, EngineError
from ferryman_agent.errors import AgentError, Refused
from ferryman_agent.ledger import App, Ledger, Release
from ferryman_agent.ledger.copies import Copies
from ferryman_agent.logins import Logins, authentication, registry_of
from ferryman_agent.manifest import Manifest, parse_manifest
from ferryman_agent.probe import Answer, probe
from ferryman_agent.resources import Filesystem, available_memory, filesystem, is_port_free
from ferryman_agent.secrets_file import read_secrets, write_private
from ferryman_agent.transaction.attachment import attach, detached, fixed_addresses

LOG_LINE_LIMIT = 2000


@dataclass
class Server:
    """The server's narrow objects, and the folder that holds its state."""

    ledger: Ledger
    docker: Docker
    edge: Edge
    folder: Path
    report_added: Callable[[], None] = field(default=lambda: None)
    probe: Callable[[str, int, str, str, float], Answer] = field(default=probe)
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    wall: Callable[[], datetime] = field(default=wall)
    filesystem: Callable[[Path], Filesystem] = field(default=filesystem)
    memory: Callable[[], int | None] = field(default=available_memory)
    is_port_free: Callable[[int], bool] = field(default=is_port_free)
    commit_lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    copies: Copies = field(init=False, repr=False)
    _edge_lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _aside: set[str] = field(default_factory=set, repr=False)

    def __post_init__(self) -> None:
        self.logins = Logins(self.folder)
        self.copies = Copies(self.folder)

    def copy_ledger(self, app_id: str) -> None:
        """Keep what a lost ledger is rebuilt from; on a full disk the reconciliation does it later."""
        with suppress(OSError):
            self.copies.write(self.ledger, app_id)

    def app_folder(self, app_id: str) -> Path:
        """Where an app's files live (0700)."""
        return self.folder / "apps" / app_id

    def postgres(self, app: App) -> Postgres:
        """The app's PostgreSQL."""
        return Postgres(self.docker, app, self.app_folder(app.id), self.pull, self.stopwatch)

    def pull(self, image: str, credentials: dict[str, str] | None = None) -> None:
        """Bring an image that is no release's (PostgreSQL, an accessory) here; AgentError when it can't be had.

        With the call's credentials, else with the login that is kept, else with none.
        """
        auth = self._auth(image, credentials)
        if auth and credentials is None:
            with contextlib.suppress(EngineError):  # it may not be taken any more, and most of these need none
                self.docker.pull(image, auth, lambda: False)
                return
            auth = None
        try:
            self.docker.pull(image, auth, lambda: False)
        except EngineError as error:
            raise AgentError(
                "image-not-pulled",
                f"{image} can't be pulled: {error.reason}",
                hint=f"on the server: docker pull {image}",
            ) from error

    def pull_release(
        self, release: Release, credentials: dict[str, str] | None, is_cancelled: Callable[[], bool]
    ) -> bool:
        """Bring a release's image by digest; False when it is here already.

        With the call's credentials, else with the login that is kept. AgentError `registry-login-refused`,
        `image-missing` or `image-not-in-registry`.
        """
        if self.docker.image(release.reference) is not None:
            return False
        auth = self._auth(release.image, credentials)
        try:
            self.docker.pull(release.reference, auth, is_cancelled)
        except EngineError as error:
            raise self._not_pulled(release, error, auth, is_kept=credentials is None) from error
        return True

    def _auth(self, image: str, credentials: dict[str, str] | None) -> dict[str, str] | None:
        """The engine's form of the call's credentials, else of the login that is kept for the image's registry."""
        registry = registry_of(image)
        login = credentials or self.logins.of(registry)
        return authentication(registry, login) if login else None

    def _not_pulled(
        self, release: Release, error: EngineError, auth: dict[str, str] | None, *, is_kept: bool
    ) -> AgentError:
        keep = f"ferryman registry login --to {release.app.rpartition('.')[2]}"
        why = self.docker.login(auth) if auth else ""
        if auth and why:
            whose = f"the login of {auth['username']}" + (" that is kept here" if is_kept else "")
            hint = keep if is_kept else "check DOCKER_USERNAME and DOCKER_PASSWORD"
            return AgentError("registry-login-refused", f"the registry refuses {whose}: {why}", hint=hint)
        if auth is None and release.state == "healthy":
            return AgentError(
                "image-missing",
                f"the image of release {release.number} is not on this server any more, and without a login it can't be"
                f" pulled: {error.reason}",
                hint=f"{keep}; or call again with DOCKER_USERNAME and DOCKER_PASSWORD",
            )
        return AgentError(
            "image-not-in-registry",
            f"the server can't pull {release.reference}: {error.reason}",
            hint="push it with `ferryman build`, or name the registry's credentials",
        )

    def prepare_app(self, app: App) -> None:
        """The app's network, with what runs on it; there already is the usual case."""
        self.docker.ensure_network(network_name(app.id), subnet(app), labels(app.id, "network"))
        attach(self.docker, app, fixed_addresses(app, self.ledger.accessories(app.id)))

    def is_attached(self, app: App, containers: list[dict[str, Any]]) -> bool:
        """Whether all that run of an app's containers, as the engine lists them, are on its network."""
        return not detached(app, fixed_addresses(app, self.ledger.accessories(app.id)), containers)

    def environment_of(self, app: App, manifest: Manifest, release: Release) -> list[str]:
        """NAME=value for the containers of a release, secrets included."""
        own = {"SECRET_KEY": read_secrets(self.app_folder(app.id))["secret_key"]}
        if manifest.database:
            own["DATABASE_URL"] = self.postgres(app).url()
        _, stored = self.ledger.environment(app.id, release.environment_version)
        return variables(app, manifest, release, stored, own)

    def write_release(self, app: App, release: Release, environment: list[str]) -> None:
        """Keep the release's manifest and environment beside the ledger (0600)."""
        folder = self.app_folder(app.id) / "releases" / str(release.number)
        write_private(folder / "manifest.json", json.dumps(asdict(release), indent=1, sort_keys=True))
        write_private(folder / "environment.json", json.dumps(environment, indent=1))

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
                addresses = {lane: f"{lane_address(app, lane)}:{manifest.web.port}" for lane in ("a", "b")}
                lane = None if app.stopped else app.lane
                found.append(Route(app.slot, manifest.domain, addresses, lane, closed_of(app, manifest)))
        return found

    def agree(self, *announced: Route) -> None:
        """Make the edge route as the ledger says. One at a time: an older view must not overwrite a newer one."""
        with self._edge_lock:
            self.edge.agree([*self.routes(), *announced])

    def step_aside(self, app_id: str, is_aside: bool) -> None:
        """Whether the edge gives up the port of an app that is about to be published, from the next agreement on."""
        (self._aside.add if is_aside else self._aside.discard)(app_id)

    def leave_edge(self, app_id: str) -> None:
        """Remove the edge when the app needs none, and no other has one, is about to have one, or is leaving it."""
        with self._edge_lock:
            others = [app for app in self.ledger.apps() if app.id != app_id]
            is_busy = any(deployment.app != app_id for deployment in self.ledger.unfinished())
            if not is_busy and not self.routes() and not any(app.removal for app in others):
                self.edge.remove()

    def publishing(self, app_id: str) -> list[str]:
        """The web containers of an app that hold its port on the host now."""
        return [
            name
            for name, container in self.role_containers(app_id, "web").items()
            if any(port.get("PublicPort") == HOST_PORT for port in container.get("Ports") or [])
        ]

    def role_containers(self, app_id: str, role: str) -> dict[str, dict[str, Any]]:
        """name → container of a role, running or not, of whatever release."""
        found = self.docker.containers(labels(app_id, role))
        return {container["Names"][0].lstrip("/"): container for container in found}

    def tail(self, container: str, lines: int = 25) -> list[str]:
        """The last log lines of a container."""
        try:
            output = b"".join(chunk for _, chunk in self.docker.logs(container, tail=lines))
        except (AgentError, EngineError):
            return []
        text = output.decode(errors="replace").replace("\0", "")  # Harbour's database takes no NUL
        return [line[:LOG_LINE_LIMIT] for line in text.splitlines()[-lines:]]

    def check_domain_is_free(self, app: App, manifest: Manifest) -> None:
        """Refused when another app on this server already answers for this host name."""
        for other in self.ledger.apps():
            release = self.ledger.release(other.id, other.serving) if other.serving and other.id != app.id else None
            if release and release.manifest.get("domain") == manifest.domain:
                name = manifest.domain or "port 8000 (no domain)"
                raise Refused("domain-taken", f"{name} is served by {other.id}", hint="give each app its own domain")

    def lasting_containers(self, app: App, release: Release) -> list[str]:
        """Names of the containers that must be up for a committed release, accessories as they were last made."""
        roles = release.manifest["roles"]
        names = [current_name(app, role, release.number) for role in roles]
        names += [accessory_name(record) for record in self.ledger.accessories(app.id) if record.is_committed]
        return names + ([database_name(app.id)] if release.manifest.get("database") else [])


def have_running(docker: Docker, name: str, make: Callable[[], None]) -> bool:
    """Have a container running, made anew where there is none or it can't start; True when it did not run."""
    found = docker.container(name)
    if found and found["State"]["Running"]:
        return False
    if found:
        try:
            docker.start(name)
            return True
        except EngineError:  # its network is gone, for instance: made anew
            docker.remove(name)
    make()
    docker.start(name)
    return True


def closed_of(app: App, manifest: Manifest) -> Closed | None:
    """What the edge answers in the app's place; None when the app answers itself."""
    if app.stopped:
        return stopped()
    found = app.maintenance
    return in_maintenance(found["message"], found["retry_after"], manifest.web.health) if found else None
