"""The strategy recreate: one container on the host's port, the old one back when the new one fails, the gap told."""

from __future__ import annotations

import errno
import sqlite3
from typing import Any

import pytest

from ferryman_agent.edge import Route
from ferryman_agent.engine import Keep
from ferryman_agent.errors import BadRequest
from ferryman_agent.host import Host
from ferryman_agent.host.probe import Answer
from ferryman_agent.ledger import Deployment
from ferryman_agent.manifest import parse_manifest
from ferryman_agent.testing import (
    Behaviour,
    Crash,
    CrashPoint,
    FakeMachine,
    begin,
    broken_promises,
    carry_out,
    conduct,
    manifest,
    recover,
    refuse,
)
from ferryman_agent.transaction.keeping.reconciliation import settle
from ferryman_agent.transaction.orders import MaintenanceOrder, RestartOrder, RollbackOrder, StartOrder, StopOrder

APP = "shop.production"
WEB = f"ferryman.{APP}.web"
BACK = RollbackOrder(APP, None, None)
WARMING = [*[Answer(503, "warming up")] * 20, Answer(200)]


def published(**changed: Any) -> dict[str, Any]:
    return manifest(strategy="recreate", **changed)


@pytest.fixture
def server(machine: FakeMachine) -> Host:
    """An agent whose app serves release 1, published by Docker."""
    made = machine.agent()
    assert carry_out(made, machine.order("one", published()), "one").state == "succeeded"
    return made


@pytest.fixture
def neighbour(machine: FakeMachine, server: Host) -> None:
    """Another app behind the edge."""
    machine.publish("blog", Behaviour(), image="acme/blog")
    content = manifest(app="blog", domain="blog.example.com", image="acme/blog")
    assert carry_out(server, machine.order("blog", content), "blog").state == "succeeded"


def steps(server: Host, deployment: Deployment) -> dict[str, tuple[str, str]]:
    """Step → its outcome and detail."""
    events = server.ledger.events(deployment.id)
    return {e["step"]: (e["state"], e["detail"]) for e in events if e["kind"] == "step" and e["state"] != "started"}


def look_after(server: Host) -> None:
    app = server.ledger.app(APP)
    assert app is not None
    settle(server, app)


def test_a_first_deploy_publishes_the_port_and_needs_no_edge(machine: FakeMachine) -> None:
    server = machine.agent()
    content = published()
    content["roles"]["web"]["port"] = 9000
    first = carry_out(server, machine.order("one", content), "one")
    assert machine.docker.by_name[f"{WEB}.1"].workload.published == {8000: 9000}
    assert (machine.edge.is_running, machine.edge.restarts) == (False, 0)
    assert machine.docker.images_here.keys() == {order_reference(machine, "one"), "postgres:17"}
    assert (first.state, first.downtime) == ("succeeded", None)
    assert steps(server, first)["stop old"] == ("skipped", "nothing runs")
    assert broken_promises(machine, server) == []


def order_reference(machine: FakeMachine, word: str) -> str:
    return f"acme/shop@{machine.order(word).digest}"


def test_the_old_container_stops_before_the_new_one_starts_and_goes_after_the_commit(
    machine: FakeMachine, server: Host
) -> None:
    machine.publish("two", Behaviour(answers=list(WARMING)))
    second = carry_out(server, machine.order("two", published()), "two")
    told = [call for call in machine.docker.calls if ".web." in call]
    assert told[1:3] == [f"stop {WEB}.1 within 10 s", f"start {WEB}.2"]
    names = list(steps(server, second))
    assert names[2:] == ["pull", "database", "stop old", "start web", "healthy", "commit", "remove old", "retain"]
    assert second.downtime == 1.0
    assert steps(server, second)["healthy"] == ("done", "down for 1.0 s")
    finished = server.ledger.events(second.id)[-1]
    assert (finished["outcome"], finished["downtime"]) == ("succeeded", 1.0)
    assert server.ledger.outbox(10_000)[-1]["data"]["downtime"] == 1.0
    assert broken_promises(machine, server) == []


