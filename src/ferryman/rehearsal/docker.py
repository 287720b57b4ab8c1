"""The docker command, as the one narrow way by which the rehearsal changes anything on this machine."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ferryman.docker_command import build_command, docker_command
from ferryman.errors import FerrymanError

_SHOWN_LINES = 25
_BUILD_SECONDS = 900


class DockerError(FerrymanError):
    """The docker command ended with another status than 0; `output` is what it wrote, `returncode` its status."""

    def __init__(self, message: str, *, returncode: int, output: str) -> None:
        super().__init__("docker-failed", message)
        self.returncode = returncode
        self.output = output


@dataclass(frozen=True)
class Docker:
    """Runs docker commands; made without arguments, it takes the commands that PATH offers."""

    command: Sequence[str] = field(default_factory=docker_command)

    def run(self, args: Sequence[str], *, stdin: bytes | None = None, timeout: float = 120) -> str:
        """Run `docker ARGS` and return what it wrote on stdout; DockerError when its status is not 0."""
        try:
            done = subprocess.run(
                [*self.command, *args], input=stdin, capture_output=True, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired as expired:
            raise _failed(args, 124, f"no end after {expired.timeout:.0f} s") from expired
        if done.returncode != 0:
            raise _failed(args, done.returncode, (done.stdout + done.stderr).decode(errors="replace"))
        return done.stdout.decode(errors="replace")

    def succeeds(self, args: Sequence[str], *, timeout: float = 120) -> bool:
        """Whether `docker ARGS` ends with status 0."""
        try:
            self.run(args, timeout=timeout)
        except DockerError:
            return False
        return True

    def logs(self, container: str, *, lines: int = 200) -> str:
        """The last lines that a container wrote, stdout and stderr as they came; also of a stopped one."""
        command = [*self.command, "logs", "--tail", str(lines), container]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.stdout.decode(errors="replace")

    def put(self, container: str, files: Mapping[str, tuple[bytes, int]]) -> None:
        """Put files (path without the leading slash → content and mode) into a container, owned by root."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for folder in sorted({str(PurePosixPath(path).parent) for path in files}):
                made = tarfile.TarInfo(folder)
                made.type, made.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(made)
            for path, (content, mode) in files.items():
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode = len(content), mode
                archive.addfile(entry, io.BytesIO(content))
        self.run(["cp", "-", f"{container}:/"], stdin=packed.getvalue())

    def build(
        self,
        context: Path,
        tag: str,
        *,
        labels: Mapping[str, str],
        target: str = "",
        arguments: Mapping[str, str] | None = None,
    ) -> None:
        """Build the folder `context` as `tag` with BuildKit, never asking a registry for a newer base."""
        command, variables = build_command()
        args = ["build", "--progress=plain", "--tag", tag, *(["--target", target] if target else [])]
        args += [word for name, value in labels.items() for word in ("--label", f"{name}={value}")]
        args += [word for name, value in (arguments or {}).items() for word in ("--build-arg", f"{name}={value}")]
        process = subprocess.Popen(
            [*command, *args, str(context)],
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        _wait(process, args)


def _wait(process: subprocess.Popen[str], args: Sequence[str]) -> None:
    """Wait for the build, keeping its last lines; DockerError with them when it fails or takes too long."""
    timer = threading.Timer(_BUILD_SECONDS, process.kill)
    timer.start()
    try:
        with process:
            last: deque[str] = deque(process.stdout or (), maxlen=_SHOWN_LINES)
    finally:
        timer.cancel()
    if process.returncode != 0:
        raise _failed(args, process.returncode, "".join(last))


def _failed(args: Sequence[str], returncode: int, output: str) -> DockerError:
    tail = "\n".join(output.strip().splitlines()[-_SHOWN_LINES:])
    return DockerError(f"`docker {' '.join(args[:2])}` failed: {tail}", returncode=returncode, output=output)
