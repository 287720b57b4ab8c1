"""A deploy that serves and has only its rest to do: who asks meanwhile waits, and is not refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from callers import SHOP, Callers, agent_on, ask, code, deploy

from ferryman_agent.daemon.agent import Agent
from ferryman_agent.testing import FakeMachine


@pytest.fixture
def agent(machine: FakeMachine) -> Agent:
    return agent_on(machine)


@pytest.fixture
def resting(agent: Agent) -> Iterator[tuple[Callers, threading.Event]]:
    """A deploy that serves, whose old container does not stop until the event is set."""
    ask(agent, "deploy", deploy("one"))
    entered, leave, stop = threading.Event(), threading.Event(), agent.host.engine.stop

    def hold(workload: str, grace: float) -> None:
        entered.set()
        assert leave.wait(20)
        stop(workload, grace)

    agent.host.engine.stop = hold  # type: ignore[method-assign]
    callers = Callers(agent)
    callers.ask("first", "deploy", deploy("two"))
    assert entered.wait(20)
    yield callers, leave
    leave.set()
    callers.end()


@pytest.mark.parametrize(("kind", "params"), [("rollback", SHOP), ("restart", SHOP), ("deploy", deploy("three"))])
def test_nobody_is_refused_while_an_old_container_stops(
    agent: Agent, resting: tuple[Callers, threading.Event], kind: str, params: dict[str, Any]
) -> None:
    callers, leave = resting
    callers.ask("second", kind, params)
    callers.waits(1)
    assert code(ask(agent, "rollback", SHOP)) == ("busy", 3)
    leave.set()
    assert {line["result"]["outcome"] for line in callers.end().values()} == {"succeeded"}
    assert callers.answers["second"][0]["event"]["kind"] == "waiting"


def test_the_state_that_holds_is_told_before_the_old_container_stops(
    agent: Agent, resting: tuple[Callers, threading.Event]
) -> None:
    callers, leave = resting
    leave.set()
    callers.end()
    events = [line["event"] for line in callers.answers["first"] if "event" in line]
    kinds = [event.get("step", event["kind"]) for event in events if event.get("state") != "started"]
    assert kinds[-5:] == ["drain", "settled", "stop old", "retain", "finished"]
    settled = next(event for event in events if event["kind"] == "settled")
    assert (settled["degraded"], settled["rest"]) == ("", ["stop old", "retain"])
