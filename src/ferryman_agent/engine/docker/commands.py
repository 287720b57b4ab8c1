"""Commands inside of running containers: short ones in memory, long ones as streams, terminals."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import BinaryIO

from ferryman_agent.engine.docker.api import Api
from ferryman_agent.engine.docker.transport import FRAME_HEADER_BYTES, STREAMS, hijack, unbroken
from ferryman_agent.engine.port import EngineError
from ferryman_agent.errors import AgentError, Unavailable

EXIT_CODE_LIMIT_SECONDS = 10
RUN_LIMIT_SECONDS = 60
CHUNK_BYTES = 65536
ERRORS_KEPT_BYTES = 16384
ERROR_LINES = 25


class Commands(Api):
    """What the port asks of commands."""

    def run(self, workload: str, command: list[str], user: str = "", stdin: bytes = b"") -> tuple[int, bytes, bytes]:
        """Run a command inside a running container; returns (exit code, standard output, standard error)."""
        identifier = self.exec_create(workload, command, tty=False, stdin=bool(stdin), user=user)
        with self.exec_attach(identifier, tty=False) as stream, unbroken(command[0]):
            stream.settimeout(RUN_LIMIT_SECONDS)
            if stdin:
                stream.sendall(stdin)
                stream.shutdown(socket.SHUT_WR)
            output: dict[str, bytes] = {"stdout": b"", "stderr": b""}
            response = stream.makefile("rb")
            while len(header := response.read(FRAME_HEADER_BYTES)) == FRAME_HEADER_BYTES:
                name = "stderr" if header[0] == 2 else "stdout"
                output[name] += response.read(int.from_bytes(header[4:], "big"))
        return self.exec_result(identifier), output["stdout"], output["stderr"]

    def stream(
        self, workload: str, command: list[str], user: str = "", stdin: Iterable[bytes] | None = None
    ) -> Iterator[bytes]:
        """The standard output of a command, as it comes, while another thread feeds `stdin` to it.

        The command starts with the first `next`. Memory holds one chunk of each direction: a slow reader slows the
        command down, a command that does not read holds `stdin` back. What `stdin` raises is raised here, and so is
        AgentError `command-failed` after the last byte of a command that exits with another code than 0.
        """
        identifier = self.exec_create(workload, command, tty=False, stdin=stdin is not None, user=user)
        errors = bytearray()
        with self.exec_attach(identifier, tty=False) as connection:
            feeder = _Feeder(connection, stdin)
            try:
                with unbroken(command[0]):
                    yield from _output(connection, errors)
            except Unavailable as broken:
                raise feeder.fault or broken from None
            finally:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)  # the feeder ends
        if feeder.fault:
            raise feeder.fault
        check_exit(command, self.exec_result(identifier), bytes(errors))

    def exec_create(self, workload: str, command: list[str], *, tty: bool, stdin: bool, user: str = "") -> str:
        """Prepare a command inside a running container; returns the exec's id."""
        specification = {"Cmd": command, "Tty": tty, "AttachStdin": stdin, "User": user}
        specification |= {"AttachStdout": True, "AttachStderr": True}
        return str(self._ask("POST", f"/containers/{workload}/exec", specification)["Id"])

    def exec_attach(self, identifier: str, *, tty: bool) -> socket.socket:
        """Start it; returns the two-way stream (multiplexed frames unless `tty`)."""
        with unbroken("an exec"):
            return hijack(self._path, self._url(f"/exec/{identifier}/start"), {"Detach": False, "Tty": tty})

    def exec_resize(self, identifier: str, rows: int, columns: int) -> None:
        """Tell the terminal its size."""
        self._ask("POST", f"/exec/{identifier}/resize", query={"h": rows, "w": columns})

    def _exit_code(self, identifier: str) -> int | None:
        """Its exit code, None while it runs."""
        code = self._ask("GET", f"/exec/{identifier}/json")["ExitCode"]
        return None if code is None else int(code)

    def exec_result(self, identifier: str) -> int:
        """The exit code of a command whose stream has ended; the engine may record it a moment later."""
        limit = time.monotonic() + EXIT_CODE_LIMIT_SECONDS
        while (code := self._exit_code(identifier)) is None:
            if time.monotonic() > limit:
                raise EngineError(0, "the engine does not tell the command's exit code")
            time.sleep(0.02)
        return code


def check_exit(command: list[str], code: int, errors: bytes) -> None:
    """AgentError `command-failed` for another exit code than 0."""
    if code == 0:
        return
    lines = errors.decode(errors="replace").splitlines()[-ERROR_LINES:]
    last = f": {lines[-1]}" if lines else ""
    raise AgentError("command-failed", f"{command[0]} failed with exit code {code}{last}", exit_code=code, log=lines)


class _Feeder:
    """Sends chunks, if any, to a command in a thread of its own; `fault` is what their source raised."""

    def __init__(self, connection: socket.socket, chunks: Iterable[bytes] | None) -> None:
        self._connection = connection
        self.fault: BaseException | None = None
        if chunks is not None:
            threading.Thread(target=self._feed, args=(chunks,), name="standard input", daemon=True).start()

    def _feed(self, chunks: Iterable[bytes]) -> None:
        try:
            for chunk in chunks:
                if not self._sent(chunk):
                    return
        except BaseException as fault:  # noqa: BLE001 - the reader raises it: this thread has nobody to tell
            self.fault = fault
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)  # the reader's stream ends
            return
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    def _sent(self, chunk: bytes) -> bool:
        """False when the command takes no more: its exit code tells what that means."""
        try:
            self._connection.sendall(chunk)
        except OSError:
            return False
        return True


def _output(connection: socket.socket, errors: bytearray) -> Iterator[bytes]:
    """The standard output; the end of the standard error is kept in `errors`."""
    with connection.makefile("rb") as response:
        for name, chunk in _chunks(response):
            if name == "stderr":
                errors += chunk
                del errors[:-ERRORS_KEPT_BYTES]
            else:
                yield chunk


def _chunks(response: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """(stream, at most `CHUNK_BYTES`) until the end; Unavailable when that comes within a frame."""
    while header := _header(response):
        left = int.from_bytes(header[4:], "big") if len(header) == FRAME_HEADER_BYTES else CHUNK_BYTES
        while left:
            chunk = response.read(min(left, CHUNK_BYTES))
            if not chunk:
                raise Unavailable("engine-down", "the Docker Engine broke off a command's output")
            left -= len(chunk)
            yield STREAMS.get(header[0], "stdout"), chunk


def _header(response: BinaryIO) -> bytes:
    try:
        return response.read(FRAME_HEADER_BYTES)
    except ConnectionResetError:  # the command has ended and left a part of its input unread
        return b""
