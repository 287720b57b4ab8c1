"""What was found out about a Django project."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Packaging(Enum):
    """How a project states its dependencies."""

    REQUIREMENTS = "requirements"
    UV = "uv"
    POETRY = "poetry"
    PIPENV = "pipenv"
    PYPROJECT = "pyproject"
    NONE = "none"


@dataclass(frozen=True)
class Dependencies:
    """The files to install from, relative to their folder, and the names of the packages (normal form)."""

    packaging: Packaging = Packaging.NONE
    folder: str = ""
    files: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Settings:
    """What the settings module says; paths are relative to the folder of manage.py."""

    module: str = ""
    path: str = ""
    root_urlconf: str = ""
    wsgi: str = ""
    asgi: str = ""
    static_root: str = ""
    sets_static_root: bool = False
    uses_staticfiles: bool = False
    media_root: str = ""
    is_private_api: bool = False
    fixed: frozenset[str] = frozenset()
    hosts_variable: str = ""
    reads_database_url: bool = False
    required: tuple[str, ...] = ()


@dataclass(frozen=True)
class Findings:
    """A project as `init` sees it: paths are relative to the project's folder, "" is the folder itself."""

    name: str
    image: str
    manage: str | None
    context: str
    settings: Settings = field(default_factory=Settings)
    dependencies: Dependencies = field(default_factory=Dependencies)
    application: str = ""
    is_asgi: bool = False
    python: str = "3.13"
    health: str = "/"
    gitignore: str = ""
    existing: frozenset[str] = frozenset()
    unknown: tuple[str, ...] = ()

    @property
    def inner(self) -> str:
        """Return the folder of manage.py inside the context."""
        manage = self.manage or ""
        return manage if not self.context else manage.removeprefix(self.context).lstrip("/")

    @property
    def lacking(self) -> tuple[str, ...]:
        """Return what the image needs and the project's dependencies lack."""
        names = self.dependencies.names
        server = "uvicorn" if self.is_asgi else "gunicorn"
        lacking = [] if server in names else [server]
        if not names & {"psycopg", "psycopg-binary", "psycopg2", "psycopg2-binary"}:
            lacking.append("psycopg")
        return tuple(lacking)
