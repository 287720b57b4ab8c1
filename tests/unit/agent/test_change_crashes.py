"""The agent dies at each write and effect of a restart, stop, start, maintenance and removal; the next one finishes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from ferryman_agent.host import Host
from ferryman_agent.ledger import App
from ferryman_agent.testing import (
    REDIS,
    Crash,
    CrashPoint,
    FakeMachine,
    Watch,
    broken_promises,
    carry_out,
    interrupted,
    manifest,
    recover,
)
from ferryman_agent.transaction.orders import (
    AccessoryRemoveOrder,
    MaintenanceOrder,
    RemoveOrder,
    RestartOrder,
    StartOrder,
    StopOrder,
)

APP = "shop.production"
RESTART, START, STOP = RestartOrder(APP, None), StartOrder(APP), StopOrder(APP, database=True)
WORKER_ALONE = RestartOrder(APP, "worker")
CLOSE, OPEN = MaintenanceOrder(APP, True, "soon"), MaintenanceOrder(APP, False)
REMOVE, REMOVE_ALL = RemoveOrder(APP, with_data=False), RemoveOrder(APP, with_data=True)
REPLACE, REMOVE_REDIS = RestartOrder(APP, "redis"), AccessoryRemoveOrder(APP, "redis")
NEWER, WITHOUT = {"redis": {**REDIS, "image": "redis:8"}}, dict[str, Any]()  # deploys with these accessories
CASES: dict[str, tuple[list[Any], Any]] = {
    "restart": ([], RESTART),
    "restart of one role": ([], WORKER_ALONE),
    "second restart in maintenance": ([RESTART, CLOSE], RESTART),
    "stop": ([], STOP),
    "start": ([STOP], START),
    "replacement of an accessory": ([], REPLACE),
    "replacement of an accessory by a new definition": ([NEWER], REPLACE),
    "removal of an accessory": ([WITHOUT], REMOVE_REDIS),
    "maintenance on": ([], CLOSE),
    "maintenance off": ([CLOSE], OPEN),
    "removal": ([], REMOVE),
    "removal of a stopped app with its data": ([STOP], REMOVE_ALL),
}


def content(accessories: dict[str, Any] | None = None) -> dict[str, Any]:
    accessories = {"redis": dict(REDIS)} if accessories is None else accessories
    found = manifest(volumes={"media": "/app/media"}, accessories=accessories)
    found["roles"]["worker"] = {"command": ["work"], "stop_grace": 3.0, "overlap": True}
    return found


def prepared(machine: FakeMachine, before: list[Any]) -> None:
    server = machine.agent()
    for number, wanted in enumerate([content()["accessories"], *before]):
        order = machine.order("one", content(wanted)) if isinstance(wanted, dict) else wanted
        assert carry_out(server, order, f"before {number}").state == "succeeded"
    server.ledger.close()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("is_rebooted", [False, True], ids=["the agent crashes", "the server crashes"])
def test_after_a_crash_at_any_point_it_is_as_before_or_done(
    machine: FakeMachine, folder: Path, case: str, is_rebooted: bool
) -> None:
    before, order = CASES[case]
    origin = machine.copy_to(folder / "origin")
    prepared(origin, before)
    first = origin.agent().ledger.app(APP)
    whole = interrupted(origin.copy_to(folder / "whole"), order, None)
    assert len(whole.passed) > 15
    for at, where in enumerate(whole.passed):
        place = f"{case}: crash at {at}, {where}"
        here = origin.copy_to(folder / str(at))
        interrupted(here, order, at)
        if is_rebooted:
            here.docker.reboot()
            here.edge.restart()
        server = here.agent()
        recover(server)
        assert broken_promises(here, server) == [], place
        is_done = whole.passed.index("after commit_change") <= at or is_committed(server, order, first)
        check(server, order, first if not is_done else None, place)
        if isinstance(order, RemoveOrder) and is_done:
            assert here.docker.workloads({"ferryman.app": APP}) == [], place
            assert bool(here.docker.volumes({"ferryman.app": APP})) is not order.with_data, place
        last = carry_out(server, here.order("two", content()), "next")
        assert last.state == "succeeded", (place, last.error)
        assert broken_promises(here, server) == [], place
        server.ledger.close()
        shutil.rmtree(here.folder)


def is_committed(server: Host, order: Any, first: App | None) -> bool:
    """The crash came between the commit and its answer."""
    deployment = server.ledger.deployment("crashed")
    return deployment.state == "succeeded" if deployment else server.ledger.removal_result("crashed") is not None


def check(server: Host, order: Any, unchanged: App | None, place: str) -> None:
    """As before, or done when there is nothing that it must be like."""
    app, deployment = server.ledger.app(APP), server.ledger.deployment("crashed")
    if isinstance(order, RemoveOrder) and not unchanged:
        assert app is None, place
        assert server.ledger.removal_result("crashed") is not None, place
        return
    assert app is not None, place
    assert deployment is None or deployment.state == ("interrupted" if unchanged else "succeeded"), place
    if unchanged:
        assert app == unchanged, place
    elif isinstance(order, MaintenanceOrder):
        assert bool(app.maintenance) is order.is_on, place
    else:
        assert bool(app.stopped) is isinstance(order, StopOrder), place


def test_during_a_restart_and_its_recovery_every_request_finds_a_container(machine: FakeMachine, folder: Path) -> None:
    origin = machine.copy_to(folder / "origin")
    prepared(origin, [])
    whole = interrupted(origin.copy_to(folder / "whole"), RESTART, None)
    for at, where in enumerate(whole.passed):
        here = origin.copy_to(folder / str(at))
        interrupted(here, RESTART, at)
        watch = Watch(here)
        server = here.agent(watch)
        recover(server)
        assert watch.outages == [], (at, where)
        server.ledger.close()
        shutil.rmtree(here.folder)


def test_the_recovery_of_a_removal_may_itself_be_interrupted(machine: FakeMachine, folder: Path) -> None:
    origin = machine.copy_to(folder / "origin")
    prepared(origin, [])
    whole = interrupted(origin.copy_to(folder / "whole"), REMOVE, None)
    interrupted(origin, REMOVE, whole.passed.index("after commit_change"))
    point = CrashPoint()
    recover(origin.copy_to(folder / "recovery").agent(point))
    for at, where in enumerate(point.passed):
        here = origin.copy_to(folder / str(at))
        server = here.agent(CrashPoint(at))
        with pytest.raises(Crash):
            recover(server)
        server.ledger.close()
        server = here.agent()
        recover(server)
        assert (server.ledger.app(APP), broken_promises(here, server)) == (None, []), where
        assert server.ledger.removal_result("crashed") is not None, where
        server.ledger.close()
