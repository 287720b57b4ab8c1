"""The outbox: reports to Harbour, at least once, in order, bounded, and never in a deploy's way."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from ferryman_agent import __version__
from ferryman_agent.ledger import Ledger
from ferryman_agent.openssl import secure_connection

BATCH_EVENTS = 500
TIMEOUT_SECONDS = 20.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0
REFUSED_FOR_GOOD = (400, 409, 413, 422)

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
    """Delivers what the ledger's outbox holds from a thread of its own."""

    def __init__(self, ledger: Ledger, post: Post = post) -> None:
        self._ledger = ledger
        self._post = post
        self._wake = threading.Event()
        self._last = ""
        self._batch = BATCH_EVENTS

    def wake(self) -> None:
        """There is something new to deliver, or somewhere new to deliver it to."""
        self._wake.set()

    def state(self) -> dict[str, Any]:
        """How many reports wait, where they go, and what came of the last try."""
        target = self._ledger.setting("reports")
        return {"waiting": self._ledger.outbox_size(), "url": target["url"] if target else None, "last": self._last}

    def run(self) -> None:
        """Deliver for ever; pauses grow while Harbour does not take reports."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            delivered = self._try_to_deliver()
            pause = FIRST_PAUSE_SECONDS if delivered is not False else min(pause * 2, LONGEST_PAUSE_SECONDS)
            if delivered is not True:
                self._wake.wait(None if delivered is None else pause)
                self._wake.clear()

    def _try_to_deliver(self) -> bool | None:
        try:
            return self.deliver()
        except Exception as error:  # noqa: BLE001 - reports wait; the thread that delivers them must not end
            self._last = f"not delivered: {error!r}"
            return False

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
