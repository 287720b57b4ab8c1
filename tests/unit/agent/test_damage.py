"""What somebody did by hand, or a crash left half made: the reconciliation heals it, and so does the next deploy."""

from __future__ import annotations

import copy
import json
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ferryman_agent.engine import Endpoint, Keep, State
from ferryman_agent.host import Host
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
    recover,
    refuse,
)
from ferryman_agent.transaction.orders import RollbackOrder
from ferryman_agent.transaction.runs.queue import Entry
from ferryman_agent.transaction.runs.running import RunningTransactions

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


def remove_network(machine: FakeMachine) -> None:
    del machine.docker.networks[f"ferryman.{APP}"]
    for name in (f"ferryman.{APP}.web.1", POSTGRES):
        machine.docker.stop(name, 1)


def remove_postgres(machine: FakeMachine) -> None:
    machine.docker.remove(POSTGRES)


def remove_web(machine: FakeMachine) -> None:
    machine.docker.remove(f"ferryman.{APP}.web.1")


def stop_web(machine: FakeMachine) -> None:
    machine.docker.stop(f"ferryman.{APP}.web.1", 1)


def restart_edge_elsewhere(machine: FakeMachine) -> None:
    machine.edge.lanes = {(1, "a"): "drain", (1, "b"): "ready"}


def remove_edge(machine: FakeMachine) -> None:
    machine.edge.is_running = False


def disconnect_web(machine: FakeMachine) -> None:
    machine.docker.disconnect(f"ferryman.{APP}", f"ferryman.{APP}.web.1")


def remove_network_of_what_runs(machine: FakeMachine) -> None:
    machine.docker.remove_network(f"ferryman.{APP}")


def leave_a_candidate(machine: FakeMachine) -> None:
    web, name = machine.docker.by_name[f"ferryman.{APP}.web.1"].workload, f"ferryman.{APP}.web.7"
    endpoint = Endpoint(f"ferryman.{APP}", "10.213.1.11", "web")
    labels = {**web.labels, "ferryman.release": "7"}
    machine.docker.create(name, replace(web, endpoint=endpoint, labels=labels, keep=Keep.NO))
    machine.docker.by_name[name].state = State.RUNNING


