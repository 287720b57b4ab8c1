"""Small projects of one oddity each: a plain one, what is changed in it, and how it is taken in without an image."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ferryman.errors import Refused
from ferryman.project.asked.asking import ask_with
from ferryman.project.detection import detect
from ferryman.project.files import planned_files
from ferryman.project.findings import Findings
from ferryman.project.tree import read_tree
from ferryman.survey import workspace
from ferryman.survey.survey import Survey

MANAGE = """\
import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
"""
WSGI = """\
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
application = get_wsgi_application()
"""
URLS = """\
from django.contrib import admin
from django.db import connection
from django.http import HttpResponse
from django.urls import path


def health(request):
    connection.ensure_connection()
    return HttpResponse("ok")


urlpatterns = [path("admin/", admin.site.urls), path("health/", health)]
"""
# All that production needs comes from the environment; each case takes something of it away, or says it otherwise.
SETTINGS = """\
import os
from pathlib import Path
from urllib.parse import urlsplit

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = os.environ["SECRET_KEY"]
DEBUG = os.environ.get("DEBUG", "") == "1"
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
URL = urlsplit(os.environ["DATABASE_URL"])
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": URL.path[1:],
        "USER": URL.username,
        "PASSWORD": URL.password,
        "HOST": URL.hostname,
        "PORT": URL.port,
    }
}
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
"""
PLAIN = {
    "manage.py": MANAGE,
    "shop/__init__.py": "",
    "shop/settings.py": SETTINGS,
    "shop/urls.py": URLS,
    "shop/wsgi.py": WSGI,
    "requirements.txt": "django>=5.2\ngunicorn\npsycopg[binary]\nwhitenoise\n",
}


@dataclass(frozen=True)
class Oddity:
    """A project that differs from the plain one: lines of its settings replaced or added, files added or changed."""

    name: str
    replaced: Mapping[str, str] = field(default_factory=dict)
    added: str = ""
    files: Mapping[str, str] = field(default_factory=dict)

    def texts(self) -> dict[str, str]:
        """All files of the project."""
        settings = SETTINGS
        for old, new in self.replaced.items():
            assert old in settings, old
            settings = settings.replace(old, new)
        return {**PLAIN, "shop/settings.py": settings + self.added, **self.files}


@dataclass(frozen=True)
class Taken:
    """What `init` would write for it."""

    findings: Findings
    planned: Mapping[str, str]

    @property
    def configuration(self) -> dict[str, Any]:
        """The ferryman.toml."""
        return tomllib.loads(self.planned["ferryman.toml"])

    @property
    def production(self) -> str:
        """The settings module that is written for production; "" when none is."""
        found = [text for path, text in self.findings.production.items() if "health" not in path]
        return found[0] if found else ""


def take_in(oddity: Oddity, folder: Path, interpreter: Path = Path(sys.executable)) -> Taken:
    """Ask the project in the environment of the tests; `folder` is empty."""
    workspace.add(folder, oddity.texts())
    texts = read_tree(folder)
    findings = detect(texts, "shop")
    survey = Survey(folder, folder / (findings.manage or ""), interpreter, ".".join(map(str, sys.version_info[:2])))
    asked = ask_with(survey, findings, texts)
    return Taken(asked, planned_files(asked))


@dataclass(frozen=True)
class Case:
    """An oddity, and what `init` is to make of it.

    `production`: texts in production's settings module; None: there is none, since nothing is lacking. `lines`: values
    of ferryman.toml by their dotted path, None: absent. `image`: texts in the Dockerfile. `said`: in what is told.
    `refused`: the code of the refusal.
    """

    oddity: Oddity
    production: tuple[str, ...] | None = ()
    lines: Mapping[str, Any] = field(default_factory=dict)
    image: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    refused: str = ""
    is_run: bool = True


def judge(case: Case, folder: Path, interpreter: Path = Path(sys.executable)) -> None:
    """Take the case in, and compare."""
    if case.refused:
        with pytest.raises(Refused) as caught:
            take_in(case.oddity, folder, interpreter)
        assert caught.value.code == case.refused
        assert caught.value.hint
        return
    taken = take_in(case.oddity, folder, interpreter)
    told = "\n".join([*taken.findings.notes, *taken.findings.unknown])
    assert taken.findings.is_run is case.is_run, told
    if case.production is None:
        assert taken.production == "", told
    for text in case.production or ():
        assert text in taken.production, told
    for path, value in case.lines.items():
        assert _line(taken.configuration, path) == value, taken.planned["ferryman.toml"]
    dockerfile = next(
        (text for name, text in taken.planned.items() if "Dockerfile" in name and "ignore" not in name), ""
    )
    for text in case.image:
        assert text in dockerfile, dockerfile
    for text in case.said:
        assert text in told


def _line(configuration: dict[str, Any], path: str) -> Any:
    found: Any = configuration
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found
