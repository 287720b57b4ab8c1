"""The first push, tried before it is made: the jobs `code` and `unit` once, and what they need in order to be green."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ferryman.config import load_configuration
from ferryman.trial.linters.baseline import FILE
from ferryman.trial.suite import reached_coverage

LONGEST_SECONDS = 180.0  # of one job
GRACE_SECONDS = 10.0
LARGEST_OUTPUT_BYTES = 1 << 20  # of which the end is read
OUTCOME = re.compile(r"^(ok|failed|warning|skipped)\s+(.+?)\s+[\d.]+ s(?:  (.*))?$")
# What is no finding of a linter, so that no baseline helps.
NO_LINTER = frozenset(
    {"dependencies", "PostgreSQL", "migrations complete", "SQL of new migrations", "baseline", "lint"}
)
PROGRAM = "from ferryman.cli.main import main; main()"


@dataclass(frozen=True)
class Job:
    """A job that ran: its checks by (state, name, detail). `status` None: it took too long and was stopped."""

    name: str
    status: int | None
    seconds: float
    checks: tuple[tuple[str, str, str], ...]
    last: str = ""

    @property
    def failed(self) -> list[str]:
        """The names of the checks that failed."""
        return [name for state, name, _ in self.checks if state == "failed"]

    @property
    def told(self) -> str:
        """What came of it, in one line."""
        took = f"{self.seconds:.0f} s"
        if self.status is None:
            return f"{self.name}: not ended within {took}, and stopped; `ferryman test {self.name}` runs it to its end"
        details = [f"{name}: {detail}" if detail else name for state, name, detail in self.checks if state == "failed"]
        if self.status != 0:
            why = "; ".join(details) or self.last or f"status {self.status}"
            return f"{self.name}: red ({took}): {why}; `ferryman test {self.name}` shows all of it"
        more = [detail for state, name, detail in self.checks if name in ("tests", "coverage") and detail]
        return f"{self.name}: green ({took})" + (f": {'; '.join(more)}" if more else "")


def try_first(
    path: Path, tell: Callable[[str], None], *, sets_coverage: bool, seconds: float = LONGEST_SECONDS
) -> None:
    """Run both jobs on what is there, and tell of each in one line.

    Files in which a linter finds something come onto a baseline, which is only allowed to shrink. `sets_coverage`:
    ferryman.toml was just written, and gets what the tests reach as the limit. No other file is changed.
    """
    root = load_configuration(path).root
    before = set(root.glob("**/*.sqlite3"))
    code = _run(path, ["code"], seconds)
    if set(code.failed) - NO_LINTER and not (root / FILE).exists():
        updated = _run(path, ["code", "--update-baseline"], seconds)
        if updated.status == 0 and (root / FILE).exists():
            tell(f"written  {FILE}: files that a linter finds fault with; it is only allowed to shrink")
            code = _run(path, ["code"], seconds)
    tell(code.told)
    unit = _run(path, ["unit"], seconds)
    tell(unit.told)
    _remove_empty(set(root.glob("**/*.sqlite3")) - before)
    if unit.status == 0 and sets_coverage and any(check[:2] == ("ok", "tests") for check in unit.checks):
        _set_coverage(path, tell)


def _remove_empty(databases: set[Path]) -> None:
    """Take away what Django left by connecting to a database that is a file."""
    for path in databases:
        if path.is_file() and path.stat().st_size == 0:
            path.unlink()


def _set_coverage(path: Path, tell: Callable[[str], None]) -> None:
    """Put the limit into the section [pipeline] of a ferryman.toml that has none."""
    configuration = load_configuration(path)
    reached = reached_coverage(configuration)
    if not reached or configuration.pipeline.coverage is not None:
        return
    text, line = path.read_text(encoding="utf-8"), f"coverage = {reached}    # what the tests reach today, in percent\n"
    if re.search(r"^\[pipeline\]$", text, re.MULTILINE):
        text = re.sub(r"^\[pipeline\]\n", lambda found: found[0] + line, text, count=1, flags=re.MULTILINE)
    else:
        text = f"{text.rstrip()}\n\n[pipeline]\n{line}"
    path.write_text(text, encoding="utf-8")
    tell(f"[pipeline] coverage = {reached}: what the tests reach today is the limit from now on")


def _run(path: Path, words: Sequence[str], seconds: float) -> Job:
    """One job in a process of its own, which is ended with all that it started when it takes too long."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "test", *words, "--config", str(path)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with _ended_with(process):
            try:
                status: int | None = process.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                status = None
        output.seek(max(0, output.seek(0, os.SEEK_END) - LARGEST_OUTPUT_BYTES))
        lines = output.read().decode(errors="replace").splitlines()
    checks = tuple((found[1], found[2], found[3] or "") for line in lines if (found := OUTCOME.match(line)))
    last = next((line for line in reversed(lines) if line.startswith("error: ")), "").removeprefix("error: ")
    return Job(words[0], status, time.monotonic() - began, checks, last)


@contextlib.contextmanager
def _ended_with(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leave nothing of it running, also when somebody interrupts."""
    try:
        yield
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(timeout=GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
