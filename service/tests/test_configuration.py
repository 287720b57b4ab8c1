"""The environment: what is missing or wrong is said in one line."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.urls import URLPattern, URLResolver, get_resolver

from ground.configuration import TAKEN_PATHS, database, load

SERVICE = Path(__file__).resolve().parent.parent
PRODUCTION = {
    "SECRET_KEY": "a-key-of-the-tests-" + "0123456789abcdefghij" * 3,
    "DATABASE_URL": "postgres://user:p%40ss@db:5433/harbour?sslmode=require",
    "ALLOWED_HOSTS": "harbour.example.com, 10.0.0.7",
}


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *arguments]
    known = {"PATH": os.environ["PATH"]} | environment
    return subprocess.run(command, cwd=SERVICE, env=known, capture_output=True, text=True, check=False)


def test_production_without_a_key_says_so_in_one_line() -> None:
    run = manage("migrate", DATABASE_URL="postgres://nobody@127.0.0.1:1/none")
    assert run.returncode == 1
    assert run.stderr.splitlines() == [
        "harbour: SECRET_KEY must be set in the environment (for development run: python manage.py dev)"
    ]


def test_production_behind_tls_passes_the_deployment_check() -> None:
    run = manage("check", "--deploy", "--fail-level", "WARNING", HARBOUR_HTTPS="true", **PRODUCTION)
    assert run.returncode == 0, run.stderr


def test_production_without_tls_lacks_only_what_tls_brings() -> None:
    run = manage("check", "--deploy", **PRODUCTION)
    found = {line.split()[1] for line in run.stderr.splitlines() if line.startswith("?:")}
    assert found == {"(security.W004)", "(security.W008)", "(security.W012)", "(security.W016)"}


def test_the_models_have_no_pending_migration() -> None:
    assert (
        manage(
            "makemigrations", "--check", "--dry-run", DEBUG="true", DATABASE_URL="postgres://nobody@127.0.0.1:1/none"
        ).returncode
        == 0
    )


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (PRODUCTION | {"FERRYMAN_RELEASE": "7", "HARBOUR_PUBLIC_READ": "true"}).items():
        monkeypatch.setenv(name, value)
    configuration = load()
    assert configuration.allowed_hosts == ("harbour.example.com", "10.0.0.7")
    assert configuration.public_read
    assert configuration.release == "7"
    assert not configuration.debug


def test_spaces_around_a_number_or_a_truth_are_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (PRODUCTION | {"PORT": "8080 ", "DEBUG": " Yes", "HARBOUR_HTTPS": "TRUE\n"}).items():
        monkeypatch.setenv(name, value)
    configuration = load()
    assert (configuration.port, configuration.debug, configuration.https) == (8080, True, True)


def test_every_mistake_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", "perhaps")
    monkeypatch.setenv("HARBOUR_POOL_SIZE", "-1")
    with pytest.raises(ImproperlyConfigured, match=r"DEBUG: .*; HARBOUR_POOL_SIZE: "):
        load()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            PRODUCTION["DATABASE_URL"],
            {"NAME": "harbour", "USER": "user", "PASSWORD": "p@ss", "HOST": "db", "PORT": "5433"},
        ),
        ("postgresql:///harbour?host=/run/postgresql", {"NAME": "harbour", "HOST": "/run/postgresql", "PORT": ""}),
    ],
)
def test_database_urls(url: str, expected: dict[str, Any]) -> None:
    assert expected.items() <= database(url).items()


def test_requests_have_a_pool_and_commands_have_none() -> None:
    options = database(PRODUCTION["DATABASE_URL"], 5)["OPTIONS"]
    assert options["pool"]["max_size"] == 5
    assert options["sslmode"] == "require"
    assert "pool" not in database(PRODUCTION["DATABASE_URL"])["OPTIONS"]


def test_a_request_has_limits_and_a_migration_only_for_waiting() -> None:
    request, command = (database(PRODUCTION["DATABASE_URL"], size)["OPTIONS"]["options"] for size in (5, None))
    assert "statement_timeout=10s" in request
    assert "statement_timeout" not in command
    assert "lock_timeout=10s" in command


def test_the_pool_has_a_connection_for_each_thread_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (PRODUCTION | {"HARBOUR_THREADS": "6"}).items():
        monkeypatch.setenv(name, value)
    assert load().connections == 6
    monkeypatch.setenv("HARBOUR_POOL_SIZE", "9")
    assert load().connections == 9


@pytest.mark.parametrize("path", ["api/x", "", "/", "a b", "../x", "static"])
def test_a_path_of_the_admin_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    for name, value in (PRODUCTION | {"HARBOUR_ADMIN_PATH": path}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match="HARBOUR_ADMIN_PATH"):
        load()


def test_no_address_of_harbours_own_can_become_the_admins() -> None:
    addresses = {str(found.pattern).lstrip("^").split("/")[0] for found in _flat(get_resolver().url_patterns)}
    assert addresses - {"admin", ""} <= TAKEN_PATHS


def _flat(patterns: list[URLPattern | URLResolver]) -> Iterator[URLPattern | URLResolver]:
    for found in patterns:
        if isinstance(found, URLResolver) and not str(found.pattern):
            yield from _flat(found.url_patterns)
        else:
            yield found


@pytest.mark.parametrize("url", ["mysql://db/x", "sqlite://", "harbour", "postgres://db:port/x"])
def test_other_database_urls_are_refused(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        database(url)
