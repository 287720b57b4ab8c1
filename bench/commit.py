"""Rows about the way of a commit: build and push, the deploy's start, until it serves, and the whole command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.by_hand import start_by_hand
from bench.stage import BenchFailed, Stage
from bench.table import Row
from ferryman.docker_command import build_command
from ferryman.image.dockerfile import without_pins

BUILD_LIMIT = 1.2
WAY_LIMIT_SECONDS = 0.6
FERRYMAN = str(Path(sys.executable).parent / "ferryman")
FIRST_STEP = "preflight"


@dataclass
class Watched:
    """One run of the command: when each step's end was told, counted from its start, and how long the step took."""

    told: dict[str, float] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    def hear(self, line: str, at: float) -> None:
        """Take a line such as `done    build          1.23 s  231 MiB`."""
        words = line.split()
        if len(words) > 3 and words[0] in ("done", "skipped") and words[3] == "s":
            self.told[words[1]], self.took[words[1]] = at, float(words[2])

    @property
    def way(self) -> float:
        """Until the agent began its first step."""
        return self.told[FIRST_STEP] - self.took[FIRST_STEP]


@dataclass(frozen=True)
class ByHand:
    """Seconds of what a person would type: `docker build` with `docker push`; pull and start on the server."""

    build: float
    start: float


def commit_rows(stage: Stage, repeats: int) -> list[Row]:
    """Commits of a changed word: by hand, with `ferryman deploy`, and with `ferryman deploy --no-build`, in turn."""
    whole: list[Watched] = []
    near: list[Watched] = []
    floors: list[ByHand] = []
    for _ in range(repeats):
        stage.commit_word()
        floors.append(_by_hand(stage))
        stage.commit_word()
        whole.append(_watch(stage, "deploy", "--to", "rehearsal"))
        stage.ship_word()
        near.append(_watch(stage, "deploy", "--to", "rehearsal", "--no-build"))
    built = [run.took["build"] + run.took["push"] for run in whole]
    return [
        _ratio(
            "build and push of a changed word",
            built,
            [floor.build for floor in floors],
            BUILD_LIMIT,
            "the steps `build` and `push` of `ferryman deploy`, which learn the image's migrations too; floor: `docker "
            "build` and `docker push` of the same Dockerfile in the checkout.",
        ),
        _way([run.way for run in near]),
        _ratio(
            "from a commit until it serves",
            [run.told["commit"] for run in whole],
            [floor.build + floor.start for floor in floors],
            None,
            "`ferryman deploy` from its start until it tells the commit; floor: the same by hand, then pull, start and "
            "the first 200 on the server.",
        ),
        _ratio(
            "the whole command from a commit",
            [run.seconds for run in whole],
            [floor.build + floor.start for floor in floors],
            None,
            "the same runs to their end, with drain, stop and clean-up; the floor has none of these.",
        ),
    ]


def _way(seconds: Sequence[float]) -> Row:
    found = median(seconds)
    return Row(
        "from the command to the agent's first step",
        f"{found:.2f} s",
        "",
        "",
        f"{WAY_LIMIT_SECONDS} s",
        found <= WAY_LIMIT_SECONDS,
        f"`ferryman deploy --no-build` of a commit whose image is in the registry, {len(seconds)} times: from starting "
        f"the command until its step {FIRST_STEP} began; login and registry are on this machine.",
    )


def _ratio(claim: str, measured: Sequence[float], floor: Sequence[float], limit: float | None, note: str) -> Row:
    ratio = median(measured) / median(floor)
    spread = f"{min(measured):.2f} to {max(measured):.2f} s; floor {min(floor):.2f} to {max(floor):.2f} s"
    return Row(
        claim,
        f"{median(measured):.2f} s",
        f"{median(floor):.2f} s",
        f"{ratio:.2f}",
        "" if limit is None else f"{limit}",
        None if limit is None else ratio <= limit,
        f"{len(measured)} commits in turn, medians: {note} Spread: {spread}.",
    )


def _watch(stage: Stage, *words: str) -> Watched:
    watched, began = Watched(), time.monotonic()
    with subprocess.Popen(
        [FERRYMAN, *words], cwd=stage.project, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        lines = []
        for line in process.stderr or ():
            lines.append(line)
            watched.hear(line, time.monotonic() - began)
    watched.seconds = time.monotonic() - began
    if process.returncode != 0:
        raise BenchFailed("bench-command-failed", f"ferryman {' '.join(words)} failed:\n{''.join(lines)}")
    return watched


def _by_hand(stage: Stage) -> ByHand:
    registry = stage.state.registry
    if registry is None:
        raise BenchFailed("bench-no-ground", "the rehearsal made no registry")
    app = stage.destination.configuration.app
    context = stage.project / app.context
    text, _ = without_pins((context / app.dockerfile).read_text(encoding="utf-8"), stage.destination.stand_ins)
    dockerfile = stage.folder / "Dockerfile.by-hand"
    dockerfile.write_text(text, encoding="utf-8")
    name = f"{registry.address}/bench/by-hand:{stage.made[-1]}"
    command, variables = build_command()
    began = time.monotonic()
    _run([*command, "build", "--tag", name, "--file", str(dockerfile), str(context)], variables)
    _run([*command, "push", name], variables)
    build = time.monotonic() - began
    start = start_by_hand(stage, f"{registry.inside}/bench/by-hand:{stage.made[-1]}", pull=True).at_client
    stage.docker.run(["image", "rm", name])
    return ByHand(build, start)


def _run(command: list[str], variables: dict[str, str]) -> None:
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchFailed("bench-command-failed", f"`{' '.join(command[:3])}` failed:\n{done.stderr}")
