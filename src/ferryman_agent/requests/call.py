"""One call: who asks, what, and the agent's parts that answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ferryman_agent.duties import Board
from ferryman_agent.host import Host
from ferryman_agent.outbox import Outbox
from ferryman_agent.protocol import Channel
from ferryman_agent.schedules import Scheduler
from ferryman_agent.transaction.runs.running import RunningTransactions


@dataclass(frozen=True)
class Parts:
    """What an agent that can act is made of."""

    host: Host
    running: RunningTransactions
    outbox: Outbox
    scheduler: Scheduler
    board: Board


@dataclass(frozen=True)
class Call:
    """A request with its role (pipeline, operator), id made by the client, and parameters.

    `parts` is None while the ledger can't be used: then the doctor alone is consulted (True: to rebuild it).
    """

    parts: Parts | None
    consult: Callable[[bool], dict[str, Any]]
    channel: Channel
    role: str
    id: str
    params: dict[str, Any]

    @property
    def host(self) -> Host:
        """The narrow objects of this server."""
        return self._parts().host

    @property
    def running(self) -> RunningTransactions:
        """The transactions that run now."""
        return self._parts().running

    @property
    def outbox(self) -> Outbox:
        """The reports to Harbour."""
        return self._parts().outbox

    @property
    def scheduler(self) -> Scheduler:
        """What begins scheduled commands."""
        return self._parts().scheduler

    @property
    def board(self) -> Board:
        """The agent's duties."""
        return self._parts().board

    def _parts(self) -> Parts:
        assert self.parts is not None  # noqa: S101 - any other request is refused with the ledger's fault
        return self.parts
