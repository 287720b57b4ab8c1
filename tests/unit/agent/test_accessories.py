"""Accessories: a deploy makes those that are missing and touches none; operators replace and remove them."""

from __future__ import annotations

import copy
import sqlite3
from typing import Any

import pytest

from ferryman_agent.containers import accessory_name
from ferryman_agent.engine import Endpoint, HealthCommand, Keep, Limits, Workload
from ferryman_agent.errors import BadRequest
from ferryman_agent.host import Host
from ferryman_agent.testing import REDIS, Behaviour, FakeMachine, broken_promises, carry_out, manifest, refuse
from ferryman_agent.testing.container import FakeContainer
from ferryman_agent.transaction.keeping.reconciliation import settle
from ferryman_agent.transaction.orders import (
    AccessoryRemoveOrder,
    RemoveOrder,
    RestartOrder,
    RollbackOrder,
    StartOrder,
    StopOrder,
)
from ferryman_agent.transaction.orders.changing import parse_accessory_remove

APP = "shop.production"
NAME = f"ferryman.{APP}.redis"
DATA = f"ferryman.{APP}.accessory.redis.data"
REPLACE, REMOVE = RestartOrder(APP, "redis"), AccessoryRemoveOrder(APP, "redis")


def with_redis(definition: dict[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
    return manifest(accessories={"redis": {**copy.deepcopy(REDIS), **(definition or {})}}, **changed)


@pytest.fixture
def server(machine: FakeMachine) -> Host:
    """An agent whose app serves release 1, with Redis."""
    made = machine.agent()
    assert carry_out(made, machine.order("one", with_redis()), "one").state == "succeeded"
    return made


def done(server: Host, order: Any, request: str) -> dict[str, str]:
    """Carry it out with success; each step's detail."""
    deployment = carry_out(server, order, request)
    assert deployment.state == "succeeded", deployment.error
    events = server.ledger.events(deployment.id)
    return {event["step"]: event["detail"] for event in events if event["kind"] == "step"}


def refusal(server: Host, order: Any) -> dict[str, Any]:
    deployment = carry_out(server, order, f"refused {order}")
    assert deployment.state == "refused"
    assert deployment.error is not None
    return deployment.error


def settled(server: Host) -> None:
    app = server.ledger.app(APP)
    assert app is not None
    settle(server, app)


def redis(machine: FakeMachine, name: str = NAME) -> FakeContainer:
    return machine.docker.by_name[name]


# -- a deploy


def test_an_accessory_is_fenced_and_has_its_own_name_address_and_volume(machine: FakeMachine, server: Host) -> None:
    found = redis(machine)
    assert found.address == "10.213.1.20"
    assert found.workload == Workload(
        image="redis:7",
        labels=found.workload.labels,
        endpoint=Endpoint(f"ferryman.{APP}", "10.213.1.20", "redis"),
        environment=("MODE=small",),
        command=("redis-server", "--appendonly", "yes"),
        limits=Limits(memory=64 << 20, cpus=0.5, pids=64),
        capabilities=("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"),
        volumes={DATA: "/data"},
        health=HealthCommand(("redis-cli", "ping"), interval=10, first=60),
        stop_grace=7.0,
        keep=Keep.UP,
    )
    assert machine.docker.volume_labels[DATA]["ferryman.app"] == APP
    assert broken_promises(machine, server) == []


def test_it_is_up_before_the_database_and_the_web_container(machine: FakeMachine, server: Host) -> None:
    starts = [call for call in machine.docker.calls if call.startswith("start")]
    assert starts.index(f"start {NAME}") < starts.index(f"start ferryman.{APP}.postgres")
    assert starts.index(f"start {NAME}") < starts.index(f"start ferryman.{APP}.web.1")


def test_a_deploy_leaves_what_runs_alone_and_says_what_differs(machine: FakeMachine, server: Host) -> None:
    before = copy.deepcopy(redis(machine))
    assert done(server, machine.order("two", with_redis()), "two")["accessories"] == "redis is there"
    told = done(server, machine.order("three", with_redis({"image": "redis:8"})), "three")["accessories"]
    assert told == "redis goes on as release 1 defined it; `ferryman restart --role redis` replaces it"
    assert redis(machine) == before
    told = done(server, machine.order("two"), "none")["accessories"]
    assert told == "redis goes on without a definition; `ferryman accessory remove redis` removes it"
    assert redis(machine) == before
    done(server, RollbackOrder(APP, 1, None), "back")
    assert redis(machine) == before
    assert broken_promises(machine, server) == []


def test_a_deploy_without_accessories_has_no_such_step(machine: FakeMachine) -> None:
    assert "accessories" not in done(machine.agent(), machine.order("one"), "one")


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        (Behaviour(exits={"redis": 1}, log="bad config\n"), "redis does not stay up (exit code 0): bad config"),
        (Behaviour(health="unhealthy"), "redis is unhealthy"),
        (Behaviour(health="starting"), "redis is not healthy within 60 s"),
    ],
)
def test_one_that_does_not_come_up_fails_the_deploy_and_is_taken_back(
    machine: FakeMachine, behaviour: Behaviour, message: str
) -> None:
    machine.docker.registry["redis:7"] = behaviour
    server = machine.agent()
    done(server, machine.order("one"), "one")
    deployment = carry_out(server, machine.order("two", with_redis()), "two")
    assert deployment.state == "failed"
    assert deployment.error is not None
    assert (deployment.error["code"], deployment.error["message"]) == ("accessory-failed", f"the accessory {message}")
    assert deployment.error["state"] == "release 1 goes on serving"
    assert (NAME in machine.docker.by_name, server.ledger.accessories(APP)) == (False, [])
    assert DATA in machine.docker.volume_labels
    assert broken_promises(machine, server) == []


