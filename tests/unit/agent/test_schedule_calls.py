"""Scheduled commands as calls: run by hand, their log, and what status tells of them."""

from __future__ import annotations

import io
import json
import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from ferryman_agent.daemon.agent import Agent
from ferryman_agent.engine import State
from ferryman_agent.protocol import Channel
from ferryman_agent.schedules.scheduler import Scheduler
from ferryman_agent.testing import Behaviour, FakeMachine, digest, look_after, manifest

SHOP = {"app": "shop", "environment": "production"}
SWEEP = {"cron": "30 3 * * *", "command": ["sweep"], "time_limit": 90.0, "stop_grace": 4.0}
IMAGE = f"acme/shop@{digest('one')}"
RUN = {**SHOP, "schedule": "sweep"}


def behaves(machine: FakeMachine, **behaviour: Any) -> None:
    machine.docker.registry[IMAGE] = machine.docker.images_here[IMAGE] = Behaviour(**behaviour)


@pytest.fixture
def agent(machine: FakeMachine) -> Agent:
    """An agent whose app serves release 1, with a schedule that succeeds."""
    behaves(machine, exits={"sweep": 0}, log="one\ntwo\n")
    made = Agent(machine.folder, machine.docker)
    made.host.edge = made.host.routing.edge = machine.edge
    made.host.probe = machine.docker.probe
    made.host.stopwatch, made.host.wall = machine.stopwatch, machine.stopwatch.wall
    content = manifest(schedules={"sweep": SWEEP})
    deploy = {"manifest": content, "digest": digest("one"), "revision": "0" * 40}
    assert converse(made, "deploy", deploy)[-1]["result"]["outcome"] == "succeeded"
    return made


def converse(agent: Agent, request: str, params: Any, role: str = "operator") -> Any:
    message = {"protocol": 1, "client": "0", "id": str(uuid.uuid4()), "request": request, "params": params}
    written = io.BytesIO()
    said = b"".join(json.dumps(line).encode() + b"\n" for line in ({"role": role}, message))
    agent.answer(Channel(io.BytesIO(said), written))
    return [json.loads(line) for line in written.getvalue().splitlines()]


def code(answers: list[dict[str, Any]]) -> str:
    return str(answers[-1]["error"]["code"])


def log(answers: list[dict[str, Any]]) -> str:
    return "".join(line["event"]["text"] for line in answers if line.get("event", {}).get("kind") == "log")


def told(agent: Agent) -> dict[str, Any]:
    return dict(converse(agent, "status", SHOP)[-1]["result"]["apps"][0]["schedules"]["sweep"])


def test_a_run_by_hand_shows_its_log_and_its_result(agent: Agent) -> None:
    assert told(agent) == {"cron": "30 3 * * *", "next": "2026-11-23T03:30:00.000Z", "running": None, "last": None}
    answers = converse(agent, "run", RUN)
    assert answers[0] == {"event": {"kind": "run", "schedule": "sweep", "number": 1, "release": 1}}
    assert log(answers) == "one\ntwo\n"
    result = answers[-1]["result"]
    assert (result["schedule"], result["state"], result["exit_code"], result["by_hand"]) == (
        "sweep",
        "succeeded",
        0,
        True,
    )
    assert told(agent)["last"]["number"] == 1


def test_a_run_that_fails_is_an_error_with_its_exit_code(agent: Agent, machine: FakeMachine) -> None:
    behaves(machine, exits={"sweep": 3}, log="broken\n")
    answers = converse(agent, "run", RUN)
    error = answers[-1]["error"]
    assert (error["code"], error["exit"], error["message"]) == ("run-failed", 1, "sweep: ended with exit code 3")
    assert told(agent)["last"]["log"] == ["broken"]
    (app,) = converse(agent, "status", SHOP, "pipeline")[-1]["result"]["apps"]
    found = app["schedules"]["sweep"]["last"]
    assert (found["exit_code"], found["log"]) == (3, []), "the pipeline's key may not read logs"


