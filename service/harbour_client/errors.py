"""What can go wrong.

HarbourError
├── NoAnswer        no answer came
└── ProblemError    Harbour answered with problem details
    ├── NotValid        400, 413, 415, 422
    ├── Unauthorized    401
    ├── Forbidden       403
    ├── NotFound        404
    ├── Conflict        409
    └── TryLater        429, 503, after every attempt that was allowed
"""

from typing import Any

import httpx


class HarbourError(Exception):
    """Whatever this client raises."""


class NoAnswer(HarbourError):
    """Harbour could not be reached, or did not answer in time."""


class ProblemError(HarbourError):
    """Harbour's problem details (RFC 9457); `errors` names what is wrong where."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        """Take the status and the body."""
        self.status = status
        self.title = str(body.get("title", ""))
        self.detail = str(body.get("detail", ""))
        self.request_id = body.get("request_id")
        self.errors: list[dict[str, str]] = body.get("errors", [])
        super().__init__(f"{status} {self.detail or self.title}")


class NotValid(ProblemError):
    """The request is not valid."""


class Unauthorized(ProblemError):
    """The token is missing, unknown, expired or revoked."""


class Forbidden(ProblemError):
    """Whoever asks may not do this."""


class NotFound(ProblemError):
    """There is no such thing, or it is not for whoever asks."""


class Conflict(ProblemError):
    """What is there already stands against it."""


class TryLater(ProblemError):
    """Harbour is asked too often, or can't answer now."""


KINDS: dict[int, type[ProblemError]] = {
    **dict.fromkeys((400, 413, 415, 422), NotValid),
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: TryLater,
    503: TryLater,
}


def problem(response: httpx.Response) -> ProblemError:
    """Return the error that an answer stands for, also one that is no problem details."""
    try:
        body = response.json()
    except ValueError:
        body = {}
    kind = KINDS.get(response.status_code, ProblemError)
    return kind(response.status_code, body if isinstance(body, dict) else {})
