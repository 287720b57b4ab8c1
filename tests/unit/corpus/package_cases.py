"""Projects that state their packages, their Python or their web assets in one way each; nothing of them is run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from project import Oddity

LOCK = (
    'version = 1\n[[package]]\nname = "shop"\nversion = "1"\nsource = { virtual = "." }\n'
    'dependencies = [{ name = "django" }]\n'
    '[[package]]\nname = "django"\nversion = "5.2"\n'
)
PROJECT = '[project]\nname = "shop"\nversion = "1"\ndependencies = ["django"]\n'
BUILD = json.dumps({"scripts": {"build": "vite build"}})


@dataclass(frozen=True)
class Packaged:
    """Files beside the plain project, and lines of the Dockerfile that they lead to; `absent` are none of it."""

    files: dict[str, str] = field(default_factory=dict)
    image: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    without: tuple[str, ...] = ("requirements.txt",)

    @property
    def oddity(self) -> Oddity:
        """As an oddity."""
        return Oddity("packaged", files=self.files)


CASES = {
    "requirements": Packaged({"requirements.txt": "django\npsycopg[binary]\n"}, ("--requirement requirements.txt",)),
    "requirements of production": Packaged(
        {"requirements/base.txt": "django\n", "requirements/production.txt": "-r base.txt\ngunicorn\n"},
        ("COPY requirements/production.txt requirements/base.txt ./requirements/",),
    ),
    "requirements.in alone": Packaged({"requirements.in": "django\n"}, ("--requirement requirements.in",)),
    "requirements with a byte order mark": Packaged(
        {"requirements.txt": "\ufeffdjango\n"}, ("pip --python /venv/bin/python install",)
    ),
    "an editable with quotes": Packaged(
        {"requirements.txt": 'django\n-e "."\n'}, ("pip --python /venv/bin/python", "WORKDIR /app\nCOPY . /app")
    ),
    "a path of the repository": Packaged({"requirements.txt": "django\n./libs/lib\n"}, ("WORKDIR /app\nCOPY . /app",)),
    "a package from Git": Packaged(
        {"requirements.txt": "lib @ git+https://example.invalid/lib.git\n"}, ("--no-install-recommends git",)
    ),
    "uv": Packaged({"pyproject.toml": PROJECT, "uv.lock": LOCK}, ("uv sync --frozen",), ("--group", "--extra")),
    "uv, and the server in a group": Packaged(
        {"pyproject.toml": PROJECT + '[dependency-groups]\nprod = ["gunicorn"]\ndev = ["pytest"]\n', "uv.lock": LOCK},
        ("--group prod",),
        ("--group dev",),
    ),
    "uv, and the driver in an extra": Packaged(
        {"pyproject.toml": PROJECT + '[project.optional-dependencies]\npostgres = ["psycopg"]\n', "uv.lock": LOCK},
        ("--extra postgres",),
    ),
    "Poetry": Packaged(
        {"pyproject.toml": "[tool.poetry]\n", "poetry.lock": '[[package]]\nname = "django"\nversion = "5.2"\n'},
        ("poetry install --only main",),
    ),
    "Pipenv": Packaged(
        {"Pipfile": "", "Pipfile.lock": json.dumps({"default": {"django": {"version": "==5.2"}}})},
        ("pipenv requirements",),
    ),
    "pyproject.toml without a lock": Packaged({"pyproject.toml": PROJECT}, ("--requirement pyproject.toml",)),
    "setup.py": Packaged(
        {"setup.py": 'from setuptools import setup\nsetup(name="shop", install_requires=["django", "psycopg2"])\n'},
        ("--requirement setup.py", "libpq-dev", "COPY . /app"),
    ),
    "setup.cfg": Packaged(
        {"setup.cfg": "[options]\ninstall_requires =\n    django\n    gunicorn\n"},
        ("--requirement setup.cfg",),
        ("gunicorn>=23",),
    ),
    "no packages at all": Packaged({}, ('"django>=5.2"', "gunicorn>=23")),
    "a driver that is compiled": Packaged(
        {"requirements.txt": "django\npsycopg2\n"}, ("libpq5", "g++ pkg-config libpq-dev"), ("psycopg[binary]",)
    ),
    "a library of the system's": Packaged({"requirements.txt": "django\nweasyprint\n"}, ("libpango-1.0-0",)),
    "a server that is compiled": Packaged({"requirements.txt": "django\nuwsgi\n"}, ("g++ pkg-config",)),
    "Python by .python-version": Packaged({".python-version": "3.12.4\n"}, ("FROM python:3.12-slim-trixie",)),
    "Python by runtime.txt": Packaged({"runtime.txt": "python-3.11.9\n"}, ("FROM python:3.11-slim-trixie",)),
    "Python by a Dockerfile that is not used": Packaged(
        {"Dockerfile": 'FROM python:3.12-slim\nCOPY . .\nCMD ["python", "manage.py", "runserver"]\n'},
        ("FROM python:3.12-slim-trixie",),
    ),
    "Python by bounds": Packaged(
        {"pyproject.toml": PROJECT + 'requires-python = "<3.13"\n'}, ("FROM python:3.12-slim-trixie",)
    ),
    "web assets by npm": Packaged(
        {"package.json": BUILD, "package-lock.json": "{}"},
        ("FROM node:24-trixie-slim AS assets", "RUN npm ci", "COPY --from=assets /app /app"),
    ),
    "web assets by yarn": Packaged(
        {"package.json": BUILD, "yarn.lock": ""}, ("yarn install --frozen-lockfile", "RUN yarn run build")
    ),
    "web assets by pnpm": Packaged(
        {"package.json": BUILD, "pnpm-lock.yaml": ""}, ("npm install --global pnpm@10", "pnpm run build")
    ),
    "a frontend of its own": Packaged({"frontend/package.json": BUILD}, (), ("node:",)),
    "an ignore file for another build": Packaged({".dockerignore": "shop\n"}, ("COPY . /app",)),
}
