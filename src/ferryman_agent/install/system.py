"""The narrow object through which the installation touches the server: commands, files, sockets."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ferryman_agent.engine.docker import version_at
from ferryman_agent.errors import AgentError

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENGINE_SOCKET = "/run/docker.sock"
AGENT_SOCKET = "/run/ferryman/agent.sock"
POLL_SECONDS = 0.1
LOG_TAIL_LINES = 12


@dataclass(frozen=True)
class Completed:
    """A command that ended: exit status and all of its output."""

    status: int
    output: str

    @property
    def tail(self) -> list[str]:
        """The last lines, for people."""
        return [line.rstrip() for line in self.output.splitlines() if line.strip()][-LOG_TAIL_LINES:]


class System:
    """The server itself. `root` is "/" and `owner` is root; tests install into a folder as whoever runs them."""

    def __init__(self, root: Path = Path("/"), owner: int = 0) -> None:
        self._root = root
        self._owner = owner

    def path(self, absolute: str) -> Path:
        """Where a path of the server lies."""
        return self._root / absolute.lstrip("/")

    def is_root(self) -> bool:
        return os.geteuid() == self._owner

    def run(self, *command: str, environment: Mapping[str, str] | None = None, timeout: float = 120) -> Completed:
        """Run a command with a fixed PATH and locale, nothing on its stdin; a missing one counts as status 127."""
        environ = {"PATH": SEARCH_PATH, "LC_ALL": "C.UTF-8", "HOME": "/root", **(environment or {})}
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environ,
                timeout=timeout,
                check=False,
            )
        except FileNotFoundError:
            return Completed(127, f"{command[0]}: not found")
        except subprocess.TimeoutExpired as error:
            return Completed(124, (error.stdout or b"").decode(errors="replace") + f"\nno end within {timeout:.0f} s")
        return Completed(done.returncode, done.stdout.decode(errors="replace"))

    def must(self, code: str, *command: str, timeout: float = 120) -> Completed:
        """Run a command that has to succeed; AgentError `code` with its last lines when it does not."""
        done = self.run(*command, timeout=timeout)
        if done.status != 0:
            raise failed(code, command, done)
        return done

    def make_directory(self, absolute: str, mode: int) -> bool:
        """Make a folder that belongs to root, with exactly this mode; return whether anything changed."""
        path = self.path(absolute)
        if not path.exists():
            path.mkdir(parents=True)
            path.chmod(mode)
            return True
        status = path.stat()
        if status.st_uid == self._owner and status.st_mode & 0o7777 == mode:
            return False
        os.chown(path, self._owner, self._owner)
        path.chmod(mode)
        return True

    def write(self, absolute: str, content: bytes, mode: int) -> bool:
        """Replace a file at once and for good (temporary file, fsync, rename); return whether anything changed."""
        path = self.path(absolute)
        if self._is_same(path, content, mode):
            return False
        temporary = path.with_name(f".{path.name}.new")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return True

    def read(self, absolute: str) -> str:
        """A file's text; "" when there is none."""
        try:
            return self.path(absolute).read_text(encoding="utf-8", errors="surrogateescape")
        except FileNotFoundError:
            return ""

    def engine_version(self) -> str | None:
        """The version of the Docker Engine that answers on its socket, None when none does."""
        return version_at(str(self.path(ENGINE_SOCKET)))

    def agent_answer(self, request: bytes) -> dict[str, object] | None:
        """The first line that the agent answers on its socket, None when it does not."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(5)
                connection.connect(str(self.path(AGENT_SOCKET)))
                connection.sendall(request)
                with connection.makefile("rb") as stream:
                    answer = json.loads(stream.readline())
        except (OSError, ValueError):
            return None
        return answer if isinstance(answer, dict) else None

    def wait_until(self, is_ready: Callable[[], object], seconds: float) -> bool:
        """Poll a condition; whether it came true in time."""
        end = time.monotonic() + seconds
        while not is_ready():
            if time.monotonic() > end:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _is_same(self, path: Path, content: bytes, mode: int) -> bool:
        try:
            status = path.lstat()
            return status.st_uid == self._owner and status.st_mode & 0o7777 == mode and path.read_bytes() == content
        except FileNotFoundError:
            return False


def failed(code: str, command: tuple[str, ...], done: Completed) -> AgentError:
    """The error for a command that must not fail and did."""
    return AgentError(
        code,
        f"`{' '.join(command)}` failed with exit status {done.status}: " + " / ".join(done.tail[-3:]),
        state="the steps before this one are done, and are not repeated",
        hint="fix the cause on the server, then run `ferryman server setup` again",
        log=done.tail,
    )
