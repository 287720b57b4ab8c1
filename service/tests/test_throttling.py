"""Limits: per token, person and address, counted exactly however many ask at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client, RequestFactory
from msgspec.structs import replace

from access.models import RequestCount, Scope, User
from access.requests import throttling
from access.tokens import create_token
from tests.conftest import Agent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which stands still 20 s into a minute."""
    now = [1_800_000_020.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small limits."""
    changed = {"rate_anonymous": 2, "rate_user": 3, "rate_token": 4}
    monkeypatch.setattr(settings, "CONFIGURATION", replace(settings.CONFIGURATION, **changed))


def statuses(client: Client, count: int, **headers: str) -> list[int]:
    """Ask so often."""
    return [client.get("/api/v1/apps/", headers=headers).status_code for _ in range(count)]


@pytest.mark.usefixtures("limits")
def test_a_token_is_limited_and_another_is_not_touched(clock: list[float]) -> None:
    user = User.objects.create_user("ada@example.com")
    first, second = (create_token(user, [Scope.READ])[1] for _ in range(2))
    assert statuses(Client(), 5, Authorization=f"Bearer {first}") == [200] * 4 + [429]
    assert statuses(Client(), 5, Authorization=f"Bearer {second}") == [200] * 4 + [429]
    clock[0] += 60
    assert statuses(Client(), 1, Authorization=f"Bearer {first}") == [200]


@pytest.mark.usefixtures("limits")
def test_a_person_is_limited_over_all_browsers() -> None:
    user = User.objects.create_user("ada@example.com")
    clients = [Client(), Client()]
    for client in clients:
        client.force_login(user)
    assert [statuses(clients[number % 2], 1)[0] for number in range(4)] == [200, 200, 200, 429]


@pytest.mark.usefixtures("public_read", "limits")
def test_an_address_is_limited_as_the_edge_saw_it() -> None:
    assert statuses(Client(), 3, **{"X-Forwarded-For": "203.0.113.7"}) == [200, 200, 429]
    assert statuses(Client(), 1, **{"X-Forwarded-For": "203.0.113.8"}) == [200]
    forged = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}
    assert statuses(Client(), 1, **forged) == [429], "what the client says about itself counts for nothing"


@pytest.mark.usefixtures("public_read", "limits")
def test_a_site_of_ipv6_is_one_address() -> None:
    assert statuses(Client(), 2, **{"X-Forwarded-For": "2001:db8:1:2::7"}) == [200, 200]
    assert statuses(Client(), 1, **{"X-Forwarded-For": "2001:db8:1:2:ffff::8"}) == [429]
    assert statuses(Client(), 1, **{"X-Forwarded-For": "2001:db8:1:3::7"}) == [200]
    assert statuses(Client(), 1, **{"X-Forwarded-For": "no address \x00"}) == [200]


@pytest.mark.usefixtures("limits")
def test_wrong_tokens_count_against_the_address() -> None:
    assert statuses(Client(), 3, Authorization="Bearer harbour_wrong") == [401, 401, 429]


@pytest.mark.usefixtures("public_read", "limits")
def test_too_many_is_a_problem_that_says_when_to_go_on() -> None:
    client = Client()
    first = client.get("/api/v1/apps/")
    assert first.headers["RateLimit"] == '"requests";r=1;t=40'
    assert first.headers["RateLimit-Policy"] == '"requests";q=2;w=60'
    statuses(client, 1)
    answer = client.get("/api/v1/apps/")
    assert (answer.status_code, answer.headers["Content-Type"]) == (429, "application/problem+json")
    assert answer.headers["Retry-After"] == "40"
    assert answer.headers["RateLimit"] == '"requests";r=0;t=40'


@pytest.mark.usefixtures("limits")
def test_reports_are_limited_like_everything(agent: Agent) -> None:
    agent.deploy(release=1)
    assert [agent.send().status_code for _ in range(5)] == [200] * 4 + [429]


def test_a_limit_of_0_counts_nothing(public_read: None, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = replace(settings.CONFIGURATION, rate_anonymous=0)
    monkeypatch.setattr(settings, "CONFIGURATION", changed)
    answer = Client().get("/api/v1/apps/")
    assert (answer.status_code, "RateLimit" in answer.headers) == (200, False)
    assert not RequestCount.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_exactly_the_limit_passes_when_many_ask_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = replace(settings.CONFIGURATION, rate_anonymous=10, public_read=True)
    monkeypatch.setattr(settings, "CONFIGURATION", changed)
    together = Barrier(8)

    def ask(_: int) -> list[int]:
        together.wait()
        try:
            return statuses(Client(), 5)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        found = [status for answers in threads.map(ask, range(8)) for status in answers]
    assert (found.count(200), found.count(429)) == (10, 30)
    assert RequestCount.objects.get().count == 40


def test_sign_ins_are_limited_by_address_and_by_account(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "SIGN_INS_PER_ACCOUNT", 2)
    monkeypatch.setattr(throttling, "SIGN_INS_PER_ADDRESS", 4)

    def wait(email: str, address: str) -> int:
        request: Any = RequestFactory().post("/sign-in/", headers={"X-Forwarded-For": address})
        return throttling.seconds_until_sign_in(request, email)

    assert [wait("ada@example.com", f"203.0.113.{number}") for number in range(2)] == [0, 0]
    assert wait(" ADA@example.com", "203.0.113.9") == 880, "however it is written, from wherever"
    assert [wait(f"{number}@example.com", "203.0.113.77") > 0 for number in range(5)] == [False] * 4 + [True]
    clock[0] += 900
    assert wait("ada@example.com", "203.0.113.77") == 0
    assert not RequestCount.objects.filter(key__contains="ada").exists(), "no address of a person is stored"