def test_one_without_a_health_command_must_stay_up(machine: FakeMachine) -> None:
    machine.docker.registry["redis:7"] = Behaviour(exits={"redis": 1})
    deployment = carry_out(machine.agent(), machine.order("one", with_redis({"health": []})), "one")
    assert deployment.error is not None
    assert deployment.error["code"] == "accessory-failed"


def test_a_deploy_that_fails_later_takes_its_new_accessory_back(machine: FakeMachine) -> None:
    server = machine.agent()
    done(server, machine.order("one"), "one")
    machine.publish("two", Behaviour(migrations=["shop.0001"], exits={"web": 1}))
    assert carry_out(server, machine.order("two", with_redis()), "two").state == "failed"
    assert NAME not in machine.docker.by_name
    assert broken_promises(machine, server) == []


def test_the_outcome_of_a_deploy_that_can_not_be_taken_back_is_its_own(machine: FakeMachine) -> None:
    server = machine.agent()
    done(server, machine.order("one"), "one")
    forget, add_event = server.ledger.forget_candidate_accessories, server.ledger.add_event

    def full(*_: object) -> Any:
        raise sqlite3.OperationalError("database or disk is full")

    def full_for_logs(deployment: Any, body: dict[str, Any], report: Any) -> dict[str, Any]:
        return dict(full()) if body["kind"] == "log" else add_event(deployment, body, report)

    server.ledger.forget_candidate_accessories = full  # type: ignore[method-assign,assignment]
    server.ledger.add_event = full_for_logs  # type: ignore[method-assign]
    machine.publish("two", Behaviour(migrations=["shop.0001"], exits={"web": 1}))
    failed = carry_out(server, machine.order("two", with_redis()), "two")
    assert failed.error is not None
    assert (failed.state, failed.error["code"]) == ("failed", "container-exited")
    server.ledger.forget_candidate_accessories = forget  # type: ignore[method-assign]
    settled(server)
    assert broken_promises(machine, server) == []


def test_an_image_that_cannot_be_had_is_named(machine: FakeMachine) -> None:
    deployment = carry_out(machine.agent(), machine.order("one", with_redis({"image": "nowhere:1"})), "one")
    assert deployment.error is not None
    assert deployment.error["code"] == "image-not-pulled"
    assert "nowhere:1" in deployment.error["message"]


def test_the_calls_credentials_go_to_the_apps_registry_alone(machine: FakeMachine) -> None:
    password = {"username": "ada", "password": "secret"}
    machine.docker.registry["ghcr.io/acme/search:1"] = Behaviour()
    content = with_redis()
    content["accessories"]["search"] = {**REDIS, "image": "ghcr.io/acme/search:1", "volumes": {}}
    done(machine.agent(), machine.order("one", content, credentials=password), "one")
    sent = {reference: auth for reference, auth in machine.docker.pulls if auth}
    assert "ghcr.io/acme/search:1" not in sent
    assert sent["redis:7"]["serveraddress"] == "https://index.docker.io/v1/"


def test_a_digest_is_pulled_without_the_tag_beside_it(machine: FakeMachine) -> None:
    pinned = f"redis@sha256:{'0' * 64}"
    machine.docker.registry[pinned] = Behaviour()
    done(machine.agent(), machine.order("one", with_redis({"image": f"redis:7@sha256:{'0' * 64}"})), "one")
    assert redis(machine).workload.image == pinned


