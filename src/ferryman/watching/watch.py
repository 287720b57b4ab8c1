"""Stays with one request in a thread of its own: takes its events in, and attaches again when the link is cut."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ferryman.errors import FerrymanError, OutcomeUnknown, Unreachable
from ferryman.link import Conversation, Link

CUT = frozenset({"connection-lost", "protocol-broken"})
AWAY = CUT | {
    *("server-unreachable", "login-refused", "host-key-changed", "agent-missing", "agent-not-running"),
    "too-many-calls",  # the call that was cut may still count
}
RESUME_LIMIT_SECONDS = 300.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0


@dataclass(frozen=True)
class Request:
    """A request whose events are watched; `id` is made by the client, and repeating it attaches."""

    kind: str
    params: Mapping[str, Any]
    id: str
    follow_hint: str


@dataclass(frozen=True)
class Event:
    """One event, of the agent or of the watch itself."""

    body: dict[str, Any]


@dataclass(frozen=True)
class Ended:
    """The answer: a result, or the error in its place."""

    result: dict[str, Any] = field(default_factory=dict)
    error: BaseException | None = None


class Watch:
    """Hands events and the end to `tell`; `leave` stops the watching, never what is watched."""

    def __init__(self, link: Link, request: Request, tell: Callable[[Event | Ended], None]) -> None:
        self.is_attached = False
        self._link = link
        self._request = request
        self._tell = tell
        self._seen = 0
        self._named: dict[str, str] = {}
        self._has_heard = False
        self._left = threading.Event()
        self._conversation: Conversation | None = None

    def start(self) -> None:
        """Ask, and watch from a thread that does not keep the process alive."""
        threading.Thread(target=self._run, daemon=True).start()

    def leave(self) -> None:
        """Close the connection."""
        self._left.set()
        if self._conversation:
            self._conversation.close()

    def _run(self) -> None:
        try:
            self._tell(Ended(self._stay()))
        except BaseException as error:  # noqa: BLE001 - whoever waits for the end must get it
            self._tell(Ended(error=error))

    def _stay(self) -> dict[str, Any]:
        """Ask, and ask again after each cut with growing pauses, until the limit has passed without contact."""
        was_cut, contact, pause = False, 0.0, FIRST_PAUSE_SECONDS
        while True:
            try:
                return self._once()
            except (OutcomeUnknown, Unreachable) as error:
                if self._left.is_set() or error.code not in (AWAY if was_cut else CUT):
                    raise
                if not was_cut or self._has_heard:
                    self._note("the connection was lost; the server goes on by itself; connecting again")
                    was_cut, contact, pause = True, time.monotonic(), FIRST_PAUSE_SECONDS
                if time.monotonic() + pause > contact + RESUME_LIMIT_SECONDS:
                    raise self._given_up(error) from error
            self._left.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _once(self) -> dict[str, Any]:
        params = {**self._request.params, **self._named, **({"after": self._seen} if self._seen else {})}
        self._has_heard = False
        with self._link.open(self._request.kind, params, request_id=self._request.id) as conversation:
            self._conversation = conversation
            for message in conversation:
                self.is_attached = self._has_heard = True
                if "event" in message:
                    self._pass_on(message["event"])
            return conversation.result

    def _pass_on(self, event: dict[str, Any]) -> None:
        if event.get("kind") == "following":  # the newest may be another one when the link has been cut
            self._named = {"deployment": event["deployment"]}
            return
        sequence = event.get("sequence")
        if sequence is None or sequence > self._seen:
            self._seen = sequence or self._seen
            self._tell(Event(event))

    def _note(self, text: str) -> None:
        self._tell(Event({"kind": "note", "text": text}))

    def _given_up(self, error: FerrymanError) -> OutcomeUnknown:
        return OutcomeUnknown(
            "connection-lost",
            f"the connection was lost, and for {RESUME_LIMIT_SECONDS:.0f} s no other could be made: {error.message}",
            state="the server goes on by itself; the outcome is not known here",
            hint=self._request.follow_hint,
        )
