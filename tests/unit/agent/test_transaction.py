"""Deploys and rollbacks on a machine in memory: what goes wrong, what stays, and what puts it right."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from ferryman_agent.edge.runtime import EdgeError
from ferryman_agent.host import Host
from ferryman_agent.host.probe import Answer
from ferryman_agent.ledger import Deployment
from ferryman_agent.secrets_file import read_secrets
from ferryman_agent.testing import (
    Behaviour,
    FakeMachine,
    broken_promises,
    carry_out,
    digest,
    look_after,
    manifest,
    refuse,
)
from ferryman_agent.transaction.orders import RollbackOrder
from ferryman_agent.transaction.runs.running import RunningTransactions
from ferryman_agent.transaction.steps import preflight

APP = "shop.production"
POSTGRES = f"ferryman.{APP}.postgres"
PREVIOUS = RollbackOrder(APP, None, None)


def serving(server: Host) -> int | None:
    app = server.ledger.app(APP)
    return app.serving if app else None


def error_of(deployment: Deployment) -> dict[str, Any]:
    assert deployment.error is not None
    return deployment.error


def settle(server: Host) -> None:
    look_after(server, RunningTransactions(server))


FAILURES: dict[str, tuple[Behaviour, str, dict[str, Any]]] = {
    "exits": (Behaviour(exits={"web": 3}, log="a\nboom\n"), "container-exited", {"exit_code": 3, "log": ["a", "boom"]}),
    "answers 500": (
        Behaviour(answers=[Answer(500, "oops")]),
        "unhealthy",
        {"http_status": 500, "http_body": "oops", "log": []},
    ),
    "answers 404": (Behaviour(answers=[Answer(404)]), "unhealthy", {"http_status": 404, "http_body": "", "log": []}),
    "is never ready": (
        Behaviour(answers=[Answer(503, "wait")]),
        "unhealthy",
        {"http_status": 503, "http_body": "wait", "log": []},
    ),
    "does not listen": (
        Behaviour(answers=[]),
        "unhealthy",
        {"http_status": None, "http_body": "", "log": []},
    ),
    "can't migrate": (
        Behaviour(migrations=["shop.0002"], exits={"migrate": 1}, log="no\n"),
        "migration-failed",
        {"exit_code": 1, "log": ["no"]},
    ),
    "hangs in its migrations": (
        Behaviour(migrations=["shop.0002"], migrate_hangs=True),
        "migration-timeout",
        {"log": []},
    ),
    "is for another computer": (Behaviour(architecture="arm64"), "wrong-architecture", {}),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_release_that_fails_leaves_the_old_one_serving(machine: FakeMachine, server: Host, case: str) -> None:
    behaviour, code, details = FAILURES[case]
    machine.publish("bad", behaviour)
    began = machine.stopwatch.now
    failed = carry_out(server, machine.order("bad"), "bad")
    error = error_of(failed)
    assert (error["code"], error["details"]) == (code, {**details, "stayed": []})
    assert failed.state == ("refused" if error["exit"] == 3 else "failed")
    assert error["state"] == "release 1 goes on serving"
    assert serving(server) == 1
    assert broken_promises(machine, server) == []
    limit = {"is never ready": 21, "does not listen": 21, "hangs in its migrations": 62}.get(case, 2)
    assert machine.stopwatch.now - began < limit
    assert carry_out(server, machine.order("two"), "two").state == "succeeded"
    assert broken_promises(machine, server) == []


def test_a_failure_lists_the_migrations_that_stayed(machine: FakeMachine, server: Host) -> None:
    machine.publish("bad", Behaviour(migrations=["shop.0001", "shop.0002", "shop.0003"], exits={"web": 1}))
    error = error_of(carry_out(server, machine.order("bad"), "bad"))
    assert error["details"]["stayed"] == ["shop.0002", "shop.0003"]
    assert error["state"].endswith("these migrations stay applied: shop.0002, shop.0003")


def test_many_migrations_that_stayed_do_not_hide_what_else_is_told(machine: FakeMachine, server: Host) -> None:
    known = [f"shop.{number:04}" for number in range(1, 37)]
    machine.publish("bad", Behaviour(migrations=known, exits={"web": 1}))
    error = error_of(carry_out(server, machine.order("bad"), "bad"))
    assert error["details"]["stayed"] == known[1:]
    assert error["state"].endswith("applied: shop.0002, shop.0003, shop.0004, shop.0005, shop.0006 and 30 more")


def test_a_refusal_is_reported_as_a_failure(machine: FakeMachine, server: Host) -> None:
    refused = carry_out(server, machine.order("two", manifest(env={"required": ["TOKEN"], "values": {}})), "two")
    assert refused.state == "refused"
    report = server.ledger.outbox(1000)[-1]
    assert report["kind"] == "deployment.finished"
    assert (report["data"]["outcome"], report["data"]["error"]["code"]) == ("failed", "variable-missing")


def test_a_health_check_that_fails_once_is_asked_again(machine: FakeMachine, server: Host) -> None:
    machine.publish("slow", Behaviour(answers=[Answer(None), Answer(503), Answer(500), Answer(503), Answer(200)]))
    assert carry_out(server, machine.order("slow"), "slow").state == "succeeded"


def test_deploying_what_serves_changes_nothing(machine: FakeMachine, server: Host) -> None:
    before = copy.deepcopy(machine.docker.by_name)
    assert carry_out(server, machine.order("one"), "again").state == "unchanged"
    assert copy.deepcopy(machine.docker.by_name) == before
    machine.docker.exit(f"ferryman.{APP}.web.1", 1)
    machine.docker.stop(f"ferryman.{APP}.web.1", 1)
    assert carry_out(server, machine.order("one"), "broken").state == "succeeded"
    assert serving(server) == 2


def test_a_rollback_goes_to_the_previous_healthy_release(machine: FakeMachine, server: Host) -> None:
    machine.publish("bad", Behaviour(exits={"web": 1}))
    carry_out(server, machine.order("bad"), "bad")
    carry_out(server, machine.order("two"), "two")
    assert carry_out(server, PREVIOUS, "back").release == 1
    assert serving(server) == 1
    assert broken_promises(machine, server) == []
    refused = error_of(carry_out(server, PREVIOUS, "further"))
    assert (refused["code"], refused["exit"]) == ("no-earlier-release", 3)


def test_a_rollback_takes_the_place_of_what_was_left_over(machine: FakeMachine, server: Host) -> None:
    """The old container could not be stopped after the switch; its name is the rollback's."""
    stop, machine.docker.stop = machine.docker.stop, refuse  # type: ignore[method-assign]
    carried = carry_out(server, machine.order("two"), "two")
    machine.docker.stop = stop  # type: ignore[method-assign]
    assert carried.state == "succeeded"
    app = server.ledger.app(APP)
    assert app is not None
    assert app.degraded == "stop old: the Docker Engine refused: not now"
    assert machine.docker.workload(f"ferryman.{APP}.web.1") is not None
    assert carry_out(server, PREVIOUS, "back").state == "succeeded"
    assert broken_promises(machine, server) == []
    assert f"stop ferryman.{APP}.web.1 within 10 s" in machine.docker.calls


