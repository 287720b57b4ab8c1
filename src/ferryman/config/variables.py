"""Resolves `${VAR}` in the section of the environment that is used, and of no other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ferryman.config.models import Configuration, Environment, EnvironmentSection
from ferryman.config.problems import Problem, configuration_error
from ferryman.config.section import Place
from ferryman.errors import UsageError

# "$${" is a literal "${"; "${" without a name and "}" is a mistake.
VARIABLE = re.compile(r"(?P<escaped>\$\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}|(?P<broken>\$\{)")


class _UnsetError(LookupError):
    """A variable that a text needs is not set."""


def resolve_environment(configuration: Configuration, name: str, variables: Mapping[str, str]) -> Environment:
    """Return an environment with its `${VAR}` resolved from `variables`, and checked.

    Raises UsageError for an unknown name, ConfigurationError for a missing variable or a value that does not fit.
    """
    source = configuration.source
    tables = source.data.get("environments", {})
    if name not in tables:
        listed = ", ".join(sorted(tables)) or "none yet; add a section [environments.production]"
        raise UsageError(
            "unknown-environment",
            f'{source.shown_path} has no environment "{name}"',
            hint=f"choose one of: {listed}" if tables else f"environments: {listed}",
        )
    place = ("environments", name)
    resolved, unset = _resolve_table(tables[name], variables)
    problems = [Problem((*place, key), text) for key, text in unset.items()]
    if problems:
        raise configuration_error(source, problems, "variable-missing")
    found = EnvironmentSection.read(resolved, Place(place, problems))
    if problems:
        raise configuration_error(source, problems)
    identity = None if found.identity is None else _identity_path(source.path, found.identity)
    return Environment(**{**vars(found), "identity": identity, "name": name})


def broken_variables(data: Mapping[str, Any]) -> list[Problem]:
    """Return a problem for each `${` in [environments] that begins no variable."""
    problems = []
    environments = data.get("environments")
    for name, table in environments.items() if isinstance(environments, dict) else ():
        for key, value in table.items() if isinstance(table, dict) else ():
            if isinstance(value, str) and any(found["broken"] for found in VARIABLE.finditer(value)):
                text = 'holds a "${" that begins no variable; allowed: ${NAME}, or $${ for a literal ${'
                problems.append(Problem(("environments", name, key), text))
    return problems


def _resolve_table(table: Mapping[str, Any], variables: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    resolved: dict[str, Any] = {}
    unset: dict[str, str] = {}
    for key, value in table.items():
        try:
            resolved[key] = _resolve(value, variables) if isinstance(value, str) else value
        except _UnsetError as missing:
            unset[key] = f"the variable {missing} is not set or is empty; set it, or write the value here"
    return resolved, unset


def _resolve(text: str, variables: Mapping[str, str]) -> str:
    def substitute(found: re.Match[str]) -> str:
        if found["escaped"]:
            return "${"
        # GitHub hands over a secret that does not exist as an empty string.
        value = variables.get(found["name"], "")
        if not value:
            raise _UnsetError(found["name"])
        return value

    return VARIABLE.sub(substitute, text)


def _identity_path(configuration_path: Path, identity: str) -> str:
    """Return the key file's absolute path; a relative one starts at ferryman.toml's folder."""
    return str(configuration_path.resolve().parent / Path(identity).expanduser())


def variable_names(text: str) -> list[str]:
    """The names of the variables in a value."""
    return [found["name"] for found in VARIABLE.finditer(text) if found["name"]]
