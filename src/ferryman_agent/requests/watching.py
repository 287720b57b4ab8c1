"""What a caller watches ends when the caller leaves."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from ferryman_agent.errors import AgentError
from ferryman_agent.requests.call import Call


def until_gone(call: Call, stop: Callable[[], None]) -> None:
    """A caller that leaves ends what it watched; a quiet log would never notice."""
    with contextlib.suppress(OSError, ValueError, AgentError):
        for _ in call.channel.messages():
            pass
    stop()
