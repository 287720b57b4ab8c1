"""One call: who asks, what, and the agent's parts that answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ferryman_agent.outbox import Outbox
from ferryman_agent.protocol import Channel
from ferryman_agent.schedules import Scheduler
from ferryman_agent.transaction.running import RunningTransactions
from ferryman_agent.transaction.server import Server


@dataclass(frozen=True)
class Call:
    """A request with its role (pipeline, operator), id made by the client, and parameters."""

    server: Server
    running: RunningTransactions
    outbox: Outbox
    scheduler: Scheduler
    channel: Channel
    role: str
    id: str
    params: dict[str, Any]
