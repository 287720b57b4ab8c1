"""Reads ferryman.toml, and reports all that is wrong with it at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ferryman.config.fields import NAME_PATTERN
from ferryman.config.given import clashes
from ferryman.config.models import App, Configuration
from ferryman.config.positions import key_lines
from ferryman.config.problems import Problem, Source, configuration_error
from ferryman.config.section import Place
from ferryman.config.variables import broken_variables
from ferryman.errors import ConfigurationError

NAME = re.compile(NAME_PATTERN)
RESERVED_NAMES = ("migrate", "postgres")  # the agent's own containers beside an app
NAMES_ALLOWED = (
    "lower-case letters, digits and -, beginning with a letter, at most 31 characters; migrate and postgres are taken"
)


def load_configuration(path: Path) -> Configuration:
    """Read and check a ferryman.toml; variables are not resolved.

    Raises ConfigurationError `configuration-missing` when there is no such file, else `configuration-invalid`.
    """
    return _checked(_source(path, _read(path)))


def parse_configuration(text: str, path: Path) -> Configuration:
    """Check the text of a ferryman.toml that is not written yet. Raises ConfigurationError `configuration-invalid`."""
    return _checked(_source(path, text))


def _checked(source: Source) -> Configuration:
    problems: list[Problem] = []
    found = Configuration.read(source.data, Place((), problems, is_unresolved=True))
    problems += [*broken_variables(source.data), *_names(source.data), *_domains(source.data), *clashes(source.data)]
    problems = problems or _folders_in_memory(found.app)
    if problems:
        raise configuration_error(source, problems)
    return Configuration(**vars(found), source=source)


def _folders_in_memory(app: App) -> list[Problem]:
    """What is in them counts as the container's memory, which would be used up before they are full."""
    if not isinstance(app.tmpfs, dict) or sum(app.tmpfs.values()) < app.resources.memory:
        return []
    sizes, memory = f"{sum(app.tmpfs.values()) >> 20} MiB", f"{app.resources.memory >> 20} MiB"
    text = f"{sizes} in memory do not fit into [app.resources] memory, {memory}, which they count for"
    return [Problem(("app", "tmpfs"), f"{text}; allowed: less than that in all")]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(
            "configuration-missing", f"there is no {path}", hint="run `ferryman init` in the project's folder"
        ) from None
    except OSError as error:
        raise ConfigurationError("configuration-missing", f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            "configuration-invalid", f"{Source(path).shown_path}:{line}: is not UTF-8 text"
        ) from None


def _source(path: Path, text: str) -> Source:
    shown = Source(path).shown_path
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError("configuration-invalid", _syntax_problem(shown, text, str(error))) from None
    except (RecursionError, ValueError):
        problem = f"{shown}: holds too deep an array, or too long a number"
        raise ConfigurationError("configuration-invalid", problem) from None
    return Source(path, data, key_lines(text))


def _syntax_problem(shown: str, text: str, message: str) -> str:
    """Put the line in front; tomllib says it at the end, in words."""
    found = re.fullmatch(r"(.*?) \(at (?:line (\d+), column \d+|end of document)\)", message, re.DOTALL)
    if not found:
        return f"{shown}: {message}"
    line = found[2] or text.count("\n") + (not text.endswith("\n"))
    return f"{shown}:{line}: not valid TOML: {found[1][0].lower()}{found[1][1:]}"


def _domains(data: Mapping[str, Any]) -> list[Problem]:
    """A host name is the edge's to answer for, and with `recreate` there is none in front of the app."""
    if _table(data, "app").get("strategy") != "recreate":
        return []
    text = 'not with [app] strategy "recreate", which publishes port 8000 without the edge; leave one of them out'
    environments = _table(data, "environments")
    return [
        Problem(("environments", name, "domain"), text)
        for name in environments
        if "domain" in _table(environments, name)
    ]


def _names(data: Mapping[str, Any]) -> list[Problem]:
    """Roles, schedules and accessories share their names with each other and with the agent's own containers.

    Names of extra roles are held to the pattern here: the schema can't without losing the line of the key.
    """
    app, taken = _table(data, "app"), {"web": "the role that serves"}
    problems = []
    for path, what, table in (
        (("app", "roles"), "a role", _table(app, "roles")),
        (("app", "schedules"), "a schedule", _table(app, "schedules")),
        (("accessories",), "an accessory", _table(data, "accessories")),
    ):
        for name in table:
            is_web = (path, name) == (("app", "roles"), "web")
            if name in RESERVED_NAMES or (path == ("app", "roles") and not NAME.fullmatch(name)):
                problems.append(Problem((*path, name), f"this name can't be used; allowed: {NAMES_ALLOWED}"))
            elif name in taken and not is_web:
                problems.append(Problem((*path, name), f"this name is taken by {taken[name]}; allowed: another name"))
            taken.setdefault(name, f"{what} [{'.'.join((*path, name))}]")
    return problems


def _table(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = data.get(key)
    return found if isinstance(found, dict) else {}
