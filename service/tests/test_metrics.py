"""Metrics: right sums over all workers, few series, and not for everybody."""

import os
import re
import secrets
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from access.models import Scope, User
from access.tokens import create_token
from ground.postgresql import local
from ground.telemetry.metrics import registry
from tests.conftest import Agent
from tests.running import Running, environment, gunicorn, manage

MAKE_READER = """
from access.models import Scope, User
from access.tokens import create_token
print(create_token(User.objects.create_superuser('ada@example.com'), [Scope.METRICS])[1])
"""


@pytest.fixture
def reader(db: None) -> dict[str, str]:
    """The header of a person of staff who may read metrics."""
    ada = User.objects.create_superuser("ada@example.com")
    return {"Authorization": f"Bearer {create_token(ada, [Scope.METRICS])[1]}"}


def value(text: str, name: str, **labels: str) -> float:
    """Sum of the samples with this name and these labels."""
    found = 0.0
    for line in text.splitlines():
        match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if match and match[1] == name:
            here = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
            found += float(match[3]) if labels.items() <= here.items() else 0
    return found


def test_only_a_token_of_staff_with_the_scope_reads_them(client: Client, agent: Agent, reader: dict[str, str]) -> None:
    anna, ada = User.objects.create_user("anna@example.com"), User.objects.get(email="ada@example.com")
    once_staff = User.objects.create_superuser("once@example.com")
    tokens = {
        "of a person who is not staff any more": create_token(once_staff, [Scope.METRICS])[1],
        "of a person who is not staff": create_token(anna, [Scope.READ])[1],
        "without the scope": create_token(ada, [Scope.READ, Scope.WRITE])[1],
        "of a server": agent.token,
    }
    User.objects.filter(pk=once_staff.pk).update(is_staff=False)
    for whose, token in tokens.items():
        assert client.get("/metrics", headers={"Authorization": f"Bearer {token}"}).status_code == 404, whose
    for header in ({}, {"Authorization": "Bearer unknown"}, {"Authorization": "Basic eDp5"}):
        answer = client.get("/metrics", headers=header)
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="harbour"')
    client.force_login(ada)
    assert client.get("/metrics").status_code == 401
    answer = client.get("/metrics", headers=reader)
    assert (answer.status_code, answer["Cache-Control"].split(",")[0]) == (200, "max-age=0")
    assert client.post("/metrics", headers=reader).status_code == 405


def test_what_a_client_invents_adds_no_series(client: Client, reader: dict[str, str]) -> None:
    def series() -> int:
        return sum(len(family.samples) for family in registry().collect() if family.name.startswith("harbour"))

    for method in ("GET", "OPTIONS", "BREW"):
        client.generic(method, "/nowhere")
    client.get("/api/v1/apps/shop/")
    before = series()
    for _ in range(1000):
        word = secrets.token_hex(6)
        client.generic(word.upper() if word[0] in "abc" else "GET", f"/{word}/{word}")
    client.get("/api/v1/apps/another/")
    assert series() == before
    text = client.get("/metrics", headers=reader).content.decode()
    assert value(text, "harbour_requests_total", route="/api/v1/apps/<name>/") >= 2


def test_reports_jobs_and_the_release_are_told(client: Client, agent: Agent, reader: dict[str, str]) -> None:
    def read() -> str:
        return client.get("/metrics", headers=reader).content.decode()

    before = read()
    agent.deploy(1)
    agent.send()
    agent.send()
    after = read()
    assert value(after, "harbour_reports_total") - value(before, "harbour_reports_total") == 2
    for state in ("accepted", "duplicate"):
        name = "harbour_events_total"
        assert value(after, name, state=state) - value(before, name, state=state) == 5
    assert value(after, "harbour_build_info") == 1
    assert value(after, "harbour_database_connections_limit") == 8


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    folder = Path(f"/var/tmp/harbour-metrics-{threading.get_native_id()}")  # noqa: S108
    with local.running(folder) as url:
        variables = environment(url, WEB_CONCURRENCY="2", FERRYMAN_RELEASE="7")
        manage(variables, "migrate", "--noinput", "--verbosity=0")
        token = manage(variables, "shell", "--no-imports", "-c", MAKE_READER).strip()
        with gunicorn(tmp_path, variables) as started:
            started.headers["Authorization"] = f"Bearer {token}"
            yield started
    shutil.rmtree(folder, ignore_errors=True)


def test_two_workers_count_together_and_a_dead_one_s_counts_stay(running: Running) -> None:
    def read() -> str:
        return running.get("/metrics", headers=running.headers).text

    def ask(times: int) -> None:
        for _ in range(times):
            assert running.get("/api/v1/apps/").status_code == 401

    threads = [threading.Thread(target=ask, args=(50,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wanted = {"route": "/api/v1/apps/", "status": "401"}
    assert value(read(), "harbour_requests_total", **wanted) == 200
    victim = min(workers := running.workers())
    os.kill(victim, signal.SIGKILL)
    while len(now := running.workers()) < 2 or now == workers:
        time.sleep(0.05)
    running.wait_until_ready()
    ask(10)
    text = read()
    assert value(text, "harbour_requests_total", **wanted) == 210
    assert value(text, "harbour_request_seconds_count", route="/api/v1/apps/") == 210
    assert value(text, "harbour_requests_in_flight") == 1
    assert value(text, "harbour_build_info", release="7") == 1
    assert 0 < value(text, "harbour_database_connections_in_use") <= 1
    running.process.terminate()
    running.process.wait(20)
    assert not Path(f"/tmp/harbour-metrics-{running.process.pid}").exists()  # noqa: S108
