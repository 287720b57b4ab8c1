"""Restart, stop, start and maintenance: what runs, what the edge answers, what outlives a reboot and a deploy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ferryman_agent.engine import State
from ferryman_agent.errors import BadRequest, Refused
from ferryman_agent.host import Host
from ferryman_agent.host.probe import Answer
from ferryman_agent.ledger import App, Maintenance
from ferryman_agent.testing import Behaviour, FakeMachine, broken_promises, carry_out, manifest, recover
from ferryman_agent.transaction.keeping.reconciliation import settle
from ferryman_agent.transaction.orders import MaintenanceOrder, RestartOrder, RollbackOrder, StartOrder, StopOrder
from ferryman_agent.transaction.orders.changing import parse_maintenance, parse_remove, parse_restart, parse_stop
from ferryman_agent.transaction.orders.parameters import LINE_CHARACTERS

APP = "shop.production"
SHOP = {"app": "shop", "environment": "production"}
WEB, WORKER, POSTGRES = f"ferryman.{APP}.web.1", f"ferryman.{APP}.worker.1", f"ferryman.{APP}.postgres"
RESTART, START, STOP = RestartOrder(APP, None), StartOrder(APP), StopOrder(APP, database=False)
STOP_ALL = StopOrder(APP, database=True)
CLOSE, OPEN = MaintenanceOrder(APP, True, "back at noon", 90), MaintenanceOrder(APP, False)


def with_worker(**changed: Any) -> dict[str, Any]:
    content = manifest(**changed)
    content["roles"]["worker"] = {"command": ["work"], "stop_grace": 3.0, "overlap": False}
    return content


@pytest.fixture
def server(machine: FakeMachine) -> Host:
    """An agent whose app serves release 1, with a worker."""
    made = machine.agent()
    assert carry_out(made, machine.order("one", with_worker()), "one").state == "succeeded"
    return made


def app_of(server: Host) -> App:
    app = server.ledger.app(APP)
    assert app is not None
    return app


def up(machine: FakeMachine) -> set[str]:
    names = {name for name, found in machine.docker.by_name.items() if found.is_up}
    return {name.removeprefix(f"ferryman.{APP}.") for name in names} - {"ferryman.edge"}


def done(server: Host, order: Any, request: str) -> list[str]:
    """Carry it out with success; the steps that were done."""
    deployment = carry_out(server, order, request)
    assert deployment.state == "succeeded", deployment.error
    events = server.ledger.events(deployment.id)
    return [event["step"] for event in events if event["kind"] == "step" and event["state"] in ("done", "skipped")]


def refusal(server: Host, order: Any, request: str = "refused") -> dict[str, Any]:
    deployment = carry_out(server, order, request)
    assert deployment.state == "refused"
    assert deployment.error is not None
    return deployment.error


# -- restart


def test_a_restart_goes_the_way_of_a_deploy_with_the_release_that_serves(machine: FakeMachine, server: Host) -> None:
    steps = done(server, RESTART, "again")
    assert steps[:7] == ["preflight", "room", "pull", "database", "start web", "healthy", "commit"]
    assert steps[7:] == ["switch", "drain", "roles", "stop old"]
    assert up(machine) == {"web.1.1", "worker.1.1", "postgres"}
    assert (app_of(server).serving, app_of(server).lane) == (1, "b")
    assert [release.number for release in server.ledger.releases(APP)] == [1]
    assert broken_promises(machine, server) == []
    done(server, RESTART, "once more")
    assert up(machine) == {"web.1.2", "worker.1.2", "postgres"}
    assert app_of(server).lane == "a"
    assert broken_promises(machine, server) == []


def test_a_restart_of_one_role_leaves_the_others_alone(machine: FakeMachine, server: Host) -> None:
    assert done(server, RestartOrder(APP, "worker"), "w") == ["preflight", "commit", "roles"]
    assert up(machine) == {"web.1", "worker.1.1", "postgres"}
    done(server, RestartOrder(APP, "web"), "x")
    assert up(machine) == {"web.1.1", "worker.1.1", "postgres"}
    assert broken_promises(machine, server) == []


def test_a_restart_that_does_not_get_healthy_leaves_what_serves(machine: FakeMachine, server: Host) -> None:
    reference = next(name for name in machine.docker.images_here if name.startswith("acme/"))
    machine.docker.images_here[reference] = Behaviour(answers=[Answer(500, "oops")])
    failed = carry_out(server, RESTART, "again")
    assert failed.state == "failed"
    assert failed.error is not None
    assert (failed.error["code"], failed.error["state"]) == ("unhealthy", "release 1 goes on serving")
    assert up(machine) == {"web.1", "worker.1", "postgres"}
    assert broken_promises(machine, server) == []


def test_after_a_restart_a_deploy_and_a_rollback_find_their_way(machine: FakeMachine, server: Host) -> None:
    done(server, RESTART, "again")
    done(server, machine.order("two", with_worker()), "two")
    assert up(machine) == {"web.2", "worker.2", "postgres"}
    done(server, RESTART, "two again")
    done(server, RollbackOrder(APP, None, None), "back")
    assert up(machine) == {"web.1", "worker.1", "postgres"}
    assert broken_promises(machine, server) == []


def test_a_restart_names_the_roles_that_there_are(server: Host) -> None:
    error = refusal(server, RestartOrder(APP, "beat"))
    assert (error["code"], error["details"]["choices"]) == ("unknown-role", ["web", "worker"])


def test_restarts_evict_no_rollback_target(machine: FakeMachine, server: Host) -> None:
    done(server, machine.order("two", with_worker(retain=2)), "two")
    for number in range(5):
        done(server, RESTART, f"again {number}")
    done(server, RollbackOrder(APP, None, None), "back")
    assert app_of(server).serving == 1


# -- stop and start


@pytest.mark.parametrize("order", [STOP, STOP_ALL], ids=["app", "with its database"])
def test_a_stopped_app_stays_stopped_over_a_reboot_and_the_reconciliation(
    machine: FakeMachine, server: Host, order: StopOrder
) -> None:
    assert done(server, order, "stop") == ["preflight", "commit", "switch", "drain", "stop"]
    left = set() if order.database else {"postgres"}
    assert up(machine) == left
    answer = machine.edge.answer(None)
    assert answer is not None
    assert "is stopped" in answer.message
    machine.docker.reboot()
    machine.edge.restart()
    again = machine.agent()
    recover(again)
    assert up(machine) == left
    assert broken_promises(machine, again) == []
    machine.docker.start(WORKER)  # somebody on the server
    settle(again, app_of(again))
    assert up(machine) == left
    assert broken_promises(machine, again) == []


def pause(machine: FakeMachine, name: str) -> None:
    """Somebody freezes a container's processes; the engine counts it as one that runs."""
    machine.docker.by_name[name].state = State.PAUSED


