"""The strategy recreate, the agent dying at each write and effect: the old container comes back, or the new stays."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from ferryman_agent.host import Host
from ferryman_agent.testing import (
    Behaviour,
    Crash,
    CrashPoint,
    FakeMachine,
    broken_promises,
    carry_out,
    interrupted,
    manifest,
    recover,
)
from ferryman_agent.transaction.orders import RemoveOrder, RestartOrder, RollbackOrder, StartOrder, StopOrder

APP = "shop.production"
PUBLISHED = {"strategy": "recreate"}
NAMED = {"domain": "shop.example.com"}
WITHOUT: dict[str, Any] = {}
NEIGHBOUR = {"app": "blog", "domain": "blog.example.com", "image": "acme/blog"}
BROKEN = Behaviour(migrations=["shop.0001"], exits={"web": 3})

Deploy = tuple[str, dict[str, Any]]
# what was done before, and what is interrupted; a pair is a deploy: image, what its manifest changes
CASES: dict[str, tuple[list[Any], Any]] = {
    "first deploy": ([], ("one", PUBLISHED)),
    "second deploy": ([("one", PUBLISHED)], ("two", PUBLISHED)),
    "second deploy beside another app": ([("neighbour", NEIGHBOUR), ("one", PUBLISHED)], ("two", PUBLISHED)),
    "deploy that fails": ([("one", PUBLISHED)], ("broken", PUBLISHED)),
    "deploy of a stopped app": ([("one", PUBLISHED), StopOrder(APP, database=True)], ("two", PUBLISHED)),
    "rollback": ([("one", PUBLISHED), ("two", PUBLISHED)], RollbackOrder(APP, None, None)),
    "restart": ([("one", PUBLISHED)], RestartOrder(APP, None)),
    "stop": ([("one", PUBLISHED)], StopOrder(APP, database=False)),
    "start": ([("one", PUBLISHED), StopOrder(APP, database=False)], StartOrder(APP)),
    "removal": ([("one", PUBLISHED)], RemoveOrder(APP, with_data=False)),
    "from the edge": ([("one", WITHOUT)], ("two", PUBLISHED)),
    "from the edge beside another app": ([("neighbour", NEIGHBOUR), ("one", WITHOUT)], ("two", PUBLISHED)),
    "from the edge, and it fails": ([("neighbour", NEIGHBOUR), ("one", WITHOUT)], ("broken", PUBLISHED)),
    "from a stopped app of the edge": ([("one", WITHOUT), StopOrder(APP, database=False)], ("two", PUBLISHED)),
    "from a domain": ([("one", NAMED)], ("two", PUBLISHED)),
    "from a domain beside another app": ([("neighbour", NEIGHBOUR), ("one", NAMED)], ("two", PUBLISHED)),
    "to the edge": ([("one", PUBLISHED)], ("two", WITHOUT)),
    "to the edge beside another app": ([("one", PUBLISHED), ("neighbour", NEIGHBOUR)], ("two", WITHOUT)),
    "to the edge, and it fails": ([("one", PUBLISHED)], ("broken", WITHOUT)),
    "to a domain": ([("one", PUBLISHED)], ("two", NAMED)),
    "rollback to the edge": ([("one", WITHOUT), ("two", PUBLISHED)], RollbackOrder(APP, None, None)),
}


@pytest.fixture
def machine(machine: FakeMachine) -> FakeMachine:
    machine.publish("broken", BROKEN)
    machine.publish("neighbour", Behaviour(), image="acme/blog")
    return machine


def order_of(machine: FakeMachine, found: Any) -> Any:
    return machine.order(found[0], manifest(**found[1])) if isinstance(found, tuple) else found


def prepared(machine: FakeMachine, before: list[Any]) -> None:
    server = machine.agent()
    for number, found in enumerate(before):
        assert carry_out(server, order_of(machine, found), f"before {number}").state == "succeeded", found
    assert broken_promises(machine, server) == []
    server.ledger.close()


def crashed(machine: FakeMachine, found: Any, at: int | None) -> CrashPoint:
    return interrupted(machine, order_of(machine, found), at)


def serving(server: Host) -> int | None:
    app = server.ledger.app(APP)
    return app.serving if app else None


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("is_rebooted", [False, True], ids=["the agent crashes", "the server crashes"])
def test_after_a_crash_at_any_point_one_release_has_the_port(
    machine: FakeMachine, folder: Path, case: str, is_rebooted: bool
) -> None:
    before, found = CASES[case]
    origin = machine.copy_to(folder / "origin")
    prepared(origin, before)
    first = origin.agent().ledger.app(APP)
    was_serving = first.serving if first else None
    whole = crashed(origin.copy_to(folder / "whole"), found, None)
    assert len(whole.passed) > 15
    for at, where in list(enumerate(whole.passed))[int(is_rebooted) :: 1 + int(is_rebooted)]:
        place = f"{case}: crash at {at}, {where}"
        here = origin.copy_to(folder / str(at))
        crashed(here, found, at)
        if is_rebooted:
            here.docker.reboot()
            if here.edge.is_running:
                here.edge.restart()
        server = here.agent()
        recover(server)
        assert broken_promises(here, server) == [], place
        deployment = server.ledger.deployment("crashed")
        if deployment and deployment.state == "succeeded":
            assert deployment.error is None, place
            assert serving(server) == deployment.release, place
        elif not isinstance(found, RemoveOrder):
            assert serving(server) == was_serving, place
            assert deployment is None or deployment.error is not None, place
        last = carry_out(server, here.order("three", manifest(**PUBLISHED)), "next")
        assert last.state == "succeeded", (place, last.error)
        assert broken_promises(here, server) == [], place
        server.ledger.close()
        shutil.rmtree(here.folder)


def test_what_the_engine_itself_starts_after_a_power_cut_serves_until_the_agent_is_there(
    machine: FakeMachine, folder: Path
) -> None:
    """Without any agent: the old release while the new one was not committed, and never nothing but at the commit."""
    origin = machine.copy_to(folder / "origin")
    prepared(origin, [("one", PUBLISHED)])
    whole = crashed(origin.copy_to(folder / "whole"), ("two", PUBLISHED), None)
    commit = whole.passed.index("after commit")
    for at, where in enumerate(whole.passed):
        here = origin.copy_to(folder / str(at))
        crashed(here, ("two", PUBLISHED), at)
        here.docker.reboot()
        up = {name for name, found in here.docker.by_name.items() if found.is_up and ".web." in name}
        assert len(up) == 1, (at, where)
        if at < commit:
            assert up == {f"ferryman.{APP}.web.1"}, (at, where)
        shutil.rmtree(here.folder)


def test_what_the_engine_started_for_a_committed_release_gets_its_grace(machine: FakeMachine, folder: Path) -> None:
    prepared(machine, [("one", PUBLISHED)])
    whole = crashed(machine.copy_to(folder / "whole"), ("two", PUBLISHED), None)
    crashed(machine, ("two", PUBLISHED), whole.passed.index("after commit"))
    machine.docker.reboot()
    machine.docker.calls.clear()
    server = machine.agent()
    recover(server)
    assert f"stop ferryman.{APP}.web.1 within 10 s" in machine.docker.calls
    assert broken_promises(machine, server) == []


def test_the_way_back_and_the_way_forward_may_be_interrupted_themselves(machine: FakeMachine, folder: Path) -> None:
    origin = machine.copy_to(folder / "origin")
    prepared(origin, [("neighbour", NEIGHBOUR), ("one", WITHOUT)])
    whole = crashed(origin.copy_to(folder / "whole"), ("two", PUBLISHED), None)
    commit = whole.passed.index("after commit")
    stop = max(at for at, where in enumerate(whole.passed[:commit]) if where == "after stop")
    for name, moment in (("back", stop), ("forward", commit)):
        there = origin.copy_to(folder / name)
        crashed(there, ("two", PUBLISHED), moment)
        point = CrashPoint()
        recover(there.copy_to(folder / f"{name} whole").agent(point))
        for at, where in enumerate(point.passed):
            here = there.copy_to(folder / f"{name} {at}")
            server = here.agent(CrashPoint(at))
            with pytest.raises(Crash):
                recover(server)
            server.ledger.close()
            server = here.agent()
            recover(server)
            assert broken_promises(here, server) == [], (name, where)
            server.ledger.close()
            shutil.rmtree(here.folder)
