"""The commits that a deployment brought: kept as reported, and never a reason to refuse the event."""

import copy
import uuid
from typing import Any

import pytest
from django.utils import timezone
from msgspec import convert

from fleet import example
from fleet.models import Deployment, DeploymentEvent
from fleet.report import Started
from tests.conftest import Agent

COMMIT = {
    "revision": "02f5b7277a7ff4546303dfc7d84f2195abd66506",
    "subject": "Show the price with its tax 🎈",
    "author": "Ada",
    "at": "2026-11-23T07:41:09Z",
}


def started(**told: Any) -> dict[str, Any]:
    return {"kind": "deploy", "release": {"number": 4, "revision": COMMIT["revision"]}, "previous": 3, **told}


@pytest.mark.django_db
@pytest.mark.parametrize("is_complete", [True, False])
def test_commits_are_kept_with_the_deployment(agent: Agent, is_complete: bool) -> None:
    data = started(commits=[{**COMMIT, "parents": []}], commits_complete=is_complete)
    agent.tell("deployment.started", uuid.uuid4(), data)
    assert agent.send().status_code == 200
    deployment = Deployment.objects.get()
    assert (deployment.commits, deployment.commits_complete) == ([COMMIT], is_complete)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "told",
    [
        {},
        {"commits": None},
        {"commits": "none"},
        {"commits": [COMMIT] * 51, "commits_complete": True},
        {"commits": [{**COMMIT, "revision": "main"}], "commits_complete": True},
        {"commits": [{**COMMIT, "subject": "x" * 201}], "commits_complete": True},
        {"commits": [{**COMMIT, "subject": "two\nlines"}], "commits_complete": True},
        {"commits": [{**COMMIT, "author": "\u202eadA"}], "commits_complete": True},
        {"commits": [{**COMMIT, "at": "yesterday"}], "commits_complete": True},
        {"commits": [COMMIT, {}], "commits_complete": True},
    ],
)
def test_commits_that_are_wrong_or_not_told_do_not_lose_the_deployment(agent: Agent, told: dict[str, Any]) -> None:
    data = started(**told)
    agent.tell("deployment.started", uuid.uuid4(), copy.deepcopy(data))
    assert agent.send().status_code == 200
    deployment = Deployment.objects.get()
    assert (deployment.previous, deployment.commits, deployment.commits_complete) == (3, [], False)
    assert DeploymentEvent.objects.get().data == data


@pytest.mark.parametrize("told", [None, "yes", 1])
def test_only_a_plain_yes_says_that_all_were_told(told: Any) -> None:
    found = convert(started(commits=[COMMIT], commits_complete=told), Started)
    assert found.commits is not None
    assert found.commits_complete is None


def test_the_example_fleet_tells_commits() -> None:
    found = [
        event.details
        for report in example.reports(timezone.now()).values()
        for event in report.events
        if isinstance(event.details, Started)
    ]
    assert all(item.commits is not None for item in found)
    assert any(item.commits and item.commits_complete for item in found)
    assert any(item.commits and not item.commits_complete for item in found)
    assert all(not item.commits for item in found if item.kind == "rollback")
