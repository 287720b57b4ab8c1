"""The daemon: which duties an agent has, when they begin, and that systemd hears of it only while calls are taken."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ferryman_agent.clock import now
from ferryman_agent.daemon.agent import Agent
from ferryman_agent.daemon.daemon import begin, until_usable, wait_for_engine
from ferryman_agent.daemon.socket import Socket
from ferryman_agent.daemon.watchdog import Watchdog
from ferryman_agent.duties import Board, Duty, Then
from ferryman_agent.engine import EngineError, Facts
from ferryman_agent.ledger import Ledger
from ferryman_agent.testing import FakeMachine, FakeStopwatch, carry_out, interrupted

LIMIT_SECONDS = 20.0
APP = "shop.production"


@pytest.fixture
def agent(machine: FakeMachine) -> Agent:
    return made_agent(machine)


def made_agent(machine: FakeMachine) -> Agent:
    made = Agent(machine.folder, machine.docker)
    made.host.edge = machine.edge
    made.host.probe = machine.docker.probe
    return made


def eventually(is_true: Callable[[], bool]) -> bool:
    """Whether it gets true within the limit."""
    limit = threading.Event()
    for _ in range(int(LIMIT_SECONDS / 0.01)):
        if is_true():
            return True
        limit.wait(0.01)
    return False


def alive(agent: Agent) -> list[str]:
    return [state.name for state in agent.board.states() if state.alive]


def test_an_agent_that_begins_has_all_duties_and_recovers_what_was_interrupted(machine: FakeMachine) -> None:
    first = machine.agent()
    carry_out(first, machine.order("one"), "one")
    first.ledger.close()
    interrupted(machine, machine.order("two"), 40)
    agent = made_agent(machine)
    assert agent.host.ledger.unfinished() != []
    begin(agent)
    assert eventually(lambda: alive(agent) == ["keeper", "listener", "outbox", "scheduler", "supervision"])
    assert eventually(lambda: agent.host.ledger.unfinished() == [])
    assert eventually(lambda: all(duty["last_success"] for duty in agent.board.as_json() if duty["name"] != "listener"))


def test_a_ledger_that_can_not_be_used_is_tried_again_until_it_can(machine: FakeMachine) -> None:
    path = machine.folder / "ledger.db"
    path.write_bytes(b"no database here")
    agent, begun = made_agent_without_ledger(machine), threading.Event()
    agent.begin = begun.set
    duty = until_usable(agent)
    assert [duty.turn(), duty.turn()] == [2.0, 2.0]
    path.unlink()
    assert duty.turn() is Then.OVER
    assert (begun.is_set(), agent.fault) == (True, None)


def made_agent_without_ledger(machine: FakeMachine) -> Agent:
    made = Agent(machine.folder, machine.docker)
    assert made.fault
    assert made.fault.code == "ledger-damaged"
    return made


def test_the_engine_is_waited_for_and_not_for_ever(machine: FakeMachine, stopwatch: FakeStopwatch) -> None:
    facts, calls = machine.docker.facts, []

    def comes_late() -> Facts:
        calls.append(1)
        if len(calls) < 5:
            raise EngineError(500, "it starts")
        return facts()

    machine.docker.facts = comes_late  # type: ignore[method-assign]
    wait_for_engine(machine.docker, stopwatch)
    assert (len(calls), stopwatch.now) == (5, 2.0)
    machine.docker.facts = refuse_version  # type: ignore[method-assign]
    wait_for_engine(machine.docker, stopwatch)
    assert stopwatch.now == 2.0 + 60.5


def refuse_version() -> Facts:
    raise EngineError(500, "it never starts")


@pytest.fixture
def stopwatch() -> FakeStopwatch:
    return FakeStopwatch()


# -- the watchdog


@pytest.fixture
def path(agent: Agent, folder: Path) -> Iterator[Path]:
    """The socket of an agent that answers."""
    server = Socket(folder / "agent.sock", agent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder / "agent.sock"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def systemd(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What listens to the agent's notifications."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(folder / "notify"))
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(folder / "notify"))
        yield listening


def heard(systemd: socket.socket) -> list[bytes]:
    """What came since the last look."""
    found = []
    try:
        while True:
            found.append(systemd.recv(100))
    except BlockingIOError:
        return found


def test_systemd_hears_of_an_agent_that_answers_itself(path: Path, systemd: socket.socket) -> None:
    watchdog = Watchdog(path, 30.0, Board())
    assert watchdog.duty.turn() == 15.0
    assert heard(systemd) == [b"WATCHDOG=1"]


def test_systemd_does_not_hear_of_one_that_does_not(
    folder: Path, systemd: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    watchdog = Watchdog(folder / "agent.sock", 4.0, Board())
    assert [watchdog.duty.turn() for _ in range(3)] == [0.5, 1.0, 2.0]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(str(folder / "agent.sock"))
        silent.listen()
        watchdog = Watchdog(folder / "agent.sock", 0.1, Board())
        watchdog.duty.turn()
    assert heard(systemd) == []
    assert capsys.readouterr().err.count("the agent does not answer itself") == 4


def test_the_watchdog_has_the_duties_go_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board, begun = Board(), threading.Event()

    def act() -> Then:
        begun.set()
        return Then.WHEN_WOKEN

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        board.take_on(Duty("supervision", act))
    Watchdog(path, 30.0, board).duty.turn()
    assert begun.wait(LIMIT_SECONDS)


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


# -- as a process

DAEMON = """
import sys
from pathlib import Path
from ferryman_agent.daemon.daemon import run
sys.exit(run(Path(sys.argv[1]), Path(sys.argv[2]), "/nowhere/docker.sock"))
"""


def ask(path: Path, request: str, params: dict[str, str]) -> dict[str, Any]:
    """The answer of the daemon at this socket."""
    message = {"protocol": 1, "id": str(uuid.uuid4()), "request": request, "params": params}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(LIMIT_SECONDS)
        connection.connect(str(path))
        connection.sendall(b'{"role": "operator"}\n' + json.dumps(message).encode() + b"\n")
        answer: dict[str, Any] = json.loads(connection.makefile("rb").readline())
        return answer


def test_a_daemon_without_an_engine_answers_and_tells_systemd_so_until_sigterm(folder: Path) -> None:
    ledger = Ledger(folder / "ledger.db", now)
    ledger.add_app("shop", "production", range(1, 9))
    ledger.close()
    path, notified = folder / "agent.sock", folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(notified))
        systemd.settimeout(LIMIT_SECONDS)
        environment = {**os.environ, "NOTIFY_SOCKET": str(notified), "WATCHDOG_USEC": "2000000"}
        command = [sys.executable, "-c", DAEMON, str(folder), str(path)]
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
            try:
                assert [systemd.recv(100), systemd.recv(100), systemd.recv(100)] == [b"READY=1", *[b"WATCHDOG=1"] * 2]
                assert ask(path, "outbox", {}) == {"result": {"waiting": 0, "url": None, "last": ""}}
            finally:
                process.terminate()
            assert process.wait(LIMIT_SECONDS) == 0
