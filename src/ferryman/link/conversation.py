"""What a link and a conversation over it can do, whoever carries them (ssh, or the shipped fake)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Protocol

EventHandler = Callable[[dict[str, Any]], None]


class Conversation(Protocol):
    """Two-way: iterate over the messages before the last one; `send` may be called from another thread.

    The iteration ends when the result has arrived (then `result` holds it) and raises the
    FerrymanError for an error, a lost connection or a server that was never reached.
    """

    result: dict[str, Any]

    def send(self, message: Mapping[str, Any]) -> None: ...
    def __iter__(self) -> Iterator[dict[str, Any]]: ...
    def close(self) -> None: ...
    def __enter__(self) -> Conversation: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Link(Protocol):
    """The way to one server's agent."""

    def request(
        self,
        kind: str,
        params: Mapping[str, Any],
        *,
        on_event: EventHandler | None = None,
        request_id: str | None = None,
    ) -> dict[str, Any]:
        """Send one request, pass on its events, return its result."""
        ...

    def open(self, kind: str, params: Mapping[str, Any], *, request_id: str | None = None) -> Conversation:
        """Send one request whose answer is a conversation (`exec`, `logs`)."""
        ...


def converse(conversation: Conversation, on_event: EventHandler | None) -> dict[str, Any]:
    """Hear a conversation to its end: events are passed on, the result is returned."""
    with conversation:
        for message in conversation:
            if on_event is not None and "event" in message:
                on_event(message["event"])
        return conversation.result
