"""What Ferryman can't take in, with the one true reason; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ferryman.errors import Refused
from ferryman.survey.answers import Answers, Failure

FOREIGN = {"mysql": "MySQL", "oracle": "Oracle", "microsoft": "SQL Server", "mariadb": "MariaDB"}
ENGINES = {"mysql": "MySQL", "oracle": "Oracle", "mssql": "SQL Server", "mongo": "MongoDB", "djongo": "MongoDB"}
DRIVERS = {"MySQLdb": "MySQL", "oracledb": "Oracle", "cx_Oracle": "Oracle", "mssql": "SQL Server", "djongo": "MongoDB"}
NOT_IN_POSTGRESQL = frozenset({"postgis", "vector", "timescaledb", "postgis_raster", "postgis_topology"})
NO_SETTING = re.compile(r"'(?:Lazy|User)?Settings(?:Holder)?' object has no attribute '([A-Z][A-Z0-9_]+)'")
SAMPLE = re.compile(r"\.(sample|example|template|dist|tmpl)\b|[_.-](sample|example|template|dist)\.py$")
NOTHING = "nothing was written"


def why_refused(answers: Answers, copy: Path) -> Refused | None:
    """None when nothing stands against it."""
    return _engine(answers) or _migrations(answers, copy) or _extensions(answers)


def why_not_loaded(failures: Iterable[Failure], copy: Path) -> Refused | None:
    """The reason that the settings' own failure gives; None when it may have many."""
    for failure in failures:
        if missing := NO_SETTING.search(failure.message):
            return _incomplete(missing[1], failure, copy)
        name = next((name for word, name in DRIVERS.items() if word in failure.message), "")
        if name:
            return _other_engine(f"the settings use {name} ({failure})")
    if any("GDAL" in failure.message or "GEOS" in failure.message for failure in failures):
        return _no_extension({"postgis"})
    return None


def _incomplete(name: str, failure: Failure, copy: Path) -> Refused:
    found = (path.relative_to(copy).as_posix() for path in copy.rglob("*settings*") if SAMPLE.search(path.name))
    samples = sorted(found, key=lambda path: (path.count("/"), path))
    hint = "set it in the settings of production, from a variable, commit, `ferryman init` again"
    if samples:
        hint = f"{samples[0]} is in Git, and what is made of it is not; {hint}"
    return Refused(
        "setting-missing", f"no settings module sets {name}, which the code needs ({failure})", state=NOTHING, hint=hint
    )


def _engine(answers: Answers) -> Refused | None:
    for alias, database in answers.settings.get("DATABASES", {}).items():
        engine = database.get("ENGINE", "").rpartition(".")[2]
        vendor = answers.connections[alias].vendor if alias in answers.connections else ""
        name = FOREIGN.get(vendor) or next((name for word, name in ENGINES.items() if word in engine), "")
        if name:
            return _other_engine(f"the database {alias} is {name} ({engine}), also with DATABASE_URL set")
    return None


def _other_engine(reason: str) -> Refused:
    return Refused(
        "not-postgresql",
        f"{reason}; Ferryman runs PostgreSQL",
        state=NOTHING,
        hint="have the settings read DATABASE_URL, and move the data to PostgreSQL; then `ferryman init` again",
    )


def _migrations(answers: Answers, copy: Path) -> Refused | None:
    own = [app for app in answers.models.get("unmigrated", []) if Path(app["path"]).is_relative_to(copy)]
    if not own:
        return None
    labels = [str(app["label"]) for app in own]
    return Refused(
        "no-migrations",
        f"these apps have models and no migrations: {', '.join(labels)}; `migrate` would make no table for them",
        state=NOTHING,
        hint=f"python manage.py makemigrations {' '.join(labels)}, commit, `ferryman init` again",
    )


def _extensions(answers: Answers) -> Refused | None:
    wanted = set(answers.models.get("extensions", [])) & NOT_IN_POSTGRESQL
    if "postgis" in answers.database().get("ENGINE", ""):
        wanted.add("postgis")
    return _no_extension(wanted) if wanted else None


def _no_extension(wanted: set[str]) -> Refused:
    return Refused(
        "extension-missing",
        f"the project needs PostgreSQL's extension {', '.join(sorted(wanted))}, which the official image does not have",
        state=NOTHING,
        hint="use a database that has it: name it by DATABASE_URL, and leave [database] out of ferryman.toml",
    )
