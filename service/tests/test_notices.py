"""Notices and downtime as agents report them: kept as told last, in any order, and refused when they are none."""

import uuid
from itertools import permutations
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fleet.models import App, Deployment, DeploymentEvent, Environment, Notice
from tests.conftest import Agent

pytestmark = pytest.mark.django_db
# What an agent sends of each, whole.
WHOLE: dict[str, Any] = {
    "code": "backup-failed",
    "subject": "harbour.production",
    "message": "No backup for 2 days",
    "severity": "critical",
    "since": "2026-11-23T07:00:00.250Z",
    "next": "ferryman doctor --to production",
    "ended": False,
}


def test_a_notice_is_kept_as_it_was_told(agent: Agent) -> None:
    agent.notice("backup-failed", **WHOLE)
    assert agent.send().json()["accepted"] == 1
    found = Notice.objects.get()
    assert (found.server, found.environment) == (agent.server, Environment.objects.get())
    told = {name: getattr(found, name) for name in ("code", "subject", "message", "severity", "next")}
    assert told == {name: WHOLE[name] for name in told}
    assert found.since.isoformat() == "2026-11-23T07:00:00.250000+00:00"
    assert found.ended_at is None
    assert DeploymentEvent.objects.get().data == WHOLE
    assert not Deployment.objects.exists()


def test_a_notice_about_the_server_names_no_app(agent: Agent) -> None:
    agent.notice("disk-full", place=False)
    agent.send()
    assert Notice.objects.get().environment is None
    assert not App.objects.exists()


def test_the_same_notice_told_again_is_one_that_ends_and_opens_again(agent: Agent) -> None:
    for told in ({"severity": "warning"}, {"severity": "critical"}, {"ended": True}):
        agent.notice("disk-full", place=False, **told)
    agent.send(agent.events[:2])
    assert (Notice.objects.get().severity, Notice.objects.get().ended_at) == ("critical", None)
    agent.send()
    ended = Notice.objects.get()
    assert ended.ended_at == ended.told_at
    agent.notice("disk-full", place=False, since="2026-11-24T08:00:00Z")
    agent.send()
    assert (Notice.objects.get().pk, Notice.objects.get().ended_at) == (ended.pk, None)
    assert Notice.objects.get().since.day == 24


def test_code_subject_and_server_make_a_notice(agent: Agent, other_agent: Agent) -> None:
    for sender in (agent, other_agent):
        sender.notice("disk-full", place=False)
        sender.notice("disk-full", place=False, subject="backups")
        sender.notice("reboot-needed", place=False)
        assert sender.send().status_code == 200
    assert Notice.objects.count() == 6


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_reports_that_come_late_change_nothing_that_was_told_after_them(agent: Agent, order: tuple[int, ...]) -> None:
    events = [
        agent.notice("disk-full", place=False, message=message, ended=message == "last")
        for message in ("first", "second", "last")
    ]
    for number in order:
        assert agent.send([events[number]]).json()["accepted"] == 1
    assert (Notice.objects.get().message, Notice.objects.get().ended_at is None) == ("last", False)


def test_many_notices_cost_as_many_queries_as_one(agent: Agent) -> None:
    def queries(count: int) -> int:
        agent.events.clear()
        for number in range(count):
            agent.notice(f"odd-{number}")
        with CaptureQueriesContext(connection) as captured:
            assert agent.send().json()["accepted"] == count
        return len(captured)

    queries(1)
    assert queries(200) == queries(1)
    assert Notice.objects.count() == 200


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"code": ""}, "#/events/0/data/code"),
        ({"code": "x" * 101}, "#/events/0/data/code"),
        ({"code": "two\nlines"}, "#/events/0/data/code"),
        ({"subject": "x" * 201}, "#/events/0/data/subject"),
        ({"subject": None}, "#/events/0/data/subject"),
        ({"message": "x" * 2001}, "#/events/0/data/message"),
        ({"severity": "bad"}, "#/events/0/data/severity"),
        ({"since": "yesterday"}, "#/events/0/data/since"),
        ({"since": "2026-11-23T08:00:00"}, "#/events/0/data/since"),
        ({"since": "1999-01-01T00:00:00Z"}, "#/events/0/data"),
        ({"next": "x" * 501}, "#/events/0/data/next"),
        ({"ended": "yes"}, "#/events/0/data/ended"),
    ],
)
def test_what_is_no_notice_is_refused_with_its_place(agent: Agent, change: dict[str, Any], pointer: str) -> None:
    agent.notice("disk-full", place=False, **change)
    answer = agent.send()
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert not Notice.objects.exists()


def test_what_is_as_long_as_it_may_be_is_kept(agent: Agent) -> None:
    longest = {"code": "ü" * 100, "subject": "ü" * 200, "message": "ü" * 2000, "next": "ü" * 500, "more": [1]}
    agent.notice("any", place=False, **longest)
    assert agent.send().status_code == 200
    found = Notice.objects.get()
    assert (found.code, found.message) == (longest["code"], longest["message"])


@pytest.mark.parametrize("downtime", [0.0, 2.125, None])
def test_the_downtime_of_a_deployment_is_kept_and_answered(
    agent: Agent, downtime: float | None, public_read: None
) -> None:
    number = uuid.uuid4()
    told = {} if downtime is None else {"downtime": downtime}
    agent.tell("deployment.started", number, {"kind": "deploy"})
    agent.tell("deployment.finished", number, {"outcome": "succeeded", "seconds": 9.5, "stayed": [], **told})
    assert agent.send().status_code == 200
    assert Deployment.objects.get().downtime == downtime
    assert agent.client.get("/api/v1/deployments/").json()["results"][0]["downtime"] == downtime
    assert agent.client.get(f"/api/v1/deployments/{number}/").json()["downtime"] == downtime


def test_the_downtime_of_an_act_that_is_no_deployment_is_kept_with_its_event(agent: Agent, public_read: None) -> None:
    event = {
        "sequence": 1,
        "at": "2026-11-23T08:00:00Z",
        "kind": "app.restart",
        "app": "harbour",
        "environment": "production",
        "data": {"outcome": "succeeded", "seconds": 4.2, "error": None, "stayed": [], "downtime": 3.9},
    }
    assert agent.send([event]).status_code == 200
    answered = agent.client.get("/api/v1/events/?kind=app.restart&app=harbour").json()["results"][0]
    assert answered["data"]["downtime"] == 3.9


@pytest.mark.parametrize("downtime", [-1, "2 s"])
def test_a_downtime_that_is_none_is_refused(agent: Agent, downtime: object) -> None:
    agent.tell("deployment.finished", uuid.uuid4(), {"outcome": "succeeded", "downtime": downtime})
    answer = agent.send()
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/events/0/data/downtime"
