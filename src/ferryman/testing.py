"""Fakes of the narrow objects that effects go through, for tests of this project and of others."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from ferryman.errors import FerrymanError
from ferryman.link.conversation import EventHandler, converse


@dataclass(frozen=True)
class SentRequest:
    """One request as the fake link received it."""

    kind: str
    params: dict[str, Any]
    request_id: str | None


@dataclass
class FakeConversation:
    """Yields the scripted messages, then ends with the result or the error; `sent` holds what was sent to it.

    With `until` it ends only once that is set, or when it is closed.
    """

    messages: Sequence[dict[str, Any]] = ()
    result: dict[str, Any] = field(default_factory=dict)
    error: FerrymanError | None = None
    until: threading.Event | None = None
    sent: list[dict[str, Any]] = field(default_factory=list)
    is_closed: bool = False

    def send(self, message: Mapping[str, Any]) -> None:
        self.sent.append(dict(message))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        yield from self.messages
        while self.until and not self.until.wait(0.01):
            if self.is_closed:
                return
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        self.is_closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class FakeLink:
    """A link whose answers are scripted per kind of request; the last answer of a kind is given again and again.

    >>> link = FakeLink()
    >>> link.answer("status", {"state": "serving"})
    >>> link.request("status", {})
    {'state': 'serving'}
    """

    def __init__(self) -> None:
        self.requests: list[SentRequest] = []
        self.conversations: list[FakeConversation] = []
        self._answers: dict[str, list[FakeConversation]] = {}

    def answer(
        self,
        kind: str,
        result: Mapping[str, Any] | FerrymanError,
        *,
        events: Sequence[dict[str, Any]] = (),
        messages: Sequence[dict[str, Any]] = (),
        until: threading.Event | None = None,
    ) -> None:
        """Script the next answer to `kind`: events, other messages, then the result or an error to raise.

        With `until` the result or error comes once that is set.
        """
        scripted = [*({"event": event} for event in events), *messages]
        if isinstance(result, FerrymanError):
            conversation = FakeConversation(scripted, error=result, until=until)
        else:
            conversation = FakeConversation(scripted, result=dict(result), until=until)
        self._answers.setdefault(kind, []).append(conversation)

    def request(
        self,
        kind: str,
        params: Mapping[str, Any],
        *,
        on_event: EventHandler | None = None,
        request_id: str | None = None,
    ) -> dict[str, Any]:
        return converse(self.open(kind, params, request_id=request_id), on_event)

    def open(self, kind: str, params: Mapping[str, Any], *, request_id: str | None = None) -> FakeConversation:
        self.requests.append(SentRequest(kind, dict(params), request_id))
        answers = self._answers.get(kind)
        if not answers:
            raise AssertionError(f'no answer is scripted for the request "{kind}"')
        scripted = answers.pop(0) if len(answers) > 1 else answers[0]
        conversation = FakeConversation(scripted.messages, dict(scripted.result), scripted.error, scripted.until)
        self.conversations.append(conversation)
        return conversation