@pytest.mark.parametrize("name", [WEB, WORKER, POSTGRES])
def test_what_somebody_paused_goes_on(machine: FakeMachine, server: Host, name: str) -> None:
    pause(machine, name)
    settle(server, app_of(server))
    assert machine.docker.by_name[name].state is State.RUNNING
    assert broken_promises(machine, server) == []


def test_what_runs_beside_a_stopped_app_goes_on_too(machine: FakeMachine, server: Host) -> None:
    done(server, STOP, "stop")
    pause(machine, POSTGRES)
    settle(server, app_of(server))
    assert machine.docker.by_name[POSTGRES].state is State.RUNNING
    assert up(machine) == {"postgres"}


def test_a_stop_waits_for_open_requests_and_grants_each_role_its_grace(machine: FakeMachine, server: Host) -> None:
    machine.edge.requests[1, "a"] = [2, 1, 0]
    done(server, STOP, "stop")
    assert machine.edge.requests == {(1, "a"): []}
    assert machine.docker.calls[-2:] == [f"stop {WEB} within 10 s", f"stop {WORKER} within 3 s"]
    assert machine.docker.workload(WEB) is not None  # its log can still be read


@pytest.mark.parametrize("order", [STOP, STOP_ALL], ids=["app", "with its database"])
def test_a_start_brings_the_same_release_back_once_it_is_healthy(
    machine: FakeMachine, server: Host, order: StopOrder
) -> None:
    done(server, order, "stop")
    assert done(server, START, "start")[-2:] == ["roles", "stop old"]
    assert up(machine) == {"web.1.1", "worker.1.1", "postgres"}
    assert (machine.edge.answer(None), app_of(server).stopped) == (None, None)
    assert broken_promises(machine, server) == []
    assert carry_out(server, START, "twice").state == "unchanged"


