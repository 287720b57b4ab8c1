"""`ferryman check` asks the project: what its settings resolve to under production's environment is judged."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from project import SETTINGS, Oddity
from typer.testing import CliRunner

from ferryman.checks.asking import ask_settings, ask_with, find_subject
from ferryman.checks.finding import Finding
from ferryman.checks.linter import lint_project
from ferryman.checks.project import read_project
from ferryman.cli.app import app
from ferryman.config import load_configuration
from ferryman.survey import workspace
from ferryman.survey.survey import Survey

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
TOML = f"""\
[app]
name = "shop"
image = "acme/shop"
[app.roles.web]
health = "/health/"
stop_grace = "35s"
[database]
migrate = ["python", "manage.py", "migrate"]
[environments.production]
host = "shop.example.com"
domain = "shop.example.com"
host_key = "{HOST_KEY}"
"""
DOCKERFILE = """\
FROM python:3.13-slim
COPY . /app
USER 10001
CMD ["gunicorn", "--workers=3", "shop.wsgi"]
"""
SECRET = 'SECRET_KEY = os.environ["SECRET_KEY"]'
DEBUG = 'DEBUG = os.environ.get("DEBUG", "") == "1"'
HOSTS = 'ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")'
DATABASES = SETTINGS[SETTINGS.index("DATABASES = {") : SETTINGS.index("STATIC_URL")]
LOGGING = SETTINGS[SETTINGS.index("LOGGING = {") :]
PROXY = 'SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")\n'
LOCMEM = 'CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}\n'
APPS = '    "django.contrib.staticfiles",\n]'
FILES = {
    "cakes/__init__.py": "",
    "cakes/models.py": "from django.db import models\n\nclass Cake(models.Model):\n    picture = models.FileField()\n",
}
MIGRATED = {
    **FILES,
    "cakes/migrations/__init__.py": "",
    "cakes/migrations/0001_initial.py": """\
from django.db import migrations, models
class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel("Cake", [("id", models.BigAutoField(primary_key=True)), ("picture", models.FileField())])
    ]