DAMAGES = [
    remove_network,
    remove_postgres,
    remove_web,
    stop_web,
    restart_edge_elsewhere,
    remove_edge,
    leave_a_candidate,
    disconnect_web,
    remove_network_of_what_runs,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_reconciliation_puts_right_what_was_damaged(machine: FakeMachine, server: Host, damage: Any) -> None:
    damage(machine)
    assert broken_promises(machine, server) != []
    settle(server)
    assert broken_promises(machine, server) == []


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_deploy_goes_through_on_what_was_damaged(machine: FakeMachine, server: Host, damage: Any) -> None:
    damage(machine)
    assert carry_out(server, machine.order("two"), "two").state == "succeeded"
    assert broken_promises(machine, server) == []


def test_the_edges_files_are_written_again_before_it_restarts(machine: FakeMachine, server: Host) -> None:
    machine.edge.configured = []
    settle(server)
    machine.edge.restart()
    assert broken_promises(machine, server) == []


def test_the_reconciliation_only_looks_when_all_agrees(machine: FakeMachine, server: Host) -> None:
    before = (copy.deepcopy(machine.docker.by_name), list(machine.docker.calls), machine.clock.looks)
    settle(server)
    assert (copy.deepcopy(machine.docker.by_name), list(machine.docker.calls), machine.clock.looks) == before


def test_the_reconciliation_leaves_an_app_with_a_running_transaction_alone(machine: FakeMachine, server: Host) -> None:
    running = RunningTransactions(server)
    entered, leave = threading.Event(), threading.Event()

    def hold(*_: Any) -> None:
        entered.set()
        assert leave.wait(10)

    app = server.ledger.app(APP)
    assert app is not None
    assert running.when_idle(APP, lambda _: None)
    holder = threading.Thread(target=running.when_idle, args=(APP, hold))
    holder.start()
    assert entered.wait(10)
    assert not running.when_idle(APP, lambda _: None)
    begun: list[Deployment | Entry] = []
    beginner = threading.Thread(target=lambda: begun.append(running.enter("r", machine.order("two"), app)))
    beginner.start()
    beginner.join(0.05)
    assert begun == []  # it waits until the app is let go
    leave.set()
    holder.join(10)
    beginner.join(10)
    assert not holder.is_alive()
    assert [deployment.request for deployment in begun] == ["r"]
    transaction = running.by_deployment("r")
    if transaction:
        assert list(transaction.journal.follow(0))[-1]["kind"] == "finished"
    assert serving(server) == 2


def test_an_engine_that_comes_up_late_is_waited_for_by_the_reconciliation(machine: FakeMachine, server: Host) -> None:
    workloads, machine.docker.workloads = machine.docker.workloads, refuse  # type: ignore[method-assign]
    recover(server)
    app = server.ledger.app(APP)
    assert app is not None
    assert "not as the ledger says" in app.degraded
    machine.docker.workloads = workloads  # type: ignore[method-assign]
    settle(server)
    assert broken_promises(machine, server) == []


def test_an_image_that_was_pruned_by_hand_is_pulled_again(machine: FakeMachine, server: Host) -> None:
    carry_out(server, machine.order("two"), "two")
    del machine.docker.images_here[f"acme/shop@{digest('one')}"]
    assert carry_out(server, PREVIOUS, "back").state == "succeeded"
    carry_out(server, machine.order("two"), "forth")
    gone = f"acme/shop@{digest('one')}"
    del machine.docker.images_here[gone], machine.docker.registry[gone]
    machine.docker.pruned.add(gone)
    error = error_of(carry_out(server, RollbackOrder(APP, 1, None), "back again"))
    assert (error["code"], error["exit"]) == ("image-missing", 1)
    assert broken_promises(machine, server) == []


# -- the database


def test_a_database_that_was_half_made_is_finished(machine: FakeMachine) -> None:
    server = machine.agent()
    run, machine.docker.run = machine.docker.run, _refuse_psql(machine)  # type: ignore[method-assign]
    failed = error_of(carry_out(server, machine.order("one"), "first"))
    assert failed["code"] == "database-query-failed"
    assert read_secrets(machine.folder / "apps" / APP)["database"] not in json.dumps(failed)
    machine.docker.run = run  # type: ignore[method-assign]
    assert carry_out(server, machine.order("one"), "second").state == "succeeded"
    assert broken_promises(machine, server) == []


def _refuse_psql(machine: FakeMachine) -> Any:
    run = machine.docker.run

    def refuse(container: str, command: list[str], user: str = "", stdin: bytes = b"") -> tuple[int, bytes, bytes]:
        if stdin.startswith((b"CREATE", b"ALTER")):
            return 3, b"", b"ERROR: refused\nSTATEMENT: " + stdin
        return run(container, command, user, stdin)

    return refuse


def test_a_lost_password_is_made_good(machine: FakeMachine, server: Host) -> None:
    (machine.folder / "apps" / APP / "secrets.json").unlink()
    machine.docker.stop(POSTGRES, 1)
    assert carry_out(server, machine.order("two"), "two").state == "succeeded"
    password = read_secrets(machine.folder / "apps" / APP)["database"]
    assert machine.docker.databases[f"{POSTGRES}-17"].roles == {"shop_production": password}


@pytest.mark.parametrize("is_removed", [False, True])
def test_data_of_another_version_is_not_left_behind(machine: FakeMachine, server: Host, is_removed: bool) -> None:
    if is_removed:
        remove_postgres(machine)
    machine.docker.registry["postgres:18"] = Behaviour()
    content = manifest(database={"version": 18, "migrate": [], "migrate_timeout": 5.0})
    error = error_of(carry_out(server, machine.order("two", content), "two"))
    assert (error["code"], error["hint"]) == ("database-version", "set [database] version = 17")


def test_what_an_older_ledger_does_not_know_serves_until_the_committed_one_answers(
    machine: FakeMachine, server: Host, folder: Path
) -> None:
    """Somebody put a copy of the ledger back: the container of release 2 is not one of a failed deploy."""
    before = sqlite3.connect(":memory:")
    with closing(sqlite3.connect(folder / "ledger.db")) as file:
        file.backup(before)
    assert carry_out(server, machine.order("two"), "two").state == "succeeded"
    server.ledger.close()
    with closing(sqlite3.connect(folder / "ledger.db")) as file:
        before.backup(file)
    before.close()
    again, remove = machine.agent(), machine.docker.remove
    up: list[bool] = []

    def removed(workload: str) -> None:
        up.append(is_up(machine, workload))
        remove(workload)

    machine.docker.remove = removed  # type: ignore[method-assign]
    recover(again)
    machine.docker.remove = remove  # type: ignore[method-assign]
    assert not any(up)
    assert broken_promises(machine, again) == ["the folder of release 2 is left over"]  # nobody knows whose it is


def is_up(machine: FakeMachine, name: str) -> bool:
    container = machine.docker.workload(name)
    return container is not None and container.is_up