FAILURES = {
    "exits": (Behaviour(exits={"web": 3}), "container-exited"),
    "answers 500": (Behaviour(answers=[Answer(500, "oops")]), "unhealthy"),
    "does not listen": (Behaviour(answers=[]), "unhealthy"),
}


@pytest.mark.parametrize("case", FAILURES)
@pytest.mark.parametrize("to", ["recreate", "from the edge"])
def test_a_release_that_fails_brings_the_old_one_back_and_tells_the_downtime(
    machine: FakeMachine, server: Host, neighbour: None, case: str, to: str
) -> None:
    behaviour, code = FAILURES[case]
    if to == "from the edge":
        assert carry_out(server, machine.order("one", manifest()), "edge").state == "succeeded"
    machine.publish("bad", behaviour)
    restarts = machine.edge.restarts
    app = server.ledger.app(APP)
    assert app is not None
    failed = carry_out(server, machine.order("bad", published()), "bad")
    assert failed.error is not None
    assert failed.error["code"] == code
    assert failed.downtime is not None
    assert failed.error["details"]["downtime"] == failed.downtime
    number = app.serving
    assert failed.error["state"] == f"release {number} serves again, it was down for {failed.downtime:.1f} s"
    assert steps(server, failed)["start old"] == ("done", f"down for {failed.downtime:.1f} s")
    assert server.ledger.app(APP) == app
    assert machine.edge.restarts == restarts, "the neighbour's clients keep their connections"
    assert broken_promises(machine, server) == []


def test_a_cancel_brings_the_old_one_back(machine: FakeMachine, server: Host) -> None:
    machine.publish("two", Behaviour(answers=[Answer(503)]))
    run = begin(server, machine.order("two", published()), "two")
    probe = machine.docker.probe

    def cancelling(*arguments: Any) -> Answer:
        run.journal.cancel()
        return probe(*arguments)

    server.probe = cancelling
    conduct(run)
    cancelled = server.ledger.deployment("two")
    assert cancelled is not None
    assert (cancelled.state, server.ledger.app(APP).serving) == ("cancelled", 1)  # type: ignore[union-attr]
    assert broken_promises(machine, server) == []


def test_an_agent_that_died_in_the_gap_tells_at_most_how_long_it_was(machine: FakeMachine, server: Host) -> None:
    point = CrashPoint()
    carry_out(machine.copy_to(machine.folder / "whole").agent(point), machine.order("two", published()), "two")
    at = max(n for n, where in enumerate(point.passed[: point.passed.index("after commit")]) if where == "after stop")
    with pytest.raises(Crash):
        carry_out(machine.agent(CrashPoint(at)), machine.order("two", published()), "two")
    recover(server)
    interrupted = server.ledger.deployment("two")
    assert interrupted is not None
    assert interrupted.error is not None
    assert interrupted.downtime is not None
    told = f"release 1 serves again, it was down for at most {interrupted.downtime:.1f} s"
    assert interrupted.error["state"] == f"{told}; these migrations stay applied: shop.0002"
    assert interrupted.error["details"]["downtime"] == interrupted.downtime
    assert broken_promises(machine, server) == []


