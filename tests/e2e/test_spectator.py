"""The client is a spectator: it may be cut off, killed or interrupted, and the truth is told all the same."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command import FERRYMAN, Call
from cut import Proxy
from shop import Settings, Shop

from ferryman.rehearsal.polling import wait_until

GITHUB_SECONDS = 10.0  # from SIGINT to SIGKILL


@pytest.fixture(scope="module")
def shop(new_shop: Callable[..., Shop]) -> Shop:
    """An app that serves."""
    made = new_shop("pier", "pier.test")
    made.deploy(word="pier")
    return made


@pytest.fixture(scope="module")
def proxy(shop: Shop) -> Iterator[Proxy]:
    """A way to the server that can be cut, which proxy.toml goes."""
    with Proxy(shop.prepared.server.state.ssh_port) as made:

        def through(settings: Settings) -> None:
            settings["environments"]["production"]["port"] = made.port

        shop.configure(through, file="proxy.toml")
        yield made


def held(shop: Shop, word: str) -> None:
    """A release that is not healthy until it is let go, in the registry already."""
    shop.commit(word=word, held=True)
    shop.ferryman("build").succeeded()


@pytest.fixture(scope="module")
def never(shop: Shop) -> list[str]:
    """The options to deploy a release that is never let go."""
    shop.commit(word="never", held=True)
    shop.ferryman("build").succeeded()
    return ["--revision", shop.git("rev-parse", "HEAD")]


def newest(shop: Shop) -> str:
    return str(shop.ferryman("deployments", "--limit", "1", "--json").json()["deployments"][0]["state"])


def ssh_of(call: Call) -> int:
    """The id of the one ssh process that a call has."""
    children = Path(f"/proc/{call.process.pid}/task/{call.process.pid}/children")
    tasks = [path.read_text().split() for path in children.parent.parent.glob("*/children")]
    (found,) = [int(pid) for pids in tasks for pid in pids if Path(f"/proc/{pid}/comm").read_text().strip() == "ssh"]
    return found


# -- cuts


def test_deploy_that_is_cut_twice_attaches_again_and_tells_each_step_once(shop: Shop, proxy: Proxy) -> None:
    held(shop, "cut")
    before = len(shop.ferryman("deployments", "--json").json()["deployments"])
    call = shop.start("deploy", file="proxy.toml")
    call.wait_for(" start web ")
    os.kill(ssh_of(call), signal.SIGKILL)
    call.wait_for("connecting again")
    wait_until(lambda: proxy.connections == 2, "it is attached again", seconds=10)
    proxy.refuse()
    call.wait_for("connecting again")
    wait_until(lambda: proxy.connections >= 4, "it tries again", seconds=20)
    proxy.allow()
    shop.let_go()
    call.end(30).succeeded("of pier in production serves")
    lines = [line.split()[1] for _, line in call.stderr.lines if line.startswith(("done", "skipped"))]
    assert len(lines) == len(set(lines))
    assert {"preflight", "commit", "retain"} <= set(lines)
    assert len(shop.ferryman("deployments", "--json").json()["deployments"]) == before + 1
    assert shop.word() == "cut"


def test_rollback_that_is_cut_attaches_again(shop: Shop, proxy: Proxy) -> None:
    call = shop.start("rollback", file="proxy.toml")
    call.wait_for(" preflight ")
    proxy.cut()
    call.end(30).succeeded("serves")
    assert shop.word() == "pier"


# -- follow, cancel


def test_follow_ends_with_the_outcome_and_cancel_takes_back(shop: Shop, never: list[str]) -> None:
    before = shop.footprint()
    call = shop.start("deploy", *never)
    call.wait_for(" start web ")
    follower = shop.start("follow")
    follower.wait_for(" start web ")
    shop.ferryman("cancel").succeeded("cancelled: release", "goes on serving")
    call.end(10).ended_with(1, "[cancelled]")
    follower.end(10).ended_with(1, "[cancelled]", "goes on serving")
    assert shop.footprint() == before
    shop.ferryman("follow").ended_with(1, "[cancelled]")
    shop.ferryman("cancel").ended_with(3, "[nothing-runs]")


# -- signals without a terminal


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, *(pytest.param(number, marks=pytest.mark.slow) for number in (signal.SIGTERM, signal.SIGHUP))],
)
def test_signal_before_the_commit_cancels_in_time(shop: Shop, never: list[str], number: int) -> None:
    before = shop.footprint()
    call = shop.start("deploy", *never)
    call.wait_for(" start web ")
    began = time.monotonic()
    call.process.send_signal(number)
    call.end(GITHUB_SECONDS).ended_with(1, f"{signal.Signals(number).name}: asking", "[cancelled]", "goes on serving")
    print(f"{signal.Signals(number).name}: ended after {call.ended - began:.2f} s")
    assert shop.footprint() == before
    assert newest(shop) == "cancelled"


@contextmanager
def open_request(shop: Shop) -> Iterator[None]:
    """A request whose body does not come: the drain waits for it."""
    with socket.create_connection(("127.0.0.1", shop.port)) as connection:
        connection.sendall(f"POST / HTTP/1.1\r\nHost: {shop.domain}\r\nContent-Length: 5\r\n\r\nab".encode())
        time.sleep(0.2)
        yield
        connection.sendall(b"cde")


def test_signal_after_the_commit_says_that_it_is_committed(shop: Shop) -> None:
    shop.commit(word="committed")
    shop.ferryman("build").succeeded()
    with open_request(shop):
        call = shop.start("deploy")
        call.wait_for(" commit ")
        call.interrupt()
        call.end(GITHUB_SECONDS).ended_with(
            0, "committed already", "serves, committed, not finished yet", "ferryman follow", "latest: not moved"
        )
    assert shop.word() == "committed"
    shop.ferryman("follow").succeeded("deploy succeeded: release")


def test_signal_while_nobody_answers_says_that_it_is_not_known(shop: Shop, proxy: Proxy) -> None:
    held(shop, "went on")
    call = shop.start("deploy", file="proxy.toml")
    call.wait_for(" start web ")
    proxy.refuse()
    call.wait_for("connecting again")
    call.process.terminate()
    call.end(GITHUB_SECONDS).ended_with(5, "[cancel-unanswered]", "not known here", "hint: ferryman follow ")
    proxy.allow()
    shop.let_go()
    identifier = call.stderr.text.split("hint: ferryman follow ")[1].split()[0]
    shop.ferryman("follow", identifier).succeeded("deploy succeeded")
    assert shop.word() == "went on"


def test_signal_during_the_build_touches_no_server(shop: Shop) -> None:
    before = newest(shop), shop.footprint()
    shop.commit({"Dockerfile": "FROM python:3.13-slim-trixie\nRUN sleep 60\n"})
    call = shop.start("deploy", "--verbose")
    call.wait_for("sleep 60")
    call.interrupt()
    call.end(20).ended_with(130, "[stopped-here]", "state: nothing was asked of the server")
    shop.commit({"Dockerfile": ""})
    assert (newest(shop), shop.footprint()) == before


# -- at a terminal


@contextmanager
def at_a_terminal(shop: Shop, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], int, list[str]]]:
    """A call at a terminal: the process, the person's end, and what was shown."""
    person, terminal = pty.openpty()
    shown: list[str] = []
    command = [str(FERRYMAN), *arguments, "--config", str(shop.folder / "ferryman.toml")]
    process = subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, env={**os.environ, "TERM": "xterm", "COLUMNS": "160"}
    )
    os.close(terminal)

    def read() -> None:
        with contextlib.suppress(OSError):
            while chunk := os.read(person, 65536):
                shown.append(chunk.decode(errors="replace"))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield process, person, shown
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        reader.join(5)
        os.close(person)


