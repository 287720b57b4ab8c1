"""The real `ferryman` command as a process: what it writes and when, its input, its exit status."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ferryman.rehearsal.polling import wait_until

FERRYMAN = Path(sys.executable).with_name("ferryman")
STEP = re.compile(r"(done|skipped|failed) +(.+?) +([0-9.]+) s")


@dataclass
class Output:
    """Lines of one stream, each with the time at which it was read."""

    lines: list[tuple[float, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Everything that was read."""
        return "".join(line for _, line in self.lines)

    def read(self, stream: IO[bytes]) -> None:
        """Take lines in until the stream ends."""
        with stream:
            for line in stream:
                self.lines.append((time.monotonic(), line.decode(errors="replace")))


class Call:
    """One call that runs. The last lines of both streams are in the message of every assertion."""

    def __init__(
        self, arguments: Sequence[str], variables: Mapping[str, str], stdin: bytes = b"", program: Path = FERRYMAN
    ) -> None:
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            # a shell in the background ignores Ctrl-C, and so would every process below it
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            # nohup does the same with this one.
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
        self.arguments = list(arguments)
        self.stdout, self.stderr = Output(), Output()
        self.began = time.monotonic()
        self.ended = 0.0
        self.process = subprocess.Popen(
            [str(program), *arguments],
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        streams = ((self.stdout, self.process.stdout), (self.stderr, self.process.stderr))
        self._readers = [
            threading.Thread(target=output.read, args=(stream,), daemon=True) for output, stream in streams if stream
        ]
        for reader in self._readers:
            reader.start()
        if self.process.stdin:
            with contextlib.suppress(BrokenPipeError), self.process.stdin as pipe:
                pipe.write(stdin)

    def end(self, seconds: float = 120) -> Call:
        """Wait until it ends."""
        self.process.wait(seconds)
        self.ended = time.monotonic()
        for reader in self._readers:
            reader.join(10)
        return self

    def wait_for(self, text: str, seconds: float = 60) -> None:
        """Wait until a line with this text has come, on either stream."""

        def has_come() -> bool:
            assert self.process.poll() is None or text in self.told, self.told
            return text in self.told

        wait_until(has_come, f"{text!r} is written by {self.arguments}", seconds=seconds, pause=0.02)

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.end()

    @property
    def told(self) -> str:
        """Both streams, for a person."""
        return f"{self.arguments}\n{self.stdout.text}\n{self.stderr.text}"

    def json(self) -> Any:
        """Standard output as JSON, of a call that must have succeeded."""
        assert self.process.returncode == 0, self.told
        return json.loads(self.stdout.text)

    def succeeded(self, *parts: str) -> Call:
        """It must have ended with 0, and told these."""
        return self.ended_with(0, *parts)

    def ended_with(self, status: int, *parts: str) -> Call:
        """It must have ended with this exit status, and told these."""
        assert self.process.returncode == status, f"exit status {self.process.returncode}: {self.told}"
        for part in parts:
            assert part in self.told, f"{part!r} is missing in: {self.told}"
        return self

    def steps(self) -> dict[str, tuple[str, float]]:
        """Step → its outcome and its seconds."""
        found = STEP.finditer(self.stderr.text)
        return {match[2]: (match[1], float(match[3])) for match in found}

    def seconds_after(self, text: str) -> float:
        """From the line with this text to the end of the process."""
        return self.ended - next(when for when, line in self.stderr.lines if text in line)
