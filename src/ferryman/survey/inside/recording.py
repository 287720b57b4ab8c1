"""An environment that notes who reads what of it, in which form, and gives placeholders for what is missing."""

from __future__ import annotations

import ast
import json
import os
import sys
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

SILENT = frozenset(
    {"HOME", "PATH", "PYTHONPATH", "TZ", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "USER", "LOGNAME", "VIRTUAL_ENV"}
    | {"DJANGO_SETTINGS_MODULE", "DJANGO_CONFIGURATION", "DJANGO_RUNNING_TESTS", "PYTHONSTARTUP", "COLUMNS", "LINES"}
)
NUMBERS = ("PORT", "SECONDS", "TIMEOUT", "SIZE", "COUNT", "LIMIT", "AGE", "DAYS", "HOURS", "MINUTES", "WORKERS", "TTL")
HERE = str(Path.cwd()) + os.sep
READERS_FILES = ("/os.py", "/_collections_abc.py", "/decouple.py", "/dj_database_url.py", "/getconf.py")
READERS_FOLDERS = ("/survey/inside/", "/environ/", "/environs/", "/marshmallow/", "/pydantic", "/dj_database_url/",
                   "/configurations/", "/dynaconf/", "/django_environ/", "/prettyconf/")  # fmt: skip
LONGEST_WORD, MOST_WORDS = 40, 20
BOOLEAN = frozenset({"true", "1", "yes", "on", "y", "t", "ok", "false", "0", "no", "off", "n", "f"})


def placeholder(name: str, form: str = "") -> str:
    """A value that most readers take, by the form in which it is read, else by its name."""
    words = name.upper().split("_")
    if form == "bool" or "DEBUG" in words:
        return "0"
    if form in ("int", "float") or words[-1] in NUMBERS:
        return "1"
    if form == "json":
        return "{}"
    if words[-1] in ("URL", "URI", "DSN") or form == "url":
        return _address(words, name)
    return _text(words, name)


def _text(words: list[str], name: str) -> str:
    if words[-1] == "ENGINE" and {"DB", "DATABASE", "SQL", "POSTGRES"} & set(words):
        return "django.db.backends.postgresql"
    if words[-1] == "EMAIL":
        return "somebody@example.invalid"
    return "placeholder-" + name.lower().replace("_", "-") + "-0123456789" * 4


def _address(words: list[str], name: str) -> str:
    for word, scheme in (("REDIS", "redis"), ("BROKER", "redis"), ("CACHE", "redis"), ("CELERY", "redis")):
        if word in words:
            return scheme + "://127.0.0.1:6379/0"
    if "DATABASE" in words or "DB" in words or "POSTGRES" in words:
        return "postgresql://somebody:word@127.0.0.1:5432/" + name.lower()
    if "EMAIL" in words or "MAIL" in words:
        return "smtp://127.0.0.1:25"
    return "https://" + name.lower().replace("_", "-") + ".example.invalid"


