"""Another project, as `django-admin startproject` and DRF give it: taken in by `init`, shipped by `rehearse`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ferryman.project.writing import write_project
from ferryman.rehearsal.stand_ins import Images

FERRYMAN = Path(sys.executable).with_name("ferryman")
REQUIREMENTS = "django~=5.2.0\ndjangorestframework\ndj-database-url\npsycopg[binary]\n"
URLS = """\
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import include, path
from rest_framework import routers, serializers, viewsets


class UserSerializer(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ["id", "username"]


class UserViewSet(viewsets.ReadOnlyModelViewSet):
    queryset = User.objects.order_by("id")
    serializer_class = UserSerializer


router = routers.DefaultRouter()
router.register("users", UserViewSet)
urlpatterns = [path("admin/", admin.site.urls), path("api/", include(router.urls))]
"""
LIMIT_LINES = 10


def run(folder: Path, *command: str, stdin: str = "") -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False, input=stdin)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def bakery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh project with one DRF view set, not yet known to Ferryman."""
    folder = tmp_path_factory.mktemp("bakery")
    run(folder, sys.executable, "-m", "django", "startproject", "bakery", ".")
    (folder / "bakery" / "urls.py").write_text(URLS)
    settings = folder / "bakery" / "settings.py"
    settings.write_text(settings.read_text().replace("INSTALLED_APPS = [", 'INSTALLED_APPS = [\n    "rest_framework",'))
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    return folder


@pytest.fixture(scope="module")
def url(bakery: Path, images: Images) -> Iterator[str]:
    """The project taken in, with the lines that init asks for, committed and rehearsed."""
    report = write_project(bakery)
    assert {"ferryman.toml", "Dockerfile", ".dockerignore"} <= set(report.written)
    assert sum(len(advice.lines) for advice in report.advice) <= LIMIT_LINES
    for advice in report.advice:
        path = bakery / advice.path
        path.write_text(path.read_text() + "\n" + "\n".join(advice.lines) + "\n")
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    run(bakery, "git", "init", "--quiet", "--initial-branch=main")
    run(bakery, "git", "add", "--all")
    run(bakery, "git", *author, "commit", "--quiet", "--message", "A bakery")
    try:
        yield run(bakery, str(FERRYMAN), "rehearse").splitlines()[-1]
    finally:
        run(bakery, str(FERRYMAN), "rehearse", "down")


def test_its_api_answers_from_postgresql(bakery: Path, url: str) -> None:
    create = "from django.contrib.auth.models import User; User.objects.create_user('anna')"
    run(bakery, str(FERRYMAN), "exec", "--to", "rehearsal", "--", "python", "manage.py", "shell", "-c", create)
    assert httpx.get(f"{url}/api/users/?format=json").json() == [{"id": 1, "username": "anna"}]
    vendor = "from django.db import connection; print(connection.vendor)"
    asked = ("exec", "--to", "rehearsal", "--", "python", "manage.py", "shell", "-c", vendor)
    assert run(bakery, str(FERRYMAN), *asked).splitlines()[-1] == "postgresql"


def test_its_static_files_are_served_and_its_errors_tell_nothing(url: str) -> None:
    assert httpx.get(f"{url}/static/admin/css/base.css").status_code == 200
    missing = httpx.get(f"{url}/nowhere")
    assert missing.status_code == 404
    assert "urlpatterns" not in missing.text


def test_its_status_names_the_release(bakery: Path, url: str) -> None:
    status = json.loads(run(bakery, str(FERRYMAN), "status", "--to", "rehearsal", "--json"))
    assert (status["environment"], status["state"], status["release"]["number"]) == ("rehearsal", "serving", 1)
    assert status["app"] == json.loads(run(bakery, str(FERRYMAN), "releases", "--to", "rehearsal", "--json"))["app"]
