"""Another project, as `startproject`, `startapp` and DRF give it: `init`, commit, `rehearse`; not a line by hand."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ferryman.rehearsal.stand_ins import Images

FERRYMAN = Path(sys.executable).with_name("ferryman")
REQUIREMENTS = "django~=5.2.0\ndjangorestframework\n"
LARGE_BYTES = 101 << 20
MODELS = """\
from django.db import models


class Cake(models.Model):
    name = models.CharField(max_length=50)
    picture = models.FileField(upload_to="pictures")
"""
ADMIN = """\
from django.contrib import admin

from cakes.models import Cake

admin.site.register(Cake)
"""
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


def burn(request):
    raise RuntimeError("the oven is too hot")


router = routers.DefaultRouter()
router.register("users", UserViewSet)
urlpatterns = [path("admin/", admin.site.urls), path("api/", include(router.urls)), path("burn/", burn)]
"""
AUTHOR = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
CREATE = "from django.contrib.auth.models import User; User.objects.create_superuser('anna', password='a long word')"


def call(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def run(folder: Path, *command: str) -> str:
    return call(folder, *command).stdout


def execute(folder: Path, script: str) -> str:
    words = ("exec", "--to", "rehearsal", "--", "python", "manage.py", "shell", "-c", script)
    return run(folder, str(FERRYMAN), *words)


@pytest.fixture(scope="module")
def bakery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh project with an app that keeps files and one DRF view set, not yet known to Ferryman."""
    folder = tmp_path_factory.mktemp("bakery")
    run(folder, sys.executable, "-m", "django", "startproject", "bakery", ".")
    run(folder, sys.executable, "manage.py", "startapp", "cakes")
    (folder / "bakery" / "urls.py").write_text(URLS)
    (folder / "cakes" / "models.py").write_text(MODELS)
    (folder / "cakes" / "admin.py").write_text(ADMIN)
    settings = folder / "bakery" / "settings.py"
    apps = 'INSTALLED_APPS = [\n    "rest_framework",\n    "cakes",'
    settings.write_text(settings.read_text().replace("INSTALLED_APPS = [", apps))
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    run(folder, sys.executable, "manage.py", "makemigrations", "cakes")
    run(folder, "git", "init", "--quiet", "--initial-branch=main")
    run(folder, "git", "add", "--all")
    run(folder, "git", *AUTHOR, "commit", "--quiet", "--message", "A bakery")
    return folder


@pytest.fixture(scope="module")
def url(bakery: Path, images: Images) -> Iterator[str]:
    """The project taken in, committed and rehearsed."""
    before = run(bakery, "git", "rev-parse", "HEAD").strip()
    run(bakery, str(FERRYMAN), "init", "--no-tests")
    run(bakery, "git", "add", "--all")
    run(bakery, "git", *AUTHOR, "commit", "--quiet", "--message", "Ship it")
    assert run(bakery, "git", "diff", "--diff-filter=MDR", "--name-only", before) == ""
    try:
        yield run(bakery, str(FERRYMAN), "rehearse").splitlines()[-1]
    finally:
        run(bakery, str(FERRYMAN), "rehearse", "down")


@pytest.fixture(scope="module")
def anna(bakery: Path, url: str) -> Iterator[httpx.Client]:
    """Signed in to the admin, as a browser does it."""
    execute(bakery, CREATE)
    with httpx.Client(base_url=url, timeout=60, follow_redirects=True) as client:
        token = found_token(client.get("/admin/login/").text)
        form = {"username": "anna", "password": "a long word", "csrfmiddlewaretoken": token, "next": "/admin/"}
        answer = client.post("/admin/login/", data=form, headers={"Origin": url})
        assert "Log out" in answer.text
        yield client


def found_token(page: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found
    return found[1]


def test_its_api_answers_from_postgresql(bakery: Path, anna: httpx.Client) -> None:
    assert anna.get("/api/users/?format=json").json() == [{"id": 1, "username": "anna"}]
    told = execute(bakery, "from django.db import connection; print(connection.vendor)")
    assert told.splitlines()[-1] == "postgresql"


def test_its_static_files_are_served_and_its_errors_tell_nothing(url: str) -> None:
    assert httpx.get(f"{url}/static/admin/css/base.css").status_code == 200
    assert httpx.get(f"{url}/static/rest_framework/css/bootstrap.min.css").status_code == 200
    missing = httpx.get(f"{url}/nowhere")
    assert missing.status_code == 404
    assert "urlpatterns" not in missing.text


def test_the_traceback_of_an_error_is_in_its_log(bakery: Path, url: str) -> None:
    assert httpx.get(f"{url}/burn/").status_code == 500
    log = call(bakery, str(FERRYMAN), "logs", "--to", "rehearsal", "--tail", "60").stderr
    assert "Traceback (most recent call last)" in log
    assert "RuntimeError: the oven is too hot" in log


def test_an_upload_of_over_100_mb_is_kept_over_a_deploy(bakery: Path, anna: httpx.Client) -> None:
    token = found_token(anna.get("/admin/cakes/cake/add/").text)
    picture = {"picture": ("large.bin", b"x" * LARGE_BYTES, "application/octet-stream")}
    form = {"name": "large", "csrfmiddlewaretoken": token}
    assert "was added successfully" in anna.post("/admin/cakes/cake/add/", data=form, files=picture).text
    (bakery / "cakes" / "apps.py").write_text((bakery / "cakes" / "apps.py").read_text() + "\n# another release\n")
    run(bakery, "git", *AUTHOR, "commit", "--quiet", "--all", "--message", "Another release")
    run(bakery, str(FERRYMAN), "deploy", "--to", "rehearsal")
    size = "from cakes.models import Cake; print(Cake.objects.get().picture.size)"
    assert execute(bakery, size).splitlines()[-1] == str(LARGE_BYTES)


def test_its_status_names_the_release(bakery: Path, url: str) -> None:
    status = json.loads(run(bakery, str(FERRYMAN), "status", "--to", "rehearsal", "--json"))
    assert (status["environment"], status["state"]) == ("rehearsal", "serving")
    assert status["app"] == json.loads(run(bakery, str(FERRYMAN), "releases", "--to", "rehearsal", "--json"))["app"]
