"""Reports to a real server: slow and broken senders, and a server that is killed in the middle of a report."""

import json
import select
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier

import psycopg
import pytest
from django.db import connection
from django.test import Client
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from access.tokens import create_server_token
from fleet.models import App, Deployment, DeploymentEvent, Environment, Release, Server
from tests.conftest import Agent
from tests.serving import Served, database_url, headers, serving

pytestmark = pytest.mark.django_db(transaction=True)
TABLES = (App, Environment, Release, Deployment, DeploymentEvent)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as one:
        yield one


@pytest.fixture
def reporter(transactional_db: None) -> Agent:
    """An agent with a thousand events in its outbox."""
    server = Server.objects.create(name="vps-1")
    agent = Agent(Client(), server, create_server_token(server))
    for release in range(200):
        agent.deploy(release=release + 1, second=release % 50)
    return agent


def body_of(agent: Agent, first: int = 0, last: int = 1000) -> bytes:
    return json.dumps({"agent": "0.1.0", "events": agent.events[first:last]}).encode()


def head(token: str, length: int) -> bytes:
    lines = [f"{name}: {value}" for name, value in headers(token).items()]
    return "\r\n".join(["POST /api/v1/reports/ HTTP/1.1", *lines, f"Content-Length: {length}", "", ""]).encode()


def counts() -> list[int]:
    return [model.objects.count() for model in TABLES]


def wait_until_alone() -> None:
    """Until PostgreSQL has noticed that the killed server is gone."""
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute(others)
            if not cursor.fetchall()[0][0]:
                return
        time.sleep(0.02)
    raise AssertionError("a connection of the killed server lives on")


def wait_for(text: str) -> None:
    """Until a statement that holds the text waits for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute(waiting, [f"%{text}%"])
            if cursor.fetchall()[0][0]:
                return
        time.sleep(0.02)
    raise AssertionError(f"nothing waits in {text}")


def wait_until_answering(served: Served, count: int) -> None:
    """Until that many requests have a thread each, as the worker counts them for its metrics."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, f"/tmp/harbour-metrics-{served.running.process.pid}")  # type: ignore[no-untyped-call]  # noqa: S108
        if registry.get_sample_value("harbour_requests_in_flight") == count:
            return
        time.sleep(0.02)
    raise AssertionError(f"there were never {count} requests at the same time")


def test_overlapping_reports_at_the_same_time_store_each_event_once(served: Served, reporter: Agent) -> None:
    together = Barrier(4)

    def send(first: int) -> tuple[int, bytes]:
        together.wait()
        return served.post(body_of(reporter, first, first + 400), reporter.token)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, (0, 200, 400, 600)))
    assert [status for status, _ in answers] == [200] * 4
    assert sum(json.loads(body)["accepted"] for _, body in answers) == 1000
    assert counts() == [1, 1, 200, 200, 1000]
    reporter.server.refresh_from_db()
    assert (reporter.server.last_sequence, reporter.server.gaps) == (1000, [])
    assert Deployment.objects.filter(outcome="succeeded").count() == 200


@pytest.mark.parametrize("held", ["fleet_environment", "fleet_deploymentevent"])
def test_a_server_killed_in_the_middle_of_a_report_leaves_nothing_and_the_repeated_report_is_whole(
    tmp_path: Path, reporter: Agent, held: str
) -> None:
    with ThreadPoolExecutor(1) as pool, serving(tmp_path) as served:
        with psycopg.connect(database_url()) as lock:
            lock.execute(f"LOCK TABLE {held} IN SHARE MODE")
            sending = pool.submit(served.post, body_of(reporter), reporter.token)
            wait_for(held)
            served.kill()
            with pytest.raises(ConnectionError):
                sending.result()
        wait_until_alone()
    assert counts() == [0] * 5
    reporter.server.refresh_from_db()
    assert (reporter.server.last_sequence, reporter.server.gaps) == (0, [])
    with serving(tmp_path) as served:
        status, answer = served.post(body_of(reporter), reporter.token)
        assert (status, json.loads(answer)["accepted"]) == (200, 1000)
    assert counts() == [1, 1, 200, 200, 1000]


def test_a_server_killed_after_the_commit_has_stored_all_and_the_repeated_report_adds_nothing(
    tmp_path: Path, reporter: Agent
) -> None:
    with serving(tmp_path) as served, served.connect() as client:
        body = body_of(reporter)
        client.sendall(head(reporter.token, len(body)) + body)
        client.recv(1)
        served.kill()
    assert counts() == [1, 1, 200, 200, 1000]
    with serving(tmp_path) as served:
        assert json.loads(served.post(body_of(reporter), reporter.token)[1])["duplicates"] == 1000


def test_a_body_of_10_mb_is_refused(served: Served, reporter: Agent) -> None:
    status, answer = served.post(b'{"agent": "' + b"x" * 10_000_000 + b'"}', reporter.token)
    assert (status, json.loads(answer)["status"]) == (413, 413)
    assert counts() == [0] * 5


def test_a_client_that_breaks_off_stores_nothing(served: Served, reporter: Agent) -> None:
    body = body_of(reporter)
    with served.connect() as client:
        client.sendall(head(reporter.token, len(body)) + body[:-1])
        client.shutdown(1)
        assert b" 408 " in client.makefile("rb").readline()
    assert counts() == [0] * 5


def test_slow_bodies_on_every_thread_do_not_keep_others_waiting_and_get_408(served: Served, reporter: Agent) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(served.connect()) for _ in range(4)]
        for client in slow:
            client.sendall(head(reporter.token, 100_000) + b"{")
        wait_until_answering(served, 4)
        began = time.monotonic()
        assert served.post(body_of(reporter), reporter.token)[0] == 200
        assert time.monotonic() - began < 6
        # The one whose thread began first; nobody knows which that is.
        cut, _, _ = select.select(slow, [], [], 5)
        assert cut[0].makefile("rb").readline().startswith(b"HTTP/1.1 408 ")
        assert served.status("/health/live") == 200


def test_a_body_that_comes_slowly_but_in_time_is_stored(served: Served, reporter: Agent) -> None:
    body = body_of(reporter, 0, 10)
    with served.connect() as client:
        client.sendall(head(reporter.token, len(body)))
        for start in range(0, len(body), len(body) // 5 + 1):
            time.sleep(0.3)
            client.sendall(body[start : start + len(body) // 5 + 1])
        assert b" 200 " in client.makefile("rb").readline()
    assert DeploymentEvent.objects.count() == 10


def test_a_wrong_token_is_answered_before_the_body_is_read(served: Served, reporter: Agent) -> None:
    with served.connect() as client:
        client.sendall(head("harbour_wrong", 100_000))
        assert b" 401 " in client.makefile("rb").readline()
