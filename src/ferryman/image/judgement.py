"""Judges how an image starts: what its command and its entry scripts do; pure. `init` and `check` go by it alike."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ferryman.image.instructions import MIGRATE, ROOT, Instruction, instructions, last_stage, started, user

DEVELOPMENT = re.compile(r"\brunserver(_plus)?\b|\s--reload\b|\bflask run\b")
LOOPBACK = re.compile(r"(--bind|-b|--host|-h)[= ]\s*[\"']?(127\.0\.0\.1|localhost)\b")
SCRIPT = re.compile(r"[\w./-]+\.(sh|bash)\b|(?<=/)[\w-]*(entrypoint|start|run)[\w-]*")
SERVER = re.compile(
    r"^\s*(?P<exec>exec\s+)?(\w+=\S+\s+)*((poetry|pipenv|pdm|uv)\s+run\s+|\S*python[\d.]*\s+-m\s+)*"
    r"(\S*/)?(?P<name>gunicorn|uvicorn|daphne|hypercorn|granian|waitress-serve)(?=\s|$)(?P<options>.*)"
)
ARGUMENTS = re.compile(r'^\s*"?\$@"?\s*$')
PASSES_SIGNALS = re.compile(r"\bdumb-init\b|\btini\b.*\s-g\b")
SHELLS = re.compile(r"(/\w+)*/?(sh|bash|dash|ash)")
# These listen on 127.0.0.1 unless they are told otherwise; gunicorn takes PORT, which the agent gives.
ON_LOOPBACK = ("uvicorn", "daphne", "hypercorn", "granian")
ADDRESS = re.compile(r"(?:^|\s)(?:--bind|-b|--host|-h|--uds|--fd|-u|-e|--endpoint|--config|-c|--listen)[= ]?\s*\S")
PORTS = (
    re.compile(r"(?:--bind|-b)[= ]?\s*[\"']?(?:\[[^\]]*\]|[\w.]*):(?P<port>\d+)\b"),
    re.compile(r"(?:\s--port|\s-p)[= ]?\s*[\"']?(?P<port>\d+)\b"),
)
PARAMETER = re.compile(r"\$(?:\{(?P<braced>\w+)(?::?-(?P<default>[^}]*))?\}|(?P<plain>\w+))")


@dataclass(frozen=True, order=True)
class Fault:
    """What stands against an image, and where: `line` counts from 1."""

    path: str
    line: int
    code: str
    reason: str


@dataclass(frozen=True)
class Line:
    """A command that a container runs at its start: of the Dockerfile, of ferryman.toml, or of a script."""

    path: str
    line: int
    text: str
    is_script: bool = False


@dataclass(frozen=True)
class Image:
    """A Dockerfile, and what the container is started with: `command` takes the place of CMD."""

    path: str
    text: str
    scripts: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    command_place: tuple[str, int] = ("ferryman.toml", 1)

    @property
    def shipped(self) -> list[Instruction]:
        """The instructions of the image that is shipped."""
        return last_stage(instructions(self.text))

    @property
    def starting(self) -> list[Instruction]:
        """ENTRYPOINT and CMD, without the CMD that ferryman.toml's command replaces."""
        return [found for found in started(self.shipped) if found.word == "ENTRYPOINT" or not self.command]

    def lines(self) -> list[Line]:
        """All commands of the start: those of the scripts after the command that names them."""
        own = [
            Line(self.path, found.line, found.rest if found.words is None else " ".join(found.words))
            for found in self.starting
        ]
        if self.command:
            own.append(Line(*self.command_place, " ".join(self.command)))
        return own + [line for command in own for line in self._scripts(command.text)]

    def _scripts(self, command: str) -> Iterator[Line]:
        names = {posixpath.basename(found[0]) for found in SCRIPT.finditer(command)}
        for path, text in self.scripts.items():
            if posixpath.basename(path) in names:
                yield from (Line(path, number, line, is_script=True) for number, line in script_lines(text))

    def expanded(self, text: str) -> str:
        """A command with the parameters that are known put in their place."""

        def value(found: re.Match[str]) -> str:
            return self.values.get(found["braced"] or found["plain"], found["default"] or found[0])

        return PARAMETER.sub(value, text)


