"""The quality of the code: linters, migrations that are complete, and the SQL of those that are new."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ferryman.config import Configuration
from ferryman.git.repository import changed_files, commit_that_added, find_repository, text_before
from ferryman.image.instructions import settings_module
from ferryman.trial.environment import TestEnvironment, make_environment
from ferryman.trial.linters import lint
from ferryman.trial.linters.baseline import FILE, grown, parse_baseline, read_baseline
from ferryman.trial.outcomes import Check, CheckFailed, Outcomes
from ferryman.trial.postgresql import database_for_tests
from ferryman.trial.suite.settings import management_settings
from ferryman.trial.tools import find_tool, output, run

# Django writes these on purpose, and the agent sets the time limits of a migration.
EXCLUDED = (
    "prefer-bigint-over-int", "prefer-bigint-over-smallint", "prefer-identity", "prefer-robust-stmts",
    "prefer-text-field", "require-timeout-settings",
)  # fmt: skip
MARK = "ferryman.migrations="
SCRIPT = (
    "import json, sys; from django.db import connection; from django.db.migrations.loader import MigrationLoader; "
    "known = MigrationLoader(None).disk_migrations; "
    "print('\\n" + MARK + "' + json.dumps({'vendor': connection.vendor, "
    "'known': {sys.modules[m.__module__].__file__: key for key, m in known.items()}}))"
)


def try_code(configuration: Configuration, base: str, outcomes: Outcomes) -> None:
    """Carry the checks out. `base` is the commit whose migrations are no news; "" for the one before."""
    environment: TestEnvironment | None = None
    with outcomes.check("dependencies") as check:
        environment = make_environment(configuration)
        if environment.remark:
            check.warn(environment.remark)
    if environment:
        _lint(configuration, environment, base, outcomes)
        _migrations(configuration, environment, base, outcomes)
    outcomes.finish()


def _lint(configuration: Configuration, environment: TestEnvironment, base: str, outcomes: Outcomes) -> None:
    if configuration.pipeline.lint:
        with outcomes.check("lint"):
            run(configuration.pipeline.lint, folder=configuration.root)
        return
    lint(environment, outcomes)
    now = read_baseline(configuration.root)
    if now.files:
        with outcomes.check("baseline") as check:
            before = parse_baseline(text_before(configuration.root, base, FILE))
            added = grown(before, now)
            if added:
                raise CheckFailed(f"the baseline is only allowed to shrink; added: {', '.join(added)}")
            check.detail = f"{sum(map(len, now.files.values()))} entries in {FILE}"


def _migrations(configuration: Configuration, environment: TestEnvironment, base: str, outcomes: Outcomes) -> None:
    manage = [str(environment.python), "manage.py"]
    with outcomes.check("PostgreSQL") as started:
        with database_for_tests(configuration.database) as database:
            variables = environment.with_variables(database.variables)
            variables |= management_settings(environment, variables)
            with outcomes.check("migrations complete"):
                run([*manage, "makemigrations", "--check", "--dry-run"], folder=environment.folder, variables=variables)
            with outcomes.check("SQL of new migrations") as check:
                _squawk(configuration, environment, base, variables, check)
        started.detail = database.told


def _squawk(
    configuration: Configuration, environment: TestEnvironment, base: str, variables: Mapping[str, str], check: Check
) -> None:
    new, vendor = _new_migrations(configuration, environment, base, variables)
    if not new:
        check.skip("no new migration")
        return
    if vendor != "postgresql":
        deployed = deployed_settings(configuration)
        if not deployed:
            check.skip(f"the settings use {vendor}, whose SQL says nothing of PostgreSQL")
            return
        variables = {**variables, "DJANGO_SETTINGS_MODULE": deployed}
    manage = [str(environment.python), "manage.py"]
    with tempfile.TemporaryDirectory(prefix="ferryman-") as folder:
        paths = []
        for label, name in new:
            sql = output([*manage, "sqlmigrate", label, name], folder=environment.folder, variables=variables)
            paths.append(Path(folder, f"{label}.{name}.sql"))
            paths[-1].write_text(sql, encoding="utf-8")
        own = configuration.root / ".squawk.toml"
        words = ["--config", str(own)] if own.is_file() else ["--exclude", ",".join(EXCLUDED)]
        run([find_tool("squawk"), *words, *map(str, paths)], folder=Path(folder))
    check.detail = ", ".join(f"{label}.{name}" for label, name in new)


def deployed_settings(configuration: Configuration) -> str:
    """The settings module that production has; "" where it is manage.py's."""
    app = configuration.app
    path = configuration.root / app.context / app.dockerfile
    named = settings_module(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else ""
    return app.env.values.get("DJANGO_SETTINGS_MODULE", named)


def _new_migrations(
    configuration: Configuration, environment: TestEnvironment, base: str, variables: Mapping[str, str]
) -> tuple[list[tuple[str, str]], str]:
    """The app and name of each migration whose file the commits since `base` added, and the kind of the database."""
    root = find_repository(configuration.root).root.resolve()
    added = {root / name for name in changed_files(root, _since(configuration, base), "*/migrations/*.py")}
    if not added:
        return [], ""
    command = [str(environment.python), "manage.py", "shell", "-c", SCRIPT]
    told = output(command, folder=environment.folder, variables=variables)
    line = next((line for line in told.splitlines() if line.startswith(MARK)), "")
    if not line:
        raise CheckFailed("the project printed no list of migrations")
    found = json.loads(line.removeprefix(MARK))
    names = [(key[0], key[1]) for path, key in found["known"].items() if Path(path).resolve() in added]
    return sorted(names), str(found["vendor"])


def _since(configuration: Configuration, base: str) -> str:
    """`base`, but not one before the project was taken in: no server has the tables that earlier migrations lock."""
    folder, name = configuration.root, configuration.path.name
    return base if text_before(folder, base, name) else commit_that_added(folder, name) or "HEAD"
