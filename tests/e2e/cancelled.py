"""A step of a workflow as GitHub runs it, and as it cancels it: SIGINT, SIGTERM after 7.5 s, SIGKILL 2.5 s later."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ferryman.rehearsal.polling import wait_until

TERM_SECONDS = 7.5
KILL_SECONDS = 2.5


def script_of(workflow: Path, step: str) -> str:
    """The script of a step, from the workflow's own file."""
    found = re.search(rf"- name: {re.escape(step)}\n(?:.*\n)*?        run: (.*)\n", workflow.read_text())
    assert found, f"{workflow} has no step {step!r}"
    return found[1]


@dataclass
class Step:
    """One running step, its output as one text, and the signals that it took to end it."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    seconds: float = 0.0
    reader: threading.Thread | None = None

    @classmethod
    def start(cls, script: str, folder: Path, variables: Mapping[str, str]) -> Step:
        """Run the script as a runner does: from a file, in a bash that the last command takes the place of."""
        file = folder.parent / "step.sh"
        file.write_text(script)
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(file)],
            cwd=folder,
            env={**os.environ, **variables, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - one thread forks
        )
        step = cls(process)
        step.reader = threading.Thread(target=step._read, daemon=True)
        step.reader.start()
        return step

    def end(self, seconds: float = 120) -> int:
        """Wait for its end and its last line; the exit status."""
        self.process.wait(seconds)
        if self.reader:
            self.reader.join(10)
        return self.process.returncode

    @property
    def log(self) -> str:
        """What it wrote."""
        return "".join(self.lines)

    def wait_for(self, pattern: str) -> None:
        """Wait until it has written a line that begins so."""
        begins = re.compile(pattern, re.MULTILINE)

        def is_over() -> bool:
            return bool(begins.search(self.log)) or self.process.poll() is not None

        wait_until(is_over, f"the step writes {pattern!r}", seconds=90, pause=0.02)
        assert begins.search(self.log), self.log

    def cancel(self) -> int:
        """Cancel the job as GitHub does; the exit status."""
        began = time.monotonic()
        for number, seconds in ((signal.SIGINT, TERM_SECONDS), (signal.SIGTERM, KILL_SECONDS), (signal.SIGKILL, 30.0)):
            self.sent.append(number.name)
            if number == signal.SIGKILL:
                os.killpg(self.process.pid, number)
            else:
                self.process.send_signal(number)
            try:
                self.process.wait(seconds)
                break
            except subprocess.TimeoutExpired:
                continue
        self.seconds = time.monotonic() - began
        return self.end()

    def _read(self) -> None:
        if self.process.stdout:
            with self.process.stdout as stream:
                for line in stream:
                    self.lines.append(line)
