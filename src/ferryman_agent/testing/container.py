"""A container of the engine in memory: what it was made of, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ferryman_agent.engine import UP, Inspected, Keep, Observed, State, Workload


@dataclass
class FakeContainer:
    """`network` is the id that its network had when it was put there, `addresses` network → address, '' when chosen."""

    id: str
    name: str
    workload: Workload
    keep: Keep
    network: str = ""
    addresses: dict[str, str] = field(default_factory=dict)
    state: State = State.CREATED
    exit_code: int = 0
    restarts: int = 0
    health: str | None = None
    started_at: str = ""
    finished_at: str = ""

    @property
    def is_up(self) -> bool:
        """True unless it has ended, or never ran."""
        return self.state in UP

    @property
    def address(self) -> str | None:
        """Where it is reached at a fixed address, None without one or off its network."""
        endpoint = self.workload.endpoint
        return (endpoint and self.addresses.get(endpoint.network)) or None

    @property
    def ports(self) -> set[int]:
        """The ports of the host that it publishes now."""
        return set(self.workload.published) if self.is_up else set()

    def carries(self, labels: Mapping[str, str]) -> bool:
        """Whether it has all of these labels; '' is any value."""
        carried = self.workload.labels
        return all(key in carried and value in ("", carried[key]) for key, value in labels.items())

    def begin(self, at: str) -> None:
        """Its process starts."""
        self.state, self.started_at = State.RUNNING, at

    def end(self, code: int, at: str) -> None:
        """Its process ends."""
        self.state, self.exit_code, self.finished_at = State.EXITED, code, at

    def observed(self) -> Observed:
        """As the engine lists it."""
        labels = dict(self.workload.labels)
        return Observed(self.id, self.name, labels, self.state, dict(self.addresses), frozenset(self.ports))

    def inspected(self, user: str) -> Inspected:
        """As the engine shows it alone; `user` is the image's."""
        return Inspected(
            id=self.id,
            name=self.name,
            labels=dict(self.workload.labels),
            state=self.state,
            addresses=dict(self.addresses),
            published=frozenset(self.ports),
            image=self.workload.image,
            user=self.workload.user or user,
            exit_code=self.exit_code,
            restarts=self.restarts,
            health=self.health,
            stop_grace=self.workload.stop_grace,
            keep=self.keep,
            started_at=self.started_at,
            finished_at=self.finished_at,
            pid=int(self.id, 16) if self.is_up else 0,
        )
