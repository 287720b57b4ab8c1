"""The errors that a command may end with, and the exit status of each."""

from __future__ import annotations


class FerrymanError(Exception):
    """Base of all errors that a person is meant to read.

    FerrymanError
     ├─ DeployFailed      1  it failed; the previous release serves
     ├─ UsageError        2  wrong use
     │   └─ ConfigurationError  2  ferryman.toml is not right
     ├─ Refused           3  the request was understood and refused; nothing changed
     ├─ Unreachable       4  the server or its agent does not answer
     └─ OutcomeUnknown    5  the connection was lost after the request was sent

    `code` is stable and documented; `message` says what failed; `state` says what state the server
    is in now; `hint` is the next command or act.
    """

    exit_status = 1

    def __init__(self, code: str, message: str, *, state: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.state = state
        self.hint = hint


class DeployFailed(FerrymanError):
    """The transaction went back: the previous release goes on serving."""

    exit_status = 1

    def __init__(
        self, code: str, message: str, *, state: str = "", hint: str = "", details: dict[str, object] | None = None
    ) -> None:
        super().__init__(code, message, state=state, hint=hint)
        self.details = details or {}


class UsageError(FerrymanError):
    """The call can't be carried out as it was written."""

    exit_status = 2


class ConfigurationError(UsageError):
    """`ferryman.toml` does not say what it must, or says it wrongly."""


class Refused(FerrymanError):
    """Understood and refused; nothing was changed."""

    exit_status = 3


class Unreachable(FerrymanError):
    """The server can't be reached, is not the pinned one, or has no agent."""

    exit_status = 4


# What reading an answer raises that lacks something, or has something of another kind.
MALFORMED = (AttributeError, LookupError, TypeError, ValueError)


class OutcomeUnknown(FerrymanError):
    """The connection was lost after the request had been sent."""

    exit_status = 5
