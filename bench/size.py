"""Rows about bytes: what a change of the code pushes, and Harbour's image over its base."""

from __future__ import annotations

import json
from statistics import median

from bench.stage import BenchFailed, Stage
from bench.table import Row
from ferryman.rehearsal.stand_ins import PYTHON

PUSHED_LIMIT_KB = 300
BLOBS = "/var/lib/registry/docker/registry/v2/blobs"
# The registry keeps a file of its own about each upload; told and found may differ by the manifest.
TOLERANCE_BYTES = 10_000


def pushed_row(stage: Stage, repeats: int) -> Row:
    """What `ferryman build` says that it pushed, held against what the registry's disk got."""
    stage.ferryman("build", "--to", "rehearsal", "--json")
    told: list[int] = []
    stored: list[int] = []
    for _ in range(repeats):
        stage.commit_word()
        before = blob_bytes(stage)
        told.append(int(json.loads(stage.ferryman("build", "--to", "rehearsal", "--json"))["pushed_bytes"]))
        stored.append(blob_bytes(stage) - before)
        if abs(told[-1] - stored[-1]) > TOLERANCE_BYTES:
            raise BenchFailed("bench-bytes", f"the push told of {told[-1]} bytes, the registry got {stored[-1]}")
    kilobytes = median(stored) / 1e3
    return Row(
        "pushed by a changed word",
        f"{kilobytes:.0f} KB",
        "",
        "",
        f"{PUSHED_LIMIT_KB} KB",
        kilobytes <= PUSHED_LIMIT_KB,
        f"growth of the registry's blobs on disk, median of {repeats} commits; `ferryman build --json` said "
        f"{median(told) / 1e3:.0f} KB.",
    )


def image_row(stage: Stage) -> Row:
    """Harbour's image over its base."""
    tag = f"{stage.destination.configuration.app.image}:{stage.made[0]}"
    size, base = (image_bytes(stage, name) / 1e6 for name in (tag, PYTHON))
    return Row(
        "Harbour's image over its base",
        f"{size - base:.0f} MB",
        f"base {base:.0f} MB",
        f"{size / base:.2f}",
        note=f"`docker image inspect`, unpacked: {size:.0f} MB with {PYTHON}, {base:.0f} MB without.",
    )


def image_bytes(stage: Stage, name: str) -> int:
    """The unpacked size of an image of this machine's engine."""
    return int(stage.docker.run(["image", "inspect", "--format", "{{.Size}}", name]))


def blob_bytes(stage: Stage) -> int:
    """The bytes of all blobs that the local registry holds."""
    registry = stage.state.registry
    if registry is None:
        raise BenchFailed("bench-no-ground", "the rehearsal made no registry")
    command = ["exec", registry.container, "find", BLOBS, "-name", "data", "-type", "f", "-exec", "stat", "-c", "%s"]
    return sum(map(int, stage.docker.run([*command, "{}", "+"]).split()))
