"""Scheduled commands: begun at their time, never twice, watched to their end by whichever agent runs."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ferryman_agent.doctor.findings import traces
from ferryman_agent.engine import Endpoint, Keep
from ferryman_agent.host import Host
from ferryman_agent.ledger import Run
from ferryman_agent.schedules import Scheduler
from ferryman_agent.testing import (
    Behaviour,
    FakeMachine,
    broken_promises,
    carry_out,
    manifest,
    refuse,
)
from ferryman_agent.transaction.keeping.reconciliation import settle
from ferryman_agent.transaction.orders import RemoveOrder, RollbackOrder, StartOrder, StopOrder

APP = "shop.production"
SWEEP = {"cron": "0 * * * *", "command": ["sweep"], "time_limit": 90.0, "stop_grace": 4.0}
NAME = f"ferryman.{APP}.sweep.run.1"


def with_sweep(**changed: Any) -> dict[str, Any]:
    return manifest(schedules={"sweep": {**SWEEP, **changed}}, volumes={"media": "/app/media"})


def behaves(machine: FakeMachine, word: str = "one", **behaviour: Any) -> None:
    """Its image behaves so from now on; without `exits` a run goes on until it is stopped."""
    reference = next(name for name in machine.docker.registry if name.endswith(f"{word.encode().hex():0>64}"))
    found = Behaviour(migrations=["shop.0001"], **behaviour)
    machine.docker.registry[reference] = machine.docker.images_here[reference] = found


class Later:
    """Keeps what a scheduler begins, until the test lets it go on."""

    def __init__(self) -> None:
        self.acts: list[Callable[[], None]] = []

    def __call__(self, act: Callable[[], None]) -> None:
        self.acts.append(act)

    def go_on(self) -> None:
        while self.acts:
            self.acts.pop(0)()


@pytest.fixture
def server(machine: FakeMachine) -> Host:
    """An agent whose app serves release 1, with a schedule that succeeds."""
    behaves(machine, exits={"sweep": 0}, log="swept\n")
    made = machine.agent()
    assert carry_out(made, machine.order("one", with_sweep()), "one").state == "succeeded"
    return made


def at_once(act: Callable[[], None]) -> None:
    act()


def runs(server: Host) -> list[Run]:
    return server.ledger.runs(APP, "sweep")


def run_once(server: Host) -> Run:
    assert Scheduler(server, at_once).begin(APP, "sweep", by_hand=True)
    return runs(server)[0]


def pass_hours(machine: FakeMachine, scheduler: Scheduler, hours: int) -> None:
    scheduler.look()
    for _ in range(hours * 120):
        machine.stopwatch.wait(30)
        scheduler.look()


def own_containers(machine: FakeMachine) -> set[str]:
    return {found.name for found in machine.docker.workloads({"ferryman.schedule": ""})}


# -- a run


def test_a_run_has_the_serving_releases_image_environment_and_fences(machine: FakeMachine, server: Host) -> None:
    later = Later()
    behaves(machine)
    execution = Scheduler(server, later).begin(APP, "sweep", by_hand=False)
    assert execution is not None
    machine.docker.exit = lambda *_: None  # type: ignore[method-assign]
    machine.docker.wait = refuse  # type: ignore[method-assign]
    machine.stopwatch.wait = refuse  # type: ignore[method-assign]
    with pytest.raises(Exception, match="not now"):
        later.go_on()
    found, web = machine.docker.by_name[NAME], machine.docker.by_name[f"ferryman.{APP}.web.1"]
    assert (found.workload.command, found.workload.stop_grace) == (("sweep",), 4.0)
    assert found.workload.labels["ferryman.schedule"] == "sweep"
    shared = ("image", "environment", "limits", "capabilities", "is_read_only", "tmpfs", "volumes")
    assert all(getattr(found.workload, name) == getattr(web.workload, name) for name in shared)
    assert found.workload.endpoint == Endpoint(f"ferryman.{APP}", None, "")
    assert (found.keep, found.address) == (Keep.NO, None)


def test_what_came_of_a_run_is_kept_and_its_container_goes(machine: FakeMachine, server: Host) -> None:
    run = run_once(server)
    assert (run.number, run.release, run.by_hand, run.state, run.exit_code) == (1, 1, True, "succeeded", 0)
    assert (run.seconds, run.skipped, run.log) == (0.0, 0, [])
    assert own_containers(machine) == set()
    kept = machine.folder / "apps" / APP / "runs" / "sweep.log"
    assert kept.read_text() == "swept\n"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "schedule.failed" not in {event["kind"] for event in server.ledger.outbox(1000)}


def test_a_run_that_fails_keeps_its_last_lines_and_is_reported_without_them(machine: FakeMachine, server: Host) -> None:
    behaves(machine, exits={"sweep": 3}, log="".join(f"line {n}\n" for n in range(40)))
    run = run_once(server)
    assert (run.state, run.exit_code, run.log) == ("failed", 3, [f"line {n}" for n in range(15, 40)])
    report = server.ledger.outbox(1000)[-1]
    assert (report["kind"], report["app"], report["environment"]) == ("schedule.failed", "shop", "production")
    data = {"schedule": "sweep", "outcome": "failed", "release": 1, "exit_code": 3, "seconds": 0.0}
    assert report["data"] == data


def test_at_its_time_limit_it_is_stopped_within_its_grace(machine: FakeMachine, server: Host) -> None:
    behaves(machine)
    began = machine.stopwatch.now
    run = run_once(server)
    assert (run.state, run.exit_code) == ("timed-out", 143)
    assert 90 < machine.stopwatch.now - began < 95
    assert run.seconds is not None
    assert 90 < run.seconds < 95
    assert f"stop {NAME} within 4 s" in machine.docker.calls


def test_a_run_that_cannot_start_is_told(machine: FakeMachine, server: Host) -> None:
    machine.docker.create = refuse  # type: ignore[method-assign]
    run = run_once(server)
    assert (run.state, run.exit_code, run.log) == ("failed", None, ["it could not be started: not now"])


def test_a_container_that_somebody_removes_is_a_lost_run(machine: FakeMachine, server: Host) -> None:
    behaves(machine)

    def wait(workload: str, limit: float) -> int | None:
        machine.docker.remove(workload)
        return original(workload, limit)

    original = machine.docker.wait
    machine.docker.wait = wait  # type: ignore[method-assign]
    assert run_once(server).state == "lost"


def test_fifty_runs_are_kept(server: Host) -> None:
    for _ in range(53):
        run_once(server)
    assert [run.number for run in runs(server)] == list(range(53, 3, -1))


# -- its time


def test_it_runs_at_each_time_and_never_twice(machine: FakeMachine, server: Host) -> None:
    scheduler = Scheduler(server, at_once)
    pass_hours(machine, scheduler, 3)
    assert [run.state for run in runs(server)] == ["succeeded"] * 3
    assert not any(run.by_hand for run in runs(server))


def test_a_time_that_comes_while_a_run_is_under_way_is_skipped_and_counted(machine: FakeMachine, server: Host) -> None:
    later = Later()
    scheduler = Scheduler(server, later)
    pass_hours(machine, scheduler, 4)
    (run,) = runs(server)
    assert (run.state, run.skipped) == ("running", 3)
    assert scheduler.begin(APP, "sweep", by_hand=True) is None
    later.go_on()
    (run,) = runs(server)
    assert (run.state, run.skipped) == ("succeeded", 3)


def test_what_passed_while_the_agent_was_away_is_not_made_up_for(machine: FakeMachine, server: Host) -> None:
    pass_hours(machine, Scheduler(server, at_once), 1)
    machine.stopwatch.wait(10 * 3600)
    pass_hours(machine, Scheduler(server, at_once), 1)
    assert len(runs(server)) == 2


def test_a_stopped_app_has_no_runs_until_it_is_started(machine: FakeMachine, server: Host) -> None:
    scheduler = Scheduler(server, at_once)
    carry_out(server, StopOrder(APP, database=False), "stop")
    pass_hours(machine, scheduler, 2)
    assert runs(server) == []
    assert scheduler.begin(APP, "sweep", by_hand=True) is None
    carry_out(server, StartOrder(APP), "start")
    pass_hours(machine, scheduler, 2)
    assert len(runs(server)) == 2


def test_a_rollback_brings_the_schedules_of_its_release(machine: FakeMachine, server: Host) -> None:
    carry_out(server, machine.order("two"), "two")
    scheduler = Scheduler(server, at_once)
    pass_hours(machine, scheduler, 2)
    assert runs(server) == []
    carry_out(server, RollbackOrder(APP, 1, None), "back")
    pass_hours(machine, scheduler, 2)
    assert [run.release for run in runs(server)] == [1, 1]


def test_the_thread_waits_for_the_next_time_and_looks_for_new_ones(machine: FakeMachine, server: Host) -> None:
    scheduler = Scheduler(server, at_once)
    assert scheduler._pause() == 10.0
    machine.stopwatch.now = 3595.5
    scheduler.look()
    assert scheduler._pause() == 4.5


def test_what_is_due_waits_without_a_spin_while_the_ledger_can_not_be_read(machine: FakeMachine, server: Host) -> None:
    scheduler = Scheduler(server, at_once)
    assert scheduler.duty.turn() == 10.0
    machine.stopwatch.wait(3600)  # one is due
    apps, server.ledger.apps = server.ledger.apps, refuse  # type: ignore[method-assign]
    assert [scheduler.duty.turn() for _ in range(5)] == [1.0, 2.0, 4.0, 8.0, 10.0]
    server.ledger.apps = apps  # type: ignore[method-assign]
    assert scheduler.duty.turn() == 10.0
    assert [run.number for run in server.ledger.runs(APP, "sweep")] == [1]


# -- beside everything else


def test_a_deploy_leaves_a_run_alone_and_retention_its_image(machine: FakeMachine, server: Host) -> None:
    later = Later()
    scheduler = Scheduler(server, later)
    behaves(machine)
    scheduler.begin(APP, "sweep", by_hand=False)
    image = next(name for name in machine.docker.images_here if name.startswith("acme/shop@"))
    started: list[str] = []

    def wait(workload: str, limit: float) -> int | None:
        """While it runs, two deploys push its release out of retention."""
        if not started:
            started.append(workload)
            for word in ("two", "three"):
                content = with_sweep()
                content["retain"] = 1
                assert carry_out(server, machine.order(word, content), word).state == "succeeded"
                app = server.ledger.app(APP)
                assert app is not None
                configured = machine.edge.configured
                settle(server, app)
                assert machine.edge.configured is configured, "a run is no reason to do anything"
            assert machine.docker.by_name[NAME].is_up
            assert image in machine.docker.images_here
            assert broken_promises(machine, server) == []
            machine.docker.exit(workload, 0)
        return original(workload, limit)

    original = machine.docker.wait
    machine.docker.wait = wait  # type: ignore[method-assign]
    later.go_on()
    assert (runs(server)[0].state, runs(server)[0].release) == ("succeeded", 1)
    machine.docker.wait = original  # type: ignore[method-assign]
    content = with_sweep(time_limit=91.0)
    content["retain"] = 1
    carry_out(server, machine.order("three", content), "later")
    assert image not in machine.docker.images_here


@pytest.mark.parametrize("order", [StopOrder(APP, database=False), RemoveOrder(APP, with_data=True)])
def test_a_stop_or_removal_ends_what_runs(machine: FakeMachine, server: Host, order: Any) -> None:
    later = Later()
    behaves(machine)
    Scheduler(server, later).begin(APP, "sweep", by_hand=False)
    before = machine.docker.wait

    def wait(workload: str, limit: float) -> int | None:
        machine.docker.wait = before  # type: ignore[method-assign]
        try:
            carry_out(server, order, "end")
        except LookupError:
            return None
        return before(workload, limit)

    machine.docker.wait = wait  # type: ignore[method-assign]
    later.go_on()
    assert own_containers(machine) == set()
    assert f"stop {NAME} within 4 s" in machine.docker.calls
    if isinstance(order, StopOrder):
        assert (runs(server)[0].state, runs(server)[0].exit_code) == ("stopped", 143)
        assert broken_promises(machine, server) == []
    assert server.ledger.unfinished_runs() == []


def test_a_run_that_ends_after_its_app_was_removed_leaves_no_folder(
    machine: FakeMachine, server: Host, folder: Path
) -> None:
    later = Later()
    behaves(machine)
    Scheduler(server, later).begin(APP, "sweep", by_hand=False)
    before = machine.docker.wait

    def wait(workload: str, limit: float) -> int | None:
        with contextlib.suppress(LookupError):
            carry_out(server, RemoveOrder(APP, with_data=True), "end")
        machine.docker.wait = before  # type: ignore[method-assign]
        return 143

    machine.docker.wait = wait  # type: ignore[method-assign]
    later.go_on()
    assert traces(machine.docker, folder) == []  # or the agent would not start on a server without an app


def test_a_run_whose_app_is_removed_during_its_pull_makes_no_secrets(
    machine: FakeMachine, server: Host, folder: Path
) -> None:
    later, pull = Later(), server.images.pull_release
    Scheduler(server, later).begin(APP, "sweep", by_hand=False)

    def slow(*values: Any) -> bool:
        pulled = pull(*values)
        with contextlib.suppress(LookupError):
            carry_out(server, RemoveOrder(APP, with_data=True), "end")
        return pulled

    server.images.pull_release = slow  # type: ignore[method-assign,assignment]
    later.go_on()
    assert traces(machine.docker, folder) == []


def test_a_run_that_starts_just_as_its_app_stops_is_stopped(machine: FakeMachine, server: Host) -> None:
    later = Later()
    behaves(machine)
    Scheduler(server, later).begin(APP, "sweep", by_hand=False)
    carry_out(server, StopOrder(APP, database=False), "stop")
    later.go_on()
    assert (runs(server)[0].state, own_containers(machine)) == ("stopped", set())


def test_a_full_disk_keeps_the_outcome_until_there_is_space(machine: FakeMachine, server: Host) -> None:
    finish, tries = server.ledger.finish_run, []

    def full(run: Run, report: dict[str, Any] | None) -> None:
        tries.append(run)
        if len(tries) < 3:
            raise sqlite3.OperationalError("database or disk is full")
        finish(run, report)

    server.ledger.finish_run = full  # type: ignore[method-assign]
    assert run_once(server).state == "succeeded"
    assert len(tries) == 3


def test_a_ledger_that_can_not_be_read_for_a_while_leaves_no_run_without_an_outcome(
    machine: FakeMachine, server: Host
) -> None:
    behaves(machine, exits={"sweep": 3})
    later, app, tries = Later(), server.ledger.app, []
    execution = Scheduler(server, later).begin(APP, "sweep", by_hand=True)
    assert execution is not None

    def unreadable(app_id: str) -> Any:
        tries.append(app_id)
        if len(tries) in (4, 5):
            raise sqlite3.OperationalError("disk I/O error")
        return app(app_id)

    server.ledger.app = unreadable  # type: ignore[method-assign]
    later.go_on()
    assert execution.ended.is_set()
    assert (runs(server)[0].state, len(tries) > 5) == ("failed", True)
