"""What was found out about a Django project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ferryman.packaging.node import Assets
from ferryman.packaging.stated import Dependencies

OURS = "Dockerfile.ferryman"


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
    placeholders: Mapping[str, str] = field(default_factory=dict)
    secret_variable: str = ""
    database_variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Role:
    """A role beside web. `is_single`: two of it at once would do things twice."""

    command: tuple[str, ...]
    stop_grace: str = ""
    is_single: bool = False


@dataclass(frozen=True)
class Accessory:
    """A side container: volumes by name with their paths, and plain variables."""

    image: str
    command: tuple[str, ...] = ()
    health: tuple[str, ...] = ()
    volumes: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Schedule:
    """A command and its time, in cron's five fields."""

    cron: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """A project as `init` sees it: paths are relative to the project's folder, "" is the folder itself.

    `own_dockerfile`: the one that it has; `unfit_dockerfile`: why that is not used. `is_run`: its code was asked, not
    only its texts read. `production`: texts of the modules that it gets for production, by path. `values`: plain
    variables. `roles` are those beside web. `apps` are Django's, `compiled` packages that had no wheel. `notes` say
    what was found, `unknown` what is to be checked.
    """

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
    own_dockerfile: str = ""
    unfit_dockerfile: str = ""
    branch: str = "main"
    existing: frozenset[str] = frozenset()
    unknown: tuple[str, ...] = ()
    is_run: bool = False
    needs_whitenoise: bool = False
    needs_psycopg2: bool = False
    needs_setuptools: bool = False
    production: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, Role] = field(default_factory=dict)
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    accessories: Mapping[str, Accessory] = field(default_factory=dict)
    apps: frozenset[str] = frozenset()
    compiled: frozenset[str] = frozenset()
    assets: Assets | None = None
    compiles_messages: bool = False
    notes: tuple[str, ...] = ()

    @property
    def keeps_dockerfile(self) -> bool:
        """Whether the project's own Dockerfile is used."""
        return bool(self.own_dockerfile) and not self.unfit_dockerfile

    @property
    def dockerfile(self) -> str:
        """The Dockerfile that is used, in the context: ours has another name beside one that is not."""
        return OURS if self.unfit_dockerfile else "Dockerfile"

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
            lacking.append("psycopg2" if self.needs_psycopg2 else "psycopg")
        if self.needs_whitenoise:
            lacking.append("whitenoise")
        if self.needs_setuptools:
            lacking.append("setuptools")
        return tuple(lacking)
