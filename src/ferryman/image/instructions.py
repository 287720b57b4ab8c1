"""Reads a Dockerfile: its instructions, the image that is shipped, and how that is started."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass

MIGRATE = re.compile(r"\bmanage(\.py)?\b[^&|;\n]*\bmigrate\b|\bdjango-admin\s+migrate\b|\balembic\s+upgrade\b")
SETTINGS = re.compile(r"\bDJANGO_SETTINGS_MODULE[= ]\s*[\"']?([\w.]+)")
ROOT = ("root", "0", "")
VARIABLE = re.compile(r"\$\{?(\w+)\}?")


@dataclass(frozen=True)
class Instruction:
    """One instruction of a Dockerfile, its lines joined."""

    line: int
    word: str
    rest: str

    @property
    def words(self) -> list[str] | None:
        """The words of an exec form; None for a shell form."""
        try:
            found = json.loads(self.rest)
        except ValueError:
            return None
        return [str(word) for word in found] if isinstance(found, list) else None


def instructions(text: str) -> list[Instruction]:
    """All instructions, comments left out."""
    found: list[Instruction] = []
    begun = 0
    parts: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("#") or (not parts and not line.strip()):
            continue
        begun = begun if parts else number
        is_continued = line.rstrip().endswith("\\")
        parts.append(line.rstrip().removesuffix("\\").strip())
        if not is_continued:
            word, _, rest = " ".join(parts).partition(" ")
            found.append(Instruction(begun, word.upper(), rest.strip()))
            parts = []
    return found


def base_images(text: str) -> list[str]:
    """The images that a Dockerfile starts from or copies from, without digests; a variable has its default."""
    values: dict[str, str] = {}
    stages: set[str] = {"scratch"}
    named: list[str] = []
    for instruction in instructions(text):
        words = [VARIABLE.sub(lambda found: values.get(found[1], ""), word) for word in instruction.rest.split()]
        plain = [word for word in words if not word.startswith("--")]
        if instruction.word == "ARG" and "=" in instruction.rest:
            name, _, value = instruction.rest.partition("=")
            values[name.strip()] = value.strip().strip("\"'")
        elif instruction.word == "FROM" and plain:
            named += [] if plain[0].lower() in stages else [plain[0]]
            stages |= {plain[2].lower()} if len(plain) > 2 else set()
        elif instruction.word == "COPY":
            sources = [word.removeprefix("--from=") for word in words if word.startswith("--from=")]
            named += [source for source in sources if source.lower() not in stages and not source.isdigit()]
    return list(dict.fromkeys(name.partition("@")[0] for name in named))


def last_stage(found: list[Instruction]) -> list[Instruction]:
    """The instructions of the image that is shipped: the last stage, after those of the stages that it starts from."""
    stages: dict[str, list[Instruction]] = {}
    current: list[Instruction] = []
    for instruction in found:
        if instruction.word != "FROM":
            current.append(instruction)
            continue
        words = [word for word in instruction.rest.split() if not word.startswith("--")]
        current = [*stages.get(words[0].lower() if words else "", []), instruction]
        if len(words) > 2 and words[1].upper() == "AS":
            stages[words[2].lower()] = current
    return current


def started(shipped: list[Instruction]) -> list[Instruction]:
    """ENTRYPOINT and CMD, the last of each."""
    return list({i.word: i for i in shipped if i.word in ("ENTRYPOINT", "CMD")}.values())


def user(shipped: list[Instruction]) -> str:
    """The user that the image runs as; "" when it says none, which is root."""
    users = [instruction.rest.partition(":")[0].strip() for instruction in shipped if instruction.word == "USER"]
    return users[-1] if users else ""


def settings_module(text: str) -> str:
    """The settings module that the image of a Dockerfile names; "" when it names none."""
    for instruction in last_stage(instructions(text)):
        match = SETTINGS.search(instruction.rest) if instruction.word == "ENV" else None
        if match:
            return match[1]
    return ""


def variables(shipped: list[Instruction]) -> dict[str, str]:
    """The environment that the image sets; a value that can't be read is left out."""
    found: dict[str, str] = {}
    for instruction in shipped:
        if instruction.word != "ENV":
            continue
        try:
            words = shlex.split(instruction.rest)
        except ValueError:
            continue
        if words and "=" not in words[0]:
            found[words[0]] = " ".join(words[1:])
        else:
            found |= {name: value for name, _, value in (word.partition("=") for word in words)}
    return {name: value for name, value in found.items() if "$" not in value}