class Variable:
    """One variable that was asked for; `default` is the repr of what stands in for it, None: it has none."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_required = False
        self.has_default = False
        self.default: str | None = None
        self.forms: list[str] = []
        self.compared: list[str] = []

    def compared_with(self, word: str) -> None:
        """Note a word that the value is compared with."""
        if word and len(word) < LONGEST_WORD and word not in self.compared and len(self.compared) < MOST_WORDS:
            self.compared.append(word)

    def read_as(self, form: str) -> None:
        """Note the form in which the value is read."""
        if form and form not in self.forms:
            self.forms.append(form)

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "name": self.name,
            "required": self.is_required,
            "has_default": self.has_default,
            "default": self.default,
            "forms": self.forms,
            "compared": self.compared,
        }


class Traced(str):
    """A value of the environment that notes in which form it is read. `variable` is its own."""

    variable: Variable
    is_filled = False

    def split(self, separator: str | None = None, maxsplit: Any = -1) -> list[str]:
        """A list, by this separator."""
        if separator not in ("=", "://", "@"):
            self.variable.read_as("blank" if separator is None or separator == " " else "list " + separator)
        return str.split(self, separator, maxsplit)

    def __int__(self) -> int:
        self.variable.read_as("int")
        return 1 if self.is_filled else int(str(self))

    def __float__(self) -> float:
        self.variable.read_as("float")
        return 1.0 if self.is_filled else float(str(self))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str) and other.lower() in BOOLEAN:
            self.variable.read_as("bool")
        elif isinstance(other, str):
            self.variable.compared_with(str(other))
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def lower(self) -> Traced:
        """Keep the trace."""
        return traced(str.lower(self), self.variable, is_filled=self.is_filled)

    def upper(self) -> Traced:
        """Keep the trace."""
        return traced(str.upper(self), self.variable, is_filled=self.is_filled)

    def strip(self, characters: str | None = None) -> Traced:
        """Keep the trace."""
        return traced(str.strip(self, characters), self.variable, is_filled=self.is_filled)

    def __reduce__(self) -> Any:
        return (str, (str(self),))


def traced(value: str, variable: Variable, *, is_filled: bool) -> Traced:
    """A value that notes how it is read."""
    made = Traced(value)
    made.variable, made.is_filled = variable, is_filled
    return made


class Recording(MutableMapping):  # type: ignore[type-arg]
    """Stands in for os.environ. `fill` are variables that have a placeholder although nothing requires them.

    `is_plain`: values are plain texts, for a library that takes no other kind; their forms are not noted then.
    """

    def __init__(self, real: Any, fill: dict[str, str], *, is_plain: bool = False) -> None:
        self._real = real
        self._fill = fill
        self._is_plain = is_plain
        self.variables: dict[str, Variable] = {}
        self.is_read_as_a_whole = False
        self.encodekey, self.decodevalue = getattr(real, "encodekey", None), getattr(real, "decodevalue", None)

    def variable(self, name: str) -> Variable:
        """The record of one; what libraries ask for by themselves is not kept."""
        if name in SILENT or name.startswith(("PYTHON", "LC_", "_")) or not _is_asked_by_the_project():
            return Variable(name)
        return self.variables.setdefault(name, Variable(name))

    def __getitem__(self, name: str) -> str:
        if not isinstance(name, str):
            return str(self._real[name])
        variable = self.variable(name)
        found = self._present(name)
        if found is not None:
            return self._told(found, variable, is_filled=name in self._fill)
        if name not in self.variables or variable.has_default:  # nobody of the project's asks, or has a default ready
            raise KeyError(name)
        variable.is_required = True
        self._fill[name] = placeholder(name)
        return self._told(self._fill[name], variable, is_filled=True)

    def get(self, name: str, default: Any = None) -> Any:
        """A default makes it optional."""
        variable = self.variable(name)
        variable.has_default = True
        if default is not None:
            variable.default = repr(default)
            _note_default(variable, default)
        found = self._present(name)
        if found is None and type(default) is str:
            return self._told(default, variable, is_filled=False)
        return default if found is None else self._told(found, variable, is_filled=name in self._fill)

    def _told(self, value: str, variable: Variable, *, is_filled: bool) -> str:
        return str(value) if self._is_plain else traced(value, variable, is_filled=is_filled)

    def __contains__(self, name: object) -> bool:
        if isinstance(name, str):
            self.variable(name)
            return self._present(name) is not None
        return False

    def _present(self, name: str) -> str | None:
        found = self._real.get(name)
        return self._fill.get(name) if found is None else found

    def __setitem__(self, name: str, value: str) -> None:
        self._real[name] = str(value)

    def __delitem__(self, name: str) -> None:
        del self._real[name]

    def __iter__(self) -> Iterator[str]:
        self.is_read_as_a_whole = self.is_read_as_a_whole or _is_asked_by_the_project()
        return iter({**dict(self._real), **self._fill})

    def __len__(self) -> int:
        return len({**dict(self._real), **self._fill})

    def copy(self) -> dict[str, str]:
        """As os.environ has it."""
        return {**dict(self._real), **self._fill}

    def setdefault(self, name: str, value: str = "") -> Any:  # type: ignore[override]
        """As os.environ has it: this is no reading."""
        if self._real.get(name) is None:
            self._real[name] = value
        return self._real[name]


def _is_asked_by_the_project() -> bool:
    """Whether the code that asks, behind the readers of variables, is the project's own."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        if (
            not path.startswith("<frozen")
            and not path.endswith(READERS_FILES)
            and not any(part in path for part in READERS_FOLDERS)
        ):
            return bool(path.startswith(HERE))
        frame = frame.f_back
    return False


def _note_default(variable: Variable, default: Any) -> None:
    for kind, form in ((bool, "bool"), (int, "int"), (float, "float")):
        if isinstance(default, kind):
            variable.read_as(form)
            return


def install(fill: dict[str, str], *, is_plain: bool = False) -> Recording:
    """Put it in the place of os.environ, and follow values through json and ast."""
    recording = Recording(os.environ, fill, is_plain=is_plain)
    os.environ = recording  # type: ignore[assignment]  # noqa: B003 - the real one stays as it is, behind it
    for module, name, empty in ((json, "loads", {}), (ast, "literal_eval", [])):
        _follow(module, name, empty)
    return recording


def _follow(module: Any, name: str, empty: Any) -> None:
    original: Callable[..., Any] = getattr(module, name)

    def call(value: Any, *words: Any, **named: Any) -> Any:
        if isinstance(value, Traced):
            value.variable.read_as("json" if name == "loads" else "literal")
            if value.is_filled and str(value).startswith("placeholder"):
                return empty
        return original(value, *words, **named)

    setattr(module, name, call)
