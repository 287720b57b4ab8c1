"""The database step: PostgreSQL is up, and the pending migrations run in a one-off container of the new image."""

from __future__ import annotations

from ferryman_agent.containers import app_workload, container_name, database_name
from ferryman_agent.engine import Image
from ferryman_agent.errors import AgentError
from ferryman_agent.host import Host
from ferryman_agent.host.database import known_migrations, pending
from ferryman_agent.host.lookups import tail
from ferryman_agent.host.serving import postgres_of
from ferryman_agent.ledger import App, Release
from ferryman_agent.manifest import Database, Manifest, Role
from ferryman_agent.transaction.facts import Facts
from ferryman_agent.transaction.journal import StepEntry
from ferryman_agent.transaction.names import StepName
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
    _run_once(transaction, database)


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:LISTED_MIGRATIONS])
    more = len(names) - LISTED_MIGRATIONS
    return f"{shown} and {more} more" if more > 0 else shown


def _run_once(transaction: Transaction, database: Database) -> None:
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
                message = f"the migrations did not end within {limit:g} s"
                raise AgentError("migration-timeout", message, log=tail(engine, name))
        if code != 0:
            message = f"the migrations failed with exit code {code}"
            raise AgentError("migration-failed", message, exit_code=code, log=tail(engine, name))
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
