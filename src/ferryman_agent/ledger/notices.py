"""The ledger's notices: the one list of what a person should know of, each of which stands until it is over."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ferryman_agent.ledger.store import Store
from ferryman_agent.reports import NoticeReport, Place

APP_DEGRADED = "app-degraded"
DUTY_NOT_ALIVE = "duty-not-alive"
REPORTS_NOT_TAKEN = "reports-not-taken"
CODES = frozenset({APP_DEGRADED, DUTY_NOT_ALIVE, REPORTS_NOT_TAKEN})  # what each means stands in docs/server.md


class Severity(Enum):
    """How bad it is. Critical: something does not work that a person relies on."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True)
class Notice:
    """`code` says what it is, `subject` of which app (its id) or part of the server; the two tell notices apart.

    `message` is for a person, `next` what to do about it. `since` (wall clock) is the ledger's.
    """

    code: str
    subject: str
    message: str
    severity: Severity
    next: str
    since: str = ""

    def as_json(self) -> dict[str, str]:
        """As it is told to a caller."""
        told = {"code": self.code, "subject": self.subject, "message": self.message, "severity": self.severity.value}
        return {**told, "since": self.since, "next": self.next}

    def report(self, place: Place, *, is_ended: bool) -> dict[str, Any]:
        """As Harbour is told of it."""
        return NoticeReport(place, **self.as_json(), ended=is_ended).as_json()


class Notices(Store):
    """The table `notice`. Harbour is told when one is raised, when it gets better or worse, and when it is over."""

    def notices(self, app_id: str | None = None) -> list[Notice]:
        """All that stand, the oldest first; of an app and of the server alone when one is named."""
        where = "" if app_id is None else "WHERE subject = ? OR subject NOT IN (SELECT id FROM app)"
        query = f"SELECT * FROM notice {where} ORDER BY since, code, subject"  # noqa: S608 - constant
        return [notice_from(row) for row in self._all(query, *([] if app_id is None else [app_id]))]

    def put_notice(self, notice: Notice) -> None:
        """Have it stand. Of one that stands already the words may change, and how bad it is; `since` stays."""
        if notice.code not in CODES:
            raise ValueError(f"no notice has the code {notice.code!r}")
        if not self._stands_as(notice):
            with self._writing() as connection:
                self._put(connection, notice)

    def clear_notice(self, notice_code: str, subject: str) -> None:
        """It is over; nothing happens when it does not stand."""
        if self._one("SELECT 1 FROM notice WHERE code = ? AND subject = ?", notice_code, subject):
            with self._writing() as connection:
                self._clear(connection, notice_code, subject)

    def _stands_as(self, notice: Notice) -> bool:
        row = self._one("SELECT * FROM notice WHERE code = ? AND subject = ?", notice.code, notice.subject)
        return row is not None and notice_from(row) == _timed(notice, row["since"])

    def _put(self, connection: sqlite3.Connection, notice: Notice) -> None:
        """Part of a write."""
        key = (notice.code, notice.subject)
        row = connection.execute("SELECT * FROM notice WHERE code = ? AND subject = ?", key).fetchone()
        stands = _timed(notice, row["since"] if row else self._clock())
        connection.execute(
            "INSERT OR REPLACE INTO notice (code, subject, message, severity, next, since) VALUES (?, ?, ?, ?, ?, ?)",
            (*key, stands.message, stands.severity.value, stands.next, stands.since),
        )
        if row is None or row["severity"] != stands.severity.value:
            self._add_report(connection, stands.report(_place(connection, notice.subject), is_ended=False))

    def _clear(self, connection: sqlite3.Connection, notice_code: str, subject: str) -> None:
        """Part of a write."""
        key = (notice_code, subject)
        row = connection.execute("SELECT * FROM notice WHERE code = ? AND subject = ?", key).fetchone()
        if row:
            connection.execute("DELETE FROM notice WHERE code = ? AND subject = ?", key)
            self._add_report(connection, notice_from(row).report(_place(connection, subject), is_ended=True))

    def _clear_all(self, connection: sqlite3.Connection, subject: str) -> None:
        """Part of a write: nothing is left to know of it."""
        for row in connection.execute("SELECT code FROM notice WHERE subject = ?", (subject,)).fetchall():
            self._clear(connection, row["code"], subject)

    def _follow_degraded(self, connection: sqlite3.Connection, app_id: str) -> None:
        """Part of every write of an app: while it is degraded, that stands among the notices."""
        row = connection.execute("SELECT degraded FROM app WHERE id = ?", (app_id,)).fetchone()
        if row and row["degraded"]:
            self._put(connection, Notice(APP_DEGRADED, app_id, row["degraded"], Severity.WARNING, DEGRADED_NEXT))
        else:
            self._clear(connection, APP_DEGRADED, app_id)


DEGRADED_NEXT = "the agent tries again by itself; `ferryman status` and `ferryman logs` show more"


def notice_from(row: sqlite3.Row) -> Notice:
    """A Notice from its row."""
    values = dict(row)
    return Notice(**{**values, "severity": Severity(values["severity"])})


def _timed(notice: Notice, since: str) -> Notice:
    """As it is kept: Harbour's database takes no NUL."""
    message = notice.message.replace("\0", "")
    return Notice(notice.code, notice.subject, message, notice.severity, notice.next, since)


def _place(connection: sqlite3.Connection, subject: str) -> Place:
    """The app that a subject is, if it is one."""
    row = connection.execute("SELECT name, environment FROM app WHERE id = ?", (subject,)).fetchone()
    return Place(row["name"], row["environment"]) if row else Place("", "")
