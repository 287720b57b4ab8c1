"""Which deployments a page shows: a filter and a place in the list, both written in the address."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import QueryDict

from fleet.models import Deployment, Environment, Outcome

PAGE_SIZE = 20
RUNNING = "running"
NAMES = ("app", "environment", "server", "outcome")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Mark:
    """A place in the list: between deployments, named by its neighbour."""

    at: datetime
    id: uuid.UUID

    @classmethod
    def of(cls, deployment: Deployment) -> "Mark":
        """Return the place beside a deployment."""
        return cls(deployment.started_at, deployment.id)

    @classmethod
    def parse(cls, text: str) -> "Mark | None":
        """Read what `str` wrote; None for anything else."""
        moment, _, number = text.partition("-")
        try:
            return cls(EPOCH + int(moment, 36) * MICROSECOND, uuid.UUID(hex=number))
        except (ValueError, OverflowError):
            return None

    def __str__(self) -> str:
        """Return the short form for an address."""
        return f"{_base36((self.at - EPOCH) // MICROSECOND)}-{self.id.hex}"

    def older(self) -> Q:
        """Match what comes after it in the list; the first condition is the one that an index can use."""
        return Q(started_at__lte=self.at) & (Q(started_at__lt=self.at) | Q(id__lt=self.id))

    def newer(self) -> Q:
        """Match what comes before it in the list."""
        return Q(started_at__gte=self.at) & (Q(started_at__gt=self.at) | Q(id__gt=self.id))


@dataclass(frozen=True)
class Selection:
    """The filter and the place; without a place it is the newest page."""

    app: str = ""
    environment: str = ""
    server: str = ""
    outcome: str = ""
    before: Mark | None = None
    after: Mark | None = None

    @classmethod
    def parse(cls, query: QueryDict) -> "Selection":
        """Read the address; what can't be read counts as not said."""
        filters = {name: query.get(name, "").strip() for name in NAMES}
        return cls(**filters, before=Mark.parse(query.get("before", "")), after=Mark.parse(query.get("after", "")))

    @property
    def is_filtered(self) -> bool:
        """Whether anything but the place is chosen."""
        return any(getattr(self, name) for name in NAMES)

    @property
    def query(self) -> str:
        """The address's query string, without its question mark."""
        return urlencode({name: value for name in (*NAMES, "before", "after") if (value := getattr(self, name))})

    def at(self, *, before: Mark | None = None, after: Mark | None = None) -> "Selection":
        """Return the same filter at another place."""
        return replace(self, before=before, after=after)

    def places(self, environments: Sequence[Environment]) -> list[Environment]:
        """Return those environments that the filter leaves."""
        return [
            one
            for one in environments
            if self.app in {"", one.app.name}
            and self.environment in {"", one.name}
            and self.server in {"", one.server.name}
        ]


@dataclass(frozen=True)
class Page:
    """Deployments of one page, newest first, and the way to the pages beside it."""

    deployments: list[Deployment]
    newer: Selection | None
    older: Selection | None


def page(deployments: QuerySet[Deployment], selection: Selection) -> Page:
    """Read one page, and one row more to know whether another follows: rows are never counted."""
    found = _with_outcome(deployments, selection.outcome)
    if selection.after:
        newer = list(found.filter(selection.after.newer()).order_by("started_at", "id")[: PAGE_SIZE + 1])
        if len(newer) > PAGE_SIZE:
            return _page(newer[PAGE_SIZE - 1 :: -1], selection, has_newer=True, has_older=True)
        selection = selection.at()
    if selection.before:
        found = found.filter(selection.before.older())
    rows = list(found.order_by("-started_at", "-id")[: PAGE_SIZE + 1])
    has_older = len(rows) > PAGE_SIZE
    return _page(rows[:PAGE_SIZE], selection, has_newer=selection.before is not None, has_older=has_older)


def outcomes() -> list[str]:
    """Return what can be chosen as outcome."""
    return [RUNNING, *Outcome.values]


def _with_outcome(deployments: QuerySet[Deployment], outcome: str) -> QuerySet[Deployment]:
    if not outcome:
        return deployments
    if outcome not in outcomes():
        return deployments.none()
    return deployments.filter(outcome="" if outcome == RUNNING else outcome)


def _page(rows: list[Deployment], selection: Selection, *, has_newer: bool, has_older: bool) -> Page:
    beginning = Mark.of(rows[0]) if rows else None
    return Page(
        deployments=rows,
        newer=selection.at(after=beginning) if has_newer else None,
        older=selection.at(before=Mark.of(rows[-1])) if has_older else None,
    )


def _base36(number: int) -> str:
    digits = ""
    while number > 0:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits or "0"
