"""PostgreSQL of an app: its container, its role and database, which migrations it has, and running the pending ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from ferryman_agent.clock import Stopwatch
from ferryman_agent.containers import (
    DATABASE_ADDRESS,
    address,
    database_name,
    database_volume,
    database_workload,
    labels,
)
from ferryman_agent.engine import Engine, EngineError, Image, Observed
from ferryman_agent.errors import AgentError, Refused
from ferryman_agent.ledger import App
from ferryman_agent.manifest import Database
from ferryman_agent.secrets_file import read_secrets, write_private

READY_LIMIT_SECONDS = 90.0
POLL_SECONDS = 0.1
IS_READY = ["pg_isready", "--quiet", "--host", "127.0.0.1"]
PSQL_NO_CONNECTION = 2
PORT = 5432
COMPLETE = "postgres-complete"
# psql's \\if: before the first migration the table is not there, and one call is all a deploy wants to wait for
APPLIED = """\
SELECT to_regclass('django_migrations') IS NOT NULL AS is_there \\gset
\\if :is_there
SELECT app || '.' || name FROM django_migrations;
\\endif
"""
# wherever a search_path of the app's own puts the table
RECORDED = """\
SELECT format('SELECT app || ''.'' || name FROM %I.django_migrations', nspname)
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relname = 'django_migrations' AND relkind IN ('r', 'p', 'v') AND relpersistence <> 't' AND 2 = (
  SELECT count(*) FROM pg_attribute WHERE attrelid = pg_class.oid AND attname IN ('app', 'name')
) \\gexec
"""


class NotConnected(AgentError):
    """PostgreSQL is not ready for connections, or has no such database."""


class Postgres:
    """The PostgreSQL container beside an app. `folder` is the app's folder on the server."""

    def __init__(
        self, engine: Engine, app: App, folder: Path, pull: Callable[[str], None], stopwatch: Stopwatch
    ) -> None:
        self._engine = engine
        self._stopwatch = stopwatch
        self._app = app
        self._folder = folder
        self._pull = pull
        self._name = database_name(app.id)
        self._user = app.id.replace(".", "_").replace("-", "_")

    def url(self) -> str:
        """DATABASE_URL for the app's containers."""
        return database_parts(self._app, self._folder)["url"]

    def ensure(self, database: Database) -> bool:
        """Have PostgreSQL of the wanted version up, with the app's role and database; True when something was made.

        Refused `database-version` when the data belongs to another major version.
        """
        container = self._engine.workload(self._name)
        self._check_version(container, database.version)
        if container and container.is_up and self._is_complete(container):
            return False
        if container is None:
            self._create(database.version)
        self._start(database.version)
        self.wait_until_ready()
        self._ensure_role()
        self._mark_complete()
        return True

    def _check_version(self, container: Observed | None, version: int) -> None:
        """The container tells which version's data is there; without one, the volumes do."""
        if container:
            found = {str(container.labels.get("ferryman.postgres"))}
        else:
            prefix = database_volume(self._app.id, 0)[:-1]
            names = self._engine.volumes(labels(self._app.id, "postgres"))
            found = {name.removeprefix(prefix) for name in names if name.startswith(prefix)}
        if found and str(version) not in found:
            raise Refused(
                "database-version",
                f"the data is PostgreSQL {'/'.join(sorted(found))}'s, ferryman.toml asks for {version}",
                state="nothing was changed",
                hint=f"set [database] version = {min(found)}",
            )

    def _is_complete(self, container: Observed) -> bool:
        """Whether role and database were made in this very container: a crash may have come in between."""
        path = self._folder / COMPLETE
        return path.exists() and path.read_text() == container.id

    def _mark_complete(self) -> None:
        container = self._engine.workload(self._name)
        write_private(self._folder / COMPLETE, container.id if container else "")

    def _start(self, version: int) -> None:
        try:
            self._engine.start(self._name)
        except EngineError:  # its network is gone, for instance; the data is on a volume
            self._engine.remove(self._name)
            self._create(version)
            self._engine.start(self._name)

    def _create(self, version: int) -> None:
        image = f"postgres:{version}"
        if self._engine.image(image) is None:
            self._pull(image)
        self._engine.ensure_volume(database_volume(self._app.id, version), labels(self._app.id, "postgres"))
        password = read_secrets(self._folder)["postgres"]
        self._engine.create(self._name, database_workload(self._app, version, password))

    def wait_until_ready(self) -> None:
        """Wait until it takes connections; AgentError `database-failed` at the limit."""
        # Over TCP: while the image initialises a new volume, PostgreSQL listens on the local socket alone
        limit = self._stopwatch.seconds() + READY_LIMIT_SECONDS
        while not self._is_ready():
            if self._stopwatch.seconds() > limit:
                lines = b"".join(chunk for _, chunk in self._engine.logs(self._name, tail=20)).decode(errors="replace")
                raise AgentError("database-failed", "PostgreSQL does not start", log=self._redacted(lines).splitlines())
            self._stopwatch.wait(POLL_SECONDS)

    def _is_ready(self) -> bool:
        container = self._engine.workload(self._name)
        try:
            return bool(container and container.is_up) and self._engine.run(self._name, IS_READY)[0] == 0
        except EngineError:  # it ended in this moment
            return False

    def _redacted(self, text: str) -> str:
        """What PostgreSQL says, without the passwords that our statements and its container hold."""
        for name, secret in read_secrets(self._folder).items():
            text = text.replace(secret, f"<{name}>")
        return text

    def _ensure_role(self) -> None:
        password = read_secrets(self._folder)["database"]
        # identifiers are [a-z0-9_] (quoted: current_user is a name, too), the password is hexadecimal
        is_there = self._user in self._query("postgres", "SELECT rolname FROM pg_roles;")
        verb = "ALTER" if is_there else "CREATE"
        self._query("postgres", f"{verb} ROLE \"{self._user}\" LOGIN PASSWORD '{password}';")
        if self._user not in self._query("postgres", "SELECT datname FROM pg_database;"):
            self._query("postgres", f'CREATE DATABASE "{self._user}" OWNER "{self._user}";')

    def _query(self, database: str, statement: str) -> list[str]:
        """Rows of a statement run as PostgreSQL's superuser; the statement goes through standard input."""
        command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-"]
        code, output, errors = self._engine.run(self._name, command, user="postgres", stdin=statement.encode() + b"\n")
        if code == PSQL_NO_CONNECTION:
            raise NotConnected("database-down", f"PostgreSQL can't be reached: {self._complaint(errors)}")
        if code != 0:
            raise AgentError("database-query-failed", f"PostgreSQL refused: {self._complaint(errors)}")
        return output.decode().split("\n")[:-1] if output else []

    def applied_migrations(self) -> set[str]:
        """'app_label.name' of every applied migration; empty before the first."""
        return self._migrations(APPLIED)

    def recorded_migrations(self) -> set[str]:
        """The same of every schema: an app may have its tables elsewhere than in `public`."""
        return self._migrations(RECORDED)

    def _migrations(self, statement: str) -> set[str]:
        try:
            return set(self._query(self._user, statement))
        except NotConnected:  # it was started again a moment ago
            self.wait_until_ready()
            return set(self._query(self._user, statement))

    def size(self) -> int:
        """Bytes of the app's database; NotConnected, AgentError or EngineError when PostgreSQL does not run."""
        return int(self._query(self._user, "SELECT pg_database_size(current_database());")[0])

    def _complaint(self, errors: bytes) -> str:
        return self._redacted(errors.decode(errors="replace").strip())


