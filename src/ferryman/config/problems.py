"""Turns what is wrong with ferryman.toml into one line per problem: file, line, key, what is wrong, what is allowed."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ValidationError

from ferryman.config.fields import Allowed
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


def problems_of(error: ValidationError, model: type[BaseModel], at: KeyPath = ()) -> list[Problem]:
    """Translate pydantic's errors about a model; `at` is where the model's data stands in the file."""
    problems = []
    for detail in error.errors(include_url=False):
        path: KeyPath = tuple(part for part in detail["loc"] if part != "[key]")
        problem = _problem(detail, model, path)
        problems.append(Problem((*at, *problem.path), problem.text, problem.is_section))
    return problems


def _problem(detail: Any, model: type[BaseModel], path: KeyPath) -> Problem:
    kind, value = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        known = _keys(_at(model, path[:-1])[0])
        return Problem(path, _unknown(str(path[-1]), isinstance(value, dict), known))
    if "[key]" in detail["loc"]:
        names, _ = _at(model, path[:-1])
        _, allowed = _bare(get_args(names)[0])
        return Problem(path, f"this name can't be used; allowed: {allowed}")
    annotation, allowed = _at(model, path)
    what_fits = f"allowed: {allowed}" if allowed else _contents(annotation)
    if kind == "missing":
        is_section = bool(_keys(annotation))
        return Problem(path, f"missing{' section' if is_section else ''}; {what_fits}", is_section)
    if kind == "refused" and isinstance(value, dict):
        return Problem(path, str(detail["ctx"]["reason"]))
    return Problem(path, f"{_reason(kind, value, detail)}; {what_fits}")


def _reason(kind: str, value: object, detail: Any) -> str:
    if kind == "refused":
        return f"{_shown(value)} {detail['ctx']['reason']}"
    if kind.endswith("_type"):
        type_name = TYPE_NAMES.get(type(value), "a date or time")
        return f"is {type_name}" if isinstance(value, (dict, list)) else f"{_shown(value)} is {type_name}"
    if kind == "too_short":
        return "is empty"
    return f"{_shown(value)} can't be used"


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST_VALUE_SHOWN else text[:LONGEST_VALUE_SHOWN] + "..."


def _unknown(key: str, is_section: bool, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    guess = f'did you mean "{near[0]}"? ' if near else ""
    return f"unknown {'section' if is_section else 'key'}; {guess}allowed: {', '.join(known)}"


def _contents(annotation: Any) -> str:
    if annotation is bool:
        return "allowed: true or false"
    return f"allowed: a table of {', '.join(_keys(annotation))}"


def _keys(annotation: Any) -> list[str]:
    return list(annotation.model_fields) if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []


def _at(model: type[BaseModel], path: KeyPath) -> tuple[Any, str]:
    """Return the type that stands at a path of the model, and what is allowed there."""
    annotation: Any = model
    allowed = ""
    for part in path:
        annotation, allowed = _bare(_child(annotation, part))
    return annotation, allowed


def _child(annotation: Any, part: str | int) -> Any:
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        return arguments[1]
    if get_origin(annotation) is tuple:
        return arguments[0]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        info = annotation.model_fields.get(str(part))
        if info is not None:
            return Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
        if annotation.model_config.get("extra") == "allow":
            return get_args(get_type_hints(annotation, include_extras=True)["__pydantic_extra__"])[1]
    return None


def _bare(annotation: Any) -> tuple[Any, str]:
    """Strip Annotated and `| None`; return the type and its Allowed text."""
    allowed = ""
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *metadata = get_args(annotation)
            allowed = next((item.text for item in metadata if isinstance(item, Allowed)), allowed)
        elif get_origin(annotation) in (Union, UnionType):
            annotation = next(item for item in get_args(annotation) if item is not type(None))
        else:
            return annotation, allowed


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
