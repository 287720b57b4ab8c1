"""Bytes at the agent's borders: the relay, the health check, the engine's socket, ownership of volumes."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ferryman_agent.engine import Docker, EngineError, Inspected, State
from ferryman_agent.errors import Unavailable
from ferryman_agent.host.probe import BODY_LIMIT_BYTES, LOCATION_LIMIT, Question, probe
from ferryman_agent.host.volumes import own_volumes
from ferryman_agent.relay import relay

Talk = Callable[[socket.socket], None]


class Listener:
    """Accepts connections, each answered by `talk` in turn."""

    def __init__(self, listening: socket.socket, *talks: Talk) -> None:
        self.listening = listening
        self.heard: list[bytes] = []
        self.thread = threading.Thread(target=self._serve, args=(talks,), daemon=True)
        listening.listen()
        self.thread.start()

    def _serve(self, talks: tuple[Talk, ...]) -> None:
        for talk in talks:
            connection, _ = self.listening.accept()
            with connection, contextlib.suppress(OSError):
                talk(connection)

    def close(self) -> None:
        self.thread.join(20)
        self.listening.close()


@pytest.fixture
def listen(folder: Path) -> Iterator[Callable[..., Path]]:
    """A Unix socket whose connections are answered as told."""
    made: list[Listener] = []

    def start(*talks: Talk) -> Path:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(str(folder / "agent.sock"))
        made.append(Listener(listening, *talks))
        return folder / "agent.sock"

    yield start
    for listener in made:
        listener.close()


# -- relay


class Streams:
    """The relay's own standard input and output, as pipes."""

    def __init__(self) -> None:
        (stdin, sending), (receiving, stdout) = os.pipe(), os.pipe()
        self.stdin, self.stdout = os.fdopen(stdin, "rb"), os.fdopen(stdout, "wb")
        self.sending, self.receiving = os.fdopen(sending, "wb", 0), os.fdopen(receiving, "rb", 0)

    def relay(self, path: Path) -> int:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", self.stdin)
            patch.setattr("sys.stdout", self.stdout)
            return relay("pipeline", str(path))

    def close(self) -> None:
        for stream in (self.stdin, self.stdout, self.sending, self.receiving):
            stream.close()

    def received(self) -> bytes:
        os.set_blocking(self.receiving.fileno(), False)
        return self.receiving.read(1 << 16) or b""


@pytest.fixture
def streams() -> Iterator[Streams]:
    made = Streams()
    yield made
    made.close()


def test_the_relay_puts_the_role_in_front_and_copies_both_ways(listen: Callable[..., Path], streams: Streams) -> None:
    heard: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        reader = connection.makefile("rb")
        heard.extend([reader.readline(), reader.readline()])
        connection.sendall(b'{"event":{}}\n{"result":{}}\n')

    path = listen(talk)
    streams.sending.write(b'{"request":"hello","role":"operator"}\n')
    assert streams.relay(path) == 0
    assert heard == [b'{"role": "pipeline"}\n', b'{"request":"hello","role":"operator"}\n']
    assert streams.received() == b'{"event":{}}\n{"result":{}}\n'


def test_an_answer_arrives_although_the_agent_hears_no_more(listen: Callable[..., Path], streams: Streams) -> None:
    """As for a line that is too long: the agent answers and closes while the caller still sends."""
    sent = threading.Event()

    def talk(connection: socket.socket) -> None:
        connection.makefile("rb").readline()
        connection.sendall(b'{"error":{}}\n')
        connection.shutdown(socket.SHUT_RD)
        sent.set()

    path = listen(talk)

    def keep_sending() -> None:
        sent.wait(20)
        with contextlib.suppress(OSError):
            streams.sending.write(b"x" * 60000)

    sender = threading.Thread(target=keep_sending)
    sender.start()
    assert streams.relay(path) == 0
    sender.join(20)
    assert streams.received() == b'{"error":{}}\n'


def test_an_agent_that_closes_with_bytes_unread_ends_the_relay(listen: Callable[..., Path], streams: Streams) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(1)
        connection.sendall(b'{"error":{}}\n')

    path = listen(talk)
    streams.sending.write(b"x" * 60000)
    assert streams.relay(path) == 0
    assert streams.received() == b'{"error":{}}\n'


def test_without_an_agent_the_relay_answers_itself(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert relay("pipeline", str(folder / "nothing.sock")) == 4
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["code"], error["exit"]) == ("agent-not-running", 4)


# -- health check


