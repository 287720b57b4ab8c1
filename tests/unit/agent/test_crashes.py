"""The agent dies before and after each ledger write and each effect; the next agent keeps every promise."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ferryman_agent.host import Host
from ferryman_agent.ledger import Kind
from ferryman_agent.testing import (
    REDIS,
    Behaviour,
    Crash,
    CrashPoint,
    FakeMachine,
    Watch,
    broken_promises,
    carry_out,
    manifest,
    recover,
)
from ferryman_agent.transaction.orders import RollbackOrder

APP = "shop.production"
ROLLBACK = RollbackOrder(APP, None, None)
WORKER = {"command": ["work"], "stop_grace": 3.0, "overlap": False}
Act = Callable[[FakeMachine, Host], object]


def with_worker() -> dict[str, object]:
    content = manifest(volumes={"media": "/app/media"})
    content["roles"]["worker"] = dict(WORKER)
    return content


def first_deploy(machine: FakeMachine, server: Host) -> object:
    return carry_out(server, machine.order("one"), "crashed")


def second_deploy(machine: FakeMachine, server: Host) -> object:
    return carry_out(server, machine.order("two"), "crashed")


def deploy_with_a_worker(machine: FakeMachine, server: Host) -> object:
    return carry_out(server, machine.order("two", with_worker()), "crashed")


def deploy_under_another_name(machine: FakeMachine, server: Host) -> object:
    content = manifest(domain="shop.example.com")
    content["roles"]["web"] |= {"port": 9000}
    return carry_out(server, machine.order("two", content), "crashed")


def deploy_that_fails(machine: FakeMachine, server: Host) -> object:
    machine.publish("two", Behaviour(migrations=["shop.0001", "shop.0002"], exits={"web": 3}))
    return carry_out(server, machine.order("two"), "crashed")


def rollback(_: FakeMachine, server: Host) -> object:
    return carry_out(server, ROLLBACK, "crashed")


def deploy_beyond_retention(machine: FakeMachine, server: Host) -> object:
    return carry_out(server, machine.order("three", manifest(retain=1)), "crashed")


def with_redis(**changed: object) -> dict[str, object]:
    return manifest(accessories={"redis": dict(REDIS)}, **changed)


def deploy_with_an_accessory(machine: FakeMachine, server: Host) -> object:
    return carry_out(server, machine.order("two", with_redis()), "crashed")


def deploy_with_an_accessory_that_fails(machine: FakeMachine, server: Host) -> object:
    machine.publish("two", Behaviour(migrations=["shop.0001"], exits={"web": 3}))
    return carry_out(server, machine.order("two", with_redis()), "crashed")


CASES: dict[str, tuple[list[str], Act]] = {
    "first deploy": ([], first_deploy),
    "second deploy": (["one"], second_deploy),
    "deploy with a worker": (["one"], deploy_with_a_worker),
    "deploy under another name and port": (["one"], deploy_under_another_name),
    "deploy that fails": (["one"], deploy_that_fails),
    "deploy with an accessory": (["one"], deploy_with_an_accessory),
    "deploy with an accessory that fails": (["one"], deploy_with_an_accessory_that_fails),
    "rollback": (["one", "two"], rollback),
    "deploy beyond retention": (["one", "two"], deploy_beyond_retention),
}


def prepared(machine: FakeMachine, before: list[str]) -> None:
    server = machine.agent()
    for word in before:
        assert carry_out(server, machine.order(word), f"before {word}").state == "succeeded"
    server.ledger.close()


def crashed(machine: FakeMachine, act: Act, at: int | None) -> CrashPoint:
    point = CrashPoint(at)
    server = machine.agent(point)
    try:
        act(machine, server)
    except Crash:
        pass
    finally:
        server.ledger.close()
    return point


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("is_rebooted", [False, True], ids=["the agent crashes", "the server crashes"])
def test_after_a_crash_at_any_point_the_next_agent_keeps_every_promise(
    machine: FakeMachine, folder: Path, case: str, is_rebooted: bool
) -> None:
    before, act = CASES[case]
    origin = machine.copy_to(folder / "origin")
    prepared(origin, before)
    whole = crashed(origin.copy_to(folder / "whole"), act, None)
    assert len(whole.passed) > 60
    for at, where in list(enumerate(whole.passed))[int(is_rebooted) :: 1 + int(is_rebooted)]:
        place = f"{case}: crash at {at}, {where}"
        here = origin.copy_to(folder / str(at))
        crashed(here, act, at)
        if is_rebooted:
            here.docker.reboot()
            here.edge.restart()
        server = here.agent()
        recover(server)
        assert broken_promises(here, server) == [], place
        check_outcome(server, before, place)
        last = carry_out(server, here.order("three", manifest(env={"required": [], "values": {"NEW": "1"}})), "next")
        assert last.state == "succeeded", (place, last.error)
        assert broken_promises(here, server) == [], place
        server.ledger.close()
        shutil.rmtree(here.folder)


def check_outcome(server: Host, before: list[str], place: str) -> None:
    """Succeeded means that it serves; anything else, that what served before does."""
    app, deployment = server.ledger.app(APP), server.ledger.deployment("crashed")
    serving = app.serving if app else None
    if deployment and deployment.state == "succeeded":
        assert serving == deployment.release, place
        assert deployment.error is None, place
    else:
        assert serving == (len(before) or None), place
        assert deployment is None or deployment.state in ("interrupted", "failed"), place
        assert deployment is None or deployment.error is not None, place
        assert all(r.number == serving or r.state != "candidate" for r in server.ledger.releases(APP)) if app else True


def test_an_interrupted_deploy_tells_which_migrations_stayed(machine: FakeMachine, folder: Path) -> None:
    prepared(machine, ["one"])
    whole = crashed(machine.copy_to(folder / "whole"), second_deploy, None)
    at = max(n for n, where in enumerate(whole.passed) if where == "after create")  # web's, after the migrations
    crashed(machine, second_deploy, at)
    server = machine.agent()
    recover(server)
    deployment = server.ledger.deployment("crashed")
    assert deployment is not None
    assert deployment.error is not None
    assert deployment.error["details"] == {"stayed": ["shop.0002"]}
    assert deployment.error["state"] == "release 1 goes on serving; these migrations stay applied: shop.0002"


def test_every_interrupted_deployment_of_an_app_gets_an_outcome(machine: FakeMachine) -> None:
    prepared(machine, ["one"])
    server = machine.agent()
    app = server.ledger.app(APP)
    assert app is not None
    for request in ("first", "second"):
        server.ledger.begin(app, request, Kind.DEPLOY, None)
    recover(server)
    assert server.ledger.unfinished() == []
    assert [d.state for d in server.ledger.deployments(APP)] == ["interrupted", "interrupted", "succeeded"]


def test_the_old_release_answers_until_the_edge_routes_to_the_new_one(machine: FakeMachine, folder: Path) -> None:
    """Whatever recovery does, at each of its own steps a request finds a container that runs."""
    origin = machine.copy_to(folder / "origin")
    prepared(origin, ["one"])
    whole = crashed(origin.copy_to(folder / "whole"), second_deploy, None)
    for at in range(len(whole.passed)):
        here = origin.copy_to(folder / str(at))
        crashed(here, second_deploy, at)
        watch = Watch(here)
        server = here.agent(watch)
        recover(server)
        assert watch.outages == [], (at, whole.passed[at])
        server.ledger.close()
        shutil.rmtree(here.folder)


def test_recovery_itself_may_be_interrupted(machine: FakeMachine, folder: Path) -> None:
    origin = machine.copy_to(folder / "origin")
    prepared(origin, ["one"])
    whole = crashed(origin.copy_to(folder / "whole"), deploy_with_a_worker, None)
    commit = whole.passed.index("after commit")
    crashed(origin, deploy_with_a_worker, commit)
    origin.docker.reboot()

    def recovering(_: FakeMachine, server: Host) -> object:
        recover(server)
        return server

    steps = crashed(origin.copy_to(folder / "recovery"), recovering, None).passed
    for at, where in enumerate(steps):
        here = origin.copy_to(folder / str(at))
        crashed(here, recovering, at)
        server = here.agent()
        recover(server)
        assert broken_promises(here, server) == [], where
        server.ledger.close()
