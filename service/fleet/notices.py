"""Keeps one row for each notice of a server, as it was told last, in whatever order reports arrive."""

from collections.abc import Mapping, Sequence

from fleet.models import Environment, Notice, Server
from fleet.report import Event, ReportedNotice

TOLD = ["environment", "severity", "message", "since", "next", "sequence", "told_at", "ended_at"]


def store(server: Server, environments: Mapping[tuple[str, str], Environment], events: Sequence[Event]) -> None:
    """Store what these events tell; one that comes late changes nothing that was told after it."""
    notices = [_notice(server, environments, event) for event in events if isinstance(event.details, ReportedNotice)]
    if not notices:
        return
    latest = {(notice.code, notice.subject): notice for notice in notices}
    stored = Notice.objects.filter(server=server, code__in={notice.code for notice in notices})
    for code, subject, sequence in stored.values_list("code", "subject", "sequence"):
        if (code, subject) in latest and latest[code, subject].sequence < sequence:
            del latest[code, subject]
    Notice.objects.bulk_create(
        latest.values(), update_conflicts=True, unique_fields=["server", "code", "subject"], update_fields=TOLD
    )


def _notice(server: Server, environments: Mapping[tuple[str, str], Environment], event: Event) -> Notice:
    told = event.details
    assert isinstance(told, ReportedNotice)  # noqa: S101 - whoever calls has looked
    return Notice(
        server=server,
        code=told.code,
        subject=told.subject,
        environment=environments[event.place] if event.place else None,
        severity=told.severity,
        message=told.message,
        since=told.since,
        next=told.next,
        sequence=event.sequence,
        told_at=event.at,
        ended_at=event.at if told.ended else None,
    )
