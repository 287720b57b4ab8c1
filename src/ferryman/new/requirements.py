"""The packages of a new project, and their pinned versions for who has no uv."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ferryman.new.choices import Choices

DEVELOPMENT = "development"
PIN = re.compile(r"(?P<name>[a-z0-9-]+)==\S+.*")
PARENT = re.compile(r"#(?: via)? +(?P<name>[a-z0-9-]+)\b")


@dataclass(frozen=True)
class Pin:
    """One line of the pins, and the packages that ask for it."""

    line: str
    parents: frozenset[str]


def required(packages: str, choices: Choices) -> list[str]:
    """What the project itself asks for, from the text of packages.toml."""
    known = tomllib.loads(packages)
    found = [*known["always"], *known.get(choices.sign_in, []), *known.get(choices.queue, [])]
    return sorted(found)


def required_for_development(packages: str) -> list[str]:
    """What its tests and linters ask for."""
    return sorted(tomllib.loads(packages)[DEVELOPMENT])


def requirements(pins: str, asked: Iterable[str]) -> list[str]:
    """The pins of the packages that are asked for, and of all that these need."""
    known = _read(pins)
    wanted = {_name(text) for text in asked}
    more = wanted
    while more:
        more = {name for name, pin in known.items() if pin.parents & wanted} - wanted
        wanted |= more
    return [known[name].line for name in sorted(wanted)]


def _read(pins: str) -> Mapping[str, Pin]:
    """The pins by name, from what `uv pip compile` writes: each is followed by comments that tell who asks for it."""
    found: dict[str, Pin] = {}
    name = ""
    for line in pins.splitlines():
        pin = PIN.fullmatch(line)
        parent = PARENT.fullmatch(line.strip())
        if pin:
            name = pin["name"]
            found[name] = Pin(line.strip(), frozenset())
        elif parent and name:
            found[name] = Pin(found[name].line, found[name].parents | {parent["name"]})
    return found


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()