@pytest.fixture
def web() -> Iterator[Callable[..., int]]:
    made: list[Listener] = []

    def start(*answers: bytes, hold: threading.Event | None = None) -> int:
        listening = socket.create_server(("127.0.0.1", 0))

        def talk(connection: socket.socket) -> None:
            connection.makefile("rb").readline()
            for answer in answers:
                connection.sendall(answer)
            if hold:
                hold.wait(20)

        made.append(Listener(listening, talk))
        return int(listening.getsockname()[1])

    yield start
    for listener in made:
        listener.close()


def asked(port: int) -> Question:
    return Question(port, "/health", "shop.example.com", "http")


HEAD = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n"


@pytest.mark.parametrize(
    ("answers", "status", "body", "verdict"),
    [
        ([HEAD % (200, 2) + b"ok"], 200, "ok", "healthy"),
        ([HEAD % (204, 0)], 204, "", "healthy"),
        ([HEAD % (301, 0)], 301, "", "failing"),
        ([HEAD % (503, 4) + b"wait"], 503, "wait", "waiting"),
        ([HEAD % (500, 7) + b"a\0b\xff\xfec"], 500, "ab\ufffd\ufffdc", "failing"),
        ([HEAD % (500, 99) + b"cut"], 500, "cut", "failing"),
        ([HEAD % (500, 10**9) + b"x" * 10**6], 500, "x" * BODY_LIMIT_BYTES, "failing"),
        ([b"not http\r\n\r\n"], None, "", "waiting"),
        ([b""], None, "", "waiting"),
    ],
    ids=["ok", "no content", "redirect", "not ready", "bytes", "cut", "endless", "no HTTP", "nothing"],
)
def test_what_a_health_check_gets(
    web: Callable[..., int], answers: list[bytes], status: int | None, body: str, verdict: str
) -> None:
    found = probe("127.0.0.1", asked(web(*answers)), 5.0)
    assert (found.status, found.body) == (status, body)
    assert (found.is_healthy, found.is_waiting) == (verdict == "healthy", verdict == "waiting")


def test_a_health_check_comes_as_the_edge_would_pass_it_on() -> None:
    heard: list[bytes] = []

    def listen(connection: socket.socket) -> None:
        heard.extend(iter(connection.makefile("rb").readline, b"\r\n"))
        connection.sendall(HEAD % (200, 0))

    listening = socket.create_server(("127.0.0.1", 0))
    listener = Listener(listening, listen)
    assert probe("127.0.0.1", asked(listening.getsockname()[1]), 5.0).is_healthy
    listener.close()
    assert heard[0] == b"GET /health HTTP/1.1\r\n"
    assert {b"Host: shop.example.com\r\n", b"X-Forwarded-Proto: http\r\n"} <= set(heard)


def test_where_a_redirect_leads_is_printable_and_bounded(web: Callable[..., int]) -> None:
    head = b"HTTP/1.1 301 X\r\nLocation: https://shop.example.com/\x1b[1m%s\r\nContent-Length: 0\r\n\r\n"
    found = probe("127.0.0.1", asked(web(head % (b"x" * 5000))), 5.0)
    assert (found.status, found.is_healthy) == (301, False)
    assert found.location.startswith("https://shop.example.com/[1mxxx")
    assert len(found.location) == LOCATION_LIMIT


def test_a_body_that_never_ends_does_not_hold_the_health_check(web: Callable[..., int]) -> None:
    hold = threading.Event()
    found = probe("127.0.0.1", asked(web(HEAD % (500, 99) + b"begins", hold=hold)), 0.2)
    hold.set()
    assert (found.status, found.body) == (500, "begins")


def test_a_header_that_drips_does_not_hold_the_health_check() -> None:
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not stop.wait(0.02):
            connection.sendall(b"x")

    listening = socket.create_server(("127.0.0.1", 0))
    listener = Listener(listening, drip)
    began = time.monotonic()
    found = probe("127.0.0.1", asked(listening.getsockname()[1]), 0.3)
    seconds = time.monotonic() - began
    stop.set()
    listener.close()
    assert found.status is None
    assert seconds < 5


def test_nobody_listening_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert probe("127.0.0.1", asked(port), 1.0).status is None


# -- the engine's socket


def http(body: bytes, status: int = 200, length: int | None = None) -> Talk:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        size = len(body) if length is None else length
        connection.sendall(HEAD % (status, size) + body)

    return talk


VERSION = http(b'{"ApiVersion": "1.45"}')


