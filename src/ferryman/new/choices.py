"""What a person may choose for a new project."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from enum import StrEnum

from ferryman.errors import UsageError

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST_NAME = 31
# Modules of the project itself, and those of packages that it, or its tools, import.
TAKEN = frozenset(
    {"accounts", "manage", "tests"}
    | {"celery", "django", "environ", "gunicorn", "jwt", "kombu", "procrastinate", "psycopg", "redis", "whitenoise"}
    | {"black", "coverage", "factory", "faker", "pytest", "ruff"}
)


class SignIn(StrEnum):
    """How clients of the API sign in."""

    SESSION = "session"
    JWT = "jwt"


class Queue(StrEnum):
    """What runs jobs beside the requests."""

    NONE = "none"
    CELERY = "celery"
    PROCRASTINATE = "procrastinate"


class Packages(StrEnum):
    """What installs the packages: uv with its lock, or pip with pinned versions."""

    UV = "uv"
    PIP = "pip"


@dataclass(frozen=True)
class Choices:
    """A project as it is asked for. `name` is its Python package, and its folder."""

    name: str
    sign_in: SignIn = SignIn.SESSION
    queue: Queue = Queue.NONE

    @property
    def app(self) -> str:
        """Its name on a server, and in pyproject.toml."""
        return self.name.replace("_", "-")


def check_name(name: str) -> None:
    """UsageError `name-unfit` for a name that no Python package, no image or no app of a server can have."""
    told = _fault(name)
    if told:
        better = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")[:LONGEST_NAME].rstrip("_")
        is_usable = better != name and bool(better) and not _fault(better)
        raise UsageError(
            "name-unfit",
            f'"{name}" can\'t be the name of a project: {told}',
            state="nothing was written",
            hint=f"ferryman new {better if is_usable else 'my_shop'}",
        )


def _fault(name: str) -> str:
    if len(name) > LONGEST_NAME or not NAME.fullmatch(name):
        return f"it takes lower-case letters, digits and single _, begins with a letter, at most {LONGEST_NAME} long"
    if keyword.iskeyword(name):
        return "it is a word of Python's own"
    if name in sys.stdlib_module_names:
        return "Python's standard library has a module of this name"
    if name in TAKEN:
        return "the project needs a module of this name itself"
    return ""
