"""What the edge answers in an app's place: in maintenance, or while the app is stopped."""

from __future__ import annotations

import base64
import html
import json
from dataclasses import dataclass

MAINTENANCE = "This service is under maintenance. Please try again later."
STOPPED = "This service is stopped."
STOPPED_RETRY_SECONDS = 300

# without line ends, which HAProxy would encode
PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>{title}</title></head><body><main><h1>{title}</h1><p>{message}</p></main></body></html>"
)


@dataclass(frozen=True)
class Closed:
    """Every request is answered with 503 and the message, but those for `open_path` ('': none), which the app answers.

    `message` is plain text; `retry_after` in seconds.
    """

    title: str
    message: str
    retry_after: int
    open_path: str = ""

    @property
    def value(self) -> str:
        """One word for HAProxy's map, of letters, digits and `+/=:`: whatever the message is, it can't be syntax."""
        page = PAGE.format(title=html.escape(self.title), message=html.escape(self.message))
        problem = {"type": "about:blank", "title": self.title, "status": 503, "detail": self.message}
        texts = (page, json.dumps(problem, ensure_ascii=False), self.open_path)
        return ":".join([str(self.retry_after), *(base64.b64encode(text.encode()).decode() for text in texts)])

    @classmethod
    def parse(cls, value: str) -> Closed:
        """The other way round; ValueError when it is no such word."""
        try:
            retry_after, _, problem, open_path = value.split(":")
            found = json.loads(base64.b64decode(problem))
            return cls(found["title"], found["detail"], int(retry_after), base64.b64decode(open_path).decode())
        except (LookupError, TypeError) as error:
            raise ValueError(f"not an answer of the edge: {value[:80]!r}") from error


def in_maintenance(message: str, retry_after: int, health: str) -> Closed:
    """The app's health check (its path, without a query) still gets through to it."""
    return Closed("Maintenance", message or MAINTENANCE, retry_after, health.partition("?")[0])


def stopped() -> Closed:
    """Nothing gets through."""
    return Closed("Stopped", STOPPED, STOPPED_RETRY_SECONDS)
