"""One transaction of an app that is under way: what was asked, and what its steps have found and made so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from ferryman_agent.containers import container_name, lane_endpoint
from ferryman_agent.engine import Endpoint, Image
from ferryman_agent.host import Host
from ferryman_agent.host.serving import Committed, committed
from ferryman_agent.ledger import AccessoryRecord, App, Release
from ferryman_agent.manifest import Manifest
from ferryman_agent.transaction.facts import Facts
from ferryman_agent.transaction.journal import Journal
from ferryman_agent.transaction.orders import DeployOrder, Order, RollbackOrder


@dataclass
class Transaction:
    """`app` is as it was before the commit, and as committed after it. `open_ends` is what could not be finished.

    `release` has its number once it is recorded. `applied_before` are the migrations that were applied before ours
    ran, `stayed` those that a failure leaves. `record` is the accessory that is replaced. `old` is what served until
    it was stopped for the new one, `down_since` the moment from which nothing answered (monotonic); `is_back` once the
    old one answers again.
    """

    host: Host
    journal: Journal
    order: Order
    app: App
    facts: Facts = field(init=False)
    release: Release | None = None
    image: Image | None = None
    record: AccessoryRecord | None = None
    applied_before: set[str] | None = None
    stayed: list[str] = field(default_factory=list)
    old: Committed | None = None
    down_since: float | None = None
    is_back: bool = False
    open_ends: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.facts = Facts(self.order, self.app)

    @property
    def manifest(self) -> Manifest:
        """Of what is to serve."""
        return self.facts.wanted

    @property
    def candidate(self) -> Release:
        """What is to serve, once it is recorded."""
        assert self.release is not None  # noqa: S101 - the steps that ask for it come later
        return self.release

    @property
    def web_name(self) -> str:
        """The name of the candidate's web container."""
        return container_name(self.app.id, "web", self.candidate.number, self.facts.turn)

    @property
    def endpoint(self) -> Endpoint:
        """Where the candidate's web container is reached: in the lane that does not serve."""
        return lane_endpoint(self.app, self.app.next_lane)

    @property
    def credentials(self) -> dict[str, str] | None:
        """The call's own, for the registry of the app's image."""
        return self.order.credentials if isinstance(self.order, (DeployOrder, RollbackOrder)) else None

    @property
    def target(self) -> Committed:
        """What the ledger says since the commit."""
        target = committed(self.host, self.app)
        assert target is not None  # noqa: S101 - it was just committed
        return target

    def down(self) -> str:
        """Something answers again: record for how long nothing did; '' when it always did."""
        if self.down_since is None:
            return ""
        self.journal.down(self.host.stopwatch.seconds() - self.down_since)
        return f"down for {self.journal.downtime:.1f} s"