def test_a_start_that_fails_leaves_the_app_stopped(machine: FakeMachine, server: Host) -> None:
    done(server, STOP_ALL, "stop")
    reference = next(name for name in machine.docker.images_here if name.startswith("acme/"))
    machine.docker.images_here[reference] = Behaviour(exits={"web": 3})
    failed = carry_out(server, START, "start")
    assert failed.error is not None
    assert (failed.error["code"], failed.error["state"]) == ("container-exited", f"{APP} stays stopped")
    assert up(machine) == set()
    assert broken_promises(machine, server) == []


def test_stopping_twice_changes_nothing_but_may_add_the_database(machine: FakeMachine, server: Host) -> None:
    done(server, STOP, "stop")
    assert carry_out(server, STOP, "twice").state == "unchanged"
    since = app_of(server).stopped
    done(server, STOP_ALL, "database too")
    assert up(machine) == set()
    assert since is not None
    assert app_of(server).stopped == replace(since, database=True)
    assert carry_out(server, STOP, "less").state == "unchanged"


def test_a_stopped_app_is_not_restarted(server: Host) -> None:
    done(server, STOP, "stop")
    assert refusal(server, RESTART)["code"] == "app-stopped"


def test_a_deploy_starts_a_stopped_app_and_says_so(machine: FakeMachine, server: Host) -> None:
    done(server, STOP_ALL, "stop")
    deployment = carry_out(server, machine.order("two", with_worker()), "two")
    assert deployment.state == "succeeded"
    details = [event.get("detail") for event in server.ledger.events(deployment.id)]
    assert "release 2; starts the app, which was stopped" in details
    assert app_of(server).stopped is None
    assert broken_promises(machine, server) == []


@pytest.mark.parametrize("order", [STOP, STOP_ALL], ids=["app", "with its database"])
def test_a_deploy_that_fails_leaves_a_stopped_app_stopped(machine: FakeMachine, server: Host, order: StopOrder) -> None:
    done(server, order, "stop")
    machine.publish("bad", Behaviour(exits={"web": 1}))
    failed = carry_out(server, machine.order("bad"), "bad")
    assert failed.error is not None
    assert failed.error["state"] == f"{APP} stays stopped"
    assert broken_promises(machine, server) == []


@pytest.mark.parametrize("order", [RESTART, START, STOP, CLOSE, OPEN])
def test_nothing_is_restarted_stopped_or_closed_before_the_first_release(machine: FakeMachine, order: Any) -> None:
    server = machine.agent()
    server.ledger.add_app("shop", "production", range(1, 9))
    error = refusal(server, order)
    assert (error["code"], error["hint"]) == ("nothing-serves", "ferryman deploy")


# -- maintenance


def test_maintenance_outlives_a_restart_of_edge_agent_and_server_and_a_deploy(
    machine: FakeMachine, server: Host
) -> None:
    restarts = machine.edge.restarts
    assert done(server, CLOSE, "close") == ["preflight", "commit", "switch"]
    assert machine.edge.restarts == restarts
    assert up(machine) == {"web.1", "worker.1", "postgres"}

    def is_closed() -> bool:
        answer = machine.edge.answer(None)
        return answer is not None and (answer.message, answer.retry_after) == ("back at noon", 90)

    assert is_closed()
    machine.edge.restart()
    assert is_closed()
    machine.docker.reboot()
    machine.edge.restart()
    again = machine.agent()
    recover(again)
    assert is_closed()
    content = with_worker()
    content["roles"]["web"]["health"] = "/ready?deep=1"
    deployment = carry_out(again, machine.order("two", content), "two")
    details = [event.get("detail") for event in again.ledger.events(deployment.id)]
    assert "maintenance is on: the edge goes on answering 503" in details
    assert is_closed()
    answer = machine.edge.answer(None)
    assert answer is not None
    assert answer.open_path == "/ready"
    assert broken_promises(machine, again) == []
    done(again, OPEN, "open")
    assert machine.edge.answer(None) is None
    assert broken_promises(machine, again) == []


