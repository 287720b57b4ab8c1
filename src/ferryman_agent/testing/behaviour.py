"""How images behave in the engine in memory, and what PostgreSQL keeps on its volume."""

from __future__ import annotations

from dataclasses import dataclass, field

from ferryman_agent.host.probe import Answer
from ferryman_agent.host.resources import Socket


@dataclass
class Behaviour:
    """How an image behaves: it serves, and its migrations succeed, unless told otherwise.

    `exits`: role → exit code right after the start. `answers` of the health check, in order, the last for ever;
    none: nothing listens. `health` is what the container's health command leads to. `stays`: migrations that are
    applied although `migrate` exits with an error, `arrives` those that are applied when it does not; None: all.
    `schema`: where its tables are. `listening`: where it takes connections, None when that can't be seen.
    """

    migrations: list[str] | None = None
    exits: dict[str, int] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=lambda: [Answer(200, "ok")])
    stays: list[str] = field(default_factory=list)
    arrives: list[str] | None = None
    schema: str = "public"
    migrate_hangs: bool = False
    listening: list[Socket] | None = None
    log: str = ""
    user: str = ""
    health: str = "healthy"
    architecture: str = "amd64"
    size: int = 100 << 20


@dataclass
class FakeDatabase:
    """What PostgreSQL keeps on its volume: roles with passwords, databases with their applied migrations.

    `elsewhere`: database → those that are recorded in another schema than `public`.
    """

    roles: dict[str, str] = field(default_factory=dict)
    databases: dict[str, set[str]] = field(default_factory=dict)
    elsewhere: dict[str, set[str]] = field(default_factory=dict)

    def record(self, database: str, schema: str, migrations: list[str]) -> None:
        """What a migrate command applied; another server's database is nothing to this one."""
        if database in self.databases:
            tables = self.databases if schema == "public" else self.elsewhere
            tables.setdefault(database, set()).update(migrations)

    def psql(self, database: str, statement: str) -> tuple[int, bytes, bytes]:
        """Answer the agent's own statements as psql does."""
        if database != "postgres" and database not in self.databases:
            return 2, b"", f'database "{database}" does not exist'.encode()
        words = statement.replace('"', "").replace("'", "").rstrip(";\n").split()
        rows: list[str] = []
        if "pg_database_size" in statement:
            rows = [str(8 << 20)]
        elif "to_regclass" in statement:
            rows = sorted(self.databases[database])
        elif "pg_attribute" in statement:
            rows = sorted(self.databases[database] | self.elsewhere.get(database, set()))
        elif words[:2] == ["SELECT", "rolname"]:
            rows = list(self.roles)
        elif words[:2] == ["SELECT", "datname"]:
            rows = list(self.databases)
        elif words[:2] == ["CREATE", "DATABASE"]:
            self.databases[words[2]] = set()
        elif words[1] == "ROLE":
            self.roles[words[2]] = words[-1]
        else:
            return 3, b"", f"syntax error in {statement}".encode()
        return 0, "".join(f"{row}\n" for row in rows).encode(), b""