""",
}
WITH_CAKES = {APPS: '    "django.contrib.staticfiles",\n    "cakes",\n]'}
UVICORN = {"Dockerfile": DOCKERFILE.replace('"gunicorn", "--workers=3"', '"uvicorn", "--host=0.0.0.0"')}

# The project, what is found (code, level), and the text of the line where it is found ("" where that is not seen).
WRONG: dict[str, tuple[Oddity, tuple[str, str], str]] = {
    "DEBUG by a comparison": (
        Oddity("", {DEBUG: 'DEBUG = os.environ.get("ENV", "dev") != "prod"'}),
        ("debug-on", "error"),
        "DEBUG = os.environ",
    ),
    "DEBUG in a branch": (
        Oddity("", {DEBUG: 'if "CI" not in os.environ:\n    DEBUG = not False'}),
        ("debug-on", "error"),
        "",
    ),
    "DEBUG by a loop": (Oddity("", {DEBUG: "globals().update(DEBUG=True)"}), ("debug-on", "error"), ""),
    "a secret key put together": (
        Oddity("", {SECRET: 'SECRET_KEY = "-".join(["django", "insecure", "x" * 50])'}),
        ("default-secret-key", "error"),
        "SECRET_KEY =",
    ),
    "a secret key under another name": (
        Oddity("", {SECRET: 'SECRET_KEY = os.getenv("MY_SECRET_KEY") or "x" * 50'}),
        ("default-secret-key", "error"),
        "SECRET_KEY =",
    ),
    "a redirect from a variable": (
        Oddity("", {PROXY: 'SECURE_SSL_REDIRECT = os.environ.get("HTTPS", "on") == "on"\n'}),
        ("health-redirects", "error"),
        "SECURE_SSL_REDIRECT",
    ),
    "hosts by a loop": (
        Oddity("", {HOSTS: 'ALLOWED_HOSTS = [f"{name}.example.org" for name in ("a", "b")]'}),
        ("health-refused", "error"),
        "ALLOWED_HOSTS",
    ),
    "SQLite": (
        Oddity("", {DATABASES: 'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db"}}\n'}),
        ("not-ferrymans-database", "error"),
        "DATABASES =",
    ),
    "a database under other names": (
        Oddity(
            "",
            {
                DATABASES: 'DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "shop",\n'
                '"HOST": os.getenv("SQL_HOST", "db"), "PASSWORD": os.getenv("SQL_PASSWORD", "x")}}\n'
            },
        ),
        ("not-ferrymans-database", "error"),
        "DATABASES =",
    ),
    "MySQL": (
        Oddity("", {DATABASES: 'DATABASES = {"default": {"ENGINE": "django.db.backends.mysql", "NAME": "db"}}\n'}),
        ("not-postgresql", "error"),
        "",
    ),
    "models and no migrations": (
        Oddity("", WITH_CAKES, files={**FILES, "cakes/models.py": FILES["cakes/models.py"].replace("File", "Text")}),
        ("no-migrations", "error"),
        "",
    ),
    "no volume for media": (
        Oddity("", WITH_CAKES, 'MEDIA_ROOT = BASE_DIR / "media"\n', MIGRATED),
        ("no-media-volume", "error"),
        "MEDIA_ROOT",
    ),
    "no console logging": (Oddity("", {LOGGING: ""}), ("no-console-logging", "warning"), ""),
    "a cache for each worker": (Oddity("", added=LOCMEM), ("cache-per-process", "warning"), "CACHES"),
    "file sessions": (
        Oddity("", added='SESSION_ENGINE = "django.contrib.sessions.backends.file"\n'),
        ("file-sessions", "warning"),
        "SESSION_ENGINE",
    ),
    "connections kept under ASGI": (
        Oddity("", added='DATABASES["default"]["CONN_MAX_AGE"] = 60\n', files=UVICORN),
        ("connections-kept-under-asgi", "warning"),
        "DATABASES =",
    ),
    "settings that can't be parsed": (
        Oddity("", added="ROOT_URLCONF = (\n", files={".python-version": ".".join(map(str, sys.version_info[:2]))}),
        ("settings-broken", "error"),
        "ROOT_URLCONF = (",
    ),
    "health without its slash": (
        Oddity("", files={"ferryman.toml": TOML.replace('"/health/"', '"/health"')}),
        ("health-redirects", "error"),
        "health =",
    ),
}
RIGHT = {
    "all from the environment": Oddity("plain"),
    "DEBUG that ferryman.toml switches off": Oddity(
        "",
        {DEBUG: 'DEBUG = os.environ.get("ENV", "dev") != "prod"'},
        files={"ferryman.toml": TOML + '[app.env.values]\nENV = "prod"\n'},
    ),
    "DEBUG that the image switches off": Oddity(
        "",
        {DEBUG: 'DEBUG = os.environ.get("ENV", "dev") != "prod"'},
        files={"Dockerfile": DOCKERFILE.replace("USER", "ENV ENV=prod\nUSER")},
    ),
    "a default that is never used": Oddity("", {SECRET: 'SECRET_KEY = os.environ.get("SECRET_KEY", "changeme")'}),
    "a secret key that is named": Oddity(
        "",
        {SECRET: 'SECRET_KEY = os.getenv("MY_SECRET_KEY", "x")'},
        files={"ferryman.toml": TOML + '[app.env]\nsecret_key = "MY_SECRET_KEY"\n'},
    ),
    "a redirect by the scheme": Oddity(
        "", {PROXY: 'SECURE_SSL_REDIRECT = os.environ.get("FERRYMAN_SCHEME") == "https"\n'}
    ),
    "a database whose names are given": Oddity(
        "",
        {
            DATABASES: 'DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "shop",\n'
            '"HOST": os.getenv("SQL_HOST", "db"), "PASSWORD": os.getenv("SQL_PASSWORD", "x")}}\n'
        },
        files={
            "ferryman.toml": TOML.replace(
                "[environments", '[database.variables]\nSQL_HOST = "host"\nSQL_PASSWORD = "password"\n[environments'
            )
        },
    ),
    "media in a volume": Oddity(
        "",
        WITH_CAKES,
        'MEDIA_ROOT = BASE_DIR / "media"\n',
        {**MIGRATED, "ferryman.toml": TOML + '[app.volumes]\nmedia = "/app/media"\n'},
    ),
    "a cache in one process": Oddity("", added=LOCMEM, files={"Dockerfile": DOCKERFILE.replace(', "--workers=3"', "")}),
    "connections kept under WSGI": Oddity("", added='DATABASES["default"]["CONN_MAX_AGE"] = 60\n'),
}


def put(folder: Path, oddity: Oddity) -> Mapping[str, str]:
    texts = {"ferryman.toml": TOML, "Dockerfile": DOCKERFILE, **oddity.texts()}
    workspace.add(folder, texts)
    return texts


def asked(folder: Path) -> list[Finding]:
    """The findings of a project that is run in the environment of the tests."""
    project = read_project(load_configuration(folder / "ferryman.toml"), folder)
    found = find_subject(project, project.texts)
    version = ".".join(map(str, sys.version_info[:2]))
    return list(ask_with(project, Survey(folder, folder, Path(sys.executable), version), found, project.texts))


@pytest.mark.parametrize("name", WRONG)
def test_what_production_would_have_is_found(tmp_path: Path, name: str) -> None:
    oddity, wanted, line = WRONG[name]
    texts = put(tmp_path, oddity)
    found = asked(tmp_path)
    assert [(finding.code, finding.level) for finding in found] == [wanted]
    assert found[0].path in texts
    assert found[0].why
    assert found[0].fix
    if line:
        assert line in texts[found[0].path].splitlines()[found[0].line - 1]


@pytest.mark.parametrize("name", RIGHT)
def test_what_production_has_right_is_let_pass(tmp_path: Path, name: str) -> None:
    put(tmp_path, RIGHT[name])
    assert asked(tmp_path) == []


def test_settings_that_need_more_than_is_here_are_judged_by_their_text_and_it_is_said_first(tmp_path: Path) -> None:
    put(tmp_path, Oddity("", {DEBUG: "import nowhere_to_be_found\nDEBUG = True"}))
    found = asked(tmp_path)
    assert [(finding.code, finding.level, finding.line) for finding in found] == [
        ("not-run", "warning", 7),
        ("debug-on", "error", 8),
    ]
    assert "No module named 'nowhere_to_be_found'" in found[0].why


def test_packages_that_can_t_be_installed_are_said_first(tmp_path: Path) -> None:
    put(tmp_path, Oddity("", {DEBUG: "DEBUG = True"}, files={"requirements.txt": "./not-there\n"}))
    project = read_project(load_configuration(tmp_path / "ferryman.toml"), tmp_path)
    found = lint_project(replace(project, workflows={"a.yml": "run: docker pull acme/shop:latest"}), [])
    assert [finding.code for finding in found] == ["not-run", "latest-deployed", "debug-on"]
    assert "its packages can't be installed here" in found[0].why
    assert [finding.code for finding in ask_settings(project)] == ["not-run", "debug-on"]


def test_quick_runs_nothing_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, Oddity("", added='BASE_DIR.joinpath("was-run").touch()\n'))
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(app, ["check", "--quick"])
    assert shown.exit_code == 0
    assert not (tmp_path / "was-run").exists()
    assert not (tmp_path / ".ferryman").exists()
    assert asked(tmp_path) == []
    assert (tmp_path / "was-run").exists()
