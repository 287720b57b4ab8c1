"""The database step: PostgreSQL is up, and the pending migrations run in a one-off container of the new image."""

from __future__ import annotations

from ferryman_agent.containers import app_workload, container_name, database_name
from ferryman_agent.engine import Image
from ferryman_agent.errors import AgentError
from ferryman_agent.host import Host
from ferryman_agent.host.database import Postgres, is_unused, known_migrations, pending
from ferryman_agent.host.lookups import tail
from ferryman_agent.host.serving import postgres_of
from ferryman_agent.ledger import App, Release
from ferryman_agent.manifest import Database, Manifest, Role
from ferryman_agent.transaction.facts import Facts
from ferryman_agent.transaction.journal import StepEntry
from ferryman_agent.transaction.names import StepName
from ferryman_agent.transaction.steps.diagnosis import clue, with_exception
from ferryman_agent.transaction.steps.step import Step
from ferryman_agent.transaction.steps.web import start
from ferryman_agent.transaction.transaction import Transaction

LISTED_MIGRATIONS = 3


def known_to(release: Release, image: Image | None) -> list[str] | None:
    """The migrations that an image knows: as its deploy told, else as its label says; None when nobody does."""
    if release.migrations is not None:
        return release.migrations
    return known_migrations(image) if image else None


def foreseen(host: Host, app: App | None, manifest: Manifest, release: Release) -> str:
    """What a deploy would migrate."""
    if manifest.database is None or not manifest.database.migrate:
        return "nothing to migrate"
    container = host.engine.workload(database_name(app.id)) if app else None
    if app is None or container is None:
        return f"start PostgreSQL {manifest.database.version} and run all migrations"
    if not container.is_up:
        return f"start PostgreSQL {manifest.database.version} and run the migrations that are pending"
    known = known_to(release, host.engine.image(release.reference))
    if known is None:
        return "run the migrations that are pending (known once the image is on the server)"
    todo = pending(known, postgres_of(host, app).applied_migrations()) or []
    return f"run {len(todo)} migrations: {', '.join(todo)}" if todo else "no migration is pending"


def _migrate(transaction: Transaction, entry: StepEntry) -> None:
    """Run the pending migrations in a one-off container of the new image.

    1. Have PostgreSQL up, with the app's role and database.
    2. Compare what the image knows with what is applied; none pending: skip.
    3. Run the migrate command, within its limit; a non-zero exit fails the deploy.
    4. Read again what is applied: what was announced must have arrived.
    """
    database = transaction.manifest.database
    if database is None:
        entry.skip("no [database]")
        return
    postgres = postgres_of(transaction.host, transaction.app)
    postgres.ensure(database)
    if not database.migrate:
        entry.skip("no migrate command")
        return
    applied = postgres.applied_migrations()
    todo = pending(known_to(transaction.candidate, transaction.image), applied)
    if todo == []:
        entry.skip("no migration is pending")
        return
    entry.detail = "the image does not say what it knows" if todo is None else _listed(todo)
    transaction.applied_before = applied
    lines = _run_once(transaction, database)
    postgres.wait_until_ready()  # the migrations may have taken long, and it may be starting again
    doubt = _doubt(postgres) if todo is None else _check_arrival(transaction, postgres, todo, lines)
    entry.detail += f"; {doubt}" if doubt else ""


def _check_arrival(transaction: Transaction, postgres: Postgres, announced: list[str], lines: list[str]) -> str:
    """What is missing, '' when nothing is; AgentError `database-not-used` if it is certain that another database was
    migrated.
    """
    missing = pending(announced, postgres.applied_migrations())
    recorded = postgres.recorded_migrations() if missing else set()
    missing = pending(missing, recorded)
    if not missing:
        return ""
    database, many = transaction.manifest.database, len(announced)
    if database is None or not is_unused(database.migrate, announced, recorded):
        return f"{len(missing)} of {many} announced migrations did not arrive in PostgreSQL: {_listed(missing)}"
    message = f"the migrate command ended with 0, but none of {many} announced migrations arrived in PostgreSQL"
    hint = _why_unused(transaction)
    raise AgentError("database-not-used", f"{message}: {_listed(missing)}", hint=hint, log=lines)


