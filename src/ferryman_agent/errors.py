"""The errors that the agent answers with; each becomes one `{"error": …}` line."""

from __future__ import annotations

from typing import Any


class AgentError(Exception):
    """Base of all errors that reach a caller.

    AgentError            1  it failed; the previous release serves
     ├─ BadRequest        2  the request is not what the protocol or the manifest allows
     ├─ Refused           3  understood and refused; nothing changed
     ├─ Unavailable       4  the agent or the engine can't work now
     └─ Cancelled         1  the caller cancelled; the previous release serves

    `details` is JSON: `exit_code`, `log` (lines), `http_status`, `http_body`, `stayed` (migrations), `choices`.
    `reason` is the message, without who refused where the sentence around it tells.
    """

    exit_status = 1

    def __init__(self, code: str, message: str, *, state: str = "", hint: str = "", **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = self.reason = message
        self.state = state
        self.hint = hint
        self.details = details

    def as_json(self) -> dict[str, Any]:
        """The wire form of this error."""
        return {
            "code": self.code,
            "message": self.message,
            "state": self.state,
            "hint": self.hint,
            "exit": self.exit_status,
            "details": self.details,
        }


class BadRequest(AgentError):
    """The request, or the manifest in it, is malformed."""

    exit_status = 2


class Refused(AgentError):
    """Understood and refused; nothing was changed."""

    exit_status = 3


class Unavailable(AgentError):
    """The agent, its ledger or the Docker Engine can't work now."""

    exit_status = 4


class Cancelled(AgentError):
    """The caller asked to cancel before the commit."""
