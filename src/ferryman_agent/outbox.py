"""The outbox: reports to Harbour, at least once, in order, bounded, and never in a deploy's way."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from ferryman_agent import __version__
from ferryman_agent.clock import Stopwatch
from ferryman_agent.duties import Duty, Limits, Then
from ferryman_agent.ledger import Ledger, Notice, Severity
from ferryman_agent.ledger.notices import REPORTS_NOT_TAKEN
from ferryman_agent.openssl import secure_connection

BATCH_EVENTS = 500
TIMEOUT_SECONDS = 20.0
LONG_SECONDS = 3600.0
LIMITS = Limits(first_pause=0.5, longest_pause=60.0, patience=300.0)
REFUSED_FOR_GOOD = (400, 409, 413, 422)

SUBJECT = "outbox"
NEXT = "check that Harbour answers; `ferryman server reports` tells the agent its address and a new token"

Post = Callable[[dict[str, str], bytes], int]


def post(target: dict[str, str], body: bytes) -> int:
    """POST to Harbour; returns the HTTP status. OSError or HTTPException when it can't be reached."""
    url = urlsplit(target["url"])
    connect = secure_connection if url.scheme == "https" else http.client.HTTPConnection
    connection = connect(url.hostname or "", url.port, timeout=TIMEOUT_SECONDS)
    headers = {"Authorization": f"Bearer {target['token']}", "Content-Type": "application/json"}
    if target["host"]:
        headers["Host"] = target["host"]
    try:
        connection.request("POST", url.path or "/", body, headers)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


class Outbox:
    """Delivers what the ledger's outbox holds, which is its duty; pauses grow while Harbour does not take reports."""

    def __init__(self, ledger: Ledger, post: Post = post, stopwatch: Stopwatch | None = None) -> None:
        self._ledger = ledger
        self._post = post
        self._last = ""
        self._batch = BATCH_EVENTS
        self._stopwatch = stopwatch or Stopwatch()
        self._not_taken_since: float | None = None
        self.duty = Duty("outbox", self._act, LIMITS, self._stopwatch)

    def wake(self) -> None:
        """There is something new to deliver, or somewhere new to deliver it to."""
        self.duty.wake()

    def state(self) -> dict[str, Any]:
        """How many reports wait, where they go, and what came of the last try."""
        target = self._ledger.setting("reports")
        return {"waiting": self._ledger.outbox_size(), "url": target["url"] if target else None, "last": self._last}

    def _act(self) -> float | Then:
        """One batch; what is left follows at once."""
        try:
            is_taken = self.deliver()
        except Exception as error:
            self._last = f"not delivered: {error!r}"
            raise
        self._notice(is_refused=is_taken is False)
        return Then.WHEN_WOKEN if is_taken is None else 0.0 if is_taken else Then.RETRY

    def _notice(self, *, is_refused: bool) -> None:
        """That Harbour took nothing for long stands among the notices until it takes something, or nothing waits."""
        if not is_refused:
            self._not_taken_since = None
            self._ledger.clear_notice(REPORTS_NOT_TAKEN, SUBJECT)
            return
        now = self._stopwatch.seconds()
        if self._not_taken_since is None:
            self._not_taken_since = now
        if now - self._not_taken_since > LONG_SECONDS:
            message = f"Harbour has taken no report for over an hour: {self._last}"
            self._ledger.put_notice(Notice(REPORTS_NOT_TAKEN, SUBJECT, message, Severity.WARNING, NEXT))

    def deliver(self) -> bool | None:
        """One batch. True: taken; False: not taken, try again; None: nothing to do."""
        target = self._ledger.setting("reports")
        events = self._ledger.outbox(self._batch) if target else []
        if not events:
            return None
        body = json.dumps({"agent": __version__, "events": events}).encode()
        try:
            status = self._post(target, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._last = f"not reached: {error!r}"
            return False
        self._last = f"HTTP {status}"
        if 200 <= status < 300 or (status in REFUSED_FOR_GOOD and len(events) == 1):
            self._ledger.outbox_taken(events[-1]["sequence"])
            self._batch = BATCH_EVENTS
            return True
        if status in REFUSED_FOR_GOOD:
            self._batch = max(1, len(events) // 2)  # close in on the one that Harbour refuses for good
            return True
        return False
