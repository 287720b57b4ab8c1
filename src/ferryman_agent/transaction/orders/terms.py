"""Terms: who asks for a transaction, and how long they wait for their turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ferryman_agent.errors import BadRequest
from ferryman_agent.transaction.orders.parameters import whole_number

CALLER_CHARACTERS = 200
WAIT_LIMIT_SECONDS = 86400


@dataclass(frozen=True)
class Caller:
    """The role of the key that asks, and what the client says of itself: user@host, or the address of a CI run."""

    role: str = "operator"
    name: str = ""

    def __str__(self) -> str:
        article = "an" if self.role == "operator" else "a"
        return f"{self.name or 'somebody'} ({article} {self.role} key)"


@dataclass(frozen=True)
class Terms:
    """Who asks, and for how many seconds he waits for his turn; None: not at all."""

    caller: Caller = Caller()
    wait_seconds: int | None = None
    cancel_running: bool = False


AT_ONCE = Terms()


def parse_terms(params: dict[str, Any], role: str) -> Terms:
    """The checked terms of a deploy or a rollback."""
    seconds, cancel = whole_number(params, "wait_seconds"), params.get("cancel_running") is True
    if seconds is not None and seconds > WAIT_LIMIT_SECONDS:
        raise BadRequest("bad-request", f"wait_seconds: {seconds} is more than {WAIT_LIMIT_SECONDS}")
    return Terms(Caller(role, _caller(params)), WAIT_LIMIT_SECONDS if cancel and seconds is None else seconds, cancel)


def _caller(params: dict[str, Any]) -> str:
    name = params.get("caller") or ""
    if not isinstance(name, str) or len(name) > CALLER_CHARACTERS or not name.isprintable():
        raise BadRequest("bad-request", f"caller: must be printable text of at most {CALLER_CHARACTERS} characters")
    return name
