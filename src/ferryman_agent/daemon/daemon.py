"""The daemon: serves until SIGTERM, and has the agent's duties done as long as its ledger can be used."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from ferryman_agent.clock import Stopwatch
from ferryman_agent.daemon.agent import Agent
from ferryman_agent.daemon.socket import Socket
from ferryman_agent.daemon.supervision import Supervision
from ferryman_agent.daemon.systemd import notify, watchdog_seconds
from ferryman_agent.daemon.watchdog import Watchdog
from ferryman_agent.duties import Duty, Limits, Then
from ferryman_agent.engine import Docker, Engine, EngineError
from ferryman_agent.engine.docker import SOCKET as ENGINE
from ferryman_agent.errors import Unavailable
from ferryman_agent.transaction.keeping.keeper import Keeper

ENGINE_LIMIT_SECONDS = 60.0
ENGINE_PAUSE_SECONDS = 0.5
TRY_AGAIN_SECONDS = 2.0
END_SECONDS = 0.2


def run(folder: Path, path: Path, engine: str = ENGINE) -> int:
    """Serve until SIGTERM; returns the exit status."""
    agent = Agent(folder, Docker(engine))
    agent.begin = lambda: begin(agent)
    agent.lost = _end_soon
    if agent.fault:
        sys.stderr.write(f"refusing to act: {agent.fault.message}\n")
        agent.board.take_on(until_usable(agent))
    else:
        agent.begin()
    server = Socket(path, agent)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    notify("READY=1")
    period = watchdog_seconds()
    if period:
        agent.board.take_on(Watchdog(path, period, agent.board).duty)
    server.serve_forever()
    if not agent.fault:
        agent.running.close()
    return 0


def begin(agent: Agent) -> None:
    """Have the duties of an agent that can act done: first what was interrupted is recovered, then all else."""
    keeper = Keeper(agent.host, agent.running)
    keeper.when_damaged = agent.lose
    keeper.claim(lambda: _prepare(agent))
    agent.board.take_on(
        agent.outbox.duty, keeper.keeping, keeper.listening, Supervision(agent.board, agent.host.ledger).duty
    )


def _prepare(agent: Agent) -> None:
    """Before the apps are recovered: the engine is there, and scheduled commands that go on have somebody who waits."""
    wait_for_engine(agent.host.engine, agent.host.stopwatch)
    try:
        agent.scheduler.adopt()
    finally:
        agent.board.take_on(agent.scheduler.duty)


def wait_for_engine(engine: Engine, stopwatch: Stopwatch) -> None:
    """After a reboot the engine may start later than the agent."""
    limit = stopwatch.seconds() + ENGINE_LIMIT_SECONDS
    while True:
        try:
            engine.facts()
            return
        except (Unavailable, EngineError) as error:  # it may refuse while it starts
            if stopwatch.seconds() > limit:
                sys.stderr.write(f"{error.message}\n")
                return
            stopwatch.wait(ENGINE_PAUSE_SECONDS)


def until_usable(agent: Agent) -> Duty:
    """To try the ledger again: the disk may get room, an operator may rebuild the ledger or put a copy back."""

    def act() -> float | Then:
        if not agent.resume():
            return TRY_AGAIN_SECONDS
        sys.stderr.write("the ledger can be used again\n")
        return Then.OVER

    return Duty("opener", act, Limits(first_pause=TRY_AGAIN_SECONDS, longest_pause=TRY_AGAIN_SECONDS))


def _end_soon() -> None:
    """After the answer; systemd starts the agent again, and what is there then decides whether it acts."""
    threading.Timer(END_SECONDS, os._exit, (1,)).start()