def test_an_edge_that_lost_its_answer_gets_it_back(machine: FakeMachine, server: Host) -> None:
    done(server, CLOSE, "close")
    machine.edge.answers.clear()
    settle(server, app_of(server))
    assert broken_promises(machine, server) == []


def test_maintenance_that_is_as_asked_for_changes_nothing(server: Host) -> None:
    assert carry_out(server, OPEN, "open").state == "unchanged"
    done(server, CLOSE, "close")
    known = app_of(server).maintenance
    assert known is not None
    assert carry_out(server, CLOSE, "same").state == "unchanged"
    done(server, MaintenanceOrder(APP, True, "later", 90), "other")
    assert app_of(server).maintenance == Maintenance("later", 90, known.since)


def test_a_stopped_app_in_maintenance_says_that_it_is_stopped(machine: FakeMachine, server: Host) -> None:
    done(server, CLOSE, "close")
    done(server, STOP, "stop")
    answer = machine.edge.answer(None)
    assert answer is not None
    assert answer.title == "Stopped"
    done(server, START, "start")
    answer = machine.edge.answer(None)
    assert answer is not None
    assert answer.message == "back at noon"


def test_an_edge_that_is_away_is_told_later(machine: FakeMachine, server: Host) -> None:
    machine.edge.is_broken = True
    assert carry_out(server, CLOSE, "close").state == "succeeded"
    assert "runtime socket" in app_of(server).degraded
    machine.edge.is_broken = False
    settle(server, app_of(server))
    assert broken_promises(machine, server) == []


def test_of_what_harbour_does_not_know_it_is_told_the_outcome_alone(server: Host) -> None:
    waiting = len(server.ledger.outbox(1000))
    done(server, CLOSE, "close")
    (told,) = server.ledger.outbox(1000)[waiting:]
    assert (told["kind"], told["data"]["outcome"]) == ("app.maintenance", "succeeded")
    assert "deployment" not in told


# -- what is asked


@pytest.mark.parametrize(
    ("parse", "params"),
    [
        (parse_restart, {"role": "../x"}),
        (parse_restart, {"role": 1}),
        (parse_stop, {"database": "yes"}),
        (parse_maintenance, {}),
        (parse_maintenance, {"on": 1}),
        (parse_maintenance, {"on": True, "message": "two\nlines"}),
        (parse_maintenance, {"on": True, "message": "bell\x07"}),
        (parse_maintenance, {"on": True, "message": "x" * (LINE_CHARACTERS + 1)}),
        (parse_maintenance, {"on": True, "message": 5}),
        (parse_maintenance, {"on": True, "retry_after": 0}),
        (parse_maintenance, {"on": True, "retry_after": 10**9}),
        (parse_maintenance, {"on": True, "retry_after": "60"}),
        (parse_remove, {"with_data": 1, "confirm": "shop"}),
    ],
)
def test_a_wrong_parameter_is_a_bad_request(parse: Any, params: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        parse({**SHOP, **params})


def test_a_removal_must_be_confirmed_by_the_apps_name() -> None:
    assert parse_remove({**SHOP, "confirm": "shop"}).with_data is False
    for confirm in ("", "Shop", "shop.production", None):
        with pytest.raises(Refused) as caught:
            parse_remove({**SHOP, "confirm": confirm})
        assert caught.value.code == "not-confirmed"


def test_ending_maintenance_needs_no_message() -> None:
    assert parse_maintenance({**SHOP, "on": False, "message": "\x07"}) == OPEN
    assert parse_maintenance({**SHOP, "on": True}).retry_after == 60