def test_secrets_come_from_what_env_set_stored_and_are_required(machine: FakeMachine, server: Host) -> None:
    content = with_redis({"env": {"values": {}, "secrets": ["REDIS_PASSWORD"]}})
    error = refusal(server, machine.order("two", content))
    assert (error["code"], error["details"]["missing"]) == ("variable-missing", ["REDIS_PASSWORD"])
    server.ledger.add_environment(APP, {"REDIS_PASSWORD": "one", "OTHER": "x"}, "set")
    done(server, machine.order("two", content), "two")
    done(server, REPLACE, "again")
    name = f"{NAME}.1"
    assert redis(machine, name).workload.environment == ("REDIS_PASSWORD=one",)
    assert "one" not in str(redis(machine, name).workload.labels)
    server.ledger.add_environment(APP, {"REDIS_PASSWORD": "two", "OTHER": "x"}, "set")
    told = done(server, machine.order("three", content), "three")["accessories"]
    assert "`ferryman restart --role redis` replaces it" in told
    server.ledger.add_environment(APP, {"REDIS_PASSWORD": "one", "OTHER": "y"}, "set")
    assert done(server, machine.order("one", content), "one again")["accessories"] == "redis is there"


def test_addresses_stay_as_accessories_come_and_go(machine: FakeMachine, server: Host) -> None:
    content = with_redis()
    content["accessories"]["cache"] = {**REDIS, "volumes": {}}
    done(server, machine.order("two", content), "two")
    assert redis(machine).address == "10.213.1.20"
    assert redis(machine, f"ferryman.{APP}.cache").address == "10.213.1.21"


def test_a_name_that_an_accessory_still_has_is_refused_for_a_role(machine: FakeMachine, server: Host) -> None:
    content = manifest()
    content["roles"]["redis"] = {"command": ["work"], "stop_grace": 1.0, "overlap": False}
    error = refusal(server, machine.order("two", content))
    assert (error["code"], "ferryman accessory remove redis" in error["hint"]) == ("name-taken", True)
    done(server, machine.order("two"), "without")
    done(server, REMOVE, "remove")
    done(server, machine.order("three", content), "three")
    assert broken_promises(machine, server) == []


# -- replaced and removed


def test_a_restart_replaces_it_by_what_the_serving_release_defines(machine: FakeMachine, server: Host) -> None:
    done(server, machine.order("two", with_redis({"image": "redis:8"})), "two")
    machine.docker.calls.clear()
    steps = done(server, REPLACE, "replace")
    assert list(steps) == ["preflight", "pull", "commit", "accessories"]
    assert steps["accessories"].startswith("redis was away for ")
    assert machine.docker.calls == [f"stop {NAME} within 7 s", f"start {NAME}.1"]
    found = redis(machine, f"{NAME}.1")
    assert (found.workload.image, found.address) == ("redis:8", "10.213.1.20")
    assert found.workload.volumes == {DATA: "/data"}
    assert (
        done(server, machine.order("three", with_redis({"image": "redis:8"})), "3")["accessories"] == "redis is there"
    )
    assert broken_promises(machine, server) == []


def test_a_restart_of_all_roles_leaves_it_alone(machine: FakeMachine, server: Host) -> None:
    before = copy.deepcopy(redis(machine))
    done(server, RestartOrder(APP, None), "all")
    assert redis(machine) == before


def test_a_replacement_whose_image_cannot_be_had_changes_nothing(machine: FakeMachine, server: Host) -> None:
    done(server, machine.order("two", with_redis({"image": "nowhere:1"})), "two")
    before = copy.deepcopy(redis(machine))
    deployment = carry_out(server, REPLACE, "replace")
    assert (deployment.state, redis(machine)) == ("failed", before)
    assert broken_promises(machine, server) == []


def test_a_replacement_that_does_not_come_up_is_told(machine: FakeMachine, server: Host) -> None:
    machine.docker.registry["redis:8"] = Behaviour(health="unhealthy")
    done(server, machine.order("two", with_redis({"image": "redis:8"})), "two")
    done(server, REPLACE, "replace")
    app = server.ledger.app(APP)
    assert app is not None
    assert app.degraded == "the accessory redis is unhealthy"


def test_one_that_no_release_defines_is_restarted_as_it_was(machine: FakeMachine, server: Host) -> None:
    done(server, machine.order("two"), "two")
    done(server, REPLACE, "replace")
    assert redis(machine, f"{NAME}.1").workload.image == "redis:7"


def test_a_role_that_is_neither_is_refused_with_both(server: Host) -> None:
    error = refusal(server, RestartOrder(APP, "beat"))
    assert (error["code"], error["details"]["choices"]) == ("unknown-role", ["web", "redis"])


