"""What `ferryman test` gives a project is what the agent gives it; Docker is a program that notes how it is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from ferryman.config import Configuration, load_configuration
from ferryman.trial.container import Trial
from ferryman.trial.environment import TestEnvironment
from ferryman.trial.environment.making import app_variables
from ferryman.trial.given import SECRET, url_variables
from ferryman.trial.outcomes import CheckFailed
from ferryman.trial.postgresql import database_for_tests
from ferryman_agent.containers import variables as agents_variables
from ferryman_agent.ledger import App, Release, ReleaseState
from ferryman_agent.manifest import parse_manifest
from ferryman_agent.testing.machine import manifest

TOML = """\
[app]
name = "shop"
image = "acme/shop"
[app.roles.web]
port = 8080
[app.env]
required = ["STRIPE_KEY", "WORKERS"]
secret_key = "DJANGO_KEY"
[app.env.values]
DJANGO_SETTINGS_MODULE = "shop.settings_production"
[rehearsal.env]
STRIPE_KEY = "sk_test_0"
[database]
migrate = ["python", "manage.py", "migrate"]
variables = { DB_HOST = "host", DB_PORT = "port", DB_NAME = "name", DB_USER = "user", DB_PASSWORD = "password" }
"""
URL = "postgres://jo%40e:p%2Fw@db.example.com:6432/my%20shop"
PARTS = {
    "DB_HOST": "db.example.com",
    "DB_PORT": "6432",
    "DB_NAME": "my shop",
    "DB_USER": "jo@e",
    "DB_PASSWORD": "p/w",
}
DOCKER = '#!/bin/sh\nprintf "%s\\n" "$@" >>"{log}"\nif [ "$1" = port ]; then echo 127.0.0.1:54321; fi\n'


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The words that docker was called with, one a line; the caller has set no database."""
    for name in ("DATABASE_URL", "DB_URL", *PARTS):
        monkeypatch.delenv(name, raising=False)
    log = tmp_path / "log"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").write_text(DOCKER.format(log=log))
    (tmp_path / "bin" / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return log


def configuration(folder: Path, text: str = TOML) -> Configuration:
    (folder / "ferryman.toml").write_text(text)
    return load_configuration(folder / "ferryman.toml")


def words(found: Configuration, docker: Path, option: str) -> list[str]:
    """What follows an option where the migrate command is run in the image."""
    assert found.database
    Trial(found, "acme/shop:1", "net", "database", "postgres://app:secret@database:5432/app").migrate(found.database)
    told = docker.read_text().splitlines()
    return [told[place + 1] for place, word in enumerate(told) if word == option]


# -- test image


def test_the_image_gets_each_variable_that_the_agent_gives(tmp_path: Path, docker: Path) -> None:
    found = dict(word.split("=", 1) for word in words(configuration(tmp_path), docker, "--env"))
    app = App("shop.production", "shop", "production", 1, 1, None, None, "", None, None)
    release = Release("shop.production", 4, "acme/shop", "sha256:0", "a" * 40, {}, 1, None, ReleaseState.CANDIDATE, "")
    given = agents_variables(app, parse_manifest(manifest()), release, {}, {"SECRET_KEY": "", "DATABASE_URL": ""})
    assert {line.partition("=")[0] for line in given} <= found.keys()
    assert found["SECRET_KEY"] == found["DJANGO_KEY"] == SECRET
    assert (found["FERRYMAN_SCHEME"], found["CSRF_TRUSTED_ORIGINS"]) == ("http", "http://localhost")
    assert (found["PORT"], found["STRIPE_KEY"], found["WORKERS"]) == ("8080", "sk_test_0", "unset")
    assert found["DJANGO_SETTINGS_MODULE"] == "shop.settings_production"
    assert [found[name] for name in PARTS] == ["database", "5432", "app", "app", "secret"]


def test_what_the_agent_gives_is_not_unset_where_it_is_required_too(tmp_path: Path, docker: Path) -> None:
    text = TOML.replace('"WORKERS"', '"ALLOWED_HOSTS"')
    assert "ALLOWED_HOSTS=localhost,127.0.0.1,[::1]" in words(configuration(tmp_path, text), docker, "--env")


@pytest.mark.parametrize(
    ("value", "sizes"),
    [('["/tmp", "/run"]', {"/tmp": 64 << 20, "/run": 64 << 20}), ('{ "/tmp" = "8m" }', {"/tmp": 8 << 20})],
)
def test_a_folder_in_memory_is_as_large_as_on_a_server(
    tmp_path: Path, docker: Path, value: str, sizes: dict[str, int]
) -> None:
    text = TOML.replace("[app.roles.web]", f"tmpfs = {value}\n[app.roles.web]")
    expected = [f"{path}:rw,noexec,nosuid,nodev,size={size},mode=1777" for path, size in sizes.items()]
    assert words(configuration(tmp_path, text), docker, "--tmpfs") == expected


# -- test code, test unit


def test_tests_get_what_the_agent_gives_and_not_productions_settings(tmp_path: Path) -> None:
    settings = {"shop/settings.py": 'W = int(os.environ["WORKERS"])\nS = int(os.environ["STRIPE_KEY"])\n'}
    assert app_variables(configuration(tmp_path), settings) == {
        "SECRET_KEY": SECRET,
        "DJANGO_KEY": SECRET,
        "ALLOWED_HOSTS": "localhost",
        "CSRF_TRUSTED_ORIGINS": "http://localhost",
        "FERRYMAN_SCHEME": "http",
        "PORT": "8080",
        "STRIPE_KEY": "sk_test_0",
        "WORKERS": "1",
    }


def test_a_value_wins_over_the_rehearsals_and_what_only_the_rehearsal_has_stays_there(tmp_path: Path) -> None:
    text = TOML.replace("[rehearsal.env]", 'STRIPE_KEY = "sk_1"\n[rehearsal.env]\nLOAD = "on"')
    found = app_variables(configuration(tmp_path, text), {})
    assert (found["STRIPE_KEY"], "LOAD" in found) == ("sk_1", False)


def test_the_database_is_one_whatever_else_the_caller_has_set(
    tmp_path: Path, docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_PASSWORD", "of-another")
    monkeypatch.setenv("STRIPE_KEY", "sk_mine")
    monkeypatch.setenv("DATABASE_URL", "")
    found = configuration(tmp_path)
    environment = TestEnvironment(tmp_path, tmp_path, tmp_path / "bin" / "python", app_variables(found, {}))
    with database_for_tests(found.database) as database:
        variables = environment.with_variables(database.variables)
    assert database.told == "version 17"
    assert (variables["DB_HOST"], variables["DB_PORT"], variables["DB_NAME"]) == ("127.0.0.1", "54321", "app")
    password = variables["DB_PASSWORD"]
    assert variables["DATABASE_URL"] == f"postgres://app:{password}@127.0.0.1:54321/app"
    assert password != "of-another"
    assert variables["STRIPE_KEY"] == "sk_mine"


@pytest.mark.parametrize("name", ["DATABASE_URL", "DB_URL"])
def test_the_parts_are_taken_from_the_callers_url(
    tmp_path: Path, docker: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    text = TOML.replace("variables = {", 'variables = { DB_URL = "url",')
    monkeypatch.setenv(name, URL)
    monkeypatch.setenv("DB_NAME", "other")
    with database_for_tests(configuration(tmp_path, text).database) as database:
        assert database.variables == {"DATABASE_URL": URL, "DB_URL": URL, **PARTS, "DB_NAME": "other"}
    assert (database.told, docker.exists()) == ("the caller's", False)


def test_the_callers_host_is_the_callers_database(
    tmp_path: Path, docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_HOST", "localhost")
    with database_for_tests(configuration(tmp_path).database) as database:
        assert (database.variables, database.told) == ({"DB_HOST": "localhost"}, "the caller's")
    assert not docker.exists()


def test_an_app_without_a_database_gets_none(tmp_path: Path, docker: Path) -> None:
    with database_for_tests(configuration(tmp_path, TOML.partition("[database]")[0]).database) as database:
        assert (database.variables, database.told) == ({}, "the app has none")
    assert not docker.exists()


def test_a_url_without_the_parts_that_are_asked_for_is_refused(tmp_path: Path) -> None:
    found = configuration(tmp_path).database
    assert found
    for url in ("sqlite:///db.sqlite3", "sqlite://:memory:", "postgres://app@db:port/app", "gone"):
        with pytest.raises(CheckFailed, match="the URL of the database is not PostgreSQL's"):
            url_variables(found.variables, url)
    for names in ({}, {"DB_URL": "url"}):
        assert set(url_variables(names, "sqlite://:memory:").values()) == {"sqlite://:memory:"}
