"""Watches a transaction that the server carries out, and decides what an interruption means: ask, cancel or leave."""

from __future__ import annotations

import contextlib
import math
import os
import queue
import select
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ferryman.destination import Destination
from ferryman.errors import DeployFailed, FerrymanError, OutcomeUnknown
from ferryman.events import OnEvent
from ferryman.watching.caller import describe_caller
from ferryman.watching.interruption import Signals, has_terminal
from ferryman.watching.watch import Ended, Event, Request, Watch

CANCEL_LIMIT_SECONDS = 6.0  # GitHub: SIGINT, SIGTERM 7.5 s later, SIGKILL 2.5 s after that
WAIT_SECONDS = 30 * 60
WAIT_LIMIT_SECONDS = 24 * 3600
COMMITTED = ("committed", "succeeded")
QUESTION = "cancel it? The server goes on meanwhile; Ctrl-C again stops watching [y/N] "


@dataclass(frozen=True)
class Signalled:
    """A signal came."""

    number: int


@dataclass(frozen=True)
class Answered:
    """The person at the terminal answered the question."""

    text: str


@dataclass(frozen=True)
class CancelAnswered:
    """The agent answered the cancel, or it could not be asked."""

    result: dict[str, Any] = field(default_factory=dict)
    error: BaseException | None = None


Item = Event | Ended | Signalled | Answered | CancelAnswered


def ask_transaction(
    destination: Destination,
    kind: str,
    parameters: Mapping[str, Any],
    on_event: OnEvent,
    signals: Signals | None = None,
) -> dict[str, Any]:
    """Ask for a transaction and stay with it to its end, also when the connection is cut.

    Repeating a request attaches to the transaction that it began, so the same request is sent again; events that were
    seen are not passed on twice. On a terminal the first Ctrl-C asks whether to cancel and the second one leaves, and
    the call ends once nothing is left that changes the outcome (the old container stops, images are removed).
    Without one a signal cancels, and the call ends within CANCEL_LIMIT_SECONDS with what is known then: the result has
    outcome `committed` where the new release serves and the rest is still carried out. Raises OutcomeUnknown.
    """
    identifier = str(uuid.uuid4())
    request = Request(
        kind, {"caller": describe_caller(os.environ), **parameters}, identifier, follow_command(destination, identifier)
    )
    with contextlib.ExitStack() as stack:
        taken = signals or stack.enter_context(Signals())
        return Spectator(destination, request, on_event, may_cancel=True).stay(taken)


def turn_parameters(seconds: float | None, *, is_waiting: bool, cancel_running: bool) -> dict[str, Any]:
    """What a request says of its turn; `seconds` None: the usual limit. {} where it is not to wait."""
    if not is_waiting and not cancel_running and seconds is None:
        return {}
    limit = WAIT_SECONDS if seconds is None else min(math.ceil(seconds), WAIT_LIMIT_SECONDS)
    return {"wait_seconds": limit, **({"cancel_running": True} if cancel_running else {})}


def follow_transaction(
    destination: Destination, deployment: str | None, on_event: OnEvent, signals: Signals
) -> dict[str, Any]:
    """Watch a deployment that somebody asked for, to its end; None: the newest of the app. Signals end the watching."""
    params = {**destination.app, **({"deployment": deployment} if deployment else {})}
    request = Request("follow", params, str(uuid.uuid4()), follow_command(destination, deployment))
    return Spectator(destination, request, on_event, may_cancel=False).stay(signals)


def follow_command(destination: Destination, deployment: str | None) -> str:
    """The command that shows the outcome."""
    words = ["ferryman follow", *([deployment] if deployment else []), f"--to {destination.name}"]
    return " ".join(words)


