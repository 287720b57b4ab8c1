"""The journal: those who follow miss nothing, resume where they were, and a cancel never lies."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ferryman_agent.errors import AgentError, Cancelled
from ferryman_agent.host import Host
from ferryman_agent.ledger import Kind
from ferryman_agent.testing import FakeMachine
from ferryman_agent.transaction.journal import Journal
from ferryman_agent.transaction.names import StepName

LIMIT_SECONDS = 20


@pytest.fixture
def journal(machine: FakeMachine) -> Journal:
    server: Host = machine.agent()
    app = server.ledger.add_app("shop", "production", range(1, 250))
    return Journal(server.ledger, app, server.ledger.begin(app, "r", Kind.DEPLOY, None))


def test_followers_see_every_event_once_and_in_order(journal: Journal) -> None:
    count = 200
    seen: list[list[int]] = [[] for _ in range(4)]

    def follow(found: list[int]) -> None:
        found.extend(event["sequence"] for event in journal.follow(0))

    followers = [threading.Thread(target=follow, args=(found,)) for found in seen]
    for follower in followers:
        follower.start()
    for number in range(count):
        journal.log(str(number))
    journal.close()
    for follower in followers:
        follower.join(LIMIT_SECONDS)
    assert seen == [list(range(1, count + 1))] * 4


def test_an_event_wakes_a_follower_that_waits(journal: Journal) -> None:
    events = journal.follow(0)
    for text in ("a", "b", "c"):
        timer = threading.Timer(0.01, journal.log, (text,))
        timer.start()
        assert next(events)["text"] == text
        timer.join(LIMIT_SECONDS)


def test_following_resumes_after_the_last_one_seen(journal: Journal) -> None:
    for text in ("a", "b", "c"):
        journal.log(text)
    journal.close()
    assert [event["text"] for event in journal.follow(1)] == ["b", "c"]
    assert list(journal.follow(3)) == []
    assert list(journal.follow(99)) == []


def test_a_step_records_intent_before_and_outcome_after(journal: Journal) -> None:
    def states() -> list[Any]:
        return [(e["step"], e["state"], e["detail"]) for e in _events(journal)]

    with journal.step(StepName.PULL) as step:
        assert states() == [("pull", "started", "")]
        step.skip("here already")
    with pytest.raises(AgentError), journal.step(StepName.HEALTHY):
        raise AgentError("unhealthy", "it does not answer")
    with pytest.raises(ValueError, match="x"), journal.step(StepName.ROOM):
        raise ValueError("x")
    assert states() == [
        ("pull", "started", ""),
        ("pull", "skipped", "here already"),
        ("healthy", "started", ""),
        ("healthy", "failed", "it does not answer"),
        ("room", "started", ""),
        ("room", "failed", "ValueError('x')"),
    ]


def _events(journal: Journal) -> list[dict[str, Any]]:
    return journal._ledger.events(journal.deployment.id)


def test_a_cancel_before_the_commit_stops_the_next_step(journal: Journal) -> None:
    assert journal.cancel()
    with pytest.raises(Cancelled), journal.step(StepName.PULL):
        pytest.fail("the step ran")
    with pytest.raises(Cancelled), journal.committing():
        pytest.fail("it was committed")
    assert not journal.is_committed


def test_a_cancel_after_the_commit_is_told_so_and_stops_nothing(journal: Journal) -> None:
    with journal.committing():
        pass
    assert not journal.cancel()
    with journal.step(StepName.SWITCH):
        pass


def test_a_cancel_during_the_commit_waits_and_is_told_that_it_came_too_late(journal: Journal) -> None:
    answers: list[bool] = []
    canceller = threading.Thread(target=lambda: answers.append(journal.cancel()))
    with journal.committing():
        canceller.start()
        canceller.join(0.05)
        assert answers == []
    canceller.join(LIMIT_SECONDS)
    assert answers == [False]


def test_a_commit_that_fails_is_no_commit(journal: Journal) -> None:
    with pytest.raises(OSError, match="disk"), journal.committing():
        raise OSError("disk")
    assert not journal.is_committed
    assert journal.cancel()
