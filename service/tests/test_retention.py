"""Retention: what is too old goes in batches, and nothing else."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from access.models import Invitation, RequestCount, Role, Scope, Token, User
from access.tokens import create_token
from fleet.models import App, Deployment, DeploymentEvent, Notice
from harbour import retention
from tests.conftest import Agent

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def never() -> bool:
    return False


def make_events(agent: Agent, count: int, days_ago: float, first: int = 1) -> None:
    at = timezone.now() - days_ago * DAY
    DeploymentEvent.objects.bulk_create(
        DeploymentEvent(server=agent.server, sequence=first + number, at=at, received_at=at, kind="x")
        for number in range(count)
    )


def test_events_go_after_their_days_and_younger_ones_stay(agent: Agent) -> None:
    make_events(agent, 30, days_ago=91)
    make_events(agent, 20, days_ago=89, first=31)
    assert retention.tidy(90, never)["events"] == 30
    assert DeploymentEvent.objects.count() == 20
    assert retention.tidy(90, never)["events"] == 0


def test_a_deployment_outlives_its_events(agent: Agent) -> None:
    deployment = agent.deploy(1)
    agent.send()
    DeploymentEvent.objects.update(received_at=timezone.now() - 100 * DAY)
    retention.tidy(90, never)
    assert not DeploymentEvent.objects.exists()
    assert Deployment.objects.get(pk=deployment).steps


def test_notices_go_some_time_after_they_have_ended_and_open_ones_stay(agent: Agent) -> None:
    now = timezone.now()
    for code, days_ago in (("long-ended", 91), ("just-ended", 89), ("open", None)):
        ended_at = None if days_ago is None else now - days_ago * DAY
        told = {"severity": "info", "since": now - 300 * DAY, "told_at": now, "sequence": 1, "ended_at": ended_at}
        Notice.objects.create(server=agent.server, code=code, **told)
    assert retention.tidy(90, never)["notices"] == 1
    assert set(Notice.objects.values_list("code", flat=True)) == {"just-ended", "open"}


def test_many_go_in_batches_of_constant_cost(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr(retention, "BATCH", 10)
    make_events(agent, 95, days_ago=100)
    with django_assert_max_num_queries(2 * 10 + 2 * 5):
        assert retention.tidy(90, never)["events"] == 95


def test_it_stops_between_two_batches_and_goes_on_the_next_time(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 10)
    make_events(agent, 25, days_ago=100)
    assert retention.tidy(90, lambda: True)["events"] == 10
    assert retention.tidy(90, never, seconds=0)["events"] == 10
    assert retention.tidy(90, never)["events"] == 5


def test_what_has_expired_goes_and_what_may_still_be_of_use_stays() -> None:
    now = timezone.now()
    for name, expires in (("old", now - DAY), ("new", now + DAY)):
        RequestCount.objects.create(key=name, count=1, expires_at=expires)
        Session.objects.create(session_key=name, session_data="", expire_date=expires)
    anna = User.objects.create_user("anna@example.com")
    for days_ago in (100, 10):
        create_token(anna, [Scope.READ], name=f"expired {days_ago}", expires_at=now - days_ago * DAY)
        revoked, _ = create_token(anna, [Scope.READ], name=f"revoked {days_ago}")
        Token.objects.filter(pk=revoked.pk).update(revoked_at=now - days_ago * DAY)
    create_token(anna, [Scope.READ], name="lasting")
    app = App.objects.create(name="shop")
    for name, expires, accepted in (
        ("forgotten", now - 40 * DAY, None),
        ("late", now - 10 * DAY, None),
        ("accepted", now - 40 * DAY, now - 41 * DAY),
        ("open", now + DAY, None),
    ):
        Invitation.objects.create(
            app=app,
            email=f"{name}@example.com",
            role=Role.VIEWER,
            digest=uuid.uuid4().hex,
            expires_at=expires,
            accepted_at=accepted,
        )
    expected = {"events": 0, "notices": 0, "request_counts": 1, "sessions": 1, "invitations": 2, "tokens": 2}
    assert retention.tidy(90, never) == expected
    assert set(Token.objects.values_list("name", flat=True)) == {"expired 10", "revoked 10", "lasting"}
    left = set(Invitation.objects.values_list("email", flat=True))
    assert left == {"late@example.com", "open@example.com"}
    assert RequestCount.objects.get().key == Session.objects.get().session_key == "new"
