"""What came of a step that failed, in the form that a caller is told."""

from __future__ import annotations

import errno
import os
import sqlite3

from ferryman_agent.engine import EngineError
from ferryman_agent.errors import AgentError, BadRequest, Cancelled, Refused
from ferryman_agent.host import Host
from ferryman_agent.transaction.steps.room import full_place


def named(host: Host, fault: Exception) -> AgentError:
    """The same fault, as `disk-full` when it came of a disk without space."""
    error = as_agent_error(fault)
    if isinstance(error, (Refused, Cancelled, BadRequest)):
        return error
    try:
        place = full_place(host)
    except OSError:
        place = None
    if place is None and not is_of_full_disk(fault):
        return error
    message = f"{place or 'a disk of this server'} is full: {error.message}"
    return AgentError("disk-full", message, hint="on the server: docker system df, df -h, df -i", **error.details)


def is_of_full_disk(fault: BaseException | None) -> bool:
    """Whether the operating system, the ledger or the engine said so, here or in what this came of."""
    while fault is not None:
        if isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if isinstance(fault, sqlite3.OperationalError) and "full" in str(fault):
            return True
        if isinstance(fault, EngineError) and os.strerror(errno.ENOSPC).lower() in fault.reason.lower():
            return True  # the engine passes the operating system's words on, and nothing else
        fault = fault.__cause__
    return False


def as_agent_error(error: Exception) -> AgentError:
    """The same fault, in the form that a caller is told."""
    if isinstance(error, AgentError):
        return error
    hint = "on the server: journalctl -u ferryman-agent"
    return AgentError("internal-error", f"the agent failed: {error!r}", hint=hint)
