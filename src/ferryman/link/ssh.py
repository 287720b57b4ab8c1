"""The link over the system's ssh: one process per conversation, in a session of its own."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from ferryman.link.command import RELAY_COMMAND, ConnectionFiles, known_hosts_line, ssh_command
from ferryman.link.conversation import EventHandler, converse
from ferryman.link.diagnosis import Ending, Purpose, explain, refusal
from ferryman.link.host_key import ssh_missing
from ferryman.link.protocol import (
    LINE_LIMIT_BYTES,
    READING_REQUESTS,
    ProtocolError,
    decode_line,
    encode_line,
    request_message,
)
from ferryman.link.target import Target

GOODBYE_SECONDS = 2.0
NOISE_LIMIT_BYTES = 4096


class SshConversation:
    """One ssh process and the JSON lines on it; see `Conversation` for what it promises."""

    def __init__(self, target: Target, remote_command: str, payload: bytes, purpose: Purpose) -> None:
        self.result: dict[str, Any] = {}
        self._target = target
        self._purpose = purpose
        self._is_answered = False
        self._is_closed = False
        self._files = ConnectionFiles(Path(tempfile.mkdtemp(prefix="ferryman-")))
        try:
            self._process = self._start(remote_command)
        except BaseException:
            shutil.rmtree(self._files.folder, ignore_errors=True)
            raise
        self._write(payload)

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one more message; one that comes after the end is dropped, for the iteration tells why it ended."""
        self._write(encode_line(message))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        output = _opened(self._process.stdout)
        while line := output.readline(LINE_LIMIT_BYTES + 1):
            try:
                message = decode_line(line)
            except ProtocolError as error:
                # A line cut in half is how a lost connection looks from here.
                reason = str(error) if line.endswith(b"\n") or len(line) > LINE_LIMIT_BYTES else ""
                raise explain(self._target, self._purpose, self._ending(reason)) from None
            if "error" in message:
                self._is_answered = True
                raise refusal(self._target, self._purpose, message["error"])
            if "result" in message:
                self._is_answered = True
                self.result = message["result"]
                return
            yield message
        if not self._is_closed:  # whoever closed it while this waited knows why it ended
            raise explain(self._target, self._purpose, self._ending())

    def close(self) -> None:
        """End the ssh process: politely after an answer, at once without one. Also from another thread."""
        self._is_closed = True
        with contextlib.suppress(OSError):
            _opened(self._process.stdin).close()
        if not self._is_answered:
            self._process.terminate()
        try:
            self._process.wait(GOODBYE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _opened(self._process.stdout).close()
        shutil.rmtree(self._files.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self, remote_command: str) -> subprocess.Popen[bytes]:
        self._files.known_hosts.write_text(known_hosts_line(self._target.pinned_key()))
        command = ssh_command(self._target, self._files, remote_command)
        try:
            with self._files.noise.open("wb") as noise:
                # A session of its own: Ctrl-C on the terminal reaches the command line, which decides what it
                # means, and not ssh.
                return subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=noise,
                    start_new_session=True,
                )
        except FileNotFoundError:
            raise ssh_missing() from None

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(BrokenPipeError, ValueError):
            stream = _opened(self._process.stdin)
            stream.write(data)
            stream.flush()

    def _ending(self, reason: str = "") -> Ending:
        if reason:
            self._process.terminate()
        try:
            exit_status = self._process.wait(GOODBYE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            exit_status = self._process.wait()
        noise = self._files.noise.read_bytes()[-NOISE_LIMIT_BYTES:].decode(errors="replace")
        return Ending(exit_status, self._files.logged_in.exists(), noise, reason)


class SshLink:
    """The link to one server's agent."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def request(
        self,
        kind: str,
        params: Mapping[str, Any],
        *,
        on_event: EventHandler | None = None,
        request_id: str | None = None,
    ) -> dict[str, Any]:
        """Send one request, pass on its events, return its result; raises the FerrymanError of its failure."""
        return converse(self.open(kind, params, request_id=request_id), on_event)

    def open(self, kind: str, params: Mapping[str, Any], *, request_id: str | None = None) -> SshConversation:
        """Send one request whose answer is a conversation (`exec`, `logs`); close it, or use it in `with`."""
        message = request_message(kind, params, request_id or str(uuid.uuid4()))
        purpose = Purpose(kind, kind in READING_REQUESTS, f"ferryman status --to {self._target.name}")
        return self.run(RELAY_COMMAND, encode_line(message), purpose)

    def run(self, remote_command: str, payload: bytes, purpose: Purpose) -> SshConversation:
        """Start any command that answers in the protocol's lines; only an admin's key is allowed to."""
        self._target.check_address()
        self._target.check_identity()
        return SshConversation(self._target, remote_command, payload, purpose)


def _opened(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise ValueError("the stream was not opened as a pipe")
    return stream
