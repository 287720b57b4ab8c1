"""A scheduled command whose agent or server dies at any point: one result, never begun twice."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ferryman_agent.host import Host
from ferryman_agent.ledger import Run
from ferryman_agent.schedules import Scheduler
from ferryman_agent.schedules.execution import Execution
from ferryman_agent.testing import (
    Behaviour,
    Crash,
    CrashPoint,
    FakeMachine,
    broken_promises,
    carry_out,
    digest,
    manifest,
    recover,
)

APP = "shop.production"
NAME = f"ferryman.{APP}.sweep.run.1"
IMAGE = f"acme/shop@{digest('one')}"


def deployed(machine: FakeMachine) -> Host:
    """An agent whose app serves release 1, with a schedule."""
    sweep = {"cron": "0 * * * *", "command": ["sweep"], "time_limit": 90.0, "stop_grace": 4.0}
    made = machine.agent()
    content = manifest(schedules={"sweep": sweep}, volumes={"media": "/app/media"})
    assert carry_out(made, machine.order("one", content), "one").state == "succeeded"
    return made


def runs(server: Host) -> list[Run]:
    return server.ledger.runs(APP, "sweep")


def at_once(act: Callable[[], None]) -> None:
    act()


def begin(server: Host) -> None:
    """Record a run that a thread is about to carry out."""
    assert server.ledger.begin_run(APP, "sweep", by_hand=False)


def own_containers(machine: FakeMachine) -> set[str]:
    return {found.name for found in machine.docker.workloads({"ferryman.schedule": ""})}


@pytest.mark.parametrize("is_rebooted", [False, True], ids=["the agent crashes", "the server crashes"])
@pytest.mark.parametrize("code", [0, 3])
def test_after_a_crash_at_any_point_the_next_agent_has_one_result(
    machine: FakeMachine, folder: Path, is_rebooted: bool, code: int
) -> None:
    origin = machine.copy_to(folder / "origin")
    origin.docker.registry[IMAGE] = Behaviour(migrations=["shop.0001"], exits={"sweep": code}, log="line\n")
    deployed(origin).ledger.close()
    whole = crashed(origin.copy_to(folder / "whole"), None)
    assert len(whole.passed) >= 8
    for at, where in enumerate(whole.passed):
        here = origin.copy_to(folder / str(at))
        crashed(here, at)
        if is_rebooted:
            here.docker.reboot()
            here.edge.restart()
        server = here.agent()
        recover(server)
        Scheduler(server, at_once).adopt()
        assert server.ledger.unfinished_runs() == [], where
        assert own_containers(here) == set(), where
        assert broken_promises(here, server) == [], where
        starts = [call for call in here.docker.calls if call == f"start {NAME}"]
        states = [run.state for run in runs(server)]
        expected = "succeeded" if code == 0 else "failed"
        assert states in ([], ["lost"], [expected]), where
        assert len(starts) <= 1, where
        assert (states == [expected]) is bool(starts), where
        assert Scheduler(server, at_once).begin(APP, "sweep", by_hand=True), where
        assert runs(server)[0].state == expected, where
        server.ledger.close()
        shutil.rmtree(here.folder)


def crashed(machine: FakeMachine, at: int | None) -> CrashPoint:
    point = CrashPoint(at)
    server = machine.agent(point)
    try:
        Scheduler(server, at_once).begin(APP, "sweep", by_hand=False)
    except Crash:
        pass
    finally:
        server.ledger.close()
    return point


def test_a_run_that_still_runs_is_taken_up_with_what_is_left_of_its_time(machine: FakeMachine) -> None:
    server = deployed(machine)
    begin(server)
    crashed_after_start(machine, server)
    machine.stopwatch.wait(60)
    began = machine.stopwatch.now
    next_agent = machine.agent()
    Scheduler(next_agent, at_once).adopt()
    run = runs(next_agent)[0]
    assert run.state == "timed-out"
    assert 30 < machine.stopwatch.now - began < 35
    assert [call for call in machine.docker.calls if call == f"start {NAME}"] == [f"start {NAME}"]


def crashed_after_start(machine: FakeMachine, server: Host) -> None:
    """The agent dies once the container of the run that is recorded runs."""

    class Dies(BaseException):
        pass

    def die(*_: object, **__: object) -> Any:
        raise Dies

    original = machine.docker.wait
    machine.docker.wait = die  # type: ignore[method-assign]
    with pytest.raises(Dies):
        Execution(server, server.ledger.unfinished_runs()[0]).carry_out()
    machine.docker.wait = original  # type: ignore[method-assign]


def test_a_run_that_a_reboot_ended_has_failed(machine: FakeMachine) -> None:
    server = deployed(machine)
    begin(server)
    crashed_after_start(machine, server)
    machine.docker.reboot()
    next_agent = machine.agent()
    Scheduler(next_agent, at_once).adopt()
    assert (runs(next_agent)[0].state, runs(next_agent)[0].exit_code) == ("failed", 255)
    assert own_containers(machine) == set()
