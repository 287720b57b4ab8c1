"""Restart, stop, maintenance and removal as calls: who may ask, who is busy, and what a repeated request gets."""

from __future__ import annotations

import io
import json
import threading
import uuid
from typing import Any

import pytest

from ferryman_agent.daemon.agent import Agent
from ferryman_agent.host.probe import Answer
from ferryman_agent.protocol import Channel
from ferryman_agent.testing import REDIS, FakeMachine, digest, manifest, refuse

SHOP = {"app": "shop", "environment": "production"}
DEPLOY = {"manifest": manifest(), "digest": digest("one"), "revision": "0" * 40}
CHANGES: dict[str, dict[str, Any]] = {
    "restart": SHOP,
    "start": SHOP,
    "stop": SHOP,
    "maintenance": {**SHOP, "on": True},
    "accessory.remove": {**SHOP, "name": "redis"},
    "remove": {**SHOP, "confirm": "shop"},
}


@pytest.fixture
def agent(machine: FakeMachine) -> Agent:
    """An agent whose app serves release 1."""
    made = Agent(machine.folder, machine.docker)
    made.host.edge = made.host.routing.edge = machine.edge
    made.host.probe, made.host.stopwatch = machine.docker.probe, machine.stopwatch
    assert ask(made, "deploy", DEPLOY)["result"]["outcome"] == "succeeded"
    return made


def converse(agent: Agent, request: str, params: Any, *, role: str = "operator", identifier: str = "") -> Any:
    message = {"protocol": 1, "client": "0", "id": identifier or str(uuid.uuid4()), "request": request}
    lines = [{"role": role}, {**message, "params": params}]
    written = io.BytesIO()
    agent.answer(Channel(io.BytesIO(b"".join(json.dumps(line).encode() + b"\n" for line in lines)), written))
    return [json.loads(line) for line in written.getvalue().splitlines()]


def ask(agent: Agent, request: str, params: Any, **named: str) -> Any:
    return converse(agent, request, params, **named)[-1]


def code(answer: dict[str, Any]) -> tuple[str, int]:
    return answer["error"]["code"], answer["error"]["exit"]


def state(agent: Agent) -> dict[str, Any]:
    return dict(ask(agent, "status", SHOP)["result"]["apps"][0])


@pytest.mark.parametrize("kind", CHANGES)
def test_the_pipelines_key_may_not_change_an_app(agent: Agent, kind: str) -> None:
    assert code(ask(agent, kind, CHANGES[kind], role="pipeline")) == ("not-allowed", 3)
    assert state(agent)["state"] == "serving"


@pytest.mark.parametrize("kind", CHANGES)
def test_an_app_that_is_not_there_can_not_be_changed(agent: Agent, kind: str) -> None:
    params = {**CHANGES[kind], "app": "shpo", "confirm": "shpo"}
    answer = ask(agent, kind, params)
    assert code(answer) == ("unknown-app", 3)
    assert answer["error"]["details"]["choices"] == ["shop.production"]


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_during_a_deploy_is_told_that_it_is_busy(agent: Agent, kind: str) -> None:
    entered, leave = threading.Event(), threading.Event()

    def probe(*_: Any) -> Answer:
        entered.set()
        assert leave.wait(20)
        return Answer(200)

    agent.host.probe = probe
    deploy = {**DEPLOY, "digest": digest("two")}
    caller = threading.Thread(target=ask, args=(agent, "deploy", deploy))
    caller.start()
    assert entered.wait(20)
    busy = ask(agent, kind, CHANGES[kind])
    leave.set()
    caller.join(20)
    assert code(busy) == ("busy", 3)
    assert "in step healthy" in busy["error"]["message"]
    assert (state(agent)["state"], state(agent)["release"]["number"]) == ("serving", 2)


def test_status_tells_maintenance_stop_and_start(agent: Agent) -> None:
    result = ask(agent, "maintenance", {**SHOP, "on": True, "message": "soon", "retry_after": 5})["result"]
    assert (result["kind"], result["outcome"], result["release"]["number"]) == ("maintenance", "succeeded", 1)
    found = state(agent)
    assert (found["state"], found["health"]["healthy"]) == ("maintenance", True)
    assert (found["maintenance"]["message"], found["maintenance"]["retry_after"]) == ("soon", 5)
    ask(agent, "stop", SHOP)
    found = state(agent)
    assert (found["state"], found["stopped"]["database"], found["degraded"]) == ("stopped", False, "")
    assert (found["health"]["status"], found["roles"]["web"]["state"]) == (None, "exited")
    assert ask(agent, "start", SHOP)["result"]["outcome"] == "succeeded"
    ask(agent, "maintenance", {**SHOP, "on": False})
    found = state(agent)
    assert (found["state"], found["stopped"], found["maintenance"]) == ("serving", None, None)
    assert found["roles"]["web"]["container"] == "ferryman.shop.production.web.1.1"