def test_a_run_that_can_not_start_says_why(agent: Agent, machine: FakeMachine) -> None:
    machine.docker.networks.clear()
    error = converse(agent, "run", RUN)[-1]["error"]
    assert error["code"] == "run-failed"
    assert error["message"].startswith("sweep: it could not be started: network ")


def test_a_second_run_is_refused_while_one_is_under_way(agent: Agent) -> None:
    begun = agent.host.ledger.begin_run("shop.production", "sweep", by_hand=False)
    assert begun is not None
    answers = converse(agent, "run", RUN)
    assert (code(answers), begun.started_at in answers[-1]["error"]["message"]) == ("run-under-way", True)
    assert told(agent)["running"]["number"] == 1


def test_a_detached_run_is_answered_at_once_and_goes_on(agent: Agent, machine: FakeMachine) -> None:
    runs: list[threading.Thread] = []

    def spawn(act: Callable[[], None]) -> None:
        runs.append(threading.Thread(target=act, daemon=True))
        runs[-1].start()

    agent.scheduler = Scheduler(agent.host, spawn)
    entered, leave = threading.Event(), threading.Event()
    original = machine.docker.wait

    def wait(workload: str, limit: float) -> int | None:
        entered.set()
        assert leave.wait(20)
        return original(workload, limit)

    machine.docker.wait = wait  # type: ignore[method-assign]
    result = converse(agent, "run", {**RUN, "detach": True})[-1]["result"]
    assert (result["number"], result["state"]) == (1, "running")
    assert entered.wait(20)
    container = converse(agent, "logs", {**SHOP, "role": "sweep"})[-1]["result"]["container"]
    assert container == "ferryman.shop.production.sweep.run.1"
    leave.set()
    runs[0].join(20)
    assert told(agent)["last"]["state"] == "succeeded"


def test_a_run_that_somebody_paused_goes_on(agent: Agent, machine: FakeMachine) -> None:
    behaves(machine)  # it runs until it is stopped
    wait, found = machine.docker.wait, list[State]()

    def paused(workload: str, limit: float) -> int | None:
        container = machine.docker.by_name["ferryman.shop.production.sweep.run.1"]
        container.state = State.PAUSED if container.is_up else container.state
        look_after(agent.host, agent.running)
        found.append(container.state)
        return wait(workload, limit)

    machine.docker.wait = paused  # type: ignore[method-assign]
    converse(agent, "run", RUN)
    assert found[0] is State.RUNNING


@pytest.mark.parametrize("name", ["web", "sweeep", "", None, 5, ["sweep"]])
def test_what_is_no_schedule_is_refused_with_those_that_are(agent: Agent, name: Any) -> None:
    answers = converse(agent, "run", {**SHOP, "schedule": name})
    assert (code(answers), answers[-1]["error"]["details"]["choices"]) == ("unknown-schedule", ["sweep"])


def test_nothing_runs_of_an_app_that_is_stopped_or_serves_nothing(agent: Agent) -> None:
    converse(agent, "stop", SHOP)
    assert code(converse(agent, "run", RUN)) == "app-stopped"
    assert told(agent)["next"] is None
    agent.host.ledger.add_app("blog", "production", range(1, 9))
    assert code(converse(agent, "run", {**RUN, "app": "blog"})) == "nothing-serves"


def test_the_log_of_the_last_run_stays_readable(agent: Agent) -> None:
    assert code(converse(agent, "logs", {**SHOP, "role": "sweep"})) == "no-container"
    converse(agent, "run", RUN)
    assert log(converse(agent, "logs", {**SHOP, "role": "sweep"})) == "one\ntwo\n"
    assert log(converse(agent, "logs", {**SHOP, "role": "sweep", "tail": 1})) == "two\n"
    assert log(converse(agent, "logs", {**SHOP, "role": "sweep", "tail": 0})) == ""
