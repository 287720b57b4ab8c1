"""Health: what is not ready is named, whatever the request looks like."""

from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from ground.web import health


def test_live_asks_nothing(client: Client) -> None:
    assert client.get("/health/live").json() == {"status": "live"}


@pytest.mark.django_db
def test_ready_with_any_host_and_without_a_redirect(client: Client) -> None:
    for host in ("testserver", "10.0.0.7:8000", "evil.example", "_"):
        answer = client.get("/health/ready", headers={"Host": host})
        assert answer.status_code == 200
        assert answer.json()["not_ready"] == []


@pytest.mark.django_db
def test_a_head_request_is_answered_and_a_post_is_not(client: Client) -> None:
    assert client.head("/health/ready").status_code == 200
    assert client.post("/health/ready").status_code == 405


@pytest.mark.django_db
def test_a_pending_migration_is_named() -> None:
    MigrationRecorder(connection).record_unapplied("fleet", "0001_initial")
    answer = health.Readiness().answer()
    assert answer.status_code == 503
    assert b'"not_ready": ["migrations"]' in answer.content
    assert b"pending: fleet.0001_initial" in answer.content


def test_the_migrations_are_those_that_django_knows() -> None:
    assert set(health.known_migrations()) == set(MigrationLoader(None).disk_migrations or ())


@pytest.mark.django_db
def test_migrations_are_asked_about_until_none_is_pending(django_assert_num_queries: Any) -> None:
    readiness = health.Readiness()
    assert readiness.answer().status_code == 200
    with django_assert_num_queries(1):
        assert readiness.answer().status_code == 200


def test_a_database_that_does_not_answer_is_named_without_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OperationalError("connection to server at 10.9.8.7 failed")

    monkeypatch.setattr(connection, "cursor", refuse)
    answer = health.Readiness().answer()
    assert answer.status_code == 503
    assert b'"not_ready": ["database", "migrations"]' in answer.content
    assert b"10.9.8.7" not in answer.content


def test_what_is_not_ready_says_when_to_ask_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OperationalError

    monkeypatch.setattr(connection, "cursor", refuse)
    answer = client.get("/health/ready")
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")


@pytest.mark.django_db
def test_every_page_says_what_a_browser_may_do_for_it(client: Client) -> None:
    answer = client.get("/sign-in/")
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert "camera=()" in answer["Permissions-Policy"]
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
