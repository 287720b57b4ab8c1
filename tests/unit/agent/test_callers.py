"""No caller takes the agent from the others: not by many calls, and not by silence."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ferryman_agent.daemon import socket as socket_module
from ferryman_agent.daemon.agent import Agent
from ferryman_agent.daemon.callers import Callers
from ferryman_agent.errors import Unavailable
from ferryman_agent.testing import FakeMachine

PATIENCE_SECONDS = 0.3


def test_a_role_at_its_limit_leaves_the_other_alone() -> None:
    callers = Callers(limit=2)
    with callers.one_more("pipeline"), callers.one_more("pipeline"):
        with pytest.raises(Unavailable, match="2 calls by pipeline keys") as caught, callers.one_more("pipeline"):
            pass
        assert caught.value.code == "too-many-calls"
        with callers.one_more("operator"):
            pass
    with callers.one_more("pipeline"):
        pass


@pytest.mark.parametrize("role", [None, "root", ["pipeline"], {}])
def test_what_is_no_role_has_a_limit_too(role: Any) -> None:
    callers = Callers(limit=1)
    with callers.one_more(role), pytest.raises(Unavailable), callers.one_more("another stranger"):
        pass


@pytest.fixture
def path(machine: FakeMachine, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The socket of an agent that has little patience."""
    monkeypatch.setattr(socket_module._Handler, "timeout", PATIENCE_SECONDS)
    server = socket_module.Socket(folder / "agent.sock", Agent(machine.folder, machine.docker))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder / "agent.sock"
    server.shutdown()
    thread.join()
    server.server_close()


def connected(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(20)
    connection.connect(str(path))
    return connection


@pytest.mark.parametrize("said", [b"", b'{"role": "pipeline"}\n', b'{"role": "operator"}\n{"request": '])
def test_who_says_nothing_more_is_hung_up_on(path: Path, said: bytes) -> None:
    with connected(path) as connection:
        connection.sendall(said)
        assert connection.recv(1) == b""


def test_silence_after_the_request_is_no_fault(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The input of an exec comes when its user types."""
    heard: list[dict[str, Any]] = []

    def listens(_agent: Agent, channel: Any, _role: Any, _request: Any) -> dict[str, Any]:
        heard.append(channel.receive())
        return {"heard": True}

    monkeypatch.setattr(Agent, "_carry_out", listens)
    with connected(path) as connection:
        connection.sendall(b'{"role": "operator"}\n{"request": "exec"}\n')
        connection.settimeout(PATIENCE_SECONDS * 3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(20)
        connection.sendall(b'{"stdin": ""}\n')
        assert json.loads(connection.recv(1000)) == {"result": {"heard": True}}
    assert heard == [{"stdin": ""}]