def _why_unused(transaction: Transaction) -> str:
    """What to look at: values of the user's own for what the agent gives, or the settings."""
    database = transaction.manifest.database
    names = list(database.variables) if database else []
    _, stored = transaction.host.ledger.environment(transaction.app.id, transaction.candidate.environment_version)
    if found := next((name for name in ("DATABASE_URL", *names) if name in stored), None):
        return f"{found} was set with `ferryman env set`, and may lead elsewhere; `ferryman env unset {found}`"
    if "DATABASE_URL" in transaction.manifest.values:
        return "[app.env.values] sets DATABASE_URL, and may lead elsewhere; take it out"
    if names:
        return f"make DATABASES in the settings use {', '.join(names)}, which [database] variables names"
    return "make DATABASES in the settings use DATABASE_URL: is there a default such as SQLite, or a host of its own?"


def _doubt(postgres: Postgres) -> str:
    """Without a list nothing is certain: it may be no Django app. That nothing is recorded is worth a word."""
    return "" if postgres.recorded_migrations() else "PostgreSQL has no migration: does the app use DATABASE_URL?"


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:LISTED_MIGRATIONS])
    more = len(names) - LISTED_MIGRATIONS
    return f"{shown} and {more} more" if more > 0 else shown


def _run_once(transaction: Transaction, database: Database) -> list[str]:
    """The last lines that it printed."""
    host, engine, limit = transaction.host, transaction.host.engine, database.migrate_timeout
    app, manifest, release = transaction.app, transaction.manifest, transaction.candidate
    name = container_name(app.id, "migrate", release.number)
    engine.remove(name)
    environment = host.secrets.environment(app, manifest, release)
    role = Role("migrate", database.migrate, stop_grace=1.0)
    engine.create(name, app_workload(manifest, release, role, environment))
    try:
        start(host, name)
        deadline = host.stopwatch.seconds() + limit
        while (code := engine.wait(name, limit=1.0)) is None:
            transaction.journal.check_cancelled()
            if host.stopwatch.seconds() > deadline:
                message, lines = f"the migrations did not end within {limit:g} s", tail(engine, name)
                raise AgentError("migration-timeout", message, hint=clue(lines, manifest), log=lines)
        if code != 0:
            lines = tail(engine, name)
            message = with_exception(f"the migrations failed with exit code {code}", lines)
            raise AgentError("migration-failed", message, hint=clue(lines, manifest), exit_code=code, log=lines)
        return tail(engine, name)
    finally:
        engine.remove(name)


def _take_back(transaction: Transaction) -> None:
    """Migrations stay, and are told."""
    transaction.stayed = _migrations_that_stayed(transaction)
    if transaction.release:
        transaction.host.engine.remove(container_name(transaction.app.id, "migrate", transaction.release.number))


def _migrations_that_stayed(transaction: Transaction) -> list[str]:
    if transaction.applied_before is None:
        return []
    try:
        applied = postgres_of(transaction.host, transaction.app).applied_migrations()
    except AgentError:
        return []
    return sorted(applied - transaction.applied_before)


MIGRATE = Step(StepName.DATABASE, lambda facts: facts.migrations, _migrate, undo=_take_back)


def _plan_up(facts: Facts) -> str:
    return "PostgreSQL runs" if facts.wanted.database else "no [database]"


def _have_postgresql(transaction: Transaction, entry: StepEntry) -> None:
    database = transaction.manifest.database
    if database is None:
        entry.skip("no [database]")
    elif not postgres_of(transaction.host, transaction.app).ensure(database):
        entry.skip("PostgreSQL runs")


POSTGRESQL = Step(StepName.DATABASE, _plan_up, _have_postgresql, undo=_take_back)
