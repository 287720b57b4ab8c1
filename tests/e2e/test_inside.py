"""Looking into a running app: its logs, and commands with input, exit code and terminal."""

from __future__ import annotations

import contextlib
import os
import subprocess
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command import FERRYMAN
from shop import Shop

from ferryman.rehearsal.polling import wait_until

ROWS, COLUMNS = 41, 97


@pytest.fixture(scope="module")
def shop(new_shop: Callable[..., Shop]) -> Shop:
    """An app that serves."""
    made = new_shop("glass", "glass.test")
    made.deploy(word="glass")
    return made


def test_logs_show_the_last_lines(shop: Shop) -> None:
    for word in ("alpha", "beta", "gamma"):
        shop.get(f"/say/{word}")
    assert shop.ferryman("logs").succeeded().stdout.text.splitlines()[-3:] == ["alpha", "beta", "gamma"]
    assert shop.ferryman("logs", "--tail", "1").succeeded().stdout.text == "gamma\n"
    shop.ferryman("logs", "--role", "worker").ended_with(3, "[no-container]")


def test_logs_follow_until_ctrl_c(shop: Shop) -> None:
    shop.get("/say/before")
    call = shop.start("logs", "--follow", "--tail", "1")
    call.wait_for("before")
    shop.get("/say/while-it-follows")
    call.wait_for("while-it-follows")
    call.interrupt()
    call.end(15).succeeded()
    assert "Traceback" not in call.told


@pytest.mark.parametrize("code", [0, 7, 137])
def test_exec_ends_with_the_commands_exit_code(shop: Shop, code: int) -> None:
    shop.ferryman("exec", "--", "sh", "-c", f"exit {code}").ended_with(code)


def test_exec_passes_input_and_both_outputs(shop: Shop) -> None:
    given = os.urandom(300_000).hex().encode()
    call = shop.ferryman("exec", "--", "sh", "-c", "wc -c; echo wrong >&2", stdin=given).succeeded()
    assert (call.stdout.text.strip(), call.stderr.text) == ("600000", "wrong\n")
    back = shop.ferryman("exec", "--", "cat", stdin=b"\xc3\xa9 as it was\n").succeeded()
    assert back.stdout.text == "é as it was\n"


def test_exec_of_what_is_not_there_is_told(shop: Shop) -> None:
    shop.ferryman("exec", "--", "no-such-command").ended_with(126, "not found")
    shop.ferryman("exec", "--role", "worker", "--", "true").ended_with(3, "[no-container]")


class Terminal:
    """A command with a terminal of its own, as a person has it."""

    def __init__(self, config: Path, *words: str) -> None:
        self.ours, theirs = os.openpty()
        termios.tcsetwinsize(theirs, (ROWS, COLUMNS))
        self.before = termios.tcgetattr(theirs)
        variables = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            ["setsid", "--ctty", str(FERRYMAN), "exec", "--config", str(config), "--", *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=variables,
        )
        self.theirs = theirs
        self.seen = b""
        os.set_blocking(self.ours, False)

    def wait_for(self, text: bytes) -> None:
        """Wait until the terminal shows it."""

        def shows() -> bool:
            self.read()
            return text in self.seen

        wait_until(shows, f"the terminal shows {text!r}", seconds=30, pause=0.02)

    def read(self) -> None:
        """Take in what the terminal shows by now."""
        with contextlib.suppress(BlockingIOError, OSError):
            self.seen += os.read(self.ours, 65536)

    def type(self, keys: bytes) -> None:
        """Type keys."""
        os.write(self.ours, keys)

    def end(self) -> int:
        """Its exit status."""

        def has_ended() -> bool:
            self.read()
            return self.process.poll() is not None

        wait_until(has_ended, "the command ends", seconds=30, pause=0.02)
        return self.process.wait()


@pytest.fixture
def terminal(shop: Shop) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def open_terminal(*words: str) -> Terminal:
        opened.append(Terminal(shop.folder / "ferryman.toml", *words))
        return opened[-1]

    yield open_terminal
    for found in opened:
        with contextlib.suppress(ProcessLookupError):
            found.process.kill()
        found.process.wait()
        os.close(found.ours)
        os.close(found.theirs)


def test_exec_on_a_terminal_has_its_size_and_its_ctrl_c(terminal: Callable[..., Terminal]) -> None:
    opened = terminal("sh")
    opened.type(b"stty size; tty\n")
    opened.wait_for(f"{ROWS} {COLUMNS}".encode())
    opened.wait_for(b"/dev/pts/")
    opened.type(b"trap 'echo caug\"\"ht; exit 42' INT; echo rea''dy; while :; do sleep 0.1; done\n")
    opened.wait_for(b"ready")
    opened.type(b"\x03")
    opened.wait_for(b"caught")
    assert opened.end() == 42
    assert termios.tcgetattr(opened.theirs) == opened.before


def test_exec_on_a_terminal_follows_its_window(terminal: Callable[..., Terminal]) -> None:
    opened = terminal("sh")
    opened.type(b"stty size\n")
    opened.wait_for(f"{ROWS} {COLUMNS}".encode())
    termios.tcsetwinsize(opened.theirs, (20, 60))
    opened.type(b"until [ \"$(stty size)\" = '20 60' ]; do sleep 0.1; done; echo resi''zed\n")
    opened.wait_for(b"resized")
    opened.type(b"exit 3\n")
    assert opened.end() == 3
