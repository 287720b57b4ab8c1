"""Whether a project's own Dockerfile is kept: it is, unless its text shows that it can't serve production; pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from ferryman.image.instructions import MIGRATE, ROOT, Instruction, instructions, last_stage, started, user

DEVELOPMENT = re.compile(r"\brunserver(_plus)?\b|\s--reload\b|\bflask run\b")
LOOPBACK = re.compile(r"(--bind|-b|--host)[= ]\s*(127\.0\.0\.1|localhost)\b")
SCRIPT = re.compile(r"[\w./-]+\.(sh|bash)\b|(?<=/)[\w-]*(entrypoint|start|run)[\w-]*")


def why_not_kept(text: str, texts: Mapping[str, str]) -> str:
    """The first reason, with its line; "" when nothing speaks against it. `texts` may have its scripts."""
    shipped = last_stage(instructions(text))
    return next(_reasons(shipped, texts), "")


def _reasons(shipped: list[Instruction], texts: Mapping[str, str]) -> Iterator[str]:
    commands = started(shipped)
    if not any(instruction.word in ("COPY", "ADD") for instruction in shipped):
        yield "it copies no code into the image"
    if not commands:
        yield "it names no command that serves"
    for instruction in commands:
        for place, command in _run(instruction, texts):
            if DEVELOPMENT.search(command):
                yield f"it starts a development server ({place})"
            if MIGRATE.search(command):
                yield f"it migrates at each start ({place})"
            if LOOPBACK.search(command):
                yield f"it listens on the loopback alone ({place})"
    if user(shipped) in ROOT:
        yield "it runs as root: it has no USER"


def _run(instruction: Instruction, texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The command itself, and the scripts of the project that it names."""
    command = " ".join(instruction.words or [instruction.rest])
    yield f"line {instruction.line}", command
    names = {posixpath.basename(found[0]) for found in SCRIPT.finditer(command)}
    yield from ((path, text) for path, text in texts.items() if posixpath.basename(path) in names)
