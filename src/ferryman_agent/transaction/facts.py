"""The facts: what is known before a transaction's first effect; what its steps would do follows from them alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ferryman_agent.ledger import AccessoryRecord, App, Release
from ferryman_agent.manifest import Manifest
from ferryman_agent.transaction.orders import Order
from ferryman_agent.transaction.orders.commits import NOTHING, Brought


@dataclass(frozen=True)
class Facts:
    """`manifest` and `release` are of what is to serve, or goes on serving; its number is the one that it would get.

    `app` is None before its first deploy, `release` for an app that never served. `unchanged` says why nothing is to
    be done. `accessories` and `migrations` say what there is to do about them. `roles` are those besides web that are
    replaced or go, `turning` those that a restart was asked for, `volumes` the named volumes that the app has. `turn`
    is how often web was restarted with this. `records` are the accessory that a restart makes anew, or those that stay
    after one is removed; `goes` is what a removal takes along. `detail` is shown with the preflight.
    """

    order: Order
    app: App | None
    manifest: Manifest | None = None
    release: Release | None = None
    serving: Release | None = None
    unchanged: str = ""
    detail: str = ""
    replaces_web: bool = True
    turn: int = 0
    has_image: bool = False
    accessories: str = ""
    migrations: str = ""
    roles: tuple[str, ...] = ()
    turning: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    commits: Brought = NOTHING
    records: tuple[AccessoryRecord, ...] = ()
    goes: dict[str, Any] = field(default_factory=dict)

    @property
    def wanted(self) -> Manifest:
        """The manifest, where there is one."""
        assert self.manifest is not None  # noqa: S101 - all but a removal have it
        return self.manifest

    @property
    def is_published(self) -> bool:
        """True when Docker publishes the port of what is to serve."""
        return bool(self.manifest and self.manifest.is_published)