def database_parts(app: App, folder: Path) -> dict[str, str]:
    """Where an app's containers reach its database, whole (`url`, DATABASE_URL) and in parts: host, port, name, user,
    password. `folder` is the app's folder on the server.
    """
    user = app.id.replace(".", "_").replace("-", "_")
    password, host = read_secrets(folder)["database"], address(app, DATABASE_ADDRESS)
    url = f"postgres://{user}:{quote(password)}@{host}:{PORT}/{user}"
    return {"url": url, "host": host, "port": str(PORT), "name": user, "user": user, "password": password}


def pending(known: list[str] | None, applied: set[str]) -> list[str] | None:
    """The migrations that an image knows and the database has not; None when the image does not say."""
    return None if known is None else [name for name in known if name not in applied]


def is_unused(command: Sequence[str], announced: list[str], recorded: set[str]) -> bool:
    """Whether a migrate command that ended with 0 certainly did not migrate the database that has `recorded`.

    Certain is it where nothing at all is recorded, or where the command had all apps to migrate, and none of the
    announced came, although their apps are known here. Of an app without an earlier migration nobody knows whether the
    deployed settings install it. Squashed migrations are no exception: Django records them and what they replace.
    """
    if not recorded:
        return True
    is_whole = "migrate" in command and all(word.startswith("-") for word in command[command.index("migrate") + 1 :])
    installed = {name.partition(".")[0] for name in recorded}
    return is_whole and recorded.isdisjoint(announced) and any(n.partition(".")[0] in installed for n in announced)


def known_migrations(image: Image) -> list[str] | None:
    """What the image's label says it knows; None when it has no (readable) label."""
    text = image.labels.get("ferryman.migrations")
    try:
        names = json.loads(text) if text else None
    except ValueError:
        return None
    return [str(name) for name in names] if isinstance(names, list) else None