def test_ctrl_c_at_a_terminal_asks_then_cancels(shop: Shop, never: list[str]) -> None:
    before = shop.footprint()
    with at_a_terminal(shop, "deploy", *never) as (process, person, shown):
        wait_until(lambda: "healthy" in "".join(shown), "the steps are shown", seconds=30)
        process.send_signal(signal.SIGINT)
        wait_until(lambda: "cancel it?" in "".join(shown), "it asks", seconds=5)
        assert shop.status()["running"]["step"] == "healthy"
        os.write(person, b"y\n")
        assert process.wait(20) == 1
    assert "[cancelled]" in "".join(shown)
    assert shop.footprint() == before


def test_second_ctrl_c_at_a_terminal_leaves_the_deploy_alone(shop: Shop) -> None:
    held(shop, "left alone")
    with at_a_terminal(shop, "deploy") as (process, _, shown):
        wait_until(lambda: "healthy" in "".join(shown), "the steps are shown", seconds=30)
        process.send_signal(signal.SIGINT)
        wait_until(lambda: "cancel it?" in "".join(shown), "it asks", seconds=5)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 5
    assert "[detached]" in "".join(shown)
    shop.let_go()
    shop.ferryman("follow").succeeded("deploy succeeded")
    assert shop.word() == "left alone"


def test_a_person_does_not_wait_for_the_old_container_and_the_next_call_does(shop: Shop) -> None:
    def patiently(settings: Settings) -> None:
        settings["app"]["roles"]["web"]["stop_grace"] = "6s"

    shop.configure(patiently)
    shop.deploy(word="clings", clings=True)
    old = f"web.{shop.serving()}"
    shop.commit(word="next")
    shop.ferryman("build").succeeded()
    with at_a_terminal(shop, "deploy") as (process, _, shown):
        assert process.wait(60) == 0
    assert "the server still does: stop old, retain" in "".join(shown)
    assert old in shop.containers()
    assert shop.word() == "next"
    shop.ferryman("restart").succeeded()  # it would be `busy` while a deploy runs
    assert old not in shop.containers()
