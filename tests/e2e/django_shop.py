"""A Django project as `init` takes it in, with a server to go to: what a user's repository looks like."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import httpx
import tomlkit
from actions import Run, Runner
from outer_registry import OuterRegistry
from shop import Prepared

from ferryman.config import load_configuration
from ferryman.image.credentials import Credentials
from ferryman.image.registry import manifest_digest
from ferryman.project.plan import plan_workflows
from ferryman.project.writing import write_files, write_project
from ferryman.rehearsal.stand_ins import PYTHON

REQUIREMENTS = "django~=5.2.0\ndj-database-url\npsycopg[binary]\ngunicorn\nwhitenoise\n"
WORKFLOWS = {"main": "production-ci-cd.yaml", "develop": "develop-ci.yaml"}
URLS = """\
import os

from django.db import connection
from django.http import HttpResponse
from django.urls import path

WORD = "one"
BREAKS_IN = ""


def page(request):
    return HttpResponse(WORD)


def health(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM orders_order")
    is_broken = os.environ.get("FERRYMAN_ENVIRONMENT") == BREAKS_IN
    return HttpResponse("fine", status=500 if is_broken else 200)


urlpatterns = [path("", page), path("health/", health)]
"""
MODELS = """\
from django.db import models


class Order(models.Model):
    name = models.CharField(max_length=50)
"""
TESTS = """\
from django.test import TestCase

from orders.models import Order


class PageTest(TestCase):
    def test_the_page_and_the_health_check_answer(self):
        Order.objects.create(name="a")
        self.assertEqual(self.client.get("/").status_code, 200)
        self.assertEqual(self.client.get("/health/").status_code, 200)
"""


@dataclass
class DjangoShop:
    """The project, its runner, and its server."""

    folder: Path
    prepared: Prepared
    runner: Runner
    outer: OuterRegistry | None = None

    @property
    def image(self) -> str:
        """The repository of its images."""
        address = self.outer.address if self.outer else self.prepared.registry.state.address
        return f"{address}/{self.folder.name}"

    def git(self, *arguments: str, stdin: str | None = None) -> str:
        """Run git in the project."""
        author = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
        command = ["git", *author, *arguments]
        return subprocess.run(
            command, cwd=self.folder, check=True, capture_output=True, text=True, input=stdin
        ).stdout.strip()

    def commit(self, message: str, word: str = "one", breaks_in: str = "") -> str:
        """Commit a page with this word; the commit."""
        urls = URLS.replace('"one"', f'"{word}"').replace('BREAKS_IN = ""', f'BREAKS_IN = "{breaks_in}"')
        (self.folder / "shop" / "urls.py").write_text(urls)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--file=-", stdin=message)
        return self.git("rev-parse", "HEAD")

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `ferryman` in the project, with the secrets of its repository."""
        command = [str(Path(sys.executable).with_name("ferryman")), *arguments]
        variables = {**os.environ, **self.runner.secrets}
        done = subprocess.run(command, cwd=self.folder, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done

    def ship(self, message: str, word: str) -> None:
        """Commit and deploy by hand, as the next run of the workflow would."""
        self.commit(message, word=word)
        self.runner.number += 1
        self.command("build")
        self.command("deploy", "--to", "production", "--no-build", "--sequence", str(self.runner.number))

    def push(self, before: str, branch: str = "main", variables: Mapping[str, str] | None = None) -> Run:
        """Run the workflow of a push of the newest commit to a branch that had the commit `before`."""
        message = self.git("log", "-1", "--format=%B")
        payload = {
            "ref": f"refs/heads/{branch}",
            "before": before,
            "after": self.git("rev-parse", "HEAD"),
            "head_commit": {"message": message, "author": {"name": message}},
        }
        return self.runner.run(WORKFLOWS[branch], "push", payload, variables)

    def page(self) -> str:
        """What people see."""
        return httpx.get(f"http://127.0.0.1:{self.prepared.server.state.app_port}/", timeout=10).text

    def digest(self, tag: str) -> str | None:
        """The registry's digest of a tag."""
        return manifest_digest(f"{self.image}:{tag}", self.outer.credentials if self.outer else None)


def make_django_shop(prepared: Prepared, folder: Path, key: str, outer: OuterRegistry | None = None) -> DjangoShop:
    """Start a project, take it in as `init` does, and name the server.

    Its images are in the outer registry; without one in that of the loopback, which asks for no password.
    """
    subprocess.run([sys.executable, "-m", "django", "startproject", "shop", "."], cwd=folder, check=True)
    subprocess.run([sys.executable, "manage.py", "startapp", "orders"], cwd=folder, check=True)
    settings = folder / "shop" / "settings.py"
    settings.write_text(settings.read_text().replace("INSTALLED_APPS = [", 'INSTALLED_APPS = [\n    "orders",'))
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    (folder / "orders" / "models.py").write_text(MODELS)
    (folder / "orders" / "tests.py").write_text(TESTS)
    for unused in ("admin.py", "views.py"):
        (folder / "orders" / unused).unlink()
    (folder / "pytest.ini").write_text("[pytest]\npython_files = tests.py\n")
    (folder / "shop" / "urls.py").write_text(URLS)
    subprocess.run([sys.executable, "manage.py", "makemigrations", "orders"], cwd=folder, check=True)
    write_project(folder, is_quick=True)
    for tool in (["ruff", "check", "--fix", "--quiet", "--isolated"], ["black", "--quiet"]):
        subprocess.run([Path(sys.executable).with_name(tool[0]), *tool[1:], "."], cwd=folder, check=False)
    _own_base(folder / "Dockerfile", prepared)
    secrets = {"VPS_HOST": "127.0.0.1", "VPS_USERNAME": "ferryman", "VPS_SSH_KEY": key}
    login = outer.credentials if outer else Credentials("acme", token_hex(16))
    secrets |= {"DOCKER_USERNAME": login.username, "DOCKER_PASSWORD": login.password}
    runner = Runner(folder, folder.parent / f"{folder.name}-runner", secrets)
    shop = DjangoShop(folder, prepared, runner, outer)
    _configure(shop)
    write_files(plan_workflows(load_configuration(folder / "ferryman.toml")), None)
    shop.git("init", "--quiet", "--initial-branch=main")
    shop.git("remote", "add", "origin", "https://github.com/acme/shop.git")
    # Taken in first: the migration comes with the first push, and is news.
    shop.git("add", "--all")
    shop.git("rm", "--quiet", "--cached", "orders/migrations/0001_initial.py")
    shop.git("commit", "--quiet", "--message", "Take the project in")
    return shop


def _own_base(dockerfile: Path, prepared: Prepared) -> None:
    """The base image by digest, from a registry that is here: Docker Hub's may be out of reach."""
    prepared.registry.publish(PYTHON)
    name = f"{prepared.registry.state.address}/library/{PYTHON}"
    digest = manifest_digest(name)
    assert digest
    text = dockerfile.read_text()
    dockerfile.write_text(re.sub(r"FROM python:\S+", f"FROM {name}@{digest}", text, count=1))


def _configure(shop: DjangoShop) -> None:
    path, state = shop.folder / "ferryman.toml", shop.prepared.server.state
    content = tomlkit.parse(path.read_text())
    content["app"]["image"] = shop.image
    content["app"]["roles"]["web"]["drain_timeout"] = "5s"
    environment = content["environments"]["production"]
    environment["port"] = state.ssh_port
    environment["host_key"] = state.host_key
    environment["url"] = f"http://127.0.0.1:{state.app_port}"
    content["pipeline"] = {"python": "3.11", "coverage": 50}
    path.write_text(tomlkit.dumps(content))
