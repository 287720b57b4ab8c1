"""In which state things are, and what kinds of transactions there are; each is stored and sent as its text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class Text(str, Enum):  # noqa: UP042 - the agent runs on Python 3.10, which has no StrEnum
    """An enum whose members are their text: in the ledger, in JSON, in a message."""

    def __str__(self) -> str:
        return str(self.value)


class ReleaseState(Text):
    """What became of a release. The pruned ones can't be gone back to: image and folder are gone."""

    CANDIDATE = "candidate"
    HEALTHY = "healthy"
    FAILED = "failed"
    PRUNED = "pruned"
    FAILED_PRUNED = "failed-pruned"


HELD = frozenset({ReleaseState.HEALTHY, ReleaseState.CANDIDATE})  # their images stay
SERVED = frozenset({ReleaseState.HEALTHY, ReleaseState.PRUNED})


class Kind(Text):
    """What a transaction does."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    RESTART = "restart"
    START = "start"
    STOP = "stop"
    MAINTENANCE = "maintenance"
    REMOVE = "remove"
    ACCESSORY_REMOVE = "accessory-remove"
    REBUILD = "rebuild"  # not a transaction: what stands for the history that a lost ledger took along


class Outcome(Text):
    """The state of a deployment: under way, committed (and not finished), or what came of it."""

    RUNNING = "running"
    COMMITTED = "committed"
    SUCCEEDED = "succeeded"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"


UNDER_WAY = frozenset({Outcome.RUNNING, Outcome.COMMITTED})


class RunState(Text):
    """The state of a scheduled command's run; `lost`: nobody saw its end."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed-out"
    STOPPED = "stopped"
    LOST = "lost"


@dataclass(frozen=True)
class Maintenance:
    """The edge answers for the app since then. `message` '' is the edge's own; `retry_after` in seconds."""

    message: str
    retry_after: int
    since: str


@dataclass(frozen=True)
class Stopped:
    """The app is stopped since then; PostgreSQL and accessories too when `database` says so."""

    database: bool
    since: str


@dataclass(frozen=True)
class Removal:
    """The app is being removed; `goes` is what a removal takes along, as it is answered."""

    with_data: bool
    goes: dict[str, Any]
