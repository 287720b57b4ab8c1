"""A small project without a mistake, as text, and what `check --quick` finds in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ferryman.checks.finding import Finding
from ferryman.checks.linter import lint_project
from ferryman.checks.project import read_project
from ferryman.config import load_configuration
from ferryman.project.drift import Drift

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
GOOD: Mapping[str, str] = {
    "ferryman.toml": f"""\
[app]
name = "shop"
image = "acme/shop"
[app.roles.web]
health = "/health/"
stop_grace = "35s"
[app.env.values]
LOG_LEVEL = "info"
[database]
migrate = ["python", "manage.py", "migrate"]
[environments.production]
host = "shop.example.com"
domain = "shop.example.com"
host_key = "{HOST_KEY}"
""",
    "Dockerfile": """\
FROM python:3.13-slim AS base
RUN pip install gunicorn
FROM base
ENV DJANGO_SETTINGS_MODULE=shop.settings
USER 10001
CMD ["gunicorn", "--bind=0.0.0.0:8000", "shop.wsgi"]
""",
    "manage.py": 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n',
    "shop/settings.py": """\
import os
SECRET_KEY = os.environ["SECRET_KEY"]
DEBUG = os.environ.get("DEBUG", "") == "1"
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")
ROOT_URLCONF = "shop.urls"
""",
    "shop/urls.py": 'from django.urls import path\nurlpatterns = [path("health/", health)]\n',
    "compose.yaml": """\
services:
  web:
    image: acme/shop:1.2
    command: gunicorn shop.wsgi
    ports:
      - "127.0.0.1:8000:8000"
  db:
    image: postgres:17
    environment:
      POSTGRES_DB: shop
""",
    "deploy.sh": "ssh deploy@shop.example.com true\ndocker run -p 127.0.0.1:8000:8000 acme/shop:1.2\n",
    ".github/workflows/tests.yml": "jobs:\n  tests:\n    steps:\n      - run: docker run --rm acme/shop:1.2\n",
}


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def found_in(folder: Path, drifted: list[Drift] | None = None) -> list[Finding]:
    return lint_project(
        read_project(load_configuration(folder / "ferryman.toml"), folder), drifted or [], is_quick=True
    )
