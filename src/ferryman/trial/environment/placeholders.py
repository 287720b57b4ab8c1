"""Values for the variables that must be set: each of the type that the settings read it as."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping

UNSET = "unset"
VALUES = {
    "int": "1",
    "float": "1.0",
    "bool": "0",
    "url": "http://localhost/",
    "json": "{}",
    "dict": "",
    "db": "sqlite://:memory:",
    "db_url": "sqlite://:memory:",
    "cache": "locmemcache://",
    "cache_url": "locmemcache://",
    "email": "memorymail://",
    "email_url": "memorymail://",
}
# Where the settings do not tell: by the name's last word.
BY_NAME = (
    (re.compile(r"(.*_)?DSN"), ""),
    (re.compile(r"(.*_)?REDIS_UR[LI]"), "redis://localhost:6379/0"),
    (re.compile(r"(.*_)?BROKER_UR[LI]"), "memory://"),
    (re.compile(r".*_UR[LI]"), "http://localhost/"),
    (re.compile(r"(.*_)?(PORT|TIMEOUT|SECONDS|MINUTES|DAYS|TTL)"), "1"),
    (re.compile(r"(.*_)?(EMAIL|EMAIL_FROM|FROM_EMAIL)"), "nobody@localhost"),
)


def placeholders(names: Iterable[str], settings: Iterable[str]) -> dict[str, str]:
    """A value for each variable. `settings` are the texts of the settings modules."""
    kinds = {name: kind for text in settings for name, kind in _kinds(text)}
    return {name: VALUES[kinds[name]] if name in kinds else _by_name(name) for name in names}


def settings_texts(texts: Mapping[str, str]) -> list[str]:
    """Of a project's files, those of its settings."""
    return [text for path, text in texts.items() if path.endswith(".py") and "settings" in path]


def _by_name(name: str) -> str:
    return next((value for pattern, value in BY_NAME if pattern.fullmatch(name)), UNSET)


def _kinds(text: str) -> Iterator[tuple[str, str]]:
    """Each variable of which the type is seen: int(…["NAME"]), env.int("NAME"), config("NAME", cast=int)."""
    try:
        tree = ast.parse(text.removeprefix("\ufeff"))
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            casts = [_name(word.value) for word in node.keywords if word.arg == "cast"]
            kind = next((name for name in (_last_name(node.func), *casts) if name in VALUES), "")
            read = _read(node.args[0]) if node.args else ""
            if kind and read:
                yield read, kind


def _last_name(node: ast.expr) -> str:
    """That of int and env.int."""
    return node.attr if isinstance(node, ast.Attribute) else _name(node)


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _read(node: ast.AST) -> str:
    """The variable in "NAME", …["NAME"] and ….get("NAME")."""
    if isinstance(node, ast.Subscript):
        return _read(node.slice)
    if isinstance(node, ast.Call):
        return _read(node.args[0]) if node.args else ""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
