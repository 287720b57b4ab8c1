"""The servers, what runs on each, what a person should know about it, and how well they report."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from access.visibility import sees_all, visible_places, visible_servers
from fleet.models import Server
from pages.admission import for_readers
from pages.fleet.notices import notices_of_servers

# An agent reports what happens, and nothing while nothing does: a quiet day is no fault.
STALE_AFTER = timedelta(days=7)
SHOWN_GAPS = 5


@dataclass(frozen=True)
class Gap:
    """Sequence numbers that never came."""

    first: int
    last: int

    @property
    def missing(self) -> int:
        """How many."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class Host:
    """A server with what is to be said about its reports."""

    server: Server
    gaps: list[Gap]
    is_stale: bool

    @property
    def shown_gaps(self) -> list[Gap]:
        """The latest few."""
        return self.gaps[-SHOWN_GAPS:]

    @property
    def missing(self) -> int:
        """How many events never came."""
        return sum(gap.missing for gap in self.gaps)


@require_safe
@for_readers
def servers(request: HttpRequest) -> HttpResponse:
    """List the servers with the apps on each that may be seen."""
    now = timezone.now()
    nested = visible_places(request.user), notices_of_servers(request.user)
    found = visible_servers(request.user).prefetch_related(*nested)
    hosts = [host(server, now) for server in found]
    return render(request, "fleet/servers.html", {"hosts": hosts, "sees_all": sees_all(request.user)})


def host(server: Server, now: datetime) -> Host:
    """Judge a server's reports."""
    heard = server.last_reported_at
    return Host(server, _gaps(server.gaps), is_stale=heard is not None and now - heard > STALE_AFTER)


def _gaps(stored: object) -> list[Gap]:
    ranges = stored if isinstance(stored, list) else []
    return [Gap(*pair) for pair in ranges if isinstance(pair, list) and [type(number) for number in pair] == [int, int]]