def test_status_tells_accessories_their_health_and_what_differs(agent: Agent, machine: FakeMachine) -> None:
    def deploy(redis: dict[str, Any] | None) -> dict[str, Any]:
        content = manifest(accessories={"redis": redis} if redis else {})
        assert "result" in ask(agent, "deploy", {**DEPLOY, "manifest": content})
        return dict(state(agent)["accessories"]["redis"])

    found = deploy(REDIS)
    assert found["container"] == "ferryman.shop.production.redis"
    told = {key: found[key] for key in ("state", "restarts", "health", "image", "release", "definition")}
    expected = {"state": "running", "restarts": 0, "health": "healthy", "image": "redis:7", "release": 2}
    assert told == {**expected, "definition": "current"}
    assert deploy({**REDIS, "image": "redis:8"})["definition"] == "changed"
    assert deploy(None)["definition"] == "gone"
    machine.docker.by_name["ferryman.shop.production.redis"].health = "unhealthy"
    assert state(agent)["state"] == "degraded"
    assert ask(agent, "logs", {**SHOP, "role": "redis"})["result"]["container"] == "ferryman.shop.production.redis"


def test_a_plan_tells_what_a_deploy_does_about_accessories(agent: Agent) -> None:
    content = manifest(accessories={"redis": REDIS})
    plan = ask(agent, "plan", {**DEPLOY, "manifest": content})["result"]
    steps = {step["step"]: step["detail"] for step in plan["steps"]}
    assert steps["accessories"] == "start redis (redis:7)"
    assert list(steps).index("accessories") < list(steps).index("database")


def test_logs_and_exec_find_the_container_after_a_restart(agent: Agent) -> None:
    ask(agent, "restart", SHOP)
    assert ask(agent, "logs", SHOP)["result"]["container"] == "ferryman.shop.production.web.1.1"


def test_a_repeated_change_attaches_to_the_first(agent: Agent) -> None:
    first = converse(agent, "restart", SHOP, identifier="r")
    assert converse(agent, "restart", SHOP, identifier="r") == first
    assert [d.kind for d in agent.host.ledger.deployments()] == ["restart", "deploy"]


def test_a_removal_shows_what_goes_needs_the_name_and_can_be_asked_after(agent: Agent) -> None:
    plan = ask(agent, "removal.plan", SHOP)["result"]
    assert plan["kept"] == ["ferryman.shop.production.postgres-17"]
    assert code(ask(agent, "remove", {**SHOP, "confirm": "shpo"})) == ("not-confirmed", 3)
    assert state(agent)["state"] == "serving"
    *events, last = converse(agent, "remove", CHANGES["remove"], identifier="away")
    assert events[-1]["event"]["kind"] == "finished"
    result = last["result"]
    assert {key: result[key] for key in plan if key in result} == {
        key: plan[key] for key in plan if key not in ("app", "environment")
    }
    assert ask(agent, "remove", CHANGES["remove"], identifier="away")["result"] == result
    assert ask(agent, "follow", {"deployment": result["deployment"]})["result"] == result
    assert code(ask(agent, "status", SHOP)) == ("unknown-app", 3)
    assert code(ask(agent, "removal.plan", SHOP)) == ("unknown-app", 3)
    assert ask(agent, "plan", {**DEPLOY, "kind": "deploy"})["result"]["release"]["number"] == 2


def test_data_that_was_kept_can_be_removed_later(agent: Agent, machine: FakeMachine) -> None:
    ask(agent, "remove", CHANGES["remove"])
    plan = ask(agent, "removal.plan", {**SHOP, "with_data": True})["result"]
    assert plan["volumes"] == ["ferryman.shop.production.postgres-17"]
    assert agent.host.ledger.apps() == []
    assert ask(agent, "remove", {**CHANGES["remove"], "with_data": True})["result"]["volumes"] == plan["volumes"]
    assert machine.docker.volumes({}) == []
    assert code(ask(agent, "remove", {**CHANGES["remove"], "with_data": True})) == ("unknown-app", 3)


def test_a_removal_that_is_not_over_says_so(agent: Agent, machine: FakeMachine) -> None:
    machine.docker.remove_network = refuse  # type: ignore[method-assign]
    answer = ask(agent, "remove", CHANGES["remove"])
    assert code(answer) == ("removal-unfinished", 1)
    assert "not now" in answer["error"]["message"]
    assert state(agent)["state"] == "removing"
    assert code(ask(agent, "deploy", DEPLOY)) == ("being-removed", 3)
