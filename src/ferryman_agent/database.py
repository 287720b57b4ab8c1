"""PostgreSQL of an app: its container, its role and database, which migrations it has, and running the pending ones."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ferryman_agent.containers import (
    DATABASE_ADDRESS,
    address,
    database_name,
    database_specification,
    database_volume,
    labels,
)
from ferryman_agent.engine import Docker
from ferryman_agent.errors import AgentError, Refused
from ferryman_agent.ledger import App
from ferryman_agent.manifest import Database
from ferryman_agent.secrets_file import read_secrets

READY_LIMIT_SECONDS = 90.0
POLL_SECONDS = 0.1
# psql's \\if: before the first migration the table is not there, and one call is all a deploy wants to wait for
APPLIED = """\
SELECT to_regclass('django_migrations') IS NOT NULL AS is_there \\gset
\\if :is_there
SELECT app || '.' || name FROM django_migrations;
\\endif
"""


class Postgres:
    """The PostgreSQL container beside an app. `folder` is the app's folder on the server."""

    def __init__(self, docker: Docker, app: App, folder: Path, pull: Callable[[str], None]) -> None:
        self._docker = docker
        self._app = app
        self._folder = folder
        self._pull = pull
        self._name = database_name(app.id)
        self._user = app.id.replace(".", "_").replace("-", "_")

    def url(self) -> str:
        """DATABASE_URL for the app's containers."""
        password = read_secrets(self._folder)["database"]
        host = address(self._app, DATABASE_ADDRESS)
        return f"postgres://{self._user}:{quote(password)}@{host}:5432/{self._user}"

    def ensure(self, database: Database) -> bool:
        """Have PostgreSQL of the wanted version up, with the app's role and database; True when something was made.

        Refused `database-version` when the data belongs to another major version.
        """
        container = self._docker.container(self._name)
        if container and container["State"]["Running"] and self._has_version(container, database.version):
            return False
        if container and not self._has_version(container, database.version):
            found = container["Config"]["Labels"]["ferryman.postgres"]
            raise Refused(
                "database-version",
                f"the data is PostgreSQL {found}'s, ferryman.toml asks for {database.version}",
                state="nothing was changed",
                hint=f"set [database] version = {found}",
            )
        if container is None:
            self._create(database.version)
        self._docker.start(self._name)
        self._wait_until_ready()
        self._ensure_role()
        return True

    @staticmethod
    def _has_version(container: dict[str, Any], version: int) -> bool:
        return bool(container["Config"]["Labels"].get("ferryman.postgres") == str(version))

    def _create(self, version: int) -> None:
        image = f"postgres:{version}"
        if self._docker.image(image) is None:
            self._pull(image)
        self._docker.ensure_volume(database_volume(self._app.id, version), labels(self._app.id, "postgres"))
        password = read_secrets(self._folder)["postgres"]
        self._docker.create(self._name, database_specification(self._app, version, password))

    def _wait_until_ready(self) -> None:
        # Over TCP: while the image initialises a new volume, PostgreSQL listens on the local socket alone
        check = ["pg_isready", "--quiet", "--host", "127.0.0.1"]
        limit = time.monotonic() + READY_LIMIT_SECONDS
        while not self._is_running() or self._docker.run(self._name, check)[0] != 0:
            if time.monotonic() > limit:
                lines = b"".join(chunk for _, chunk in self._docker.logs(self._name, tail=20)).decode(errors="replace")
                raise AgentError("database-failed", "PostgreSQL does not start", log=lines.splitlines())
            time.sleep(POLL_SECONDS)

    def _is_running(self) -> bool:
        container = self._docker.container(self._name)
        return bool(container and container["State"]["Running"])

    def _ensure_role(self) -> None:
        password = read_secrets(self._folder)["database"]
        # identifiers are [a-z0-9_], the password is hexadecimal: nothing needs escaping
        make_role = f"CREATE ROLE {self._user} LOGIN PASSWORD '{password}';"
        if self._user not in self._query("postgres", "SELECT rolname FROM pg_roles;"):
            self._query("postgres", make_role)
        if self._user not in self._query("postgres", "SELECT datname FROM pg_database;"):
            self._query("postgres", f"CREATE DATABASE {self._user} OWNER {self._user};")

    def _query(self, database: str, statement: str) -> list[str]:
        """Rows of a statement run as PostgreSQL's superuser; the statement goes through standard input."""
        command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-"]
        code, output, errors = self._docker.run(self._name, command, user="postgres", stdin=statement.encode() + b"\n")
        if code != 0:
            raise AgentError("database-query-failed", f"PostgreSQL refused: {errors.decode(errors='replace').strip()}")
        return output.decode().split("\n")[:-1] if output else []

    def applied_migrations(self) -> set[str]:
        """'app_label.name' of every applied migration; empty before the first."""
        return set(self._query(self._user, APPLIED))


def pending(known: list[str] | None, applied: set[str]) -> list[str] | None:
    """The migrations that an image knows and the database has not; None when the image does not say."""
    return None if known is None else [name for name in known if name not in applied]


def known_migrations(image: dict[str, Any]) -> list[str] | None:
    """What the image's label says it knows; None when it has no (readable) label."""
    text = (image["Config"].get("Labels") or {}).get("ferryman.migrations")
    try:
        names = json.loads(text) if text else None
    except ValueError:
        return None
    return [str(name) for name in names] if isinstance(names, list) else None