def test_a_switch_that_fails_does_not_stop_what_serves(machine: FakeMachine, server: Host) -> None:
    agree, calls = machine.edge.agree, []

    def fails_after_the_first(routes: list[Any]) -> None:
        calls.append(routes)
        if len(calls) > 1:
            raise EdgeError("edge-refused", "the edge refused a command")
        agree(routes)

    machine.edge.agree = fails_after_the_first  # type: ignore[method-assign]
    carried = carry_out(server, machine.order("two"), "two")
    assert (carried.state, serving(server)) == ("succeeded", 2)
    assert machine.edge.targets(None) == ["10.213.1.10:8000"]
    old = machine.docker.workload(f"ferryman.{APP}.web.1")
    assert old is not None
    assert old.is_running
    app = server.ledger.app(APP)
    assert app is not None
    assert app.degraded == "switch: the edge refused a command"
    settle(server)
    assert "the edge refused a command" in str(server.ledger.app(APP))
    machine.edge.agree = agree  # type: ignore[method-assign]
    settle(server)
    assert broken_promises(machine, server) == []


def test_open_requests_are_waited_for_and_cut_at_the_limit(machine: FakeMachine, server: Host) -> None:
    machine.edge.requests[1, "a"] = [3, 2, 1]
    carry_out(server, machine.order("two"), "two")
    assert machine.edge.lanes[1, "a"] == "drain"
    machine.edge.requests[1, "b"] = [1] * 1000
    began = machine.stopwatch.now
    done = carry_out(server, machine.order("three"), "three")
    assert machine.edge.lanes[1, "b"] == "maint"
    assert 5 < machine.stopwatch.now - began < 6
    steps = {event["step"]: event for event in server.ledger.events(done.id) if event["kind"] == "step"}
    assert steps["drain"]["detail"] == "open requests were cut after 5 s"
    assert carry_out(server, machine.order("two"), "again").state == "succeeded"
    assert broken_promises(machine, server) == []


