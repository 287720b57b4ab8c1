"""Turns what is wrong with ferryman.toml into one line per problem: file, line, key, what is wrong, what is allowed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ferryman.config.positions import BARE_KEY, KeyPath, line_of
from ferryman.errors import ConfigurationError

LONGEST_VALUE_SHOWN = 60
TYPE_NAMES = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    list: "an array",
    dict: "a table",
}


@dataclass(frozen=True)
class Source:
    """A ferryman.toml that was read: its data, and the line of each key."""

    path: Path = Path("ferryman.toml")
    data: Mapping[str, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)

    @property
    def shown_path(self) -> str:
        """Return the path as it was given, unless it is a long absolute one."""
        return self.path.name if self.path.is_absolute() else str(self.path)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where."""

    path: KeyPath
    text: str
    is_section: bool = False

    def render(self, source: Source) -> str:
        """Return `ferryman.toml:12: [app.roles.web] prot: unknown key`."""
        place = f"[{_dotted(self.path)}]" if self.is_section else _place(self.path, source.data)
        return f"{source.shown_path}:{line_of(source.lines, self.path)}: {place}: {self.text}"


def configuration_error(
    source: Source, problems: Iterable[Problem], code: str = "configuration-invalid"
) -> ConfigurationError:
    """Return the error that lists all problems in the order of their lines."""
    in_order = sorted(problems, key=lambda problem: line_of(source.lines, problem.path))
    return ConfigurationError(code, "\n".join(dict.fromkeys(problem.render(source) for problem in in_order)))


def type_told(value: object) -> str:
    """Say of what type a value is, with the value unless it is long."""
    name = TYPE_NAMES.get(type(value), "a date or time")
    return f"is {name}" if isinstance(value, (dict, list)) else f"{shown(value)} is {name}"


def shown(value: object) -> str:
    """A value as a person wrote it, not all of it where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST_VALUE_SHOWN else text[:LONGEST_VALUE_SHOWN] + "..."


def unknown(key: str, known: list[str], *, is_section: bool) -> str:
    """Say that a key is not known, and which is meant perhaps."""
    import difflib

    near = difflib.get_close_matches(key, known, n=1)
    guess = f'did you mean "{near[0]}"? ' if near else ""
    return f"unknown {'section' if is_section else 'key'}; {guess}allowed: {', '.join(known)}"


def _place(path: KeyPath, data: Mapping[str, Any]) -> str:
    """Return `[app.roles.web] port` for a key, `[app.roles]` for a section."""
    depth = 0
    current: Any = data
    for part in path:
        current = current.get(part) if isinstance(current, dict) else None
        if not isinstance(current, dict):
            break
        depth += 1
    section, rest = path[:depth], path[depth:]
    words = [f"[{_dotted(section)}]"] if section else []
    return " ".join([*words, _dotted(rest)] if rest else words)


def _dotted(path: KeyPath) -> str:
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if part and set(part) <= BARE_KEY else json.dumps(part))
    return text
