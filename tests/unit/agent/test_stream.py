"""A command's streams through the engine's socket: no limit in memory, and nobody waits for the other for ever."""

from __future__ import annotations

import itertools
import queue
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine_stand_in import EngineStandIn, Program

from ferryman_agent.engine import Docker
from ferryman_agent.errors import AgentError, Unavailable

CHUNK = b"x" * 65536
MUCH = 64 << 20


def frame(content: bytes, stream: int = 1) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(content).to_bytes(4, "big") + content


Start = Callable[[Program], tuple[Docker, EngineStandIn]]


@pytest.fixture
def engine(folder: Path) -> Iterator[Start]:
    """A Docker whose commands in the container `db` are a program."""
    made: list[EngineStandIn] = []

    def start(program: Program) -> tuple[Docker, EngineStandIn]:
        made.append(EngineStandIn(folder / "docker.sock", program))
        made[-1].answers["POST /containers/db/exec"] = (201, {"Id": "e"})
        return Docker(str(folder / "docker.sock")), made[-1]

    yield start
    for stand_in in made:
        stand_in.close()


def received(connection: socket.socket) -> Iterator[bytes]:
    """The command's standard input, until its end."""
    while chunk := connection.recv(len(CHUNK)):
        yield chunk


def echo(connection: socket.socket) -> int:
    """`cat`."""
    for chunk in received(connection):
        connection.sendall(frame(chunk))
    return 0


def feeders() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "standard input"]


def test_the_output_comes_while_the_command_runs(engine: Start) -> None:
    came = threading.Event()

    def program(connection: socket.socket) -> int:
        connection.sendall(frame(b"first"))
        assert came.wait(20)
        connection.sendall(frame(b"second"))
        return 0

    docker, fake = engine(program)
    output = docker.stream("db", ["pg_dump", "shop"], "postgres")
    assert next(output) == b"first"
    came.set()
    assert list(output) == [b"second"]
    expected = {"Cmd": ["pg_dump", "shop"], "User": "postgres", "Tty": False, "AttachStdin": False}
    (asked,) = fake.asked("POST /containers/db/exec")
    assert {key: asked[key] for key in expected} == expected


def test_what_is_fed_arrives_whole_and_ends(engine: Start) -> None:
    docker, fake = engine(echo)
    chunks = [bytes([number]) * 100_000 for number in range(20)]
    assert b"".join(docker.stream("db", ["cat"], stdin=iter(chunks))) == b"".join(chunks)
    assert fake.asked("POST /containers/db/exec")[0]["AttachStdin"] is True


def test_no_input_is_an_input_that_ends_at_once(engine: Start) -> None:
    docker, _ = engine(echo)
    assert list(docker.stream("db", ["cat"], stdin=[])) == []


def test_neither_direction_is_held_in_memory(engine: Start) -> None:
    docker, _ = engine(echo)
    tracemalloc.start()
    size = sum(map(len, docker.stream("db", ["cat"], stdin=itertools.repeat(CHUNK, MUCH // len(CHUNK)))))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size == MUCH
    assert peak < 4 << 20


def test_a_command_that_writes_much_before_it_reads_does_not_hang(engine: Start) -> None:
    def program(connection: socket.socket) -> int:
        for _ in range(MUCH // len(CHUNK)):
            connection.sendall(frame(CHUNK))
        connection.sendall(frame(b"%d" % sum(map(len, received(connection)))))
        return 0

    docker, _ = engine(program)
    output = list(docker.stream("db", ["sort"], stdin=itertools.repeat(CHUNK, MUCH // len(CHUNK))))
    assert sum(map(len, output[:-1])) == MUCH
    assert output[-1] == b"%d" % MUCH


def test_a_slow_reader_slows_the_command_down(engine: Start) -> None:
    told: queue.Queue[str] = queue.Queue()

    def program(connection: socket.socket) -> int:
        connection.setblocking(False)
        left = memoryview(frame(CHUNK) * (MUCH // len(CHUNK)))
        try:
            while left:
                left = left[connection.send(left[: len(CHUNK)]) :]
            told.put("all of it went")
        except BlockingIOError:
            told.put("held back")
        connection.setblocking(True)
        connection.sendall(left)
        return 0

    docker, _ = engine(program)
    output = docker.stream("db", ["pg_dump"])
    first = next(output)
    assert told.get(timeout=60) == "held back"
    assert len(first) + sum(map(len, output)) == MUCH


def test_a_command_that_does_not_read_holds_its_input_back(engine: Start) -> None:
    taken = itertools.count()

    def chunks() -> Iterator[bytes]:
        while True:
            next(taken)
            yield CHUNK

    def program(connection: socket.socket) -> int:
        connection.recv(1)
        return 0

    docker, _ = engine(program)
    assert list(docker.stream("db", ["true"], stdin=chunks())) == []
    assert next(taken) < 100


def test_a_failure_is_told_after_the_last_byte_with_what_the_command_said(engine: Start) -> None:
    def program(connection: socket.socket) -> int:
        connection.sendall(
            frame(b"half a du") + frame(b"noise\n" * 10_000, 2) + frame(b"mp") + frame(b"disk full\n", 2)
        )
        return 3

    docker, _ = engine(program)
    output = docker.stream("db", ["pg_dump"])
    assert [next(output), next(output)] == [b"half a du", b"mp"]
    with pytest.raises(AgentError, match=r"pg_dump failed with exit code 3: disk full$") as caught:
        next(output)
    assert caught.value.code == "command-failed"
    assert caught.value.details["exit_code"] == 3
    assert caught.value.details["log"][-2:] == ["noise", "disk full"]
    assert len(caught.value.details["log"]) == 25


@pytest.mark.parametrize("left", [frame(b"whole")[:-1], frame(b"x")[:5]])
def test_an_output_that_breaks_off_is_an_engine_that_is_down(engine: Start, left: bytes) -> None:
    def program(connection: socket.socket) -> int:
        connection.sendall(left)
        return 0

    docker, _ = engine(program)
    with pytest.raises(Unavailable, match="broke off"):
        list(docker.stream("db", ["pg_dump"]))


def test_an_input_that_fails_ends_the_stream_with_its_own_error(engine: Start) -> None:
    def chunks() -> Iterator[bytes]:
        yield CHUNK
        raise ConnectionResetError("the storage went away")

    docker, _ = engine(echo)
    with pytest.raises(ConnectionResetError, match="the storage went away"):
        list(docker.stream("db", ["pg_restore"], stdin=chunks()))


def test_a_reader_that_leaves_ends_the_input_too(engine: Start) -> None:
    docker, _ = engine(echo)
    output = docker.stream("db", ["cat"], stdin=itertools.repeat(CHUNK))
    next(output)
    (feeder,) = feeders()
    output.close()  # type: ignore[attr-defined]
    feeder.join(20)
    assert not feeder.is_alive()