def roles(**commands: dict[str, Any]) -> dict[str, Any]:
    content = manifest()
    content["roles"] |= commands
    return content


WORKER = {"command": ["work"], "stop_grace": 3.0, "overlap": False}


def test_roles_are_replaced_after_the_commit_and_dropped_with_their_release(machine: FakeMachine, server: Host) -> None:
    assert carry_out(server, machine.order("two", roles(worker=WORKER)), "two").state == "succeeded"
    assert carry_out(server, machine.order("three", roles(worker=WORKER, beat=WORKER)), "three").state == "succeeded"
    assert broken_promises(machine, server) == []
    order = [call for call in machine.docker.calls if "worker" in call]
    assert order[-2:] == [f"stop ferryman.{APP}.worker.2 within 3 s", f"start ferryman.{APP}.worker.3"]
    assert carry_out(server, RollbackOrder(APP, 2, None), "back").state == "succeeded"
    assert broken_promises(machine, server) == []
    assert carry_out(server, RollbackOrder(APP, 1, None), "further").state == "succeeded"
    assert broken_promises(machine, server) == []


def test_a_role_that_is_dropped_has_the_grace_of_its_own_release(machine: FakeMachine, server: Host) -> None:
    carry_out(server, machine.order("two", roles(worker={**WORKER, "stop_grace": 300.0})), "two")
    carry_out(server, machine.order("three"), "three")
    assert f"stop ferryman.{APP}.worker.2 within 300 s" in machine.docker.calls
    assert broken_promises(machine, server) == []


def test_a_role_that_overlaps_starts_before_the_old_one_stops(machine: FakeMachine, server: Host) -> None:
    content = roles(worker={**WORKER, "overlap": True})
    carry_out(server, machine.order("two", content), "two")
    carry_out(server, machine.order("three", content), "three")
    order = [call for call in machine.docker.calls if "worker" in call]
    assert order[-2:] == [f"start ferryman.{APP}.worker.3", f"stop ferryman.{APP}.worker.2 within 3 s"]


def test_a_role_that_does_not_stay_up_degrades_until_it_does(machine: FakeMachine, server: Host) -> None:
    machine.publish("two", Behaviour(migrations=["shop.0001"], exits={"worker": 2}, log="no queue\n"))
    carried = carry_out(server, machine.order("two", roles(worker=WORKER)), "two")
    assert carried.state == "succeeded"
    app = server.ledger.app(APP)
    assert app is not None
    assert app.degraded == "worker does not stay up: no queue"
    settle(server)  # it has restarted, and runs since
    assert broken_promises(machine, server) == []


# -- edge and apps side by side


def test_two_apps_share_the_edge_by_name_and_neither_takes_the_others(machine: FakeMachine, server: Host) -> None:
    machine.publish("other", image="acme/other")
    named = manifest(app="other", image="acme/other", domain="other.example.com", database=None)
    assert carry_out(server, machine.order("other", named), "other").state == "succeeded"
    assert machine.edge.targets("other.example.com") == ["10.213.2.10:8000"]
    assert broken_promises(machine, server) == []
    nameless = manifest(app="third", image="acme/other", database=None)
    error = error_of(carry_out(server, machine.order("other", nameless), "third"))
    assert (error["code"], error["message"]) == (
        "domain-taken",
        "port 8000 (no domain) is served by shop.production",
    )
    assert broken_promises(machine, server) == []


