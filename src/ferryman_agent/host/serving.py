"""What an app serves, according to the ledger: the release towards which this server is brought."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from ferryman_agent.containers import current_name, lane_endpoint
from ferryman_agent.engine import Endpoint
from ferryman_agent.errors import Refused
from ferryman_agent.host.database import Postgres
from ferryman_agent.host.host import Host
from ferryman_agent.ledger import App, Release
from ferryman_agent.manifest import Manifest, Role, parse_manifest


@dataclass(frozen=True)
class Committed:
    """The committed release of an app."""

    host: Host
    app: App
    manifest: Manifest
    release: Release

    def container(self, role: str) -> str:
        """The name of a role's container."""
        return current_name(self.app, role, self.release.number)

    @property
    def endpoint(self) -> Endpoint:
        """Where its web container is reached."""
        return lane_endpoint(self.app, self.app.lane or "a")

    @property
    def old_lane(self) -> str:
        """The lane that served before."""
        return self.app.next_lane

    @property
    def other_roles(self) -> list[Role]:
        """Every role but web."""
        return [role for role in self.manifest.roles.values() if role.name != "web"]


def committed(host: Host, app: App) -> Committed | None:
    """What the ledger says that this app serves; None before the first commit."""
    release = host.ledger.release(app.id, app.serving) if app.serving else None
    return Committed(host, app, parse_manifest(release.manifest), release) if release else None


def serving_of(host: Host, app: App) -> Committed:
    """What the app serves, or served until it was stopped; Refused `nothing-serves` before the first commit."""
    target = committed(host, app)
    if target is None:
        raise Refused(
            "nothing-serves",
            f"{app.id} has no release that serves",
            state="nothing was changed",
            hint="ferryman deploy",
        )
    return target


def postgres_of(host: Host, app: App) -> Postgres:
    """The app's PostgreSQL."""
    return Postgres(host.engine, app, host.secrets.app_folder(app.id), host.images.pull, host.stopwatch)


def copy_ledger(host: Host, app_id: str) -> None:
    """Keep what a lost ledger is rebuilt from; on a full disk the reconciliation does it later."""
    with suppress(OSError):
        host.copies.write(host.ledger, app_id)


def serving_state(app: App) -> str:
    """In what state a refusal or a failure leaves the server."""
    if app.stopped:
        return f"{app.id} stays stopped"
    return f"release {app.serving} goes on serving" if app.serving else "nothing serves yet"