def script_lines(text: str) -> Iterator[tuple[int, str]]:
    """The commands of a shell script with their lines: continued ones joined, comments left out."""
    begun, parts = 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        if not parts and line.lstrip().startswith("#"):
            continue
        begun = begun if parts else number
        parts.append(line.rstrip().removesuffix("\\"))
        if not line.rstrip().endswith("\\"):
            yield begun, " ".join(part.strip() for part in parts)
            parts = []


def faults(image: Image) -> Iterator[Fault]:
    """What stands against an image by its start and its user, in the order in which it matters."""
    lines = image.lines()
    serves = any(SERVER.match(piece) for line in lines if line.is_script for piece in pieces(line.text))
    for line in lines:
        # A script that has a branch for development beside a server is not judged by that branch.
        if DEVELOPMENT.search(line.text) and not (line.is_script and serves):
            yield Fault(line.path, line.line, "development-server", "it starts a development server")
        if MIGRATE.search(line.text):
            yield Fault(line.path, line.line, "migrate-at-start", "it migrates at each start")
        if _is_on_loopback(image, line):
            yield Fault(line.path, line.line, "loopback-bind", "it listens on the loopback alone")
    if user(image.shipped) in ROOT:
        named = [found.line for found in image.shipped if found.word == "USER"]
        begun = [found.line for found in image.shipped if found.word == "FROM"]
        yield Fault(image.path, (named or begun or [1])[-1], "root-user", "it runs as root: it has no USER")


def signal_faults(image: Image) -> Iterator[Fault]:
    """Where a shell stays in front of the server, so that no SIGTERM reaches it."""
    if any(PASSES_SIGNALS.search(line.text) for line in image.lines()):
        return
    for found in image.starting:
        command = found.rest if found.words is None else " ".join(found.words)
        if _stays_in_shell(found, command):
            yield Fault(image.path, found.line, "no-signal-handling", f"{found.word} runs in a shell as process 1")
    for line in image.lines():
        if line.is_script and _is_without_exec(line.text):
            yield Fault(line.path, line.line, "no-signal-handling", "the server runs below a shell without `exec`")


def port_faults(image: Image, port: int) -> Iterator[Fault]:
    """Where the server listens on another port than ferryman.toml says."""
    for line in image.lines():
        for options in _options(image.expanded(line.text)):
            found = [match["port"] for pattern in PORTS for match in pattern.finditer(options)]
            if found and str(port) not in found:
                yield Fault(line.path, line.line, "other-port", found[0])


def servers(image: Image) -> list[tuple[str, str]]:
    """The servers that are started, with their options."""
    found = (SERVER.match(piece) for line in image.lines() for piece in pieces(image.expanded(line.text)))
    return [(match["name"], match["options"]) for match in found if match]


def pieces(text: str) -> list[str]:
    """The single commands of a line of shell, without a shell's own words before them."""
    bare = re.sub(r"^\s*(\S*/)?(sh|bash|dash|ash)\s+-\w*c\s+", "", text).strip().strip("'\"")
    return [piece for piece in re.split(r"&&|\|\||;", bare) if piece.strip()]


def _options(text: str) -> Iterator[str]:
    for piece in pieces(text):
        found = SERVER.match(piece)
        if found and "$" not in found["options"]:
            yield found["options"]


def _is_on_loopback(image: Image, line: Line) -> bool:
    if LOOPBACK.search(line.text):
        return True
    if image.values.get("UVICORN_HOST"):
        return False
    found = [match for piece in pieces(line.text) if (match := SERVER.match(piece))]
    return any(
        match["name"] in ON_LOOPBACK and match["options"].strip() and not ADDRESS.search(match["options"])
        and "$" not in match["options"]
        for match in found
    )  # fmt: skip


def _stays_in_shell(found: Instruction, command: str) -> bool:
    words = found.words
    if words is None:
        return not re.search(r"(^|&&|;)\s*exec\s", command)
    is_shell = bool(words) and SHELLS.fullmatch(words[0]) is not None and "-c" in words
    return is_shell and "exec " not in command


def _is_without_exec(text: str) -> bool:
    if ARGUMENTS.match(text):
        return True
    found = [match for piece in pieces(text) if (match := SERVER.match(piece))]
    return any(not match["exec"] for match in found) and not text.rstrip().endswith("&")
