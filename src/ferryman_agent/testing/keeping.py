"""The keeper of production, on a server in memory: everything happens in this thread."""

from __future__ import annotations

from collections.abc import Callable

from ferryman_agent.host import Host
from ferryman_agent.transaction.keeping.keeper import Keeper
from ferryman_agent.transaction.runs.running import RunningTransactions


def at_once(_: str, act: Callable[[], None]) -> None:
    """In the place of a thread."""
    act()


def recover(host: Host) -> None:
    """What an agent does when it starts: what was interrupted goes back or forward."""
    keeper = Keeper(host, RunningTransactions(host, at_once), at_once)
    keeper.claim(lambda: None)
    keeper.keeping.turn()


def look_after(host: Host, running: RunningTransactions | None = None) -> None:
    """One look of the keeper at every app."""
    Keeper(host, running or RunningTransactions(host, at_once), at_once).ask()