def test_an_old_one_that_does_not_come_back_is_told_and_tried_again(
    machine: FakeMachine, server: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.publish("bad", Behaviour(exits={"web": 3}))
    start = machine.docker.start
    with monkeypatch.context() as patch:
        patch.setattr(machine.docker, "start", lambda name: (refuse if name == f"{WEB}.1" else start)(name))
        failed = carry_out(server, machine.order("bad", published()), "bad")
    assert failed.error is not None
    assert failed.error["state"] == "release 1 does not answer again yet; the agent tries every half a minute"
    assert "downtime" not in failed.error["details"]
    look_after(server)
    assert broken_promises(machine, server) == []


@pytest.fixture
def interrupted_gap(machine: FakeMachine, server: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    """The engine went away as the old container was to stop: it runs on, and would return after a reboot."""
    with monkeypatch.context() as patch:

        def go_away(*_: object) -> None:
            patch.setattr(machine.docker, "remove", refuse)
            patch.setattr(machine.docker, "keep", refuse)
            refuse()

        patch.setattr(machine.docker, "stop", go_away)
        assert carry_out(server, machine.order("two", published()), "two").state == "failed"
    found = machine.docker.by_name[f"{WEB}.1"]
    assert (found.is_up, found.keep) == (True, Keep.RETURNING)
    return server


def test_an_old_one_that_never_stopped_gets_its_lasting_policy_again(
    machine: FakeMachine, interrupted_gap: Host
) -> None:
    look_after(interrupted_gap)
    assert broken_promises(machine, interrupted_gap) == []


def test_an_app_that_is_stopped_after_a_failed_deploy_stays_so_over_a_reboot(
    machine: FakeMachine, interrupted_gap: Host
) -> None:
    assert carry_out(interrupted_gap, StopOrder(APP, database=False), "stop").state == "succeeded"
    machine.docker.reboot()
    assert machine.docker.published() == set()
    assert broken_promises(machine, interrupted_gap) == []


def test_the_way_to_the_edge_tells_the_downtime_of_all_its_tries(
    machine: FakeMachine, server: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree, refusals = machine.edge.agree, [OSError(errno.ENOSPC, "full")]

    def at_the_second_try(routes: list[Route]) -> None:
        if [route for route in routes if route.is_known] and refusals:
            raise refusals.pop()
        agree(routes)

    monkeypatch.setattr(machine.edge, "agree", at_the_second_try)
    to_edge = carry_out(server, machine.order("one", manifest()), "edge")
    assert (to_edge.state, refusals) == ("succeeded", [])
    assert to_edge.downtime == 1.0
    assert steps(server, to_edge)["switch"] == ("done", "down for 1.0 s")
    assert broken_promises(machine, server) == []


def test_a_downtime_that_can_not_be_written_at_once_is_written_at_the_end(
    machine: FakeMachine, server: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_downtime, refusals = server.ledger.set_downtime, [sqlite3.OperationalError("database or disk is full")]

    def at_the_second_try(deployment: str, seconds: float) -> None:
        if refusals:
            raise refusals.pop()
        set_downtime(deployment, seconds)

    monkeypatch.setattr(server.ledger, "set_downtime", at_the_second_try)
    assert carry_out(server, machine.order("two", published()), "two").downtime == 0.0


def test_a_deploy_of_a_stopped_app_that_fails_leaves_it_stopped(machine: FakeMachine, server: Host) -> None:
    carry_out(server, StopOrder(APP, database=True), "stop")
    machine.publish("bad", Behaviour(exits={"web": 3}))
    failed = carry_out(server, machine.order("bad", published()), "bad")
    assert failed.error is not None
    assert (failed.error["state"], failed.downtime) == (f"{APP} stays stopped", None)
    assert broken_promises(machine, server) == []
    assert carry_out(server, machine.order("two", published()), "two").downtime is None
    assert broken_promises(machine, server) == []


def test_a_switch_of_strategy_keeps_the_neighbours_edge_and_can_be_rolled_back(
    machine: FakeMachine, server: Host, neighbour: None
) -> None:
    machine.publish("two", Behaviour(answers=list(WARMING)))
    to_edge = carry_out(server, machine.order("one", manifest()), "edge")
    assert (to_edge.state, steps(server, to_edge)["switch"]) == ("succeeded", ("done", "down for 0.0 s"))
    assert broken_promises(machine, server) == []
    restarts = machine.edge.restarts
    from_edge = carry_out(server, machine.order("two", published()), "two")
    assert (from_edge.state, from_edge.downtime) == ("succeeded", 1.0)
    assert (machine.edge.ports(), machine.edge.targets("blog.example.com") != []) == (set(), True)
    assert broken_promises(machine, server) == []
    assert carry_out(server, BACK, "back").state == "succeeded"
    assert broken_promises(machine, server) == []
    assert machine.edge.restarts == restarts
    assert carry_out(server, BACK, "not forward").state == "succeeded"


def test_the_edge_goes_with_the_last_app_that_needs_it(machine: FakeMachine) -> None:
    server = machine.agent()
    carry_out(server, machine.order("one"), "one")
    assert machine.edge.is_running
    assert carry_out(server, machine.order("two", published()), "two").state == "succeeded"
    assert not machine.edge.is_running
    look_after(server)
    assert not machine.edge.is_running
    assert broken_promises(machine, server) == []


def test_a_port_that_something_else_has_is_refused_before_anything_stops(machine: FakeMachine) -> None:
    server = machine.agent()
    named = manifest(domain="shop.example.com")
    carry_out(server, machine.order("one", named), "one")
    machine.docker.foreign_ports.add(8000)
    machine.docker.calls.clear()
    refused = carry_out(server, machine.order("two", published()), "two")
    assert refused.error is not None
    assert (refused.error["code"], refused.error["exit"]) == ("port-taken", 3)
    assert refused.error["state"] == "release 1 goes on serving; nothing was changed"
    assert machine.docker.calls == []
    assert broken_promises(machine, server) == []


def test_an_edge_that_still_has_the_port_for_an_app_that_failed_gives_it_up(machine: FakeMachine) -> None:
    server = machine.agent()
    machine.publish("bad", Behaviour(exits={"web": 3}))
    carry_out(server, machine.order("bad"), "bad")
    assert machine.edge.ports() == {8000}
    assert carry_out(server, machine.order("one", published()), "one").state == "succeeded"
    assert broken_promises(machine, server) == []


def test_maintenance_is_refused_for_it_and_it_for_an_app_in_maintenance(machine: FakeMachine, server: Host) -> None:
    refused = carry_out(server, MaintenanceOrder(APP, True), "close")
    assert refused.error is not None
    assert refused.error["code"] == "edge-needed"
    assert carry_out(server, MaintenanceOrder(APP, False), "open").state == "unchanged"
    carry_out(server, machine.order("one", manifest()), "edge")
    carry_out(server, MaintenanceOrder(APP, True), "close it")
    again = carry_out(server, machine.order("two", published()), "two")
    assert again.error is not None
    assert (again.error["code"], again.error["hint"]) == ("edge-needed", "ferryman maintenance off --to production")
    assert broken_promises(machine, server) == []


def test_restart_stop_start_and_repair_work_without_the_edge(machine: FakeMachine, server: Host) -> None:
    machine.edge.is_broken = True  # it is not even asked
    restarted = carry_out(server, RestartOrder(APP, None), "restart")
    assert (restarted.state, restarted.downtime) == ("succeeded", 0.0)
    stopped = carry_out(server, StopOrder(APP, database=False), "stop")
    assert list(steps(server, stopped)) == ["preflight", "commit", "stop"]
    look_after(server)
    assert broken_promises(machine, server) == []
    assert carry_out(server, StartOrder(APP), "start").downtime is None
    machine.docker.remove(f"{WEB}.1.2")
    look_after(server)
    assert broken_promises(machine, server) == []


def test_old_and_new_need_not_fit_into_memory_together(machine: FakeMachine, server: Host) -> None:
    machine.docker.memory_used, machine.free_memory = 160 << 20, 50 << 20
    refused = carry_out(server, machine.order("two", manifest()), "two")
    assert refused.error is not None
    assert refused.error["code"] == "memory-short"
    assert carry_out(server, machine.order("two", published()), "again").state == "succeeded"
    machine.free_memory = 30 << 20
    refused = carry_out(server, machine.order("one", published()), "short")
    assert refused.error is not None
    assert "needs 40 MiB: 40 MiB for the new web container, in the old one's place" in refused.error["message"]


def test_a_domain_and_an_unknown_strategy_are_refused() -> None:
    with pytest.raises(BadRequest, match="domain: the strategy recreate has no edge"):
        parse_manifest(published(domain="shop.example.com"))
    with pytest.raises(BadRequest, match="strategy: this agent knows blue-green and recreate"):
        parse_manifest(manifest(strategy="canary"))
