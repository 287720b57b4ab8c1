"""Mistakes in the Dockerfile: root, a process 1 that gets no signal, migrations at the start, secrets and DEBUG."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from ferryman.checks.finding import Finding
from ferryman.checks.project import SERVER_SETTINGS, Project
from ferryman.image.instructions import MIGRATE, Instruction, instructions, last_stage, started

SHELLS = re.compile(r"(/\w+)*/?(sh|bash|dash|ash)")
DEBUG = re.compile(r"\b(DJANGO_)?DEBUG[= ]\s*[\"']?(1|true|on|yes)\b", re.IGNORECASE)
SECRET = re.compile(r"\b(DJANGO_)?SECRET_KEY[= ]\s*[\"']?[^\s\"'$]")
GUNICORN_SECONDS = 30.0


def check_dockerfile(project: Project) -> Iterator[Finding]:
    """All findings of the Dockerfile."""
    text = project.texts.get(project.dockerfile)
    if text is None:
        return
    shipped = last_stage(instructions(text))
    yield from _user(project, shipped)
    yield from _start(project)
    yield from _values(project, shipped)


def _user(project: Project, shipped: list[Instruction]) -> Iterator[Finding]:
    users = [instruction for instruction in shipped if instruction.word == "USER"]
    if not users or users[-1].rest.partition(":")[0].strip() in ("root", "0", ""):
        line = users[-1].line if users else next((i.line for i in shipped if i.word == "FROM"), 1)
        yield Finding(
            project.dockerfile,
            line,
            "root-user",
            "the image runs as root, so a hole in the app is a hole in the container's walls",
            "end the Dockerfile with a USER other than root, such as `USER 10001:10001`",
        )


def start_commands(project: Project) -> list[Instruction]:
    """ENTRYPOINT and CMD of the image that is shipped."""
    return started(last_stage(instructions(project.texts.get(project.dockerfile, ""))))


def _start(project: Project) -> Iterator[Finding]:
    for instruction in start_commands(project):
        words = instruction.words
        command = " ".join(words) if words else instruction.rest
        if words is None or (SHELLS.fullmatch((words or [""])[0]) and "-c" in words and "exec " not in command):
            yield Finding(
                project.dockerfile,
                instruction.line,
                "no-signal-handling",
                f"{instruction.word} runs in a shell as process 1, which passes no SIGTERM on: each stop is a kill",
                f'write it as a list, such as `{instruction.word} ["gunicorn", "shop.wsgi"]`, or `exec` the server',
            )
        yield from _migrates(project, instruction, command)


def _migrates(project: Project, instruction: Instruction, command: str) -> Iterator[Finding]:
    places = [(project.dockerfile, instruction.line, command)]
    for path, text in project.texts.items():
        if path.endswith(".sh") and posixpath.basename(path) in command:
            places += [(path, number, line) for number, line in enumerate(text.splitlines(), start=1)]
    for path, line, written in places:
        if MIGRATE.search(written) and not written.lstrip().startswith("#"):
            yield migrates_at_start(path, line)


def migrates_at_start(path: str, line: int) -> Finding:
    """The finding, wherever the container's start command is written."""
    return Finding(
        path,
        line,
        "migrate-at-start",
        "the container migrates when it starts: several at once, at each restart, and before the release is healthy",
        'leave it out, and name it in ferryman.toml: [database] migrate = ["python", "manage.py", "migrate"]',
    )


def _values(project: Project, shipped: list[Instruction]) -> Iterator[Finding]:
    for instruction in shipped:
        if instruction.word not in ("ENV", "ARG"):
            continue
        if instruction.word == "ENV" and DEBUG.search(instruction.rest):
            yield debug_on(project.dockerfile, instruction.line)
        if SECRET.search(instruction.rest):
            yield default_secret_key(project.dockerfile, instruction.line)


def debug_on(path: str, line: int) -> Finding:
    """The finding, wherever DEBUG is switched on."""
    return Finding(
        path,
        line,
        "debug-on",
        "DEBUG is on in what is deployed: errors show settings and code to everybody, and memory grows",
        'read it from the environment, off without it: `DEBUG = os.environ.get("DEBUG", "") == "1"`',
    )


def default_secret_key(path: str, line: int) -> Finding:
    """The finding, wherever the key is written down."""
    return Finding(
        path,
        line,
        "default-secret-key",
        "SECRET_KEY stands in the repository or the image: who reads it can sign sessions and password links",
        'read it from the environment: `SECRET_KEY = os.environ["SECRET_KEY"]`; the agent makes one',
    )


def graceful_seconds(project: Project, command: tuple[str, ...]) -> float | None:
    """How long the server of `web` waits for its requests at a stop; None for a server that is not known."""
    words = list(command)
    for instruction in start_commands(project) if not words else []:
        words += instruction.words or instruction.rest.split()
    text = " ".join(words)
    if "gunicorn" in text:
        found = re.search(r"--graceful-timeout[= ](\d+)", text)
        return float(found[1]) if found else _configured(project)
    found = re.search(r"--timeout-graceful-shutdown[= ](\d+)", text)
    return float(found[1]) if found else None


def _configured(project: Project) -> float:
    for text in project.files(SERVER_SETTINGS).values():
        found = re.search(r"^graceful_timeout\s*=\s*(\d+)\s*(#.*)?$", text, re.MULTILINE)
        if found:
            return float(found[1])
        if re.search(r"^graceful_timeout\s*=", text, re.MULTILINE):
            return 0.0  # worked out when it starts: not known here
    return GUNICORN_SECONDS
