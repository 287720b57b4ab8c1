"""Asks a built image which migrations it knows, without a network or a database."""

from __future__ import annotations

import json
import subprocess
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ferryman.config import Configuration
from ferryman.config.given import PARTS
from ferryman.process import answer

TIMEOUT_SECONDS = 60.0
MARK = "ferryman.migrations="
SCRIPT = (
    "import json; from django.db.migrations.loader import MigrationLoader; "
    "known = MigrationLoader(None).disk_migrations; "
    f"print('\\n{MARK}' + json.dumps(sorted('.'.join(key) for key in known)))"
)
PLACEHOLDERS = {
    "SECRET_KEY": "only-to-read-the-migrations",
    "DATABASE_URL": PARTS["url"],
}


@dataclass(frozen=True)
class Migrations:
    """The `app_label.name` of each migration in an image, or why they could not be read."""

    known: tuple[str, ...] | None
    reason: str = ""


def placeholders(configuration: Configuration) -> dict[str, str]:
    """The app's plain values, and something in the place of what only a server has, under the names that it reads."""
    env, database = configuration.app.env, configuration.database
    named = {name: PARTS[part] for name, part in database.variables.items()} if database else {}
    stand_ins = {name: configuration.rehearsal.env.get(name, "unset") for name in env.required}
    return stand_ins | {env.secret_key: PLACEHOLDERS["SECRET_KEY"]} | named | env.values


def read_migrations(
    docker: Sequence[str], image: str, migrate: Sequence[str], variables: Mapping[str, str]
) -> Migrations:
    """Run the migrate command's beginning (`python manage.py`) with `shell` in place of `migrate`."""
    if "migrate" not in migrate:
        return Migrations(None, 'the migrate command has no argument "migrate"')
    name = f"ferryman-migrations-{uuid.uuid4().hex[:12]}"
    settings = [f"--env={key}={value}" for key, value in {**PLACEHOLDERS, **variables}.items()]
    run = [*docker, "run", "--rm", f"--name={name}", "--network=none", "--pull=never", *settings, image]
    prefix = list(migrate[: migrate.index("migrate")])
    try:
        status, output, errors = answer([*run, *prefix, "shell", "-c", SCRIPT], timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        answer([*docker, "rm", "--force", name])
        return Migrations(None, f"reading them took more than {TIMEOUT_SECONDS:.0f} s")
    if status != 0:
        last = ([line for line in errors.splitlines() if line.strip()] or ["no message"])[-1]
        return Migrations(None, f"exit status {status}: {last.strip()}")
    return parse_migrations(output)


class ReadingBeside:
    """Reads the migrations of an image in a thread of its own, from now on: while the image is pushed."""

    def __init__(self, docker: Sequence[str], image: str, migrate: Sequence[str], variables: Mapping[str, str]) -> None:
        self._asked = (docker, image, migrate, variables)
        self._found = Migrations(None, "reading them failed")
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def wait(self) -> Migrations:
        """What was found, once it is."""
        self._thread.join()
        return self._found

    def _read(self) -> None:
        try:
            self._found = read_migrations(*self._asked)
        except OSError as error:
            self._found = Migrations(None, str(error))


def parse_migrations(output: str) -> Migrations:
    """Find the list in the output; a settings module may print lines of its own."""
    for line in output.splitlines():
        if line.startswith(MARK):
            return Migrations(tuple(json.loads(line.removeprefix(MARK))))
    return Migrations(None, "the image printed no list of migrations")
