"""What a caller asks for, checked: a deploy of an image, or a rollback to a retained release."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ferryman_agent.errors import BadRequest, Refused
from ferryman_agent.ledger import App, Kind, Ledger, Release, ReleaseState
from ferryman_agent.manifest import DIGEST, Manifest, parse_manifest
from ferryman_agent.transaction.orders.commits import Commit, parse_commits
from ferryman_agent.transaction.orders.parameters import app_id, credentials, matching, whole_number

MANIFEST_LIMIT_BYTES = 64 << 10  # it is kept with every release
MIGRATIONS = 5000
MIGRATION_CHARACTERS = 200
REVISION = re.compile(r"[0-9a-f]{40}(-dirty-[0-9a-f]{8})?")


@dataclass(frozen=True)
class DeployOrder:
    """Deploy `manifest` with the image `digest`. `sequence` is the CI run number, `commits` the revision's log.

    `image_bytes` is what the client knows of the image's size, unpacked; `migrations` what it knows of the image's
    ("app_label.name"), None where the image itself may tell.
    """

    kind: ClassVar[Kind] = Kind.DEPLOY
    manifest: Manifest
    digest: str
    revision: str
    sequence: int | None
    allow_older: bool
    credentials: dict[str, str] | None = field(repr=False)
    commits: tuple[Commit, ...] | None = field(default=None, repr=False)
    image_bytes: int | None = None
    migrations: tuple[str, ...] | None = field(default=None, repr=False)

    @property
    def app_id(self) -> str:
        """The app that is deployed."""
        return self.manifest.app_id


@dataclass(frozen=True)
class RollbackOrder:
    """Go back to release `number`, or to the previous healthy one when it is None."""

    kind: ClassVar[Kind] = Kind.ROLLBACK
    app_id: str
    number: int | None
    credentials: dict[str, str] | None = field(repr=False)


def parse_deploy(params: dict[str, Any]) -> DeployOrder:
    """A checked deploy order; BadRequest names what is wrong."""
    manifest = parse_manifest(params.get("manifest"))
    size = len(json.dumps(manifest.content))
    if size > MANIFEST_LIMIT_BYTES:
        raise BadRequest("bad-manifest", f"the manifest has {size} bytes; at most {MANIFEST_LIMIT_BYTES} are kept")
    return DeployOrder(
        manifest=manifest,
        digest=matching(params, "digest", DIGEST),
        revision=matching(params, "revision", REVISION),
        sequence=whole_number(params, "sequence"),
        allow_older=params.get("allow_older") is True,
        credentials=credentials(params),
        commits=parse_commits(params.get("commits")),
        image_bytes=whole_number(params, "image_bytes"),
        migrations=_migrations(params.get("migrations")),
    )


def parse_rollback(params: dict[str, Any]) -> RollbackOrder:
    """A checked rollback order."""
    return RollbackOrder(app_id(params), whole_number(params, "to"), credentials(params))


def known_app(ledger: Ledger, params: dict[str, Any]) -> App:
    """The app that a request names; Refused `unknown-app` lists what is there."""
    app = ledger.app(app_id(params))
    if app is None:
        known = [app.id for app in ledger.apps()]
        raise Refused(
            "unknown-app",
            f"this server has no {app_id(params)}; it has {', '.join(known) or 'no app yet'}",
            state="nothing was changed",
            hint="ship it with `ferryman deploy`",
            choices=known,
        )
    return app


def check_sequence(order: DeployOrder, newest: int | None, state: str) -> None:
    """Refused `older-sequence` when a newer run than this one is `newest`, unless an older one is allowed."""
    if order.sequence is None or newest is None or order.allow_older or order.sequence >= newest:
        return
    raise Refused(
        "older-sequence",
        f"run {order.sequence} is older than run {newest}, which was deployed",
        state=state,
        hint="add --allow-older to deploy it all the same",
    )


def rollback_target(app: App, releases: list[Release], number: int | None, before: int | None = None) -> Release:
    """Pure: the retained release a rollback goes to. Refused lists what can be chosen.

    Without a number it is an earlier one: the release that served `before`, so that nobody lands on a release that was
    rolled back from; the newest where that one is not retained.
    """
    choices = [r for r in releases if r.state is ReleaseState.HEALTHY and r.number != app.serving]
    listed = [r.summary() for r in choices]
    state = f"release {app.serving} goes on serving; nothing was changed" if app.serving else "nothing serves yet"
    names = ", ".join(f"{r.number} ({r.revision[:7]})" for r in choices) or "none"
    if number is None:
        earlier = [r for r in choices if app.serving and r.number < app.serving]
        if not earlier:
            message = f"no earlier healthy release is retained; others that can be chosen: {names}"
            raise Refused("no-earlier-release", message, state=state, choices=listed)
        return next((r for r in earlier if r.number == before), earlier[0])
    if number == app.serving:
        raise Refused("already-serving", f"release {number} serves already", state=state, choices=listed)
    for release in choices:
        if release.number == number:
            return release
    raise Refused(
        "unknown-release",
        f"release {number} is not a retained healthy release; these can be chosen: {names}",
        state=state,
        hint="see `ferryman releases`",
        choices=listed,
    )


def _migrations(found: Any) -> tuple[str, ...] | None:
    if found is None:
        return None
    if not isinstance(found, list) or len(found) > MIGRATIONS or not all(map(_is_migration, found)):
        raise BadRequest(
            "bad-request", f"migrations: must be a list of at most {MIGRATIONS} names such as shop.0001_initial"
        )
    return tuple(found)


def _is_migration(name: Any) -> bool:
    return isinstance(name, str) and len(name) <= MIGRATION_CHARACTERS and name.isprintable() and "." in name[1:-1]
