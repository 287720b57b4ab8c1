"""Runs a command inside an app's container with this process's input, output and terminal."""

from __future__ import annotations

import base64
import contextlib
import os
import select
import shutil
import signal
import sys
import termios
import threading
import tty
from collections.abc import Iterator, Sequence
from typing import Any

from ferryman.destination import Destination
from ferryman.link import Conversation

CHUNK_BYTES = 32768


def run_remote(destination: Destination, role: str, command: Sequence[str]) -> int:
    """Run it to its end; returns its exit code. The terminal is the container engine's, made by the agent."""
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    parameters = {**destination.app, "role": role, "command": list(command), "tty": is_terminal}
    with destination.link.open("exec", parameters) as conversation, _raw(is_terminal):
        stop_reading, stop_writing = os.pipe()
        if is_terminal:
            _send_size(conversation)
            signal.signal(signal.SIGWINCH, lambda *_: _send_size(conversation))
        feeder = threading.Thread(target=_feed, args=(conversation, stop_reading), daemon=True)
        feeder.start()
        try:
            for message in conversation:
                _write(message.get("event", {}))
        finally:
            os.close(stop_writing)
        return int(conversation.result["exit_code"])


def _feed(conversation: Conversation, stop: int) -> None:
    """Standard input → command, until either ends."""
    stdin = sys.stdin.fileno()
    while True:
        ready, _, _ = select.select([stdin, stop], [], [])
        if stop in ready:
            return
        chunk = os.read(stdin, CHUNK_BYTES)
        if not chunk:
            conversation.send({"eof": True})
            return
        conversation.send({"stdin": base64.b64encode(chunk).decode()})


def _write(event: dict[str, Any]) -> None:
    if event.get("kind") != "output":
        return
    stream = sys.stderr.buffer if event["stream"] == "stderr" else sys.stdout.buffer
    stream.write(base64.b64decode(event["data"]))
    stream.flush()


def _send_size(conversation: Conversation) -> None:
    columns, rows = shutil.get_terminal_size()
    conversation.send({"resize": [rows, columns]})


@contextlib.contextmanager
def _raw(is_terminal: bool) -> Iterator[None]:
    """Keys reach the command unread by this terminal; what was before comes back."""
    if not is_terminal:
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setraw(sys.stdin, termios.TCSADRAIN)  # what was typed ahead is kept
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
