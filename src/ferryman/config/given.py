"""Pure: the variables that the agent gives, and the names of the project's choice for some of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ferryman.config.problems import Problem

SECRET_KEY = "SECRET_KEY"  # noqa: S105 - the variable's name
ALWAYS = (SECRET_KEY, "DATABASE_URL", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "PORT")
OWN_PREFIX = "FERRYMAN_"
# The parts of a database, with what stands in for each where there is none.
PARTS = {
    "url": "postgresql://nobody:nobody@127.0.0.1:5432/nothing",
    "host": "127.0.0.1",
    "port": "5432",
    "name": "nothing",
    "user": "nobody",
    "password": "nobody",
}


def clashes(data: Mapping[str, Any]) -> list[Problem]:
    """Names in [database] variables and [app.env] secret_key that have a value already."""
    env = _table(_table(data, "app"), "env")
    named = _table(_table(data, "database"), "variables")
    secret_key = env.get("secret_key", SECRET_KEY)
    problems = [
        Problem(("database", "variables", name), text)
        for name in named
        if (text := _taken(name, data) or (name == secret_key and "is [app.env] secret_key, too"))
    ]
    if isinstance(secret_key, str) and secret_key != SECRET_KEY and (text := _taken(secret_key, data)):
        problems.append(Problem(("app", "env", "secret_key"), text))
    return [Problem(problem.path, f"{problem.text}; allowed: another name") for problem in problems]


def _taken(name: str, data: Mapping[str, Any]) -> str:
    return next(_reasons(name, data), "")


def _reasons(name: str, data: Mapping[str, Any]) -> Iterator[str]:
    env = _table(_table(data, "app"), "env")
    required = env.get("required", [])
    if name in ALWAYS or name.startswith(OWN_PREFIX):
        yield f"the agent gives {name} already"
    if name in _table(env, "values"):
        yield f"{name} stands in [app.env.values], too"
    if isinstance(required, list) and name in required:
        yield f"{name} stands in [app.env] required, too"
    if name in _table(_table(data, "rehearsal"), "env"):
        yield f"{name} stands in [rehearsal.env], too"


def _table(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = data.get(key)
    return found if isinstance(found, dict) else {}
