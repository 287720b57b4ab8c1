"""A project's own answers, as the program inside its Python gave them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Variable:
    """A variable that the settings read. `forms`: how its value is ("int", "bool", "list ,", "blank", "json" …).

    `compared`: words that its value is compared with.
    """

    name: str
    is_required: bool = False
    has_default: bool = False
    default: str | None = None
    forms: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failure:
    """An exception in the project's code: its kind and message, and the last place of the project's own files."""

    kind: str
    message: str
    module: str = ""
    file: str = ""
    line: int | None = None
    trace: tuple[str, ...] = ()

    def __str__(self) -> str:
        first = (self.message.strip().splitlines() or [""])[0]
        place = f" ({self.file}, line {self.line})" if self.file else ""
        return f"{self.kind}: {first}{place}"


@dataclass(frozen=True)
class Connection:
    """A database as Django has it: "postgresql", "sqlite" …; or why its backend can't be loaded."""

    vendor: str
    broken: str = ""


@dataclass(frozen=True)
class Called:
    """A path that was called: its status with a database that answers, and with none; 0: it gave no answer."""

    path: str
    up: int
    down: int


@dataclass(frozen=True)
class Answers:
    """What a project said of itself. `settings` are Django's, by name; paths are absolute, `folder` is manage.py's.

    `failed` has the parts of Django that could not be asked. `filled` are the variables that had a placeholder,
    `reached` what the code tried to connect to or to look up.
    """

    module: str
    folder: str
    python: str
    django: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    packages: frozenset[str] = frozenset()
    variables: Mapping[str, Variable] = field(default_factory=dict)
    filled: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    reached: tuple[str, ...] = ()
    is_read_as_a_whole: bool = False
    models: Mapping[str, Any] = field(default_factory=dict)
    routes: tuple[Mapping[str, Any], ...] = ()
    health: tuple[Called, ...] = ()
    background: Mapping[str, Any] = field(default_factory=dict)
    connections: Mapping[str, Connection] = field(default_factory=dict)
    error: Failure | None = None
    failed: Mapping[str, Failure] = field(default_factory=dict)

    @property
    def failure(self) -> Failure | None:
        """Why Django does not start with these settings."""
        return self.error or self.failed.get("setup")

    def database(self, alias: str = "default") -> Mapping[str, str]:
        """The settings of one of its databases, {} when there is none."""
        found: Mapping[str, str] = self.settings.get("DATABASES", {}).get(alias, {})
        return found

    def readers_of(self, value: str) -> list[str]:
        """The variables whose value is in a text: the given ones and the placeholders are told apart by theirs."""
        values = {**self.given, **self.filled}
        return [name for name, told in values.items() if len(told) > SHORTEST and told in value]


SHORTEST = 3  # characters; "1" may come from anywhere


def parse_answers(module: str, given: Mapping[str, str], told: Mapping[str, Any]) -> Answers:
    """Read the line that the program inside printed."""
    variables = [_variable(found) for found in told.get("variables", [])]
    return Answers(
        module=module,
        folder=told["folder"],
        python=told["python"],
        django=told.get("django", ""),
        settings=told.get("settings", {}),
        packages=frozenset(told.get("packages", [])),
        variables={variable.name: variable for variable in variables},
        filled=told.get("filled", {}),
        given=given,
        reached=tuple(told.get("reached", [])),
        is_read_as_a_whole=bool(told.get("is_read_as_a_whole")),
        models=told.get("models", {}),
        routes=tuple(told.get("routes", [])),
        health=tuple(Called(found["path"], found["up"], found["down"]) for found in told.get("health", [])),
        background=told.get("background", {}),
        connections={alias: Connection(**found) for alias, found in told.get("connections", {}).items()},
        error=_failure(told["error"]) if "error" in told else None,
        failed={name: _failure(found) for name, found in told.get("failed", {}).items()},
    )


def _variable(told: Mapping[str, Any]) -> Variable:
    return Variable(
        name=told["name"],
        is_required=bool(told["required"]),
        has_default=bool(told["has_default"]),
        default=told["default"],
        forms=tuple(told["forms"]),
        compared=tuple(told["compared"]),
    )


def _failure(told: Mapping[str, Any]) -> Failure:
    return Failure(
        told["kind"], told["message"], told["module"], told["file"], told["line"], tuple(told.get("trace", []))
    )
