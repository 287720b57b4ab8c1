"""A project with Celery and Redis, as tutorials give it: `init`, commit, `rehearse`; its worker carries out tasks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import tomlkit
from project import PLAIN, SETTINGS, Oddity, take_in
from shipped import AUTHOR, FERRYMAN, run

from ferryman.rehearsal.polling import wait_until
from ferryman.rehearsal.stand_ins import Images
from ferryman.survey.environment import find_uv
from ferryman.survey.workspace import add

pytestmark = pytest.mark.slow

CELERY = """\
import os
import socket

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
app = Celery("shop")
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task
def double(number):
    return {"result": 2 * number, "host": socket.gethostname()}


@app.task
def tick():
    from django.core.cache import cache

    cache.add("ticks", 0, None)
    cache.incr("ticks")
"""
MORE = """
# Two ways at once: Celery's address comes from a variable, the cache's is written down for a developer's machine.
CELERY_BROKER_URL = CELERY_RESULT_BACKEND = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
CELERY_BEAT_SCHEDULE = {"tick": {"task": "shop.celery.tick", "schedule": 1.0}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://localhost:6379/1"}}
"""
URLS = """\
import socket

from django.core.cache import cache
from django.db import connection
from django.http import HttpResponse, JsonResponse
from django.urls import path

from shop.celery import double


def health(request):
    connection.ensure_connection()
    return HttpResponse("ok")


def doubled(request, number):
    return JsonResponse({**double.delay(number).get(timeout=30), "web": socket.gethostname()})


def ticks(request):
    return HttpResponse(cache.get("ticks", 0))


urlpatterns = [path("health/", health), path("double/<int:number>/", doubled), path("ticks/", ticks)]
"""
PROJECT = {
    **PLAIN,
    "shop/__init__.py": 'from shop.celery import app as celery_app\n\n__all__ = ["celery_app"]\n',
    "shop/celery.py": CELERY,
    "shop/settings.py": SETTINGS + MORE,
    "shop/urls.py": URLS,
    "requirements.txt": "django~=5.2.0\nwhitenoise\ncelery[redis]\n",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project, taken in and committed; not a line of it by hand."""
    folder = tmp_path_factory.mktemp("mill")
    add(folder, PROJECT)
    run(folder, "git", "init", "--quiet", "--initial-branch=main")
    run(folder, "git", "add", "--all")
    run(folder, "git", *AUTHOR, "commit", "--quiet", "--message", "A mill")
    run(folder, str(FERRYMAN), "init", "--no-tests")
    run(folder, "git", "add", "--all")
    run(folder, "git", *AUTHOR, "commit", "--quiet", "--message", "Ship it")
    return folder


@pytest.fixture(scope="module")
def url(project: Path, images: Images) -> Iterator[str]:
    try:
        yield run(project, str(FERRYMAN), "rehearse").splitlines()[-1]
    finally:
        run(project, str(FERRYMAN), "rehearse", "down")


def test_worker_beat_and_redis_are_proposed_ready_to_use(project: Path) -> None:
    found = tomlkit.loads((project / "ferryman.toml").read_text()).unwrap()
    assert found["app"]["roles"].keys() == {"web", "worker", "beat"}
    assert found["accessories"]["redis"]["image"] == "redis:7"
    expected = {"REDIS_URL": "redis://redis:6379/0", "ACCESSORY_REDIS_URL": "redis://redis:6379"}
    assert found["app"]["env"]["values"] == expected


def test_the_worker_carries_out_a_task_of_the_web_process(url: str) -> None:
    told = httpx.get(f"{url}/double/21/", timeout=60).raise_for_status().json()
    assert told["result"] == 42
    assert told["host"] != told["web"]


def test_the_one_beat_sends_what_is_due_and_all_share_the_cache(url: str) -> None:
    def ticks() -> int:
        return int(httpx.get(f"{url}/ticks/", timeout=10).raise_for_status().text)

    wait_until(lambda: ticks() > 2, "the beat's tasks are carried out", seconds=30, pause=0.5)


APPS = '    "django.contrib.staticfiles",\n'
REAL = {
    "django_rq": ('RQ_QUEUES = {"default": {"HOST": "localhost"}}', "rqworker"),
    "huey.contrib.djhuey": ('HUEY = {"immediate": False, "connection": {"host": "localhost"}}', "run_huey"),
    "django_q": ('Q_CLUSTER = {"redis": {"host": "localhost"}}', "qcluster"),
    "django_dramatiq": (
        'DRAMATIQ_BROKER = {"BROKER": "dramatiq.brokers.redis.RedisBroker", "OPTIONS": {"host": "localhost"}}',
        "rundramatiq",
    ),
}
SHOWN = """\
import django
from django.conf import settings

django.setup()
"""
# What each library itself makes of production's settings.
CONNECTED = {
    "django_rq": "from django_rq import get_connection; c = get_connection('default')",
    "huey.contrib.djhuey": "from huey.contrib.djhuey import HUEY; c = HUEY.storage.conn",
    "django_q": "from django_q.brokers.redis_broker import Redis; c = Redis.get_connection()",
    "django_dramatiq": "import dramatiq; c = dramatiq.get_broker().client",
}
PACKAGES = ("django~=5.2.0", "psycopg[binary]", "gunicorn", "whitenoise", "redis", "django-rq", "huey", "django-q2",
            "django-dramatiq", "dramatiq[redis]")  # fmt: skip


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with the real packages."""
    home = tmp_path_factory.mktemp("queues") / "venv"
    uv, python = find_uv(), home / "bin" / "python"
    run(home.parent, uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(home))
    run(home.parent, uv, "pip", "install", "--quiet", "--python", str(python), *PACKAGES)
    return python


@pytest.mark.parametrize("app", REAL)
def test_production_leads_each_queue_to_the_accessory(tmp_path: Path, interpreter: Path, app: str) -> None:
    added, command = REAL[app]
    found = take_in(Oddity("queue", {APPS: f'{APPS}    "{app}",\n'}, f"\n{added}\n"), tmp_path, interpreter)
    assert command in found.configuration["app"]["roles"]["worker"]["command"]
    add(tmp_path, found.findings.production)
    script = f"{SHOWN}{CONNECTED[app]}; print(c.connection_pool.connection_kwargs['host'])"
    variables = {
        **found.configuration["app"]["env"]["values"],
        "DJANGO_SETTINGS_MODULE": "shop.settings_production",
        "DATABASE_URL": "postgresql://nobody:word@127.0.0.1/nothing",
        "SECRET_KEY": "x" * 50,
    }
    done = subprocess.run(
        [str(interpreter), "-c", script], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
    )
    assert done.stdout == "redis\n", done.stderr
