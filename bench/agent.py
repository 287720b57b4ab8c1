"""Rows about the agent: resident memory at rest, its growth over many deploys, CPU at rest."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import replace

from bench.stage import REPOSITORY, BenchFailed, Stage, transact
from bench.table import Row
from ferryman.config import load_configuration, manifest
from ferryman.destination import REHEARSAL, Destination
from ferryman.shipping.images import ShippedImage, ship_image
from ferryman.shipping.options import DeployOptions
from ferryman.shipping.request import deploy_parameters

RESIDENT_LIMIT_MB = 30
GROWTH_LIMIT_MB = 2
CPU_LIMIT_PERCENT = 0.5
WARM_UP_DEPLOYS = 4
SHOW_EVERY = 25
PROBE_APP = REPOSITORY / "tests" / "e2e" / "probe_app"
DOMAIN = "probe.example.com"
CONFIGURATION = """\
[app]
name = "probe"
image = "bench/probe"
[app.roles.web]
health = "/health"
stop_grace = "5s"
[app.resources]
memory = "64m"
"""


def agent_rows(stage: Stage, deploys: int, rest_seconds: float) -> list[Row]:
    """Memory and CPU at rest; then many deploys of a small app beside Harbour, and memory again."""
    agent = process(stage)
    at_first = resident_mb(stage, agent)
    percent = cpu_percent(stage, agent, rest_seconds)
    destination = small_app(stage)
    images = [_ship(stage, destination, word) for word in ("tick", "tock")]
    orders = [deploy_parameters(destination, image, DeployOptions(), os.environ) for image in images]
    for turn in range(WARM_UP_DEPLOYS):
        transact(destination, "deploy", orders[turn % 2])
    before = resident_mb(stage, agent)
    for turn in range(deploys):
        transact(destination, "deploy", orders[turn % 2])
        if turn % SHOW_EVERY == SHOW_EVERY - 1:
            stage.log(f"agent after {turn + 1} deploys: {resident_mb(stage, agent):.1f} MB")
    after = resident_mb(stage, agent)
    if process(stage) != agent:
        raise BenchFailed("bench-agent-restarted", "the agent was restarted during the measurement")
    resident = max(at_first, after)
    return [
        Row(
            "agent's resident memory at rest",
            f"{resident:.1f} MB",
            "",
            "",
            f"{RESIDENT_LIMIT_MB} MB",
            resident <= RESIDENT_LIMIT_MB,
            f"VmRSS of the daemon on the server: {at_first:.1f} MB before, {after:.1f} MB after the {deploys} deploys "
            "of the next row; the higher one.",
        ),
        Row(
            f"its growth over {deploys} deploys",
            f"{after - before:+.1f} MB",
            "",
            "",
            f"{GROWTH_LIMIT_MB} MB",
            after - before <= GROWTH_LIMIT_MB,
            f"VmRSS after {WARM_UP_DEPLOYS} deploys of a small app that alternates between two images "
            f"({before:.1f} MB) and {deploys} more ({after:.1f} MB).",
        ),
        Row(
            "its CPU at rest",
            f"{percent:.2f} %",
            "",
            "",
            f"{CPU_LIMIT_PERCENT} %",
            percent <= CPU_LIMIT_PERCENT,
            f"user and system time in /proc/PID/stat over {rest_seconds:.0f} s, in ticks of 10 ms.",
        ),
    ]


def process(stage: Stage) -> int:
    """The daemon's process on the server."""
    return int(stage.machine.run(["systemctl", "show", "--property=MainPID", "--value", "ferryman-agent"]))


def resident_mb(stage: Stage, process: int) -> float:
    """Its resident memory, in MB of 1,000,000 bytes."""
    status = stage.machine.run(["cat", f"/proc/{process}/status"])
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024 / 1e6


def cpu_percent(stage: Stage, process: int, seconds: float) -> float:
    """How much of one CPU it uses while nothing is asked of it."""
    first, began = _cpu_seconds(stage, process), time.monotonic()
    time.sleep(seconds)
    used = _cpu_seconds(stage, process) - first
    return used / (time.monotonic() - began) * 100


def _cpu_seconds(stage: Stage, process: int) -> float:
    # The second field, a name in brackets, may hold blanks; utime and stime are the 14th and 15th.
    fields = stage.machine.run(["cat", f"/proc/{process}/stat"]).rpartition(")")[2].split()
    ticks = int(stage.machine.run(["getconf", "CLK_TCK"]))
    return (int(fields[11]) + int(fields[12])) / ticks


def small_app(stage: Stage) -> Destination:
    """The tests' small app in a repository of its own, as a second app on the same server, under a host name."""
    folder = stage.folder / "probe"
    shutil.copytree(PROBE_APP, folder)
    (folder / "ferryman.toml").write_text(CONFIGURATION, encoding="utf-8")
    subprocess.run(["git", "-C", str(folder), "init", "--quiet"], check=True)
    configuration = load_configuration(folder / "ferryman.toml")
    told = {**manifest(configuration, REHEARSAL, None), "domain": DOMAIN}
    return replace(stage.destination, configuration=configuration, manifest=told)


def _ship(stage: Stage, destination: Destination, word: str) -> ShippedImage:
    folder = destination.configuration.root
    (folder / "behaviour.json").write_text(f'{{"word": "{word}"}}', encoding="utf-8")
    stage.commit(folder, word)
    return ship_image(destination, DeployOptions(), os.environ, lambda _: None)
