"""Runs wrk, the load generator of Debian's package of that name, and reads what it measured."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.stage import BenchFailed

SCRIPT = Path(__file__).with_name("wrk.lua")
MARGIN_SECONDS = 60


@dataclass(frozen=True)
class Load:
    """What wrk asks for: `kind` is get or report; every request carries one of the tokens."""

    kind: str
    path: str
    tokens: Sequence[str]
    connections: int = 16
    threads: int = 2


@dataclass(frozen=True)
class Measured:
    """Requests a second, milliseconds at the median and the 99th percentile, and how many were not answered 2xx."""

    rate: float
    p50: float
    p99: float
    failed: int


def wrk(url: str, load: Load, seconds: int) -> Measured:
    """Put load on a server. Raises BenchFailed where wrk is missing or tells nothing."""
    if shutil.which("wrk") is None:
        raise BenchFailed("bench-no-wrk", "there is no wrk here; install it: sudo apt-get install wrk")
    command = ["wrk", f"--threads={load.threads}", f"--connections={load.connections}", f"--duration={seconds}s"]
    command += ["--timeout=20s", f"--script={SCRIPT}", url, "--", load.kind, load.path, *load.tokens]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + MARGIN_SECONDS, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        raise BenchFailed("bench-wrk", f"wrk told nothing: {done.stdout[-500:]}{done.stderr[-500:]}")
    told = json.loads(lines[-1])
    return Measured(told["requests"] / told["seconds"], told["p50"], told["p99"], told["failed"])