def test_what_the_engine_breaks_off_is_an_engine_that_is_down(listen: Callable[..., Path]) -> None:
    docker = Docker(str(listen(VERSION, http(b'{"ha', length=99))))
    with pytest.raises(Unavailable) as caught:
        docker.facts()
    assert caught.value.code == "engine-down"


def test_a_log_is_read_in_frames(listen: Callable[..., Path]) -> None:
    docker = Docker(str(listen(VERSION, http(b"\1\0\0\0\0\0\0\2hi\2\0\0\0\0\0\0\3err"))))
    assert list(docker.logs("x")) == [("stdout", b"hi"), ("stderr", b"err")]


def test_a_fault_inside_of_a_pull_is_an_engine_error(listen: Callable[..., Path]) -> None:
    docker = Docker(str(listen(VERSION, http(b'{"status": "x"}\n{"error": "no space left"}\n'))))
    with pytest.raises(EngineError, match="no space left"):
        docker.pull("acme/shop@sha256:0", None, lambda: False)


def test_a_removal_under_way_is_waited_for(listen: Callable[..., Path]) -> None:
    conflict, there, gone = http(b'{"message": "busy"}', 409), http(b'{"Id": "x"}'), http(b'{"message": "no"}', 404)
    docker = Docker(str(listen(VERSION, conflict, there, there, gone)))
    docker.remove("x")


def test_what_is_gone_needs_no_stop_and_no_removal(listen: Callable[..., Path]) -> None:
    gone, conflict = http(b'{"message": "no"}', 404), http(b'{"message": "going"}', 409)
    docker = Docker(str(listen(VERSION, gone, conflict, gone)))
    docker.stop("x", 1)
    docker.stop("x", 1)
    docker.remove("x")


def test_a_container_that_still_runs_is_waited_for_up_to_the_limit(listen: Callable[..., Path]) -> None:
    hold = threading.Event()

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        hold.wait(20)

    docker = Docker(str(listen(VERSION, talk, http(b'{"StatusCode": 3}'))))
    assert docker.wait("x", 0.1) is None
    hold.set()
    assert docker.wait("x", 5) == 3


# -- volumes


class Image(Docker):
    """A created container with files of its own, and volumes on this machine."""

    def __init__(self, folder: Path, user: str, files: dict[str, bytes]) -> None:
        super().__init__("/nowhere")
        self.folder, self.user, self.files = folder, user, files

    def workload(self, name: str) -> Inspected:
        return Inspected(name, name, {}, State.CREATED, user=self.user)

    def volume_folder(self, name: str) -> Path:
        return self.folder / name

    def archive(self, workload: str, path: str) -> bytes:
        if path not in self.files:
            raise EngineError(404, "no such file")
        target = io.BytesIO()
        with tarfile.open(fileobj=target, mode="w") as tar:
            entry = tarfile.TarInfo(path.rpartition("/")[2])
            content = self.files[path]
            if content.startswith(b"->"):
                entry.type, entry.linkname = tarfile.SYMTYPE, content[2:].decode()
            else:
                entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        return target.getvalue()


PASSWD = {"/etc/passwd": b"root:x:0:0:r:/:/bin/sh\napp:x:1500:1501:a:/:/bin/sh\n", "/etc/group": b"staff:x:50:\n"}


@pytest.mark.parametrize(
    ("user", "files", "owner"),
    [
        ("app", PASSWD, (1500, 1501)),
        ("1500", PASSWD, (1500, 1501)),
        ("app:staff", PASSWD, (1500, 50)),
        ("1700:1800", PASSWD, (1700, 1800)),
        ("1700", {}, (1700, 1700)),
        ("1700", {"/etc/passwd": b"->/elsewhere"}, (1700, 1700)),
        ("", PASSWD, None),
        ("root", PASSWD, None),
        ("nobody-known", PASSWD, None),
    ],
)
def test_an_empty_volume_goes_to_the_images_user(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    user: str,
    files: dict[str, bytes],
    owner: tuple[int, int] | None,
) -> None:
    (folder / "media").mkdir()
    (folder / "full").mkdir()
    (folder / "full" / "file").touch()
    owned: dict[str, tuple[int, int]] = {}
    monkeypatch.setattr("ferryman_agent.host.volumes.os.chown", lambda path, *who: owned.update({path.name: who}))
    status = os.stat_result((0o40755, 1, 1, 2, 0, 0, 0, 0, 0, 0))
    monkeypatch.setattr(Path, "stat", lambda *_, **__: status)
    own_volumes(Image(folder, user, files), "x", {"media": "/app/media", "full": "/app/full"})
    assert owned == ({"media": owner} if owner else {})
