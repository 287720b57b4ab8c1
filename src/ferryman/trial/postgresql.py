"""A PostgreSQL in a container for the time of a check, of the version that production has."""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ferryman.config.models import Database
from ferryman.docker_command import docker_command
from ferryman.trial.given import url_variables
from ferryman.trial.outcomes import CheckFailed
from ferryman.trial.tools import output

READY_SECONDS = 60.0
USER = DATABASE = "app"
HERE = Path()


@dataclass(frozen=True)
class Postgresql:
    """A running one: reached from this machine at `url`, from containers of its network at `inner_url`."""

    container: str
    url: str
    inner_url: str


@contextmanager
def running_postgresql(version: int, network: str = "") -> Iterator[Postgresql]:
    """Start one, wait until it takes connections, and remove it with its data at the end."""
    docker, name, password = docker_command(), f"ferryman-test-{secrets.token_hex(4)}", secrets.token_urlsafe(24)
    words = ["run", "--detach", "--rm", "--name", name, "--publish", "127.0.0.1::5432"]
    words += ["--env", "POSTGRES_PASSWORD", "--env", f"POSTGRES_USER={USER}", "--env", f"POSTGRES_DB={DATABASE}"]
    words += ["--network", network] if network else []
    words += [f"postgres:{version}", "-c", "fsync=off", "-c", "full_page_writes=off"]
    output([*docker, *words], folder=HERE, variables={"POSTGRES_PASSWORD": password})
    try:
        _wait_until_ready([*docker, "exec", name, "pg_isready", "--host=127.0.0.1", f"--username={USER}"], name)
        address = output([*docker, "port", name, "5432/tcp"], folder=HERE).split()[0]
        start = f"postgres://{USER}:{password}@"
        yield Postgresql(name, f"{start}{address}/{DATABASE}", f"{start}{name}:5432/{DATABASE}")
    finally:
        subprocess.run([*docker, "rm", "--force", "--volumes", name], capture_output=True, check=False)


@dataclass(frozen=True)
class TestDatabase:
    """The variables that name it, and whose it is."""

    __test__ = False

    variables: Mapping[str, str]
    told: str


@contextmanager
def database_for_tests(database: Database | None) -> Iterator[TestDatabase]:
    """The one that the caller's variables name, else a PostgreSQL that is started; none for an app without one."""
    if database is None:
        yield TestDatabase({}, "the app has none")
        return
    callers = _callers_variables(database)
    if callers is not None:
        yield TestDatabase(callers, "the caller's")
        return
    with running_postgresql(database.version) as postgresql:
        yield TestDatabase(url_variables(database.variables, postgresql.url), f"version {database.version}")


def _callers_variables(database: Database) -> dict[str, str] | None:
    """What the caller has set, and what follows from a URL among that; None when it says of no database where it is."""
    named = {name: os.environ[name] for name in ("DATABASE_URL", *database.variables) if os.environ.get(name)}
    parts = {"DATABASE_URL": "url", **database.variables}
    url = next((value for name, value in named.items() if parts[name] == "url"), "")
    if url:
        return url_variables(database.variables, url) | named
    return named if any(parts[name] == "host" for name in named) else None


def _wait_until_ready(command: list[str], name: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while subprocess.run(command, capture_output=True, check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise CheckFailed(f"PostgreSQL ({name}) did not take connections within {READY_SECONDS:.0f} s")
        time.sleep(0.2)