class Spectator:
    """One request and the person or machine that waits for it."""

    def __init__(self, destination: Destination, request: Request, on_event: OnEvent, *, may_cancel: bool) -> None:
        self._destination = destination
        self._request = request
        self._on_event = on_event
        self._may_cancel = may_cancel
        self._has_terminal = has_terminal()
        self._inbox: queue.SimpleQueue[Item] = queue.SimpleQueue()  # a signal may come while it is being read
        self._watch = Watch(destination.link, request, self._inbox.put)
        self._deadline: float | None = None
        self._is_asking = False
        self._is_cancelling = False
        self._cancelled: dict[str, Any] | None = None
        self._begun: dict[str, Any] = {}

    def stay(self, signals: Signals) -> dict[str, Any]:
        """Until the end, or until an interruption is dealt with."""
        with signals.into(lambda number: self._inbox.put(Signalled(number))):
            self._watch.start()
            try:
                while True:
                    found = self._deal_with(self._next())
                    if found is not None:
                        return found
            finally:
                self._close_question()
                self._watch.leave()

    def _next(self) -> Item | None:
        """What comes next; None when the time for an interruption is over."""
        if self._deadline is None:
            return self._inbox.get()
        try:
            return self._inbox.get(timeout=max(self._deadline - time.monotonic(), 0.001))
        except queue.Empty:
            return None

    def _deal_with(self, item: Item | None) -> dict[str, Any] | None:
        """The result once there is one; errors are raised."""
        if item is None:
            return self._time_is_over()
        if isinstance(item, Ended):
            if item.error:
                raise item.error
            return item.result
        if isinstance(item, Event):
            if self._may_cancel and self._has_terminal and item.body.get("kind") == "settled":
                return self._settled(item.body)
            self._show(item.body)
        elif isinstance(item, Signalled):
            self._interrupted(item.number)
        elif isinstance(item, Answered):
            self._answered(item.text)
        else:
            self._cancel_answered(item)
        return None

    def _show(self, event: dict[str, Any]) -> None:
        if event.get("kind") == "deployment":
            self._begun = event
        with contextlib.suppress(OSError):  # what can't be shown here goes on there, and has an outcome
            self._on_event(event)

    def _note(self, text: str) -> None:
        self._show({"kind": "note", "text": text})

    def _interrupted(self, number: int) -> None:
        if not self._may_cancel:
            self._leave()
        if not self._has_terminal:
            if not self._is_cancelling:
                self._note(f"{signal.Signals(number).name}: asking the server to cancel")
                self._deadline = time.monotonic() + CANCEL_LIMIT_SECONDS
                self._cancel()
        elif number != signal.SIGINT or self._is_asking or self._is_cancelling:
            self._leave()
        else:
            self._is_asking = True
            self._show({"kind": "question", "text": QUESTION})
            _start(lambda: self._inbox.put(Answered(_typed_line())))

    def _answered(self, text: str) -> None:
        if not self._is_asking:
            return
        self._close_question()
        if text.strip().lower() in ("y", "yes"):
            self._note("asking the server to cancel; Ctrl-C stops watching")
            self._cancel()

    def _close_question(self) -> None:
        if self._is_asking:
            self._is_asking = False
            self._show({"kind": "answered"})

    def _cancel(self) -> None:
        """Over a connection of its own: the first one may be cut, and is read by another thread."""
        self._is_cancelling = True
        destination, params = self._destination, {"deployment": self._request.id, "is_coming": True}

        def ask() -> None:
            try:
                result = destination.link.request("cancel", {**destination.app, **params})
                self._inbox.put(CancelAnswered(result))
            except BaseException as error:  # noqa: BLE001 - whoever waits for the answer must get it
                self._inbox.put(CancelAnswered(error=error))

        _start(ask)

    def _cancel_answered(self, item: CancelAnswered) -> None:
        if item.error:
            self._is_cancelling = not self._has_terminal
            reason = item.error.message if isinstance(item.error, FerrymanError) else repr(item.error)
            self._note(f"the server could not be asked to cancel: {reason}")
            return
        self._cancelled = item.result
        if item.result["cancelled"]:
            self._note("the server cancels it; waiting for the outcome")
        elif item.result.get("outcome") in COMMITTED:
            self._note("it is committed already; there is nothing to cancel")

    def _settled(self, event: dict[str, Any]) -> dict[str, Any]:
        """A person need not wait for what is left."""
        self._note(f"the server still does: {', '.join(event['rest'])}; {self._request.follow_hint} shows it")
        begun = {key: self._begun.get(key) for key in ("deployment", "release", "previous")}
        state = {key: event.get(key) for key in ("seconds", "downtime", "degraded")}
        return {**begun, "kind": self._begun.get("what"), "outcome": "succeeded", **state}

    def _time_is_over(self) -> dict[str, Any]:
        """Without a terminal: what is known when the call must end."""
        answer = self._cancelled
        if answer and answer["cancelled"]:
            raise DeployFailed(
                "cancelled",
                "cancelled; the server still takes back what it began",
                state="it is not committed and will not be; the server takes the app back to what it was before",
                hint=self._request.follow_hint,
            )
        if answer and answer.get("outcome") in COMMITTED:
            found = {"deployment": answer["deployment"], "outcome": "committed", "seconds": None, "degraded": ""}
            release = self._begun.get("release") or {"number": answer["release"], "revision": "", "digest": None}
            self._note(f"the server finishes what is left; {self._request.follow_hint} shows it")
            return {**found, "release": release, "previous": self._begun.get("previous")}
        raise OutcomeUnknown(
            "cancel-unanswered",
            f"the server did not answer the cancel within {CANCEL_LIMIT_SECONDS:.0f} s",
            state="it may have been cancelled, or go on by itself: not known here",
            hint=self._request.follow_hint,
        )

    def _leave(self) -> None:
        if self._watch.is_attached:
            state = "the server goes on by itself"
        else:
            state = "the server had not answered yet; where the request reached it, it goes on by itself"
        raise OutcomeUnknown(
            "detached", f"this call stopped watching; {state}", state=state, hint=self._request.follow_hint
        )


def _typed_line() -> str:
    """One line of the terminal; '' at its end. Read without a buffer, whose lock would outlive this thread."""
    descriptor = sys.stdin.fileno()
    try:
        select.select([descriptor], [], [])
        return os.read(descriptor, 1024).decode(errors="replace")
    except OSError:
        return ""


def _start(act: Callable[[], None]) -> None:
    threading.Thread(target=act, daemon=True).start()