def test_only_one_without_a_definition_is_removed_and_its_volume_stays(machine: FakeMachine, server: Host) -> None:
    assert refusal(server, REMOVE)["code"] == "accessory-defined"
    done(server, machine.order("two"), "two")
    error = refusal(server, AccessoryRemoveOrder(APP, "cache"))
    assert (error["code"], error["details"]["choices"]) == ("unknown-accessory", ["redis"])
    done(server, REMOVE, "remove")
    assert (NAME in machine.docker.by_name, DATA in machine.docker.volume_labels) == (False, True)
    assert broken_promises(machine, server) == []
    done(server, machine.order("three", with_redis()), "three")
    assert redis(machine).workload.volumes == {DATA: "/data"}


@pytest.mark.parametrize("name", [None, 5, "Redis", "a/b", ""])
def test_a_name_that_is_none_is_refused(name: Any) -> None:
    with pytest.raises(BadRequest):
        parse_accessory_remove({"app": "shop", "environment": "production", "name": name})


# -- looked after


@pytest.mark.parametrize("act", ["remove", "stop"])
def test_one_that_somebody_removed_or_stopped_comes_back_as_it_was(
    machine: FakeMachine, server: Host, act: str
) -> None:
    done(server, machine.order("two", with_redis({"image": "redis:8"})), "two")
    machine.docker.remove(NAME) if act == "remove" else machine.docker.stop(NAME, 1)
    settled(server)
    assert redis(machine).is_up
    assert redis(machine).workload.image == "redis:7"
    assert broken_promises(machine, server) == []


def test_a_candidate_that_a_full_disk_kept_in_the_ledger_is_forgotten_later(
    machine: FakeMachine, server: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_full(_: str) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    machine.publish("bad", Behaviour(migrations=["shop.0001"], exits={"web": 1}))
    more = manifest(accessories={"redis": copy.deepcopy(REDIS), "cache": copy.deepcopy(REDIS)})
    with monkeypatch.context() as patched:
        patched.setattr(server.ledger, "forget_candidate_accessories", is_full)
        assert carry_out(server, machine.order("bad", more), "bad").state == "failed"
    assert {found.name: found.is_committed for found in server.ledger.accessories(APP)} == {
        "cache": False,
        "redis": True,
    }
    settled(server)
    assert [found.name for found in server.ledger.accessories(APP)] == ["redis"]
    assert broken_promises(machine, server) == []


def test_one_that_cannot_come_back_makes_the_app_degraded(machine: FakeMachine, server: Host) -> None:
    machine.docker.remove(NAME)
    machine.docker.create = refuse  # type: ignore[method-assign]
    settled(server)
    app = server.ledger.app(APP)
    assert app is not None
    assert app.degraded == "not as the ledger says: not now"


def test_a_stop_leaves_it_up_unless_the_database_stops_too(machine: FakeMachine, server: Host) -> None:
    done(server, StopOrder(APP, database=False), "stop")
    settled(server)
    assert redis(machine).is_up
    assert broken_promises(machine, server) == []
    machine.docker.calls.clear()
    done(server, StopOrder(APP, database=True), "stop all")
    assert machine.docker.calls == [f"stop {NAME} within 7 s", f"stop ferryman.{APP}.postgres within 60 s"]
    settled(server)
    assert broken_promises(machine, server) == []
    assert "accessories" in done(server, StartOrder(APP), "start")
    assert broken_promises(machine, server) == []


def test_a_failed_deploy_of_a_stopped_app_leaves_it_stopped(machine: FakeMachine, server: Host) -> None:
    done(server, StopOrder(APP, database=True), "stop")
    machine.publish("two", Behaviour(migrations=["shop.0001"], exits={"web": 1}))
    assert carry_out(server, machine.order("two", with_redis()), "two").state == "failed"
    assert not redis(machine).is_up
    assert broken_promises(machine, server) == []


def test_a_removal_takes_it_and_keeps_its_volume_unless_told(machine: FakeMachine, server: Host) -> None:
    for order, is_kept in ((RemoveOrder(APP, with_data=False), True), (RemoveOrder(APP, with_data=True), False)):
        with pytest.raises(LookupError):
            carry_out(server, order, f"remove {is_kept}")
        assert (NAME in machine.docker.by_name, DATA in machine.docker.volume_labels) == (False, is_kept)
        assert server.ledger.accessories(APP) == []
        done(server, machine.order("one", with_redis()), f"again {is_kept}")


def test_what_runs_is_told_by_its_labels(machine: FakeMachine, server: Host) -> None:
    (record,) = server.ledger.accessories(APP)
    carried = redis(machine).workload.labels
    assert accessory_name(record) == NAME
    assert {key: carried[f"ferryman.{key}"] for key in ("accessory", "defined-by", "environment", "role")} == {
        "accessory": "redis",
        "defined-by": "1",
        "environment": "0",
        "role": "redis",
    }
