"""What Ferryman can't take in, with the one true reason; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ferryman.survey.answers import Answers, Failure

FOREIGN = {"mysql": "MySQL", "oracle": "Oracle", "microsoft": "SQL Server", "mariadb": "MariaDB"}
ENGINES = {"mysql": "MySQL", "oracle": "Oracle", "mssql": "SQL Server", "mongo": "MongoDB", "djongo": "MongoDB"}
DRIVERS = {"MySQLdb": "MySQL", "oracledb": "Oracle", "cx_Oracle": "Oracle", "mssql": "SQL Server", "djongo": "MongoDB"}
NOT_IN_POSTGRESQL = frozenset({"postgis", "vector", "timescaledb", "postgis_raster", "postgis_topology"})


@dataclass(frozen=True)
class Why:
    """A reason not to take a project in."""

    code: str
    message: str
    hint: str


def why_refused(answers: Answers, copy: Path) -> Why | None:
    """None when nothing stands against it."""
    return _engine(answers) or _migrations(answers, copy) or _extensions(answers)


def why_not_loaded(failures: Iterable[Failure]) -> Why | None:
    """The reason that the settings' own failure gives; None when it may have many."""
    for failure in failures:
        name = next((name for word, name in DRIVERS.items() if word in failure.message), "")
        if name:
            return _other_engine(f"the settings use {name} ({failure})")
    if any("GDAL" in failure.message or "GEOS" in failure.message for failure in failures):
        return _no_extension({"postgis"})
    return None


def _engine(answers: Answers) -> Why | None:
    for alias, database in answers.settings.get("DATABASES", {}).items():
        engine = database.get("ENGINE", "").rpartition(".")[2]
        vendor = answers.connections[alias].vendor if alias in answers.connections else ""
        name = FOREIGN.get(vendor) or next((name for word, name in ENGINES.items() if word in engine), "")
        if name:
            return _other_engine(f"the database {alias} is {name} ({engine}), also with DATABASE_URL set")
    return None


def _other_engine(reason: str) -> Why:
    return Why(
        "not-postgresql",
        f"{reason}; Ferryman runs PostgreSQL",
        "have the settings read DATABASE_URL, and move the data to PostgreSQL; then `ferryman init` again",
    )


def _migrations(answers: Answers, copy: Path) -> Why | None:
    own = [app for app in answers.models.get("unmigrated", []) if Path(app["path"]).is_relative_to(copy)]
    if not own:
        return None
    names = ", ".join(str(app["label"]) for app in own)
    return Why(
        "no-migrations",
        f"these apps have models and no migrations: {names}; `migrate` would make no table for them",
        f"python manage.py makemigrations {' '.join(str(app['label']) for app in own)}, commit, `ferryman init` again",
    )


def _extensions(answers: Answers) -> Why | None:
    wanted = set(answers.models.get("extensions", [])) & NOT_IN_POSTGRESQL
    if "postgis" in answers.database().get("ENGINE", ""):
        wanted.add("postgis")
    return _no_extension(wanted) if wanted else None


def _no_extension(wanted: set[str]) -> Why:
    return Why(
        "extension-missing",
        f"the project needs PostgreSQL's extension {', '.join(sorted(wanted))}, which the official image does not have",
        "use a database that has it: it must be reachable by DATABASE_URL, and [database] be left out of ferryman.toml",
    )