def test_a_domain_that_another_app_took_meanwhile_is_refused_at_the_commit(
    machine: FakeMachine, server: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.publish("other", image="acme/other")
    monkeypatch.setattr(preflight, "check_domain_is_free", lambda *_: None)
    content = manifest(app="other", image="acme/other", database=None)
    assert error_of(carry_out(server, machine.order("other", content), "other"))["code"] == "domain-taken"
    assert broken_promises(machine, server) == []


# -- sequence, disk, registry


def test_an_older_run_is_refused_unless_it_is_allowed(machine: FakeMachine, server: Host) -> None:
    assert carry_out(server, machine.order("two", sequence=7), "two").state == "succeeded"
    refused = error_of(carry_out(server, machine.order("three", sequence=6), "older"))
    assert (refused["code"], refused["exit"]) == ("older-sequence", 3)
    assert carry_out(server, machine.order("three", sequence=6, allow_older=True), "allowed").state == "succeeded"
    assert carry_out(server, machine.order("two", sequence=7), "same").state == "succeeded"


def test_the_registrys_password_is_used_and_never_kept(machine: FakeMachine, server: Host) -> None:
    secret = {"username": "u", "password": "hunter2"}
    assert carry_out(server, machine.order("two", credentials=secret), "two").state == "succeeded"
    assert machine.docker.pulls[-1][1] == {**secret, "serveraddress": "https://index.docker.io/v1/"}
    machine.docker.wrong_password = "hunter2"
    error = error_of(carry_out(server, machine.order("missing", credentials=secret), "missing"))
    assert error["code"] == "registry-login-refused"
    server.ledger.close()
    kept = [path for path in machine.folder.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]
    assert kept == []


def test_no_secret_is_in_an_event_or_a_report(machine: FakeMachine, server: Host) -> None:
    for word, behaviour in (("bad", Behaviour(exits={"web": 1})), ("worse", Behaviour(migrations=["x.1"]))):
        machine.publish(word, behaviour)
        carry_out(server, machine.order(word), word)
    told = json.dumps([server.ledger.outbox(10000), [server.ledger.events(d.id) for d in server.ledger.deployments()]])
    assert not [name for name, secret in read_secrets(machine.folder / "apps" / APP).items() if secret in told]
    assert "DATABASE_URL" not in told


def test_very_long_lines_and_bytes_that_no_database_takes_are_cut_from_logs(machine: FakeMachine, server: Host) -> None:
    machine.publish("bad", Behaviour(exits={"web": 1}, log="x" * 100_000 + "\nnul\0nul\n"))
    error = error_of(carry_out(server, machine.order("bad"), "bad"))
    assert error["details"]["log"] == ["x" * 2000, "nulnul"]


def test_a_failing_retention_does_not_keep_a_deploy_from_its_end(machine: FakeMachine, server: Host) -> None:
    machine.docker.remove_image = refuse  # type: ignore[method-assign]
    assert carry_out(server, machine.order("two", manifest(retain=1)), "two").state == "succeeded"
    assert carry_out(server, machine.order("three", manifest(retain=1)), "three").state == "succeeded"
    assert broken_promises(machine, server) == []


def test_releases_beyond_retention_lose_image_and_folder(machine: FakeMachine, server: Host) -> None:
    kept = machine.folder / "apps" / APP / "releases"
    carry_out(server, machine.order("two", manifest(retain=2)), "two")
    carry_out(server, machine.order("three", manifest(retain=2)), "three")
    assert [r.state for r in server.ledger.releases(APP)] == ["healthy", "healthy", "pruned"]
    assert sorted(path.name for path in kept.iterdir()) == ["2", "3"]
    assert f"acme/shop@{digest('one')}" not in machine.docker.images_here
    assert_private(kept)


def assert_private(folder: Path) -> None:
    for path in folder.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize(
    ("first", "second", "port"), [(None, "blog.example.com", 80), ("shop.example.com", None, 8000)]
)
def test_a_port_that_the_edge_can_not_have_takes_no_other_app_down(
    machine: FakeMachine, first: str | None, second: str | None, port: int
) -> None:
    server = machine.agent()
    assert carry_out(server, machine.order("one", manifest(domain=first)), "one").state == "succeeded"
    machine.docker.foreign_ports.add(port)
    restarts = machine.edge.restarts
    refused = carry_out(server, machine.order("two", manifest(app="blog", domain=second)), "two")
    assert refused.error is not None
    assert (refused.error["code"], refused.error["state"]) == ("port-taken", "nothing serves yet; nothing was changed")
    assert f"port {port} of this server" in refused.error["message"]
    assert machine.edge.restarts == restarts
    assert broken_promises(machine, server) == []
