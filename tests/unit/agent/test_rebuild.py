"""A ledger rebuilt from containers, edge and copies is the one that was lost, but for its history."""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman_agent.doctor import Doctor
from ferryman_agent.doctor.findings import look
from ferryman_agent.doctor.rebuilding import rebuild
from ferryman_agent.errors import Refused, Unavailable
from ferryman_agent.host import Host
from ferryman_agent.host.serving import copy_ledger
from ferryman_agent.ledger import Ledger
from ferryman_agent.ledger.copies import without_manifest
from ferryman_agent.ledger.faults import damaged
from ferryman_agent.testing import (
    REDIS,
    Behaviour,
    Crash,
    CrashPoint,
    FakeMachine,
    begin,
    broken_promises,
    carry_out,
    conduct,
    digest,
    manifest,
    recover,
    refuse,
)
from ferryman_agent.transaction.orders import (
    MaintenanceOrder,
    Order,
    RemoveOrder,
    RestartOrder,
    RollbackOrder,
    StartOrder,
    StopOrder,
)

APP, MAIL = "shop.production", "mail.production"
NOW = "2026-11-24T00:00:00.000Z"
LOST = damaged("the ledger is damaged")
PREVIOUS = RollbackOrder(APP, None, None)
IN_MEMORY = Path("/dev/shm")


def doctor(machine: FakeMachine) -> Doctor:
    return Doctor(machine.folder, machine.docker, machine.edge, machine.clock)


def rows(ledger: Ledger) -> dict[str, Any]:
    """Everything in a ledger but its history; what is not retained without its manifest."""
    found: dict[str, Any] = {"removed": ledger.removed()}
    for app in ledger.apps():
        releases = ledger.releases(app.id)
        found[app.id] = {
            "app": asdict(app),
            "releases": [asdict(r) if r.state == "healthy" else without_manifest(r) for r in releases],
            "next": ledger.next_number(app.id),
            "environments": ledger.environments(app.id),
            "served before": ledger.served_before(app.id),
            "others": ledger.others(app.id),
        }
    return found


def rebuilt(machine: FakeMachine, server: Host) -> Host:
    """A new agent on a ledger that was rebuilt; the engine may only be looked at for it."""
    server.ledger.close()
    (machine.folder / "ledger.db").write_bytes(b"garbage")
    before = (list(machine.docker.calls), {name: c.id for name, c in machine.docker.by_name.items()})
    doctor(machine).rebuild(LOST)
    assert (list(machine.docker.calls), {name: c.id for name, c in machine.docker.by_name.items()}) == before
    return machine.agent()


def two_apps(machine: FakeMachine) -> Host:
    """One app with a worker, an accessory and variables, rolled back from release 3; another in maintenance."""
    content = manifest(accessories={"redis": copy.deepcopy(REDIS)})
    machine.docker.registry["redis:7"] = Behaviour()
    content["roles"]["worker"] = {"command": ["work"], "stop_grace": 3.0, "overlap": False}
    content["env"]["secret_key"], content["database"]["variables"] = "DJANGO_SECRET_KEY", {"DB_PASSWORD": "password"}
    mail = manifest(app="mail", image="acme/mail", domain="mail.example.com")
    machine.publish("one", Behaviour(), image="acme/mail")
    server = machine.agent()
    carry_out(server, machine.order("one", content, sequence=7), "1")
    server.ledger.add_environment(APP, {"TOKEN": "geheim"}, "set TOKEN")
    carry_out(server, machine.order("two", content, sequence=8), "2")
    carry_out(server, machine.order("three", content, sequence=9), "3")
    carry_out(server, PREVIOUS, "back")
    carry_out(server, machine.order("one", mail), "mail")
    carry_out(server, MaintenanceOrder(MAIL, True, "back <soon>", 90), "maintenance")
    carry_out(server, RestartOrder(APP, "worker"), "restart")
    carry_out(server, RestartOrder(APP, "redis"), "restart redis")
    return server


def test_rebuilt_ledger_is_the_lost_one_and_all_goes_on(machine: FakeMachine) -> None:
    server = two_apps(machine)
    expected = rows(server.ledger)
    again = rebuilt(machine, server)
    assert rows(again.ledger) == expected
    recover(again)
    assert broken_promises(machine, again) == []
    assert carry_out(again, PREVIOUS, "back again").release == 1
    assert carry_out(again, machine.order("three"), "forth").release == 4
    assert broken_promises(machine, again) == []
    kept = list(machine.folder.glob("ledger.db.damaged-*"))
    assert [path.read_bytes() for path in kept] == [b"garbage"]


def without_copies(machine: FakeMachine) -> None:
    for path in machine.folder.glob("apps/*/app.json"):
        path.unlink()
    for path in machine.folder.glob("apps/*/environment"):
        shutil.rmtree(path)


def garbled_copies(machine: FakeMachine) -> None:
    for path in machine.folder.glob("apps/*/app.json"):
        path.write_text("{")
    for path in machine.folder.glob("apps/*/environment/*"):
        path.write_bytes(b"\xff")


@pytest.mark.parametrize("damage", [without_copies, garbled_copies])
def test_containers_edge_and_release_folders_are_enough_to_go_on(machine: FakeMachine, damage: Any) -> None:
    server = two_apps(machine)
    before = {app.id: app for app in server.ledger.apps()}
    damage(machine)
    again = rebuilt(machine, server)
    for app in again.ledger.apps():
        known = before[app.id]
        same = {name: getattr(known, name) for name in ("slot", "subnet", "serving", "lane", "turns", "stopped")}
        assert {name: getattr(app, name) for name in same} == same
    mail = again.ledger.app(MAIL)
    assert mail is not None
    assert mail.maintenance is not None
    assert (mail.maintenance.message, mail.maintenance.retry_after) == ("back <soon>", 90)
    assert again.ledger.environment(APP, 1) == (1, {"TOKEN": "geheim"})
    recover(again)
    assert broken_promises(machine, again) == []
    assert carry_out(again, machine.order("one"), "forth").state == "succeeded"


def edge_without_files(machine: FakeMachine) -> None:
    machine.edge.configured = []


def network_gone(machine: FakeMachine) -> None:
    machine.docker.remove_network(f"ferryman.{APP}")


def containers_gone(machine: FakeMachine) -> None:
    for name in list(machine.docker.by_name):
        machine.docker.remove(name)


@pytest.mark.parametrize("damage", [edge_without_files, network_gone, containers_gone])
def test_what_is_damaged_besides_is_made_good_by_the_copies(machine: FakeMachine, damage: Any) -> None:
    server = two_apps(machine)
    expected = rows(server.ledger)
    damage(machine)
    again = rebuilt(machine, server)
    assert rows(again.ledger) == expected
    recover(again)
    assert broken_promises(machine, again) == []


def test_edge_says_what_serves_when_the_copy_is_older(machine: FakeMachine) -> None:
    """The agent died between its switch and the copy, and the ledger with it."""
    server = two_apps(machine)
    path = machine.folder / "apps" / APP / "app.json"
    older = path.read_bytes()
    carry_out(server, machine.order("one"), "four")
    path.write_bytes(older)
    app = rebuilt(machine, server).ledger.app(APP)
    assert app is not None
    assert app.serving == 4


def test_release_that_serves_and_is_not_known_stops_the_rebuild(machine: FakeMachine) -> None:
    server = two_apps(machine)
    server.ledger.close()
    shutil.rmtree(machine.folder / "apps" / APP)
    (machine.folder / "ledger.db").write_bytes(b"garbage")
    with pytest.raises(Refused) as caught:
        doctor(machine).rebuild(LOST)
    assert caught.value.code == "rebuild-impossible"
    assert "apps/shop.production/releases/2/manifest.json" in caught.value.message
    assert (machine.folder / "ledger.db").read_bytes() == b"garbage"


def test_whole_ledger_is_not_rebuilt(machine: FakeMachine) -> None:
    two_apps(machine)
    with pytest.raises(Refused) as caught:
        doctor(machine).rebuild(None)
    assert caught.value.code == "ledger-whole"


def test_engine_that_refuses_stops_the_rebuild(machine: FakeMachine) -> None:
    two_apps(machine)
    machine.docker.workloads = refuse  # type: ignore[method-assign]
    with pytest.raises(Unavailable) as caught:
        doctor(machine).rebuild(LOST)
    assert caught.value.code == "engine-down"


def test_healthy_server_has_no_differences(machine: FakeMachine) -> None:
    server = two_apps(machine)
    found = doctor(machine).examine(server.ledger, None)
    assert (found["differences"], found["unknown"], found["impossible"], found["lost"]) == ([], [], [], [])
    assert found["ledger"]["state"] == "whole"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (edge_without_files, f"{APP}: the edge's files do not have it"),
        (network_gone, f"{APP}: its network is not there"),
        (containers_gone, f"{APP}: ferryman.{APP}.web.2 is not there"),
        (lambda machine: machine.docker.stop(f"ferryman.{APP}.worker.2.1", 1), "worker.2.1 does not run"),
        (lambda machine: shutil.rmtree(machine.folder / "apps" / APP / "releases" / "1"), "folder of release 1"),
    ],
)
def test_differences_are_told(machine: FakeMachine, damage: Any, told: str) -> None:
    server = two_apps(machine)
    damage(machine)
    found = doctor(machine).examine(server.ledger, None)
    assert any(told in difference for difference in found["differences"]), found["differences"]


def test_no_secret_is_in_what_is_told(machine: FakeMachine) -> None:
    server = two_apps(machine)
    secrets = json.loads((machine.folder / "apps" / APP / "secrets.json").read_text())
    told = json.dumps(doctor(machine).examine(None, LOST))
    assert not any(secret in told for secret in ("geheim", *secrets.values()))
    for path in (machine.folder / "apps" / APP).rglob("*.json"):
        assert path.stat().st_mode & 0o777 == 0o600, path
    assert server.ledger.apps() != []


def test_copy_of_another_format_is_read_as_far_as_it_goes(machine: FakeMachine) -> None:
    server = two_apps(machine)
    path = machine.folder / "apps" / APP / "app.json"
    copied = json.loads(path.read_text())
    copied["app"] |= {"colour": "blue"}
    del copied["app"]["since"]
    path.write_text(json.dumps(copied))
    found = rebuild(look(machine.docker, machine.edge, machine.folder), NOW)
    known = server.ledger.app(APP)
    assert known is not None
    assert [replace(app, since=known.since) for app in found.apps if app.id == APP] == [known]


# -- many histories

WORDS = ("good", "other", "crashing", "broken")
WORKER = {"command": ["work"], "stop_grace": 1.0, "overlap": True}


def orders(machine: FakeMachine) -> dict[str, Any]:
    """Name → order."""
    worker = manifest(retain=2)
    worker["roles"]["worker"] = WORKER
    mail = manifest(app="mail", domain="mail.example.com", database=None)
    made: dict[str, Any] = {f"deploy {word}": machine.order(word, manifest(retain=2)) for word in WORDS}
    made |= {f"mail {word}": machine.order(word, mail) for word in WORDS[:3]}
    made["worker"] = machine.order("good", worker)
    made["recreate"] = machine.order("other", manifest(retain=2, strategy="recreate"))
    changes: list[Order] = [
        *(RollbackOrder(APP, number, None) for number in (None, 1, 2)),
        *(RestartOrder(APP, role) for role in (None, "web")),
        *(StopOrder(APP, database) for database in (False, True)),
        StartOrder(APP),
        MaintenanceOrder(APP, True, "soon", 5),
        MaintenanceOrder(APP, False),
        RemoveOrder(APP, False),
        MaintenanceOrder(MAIL, True),
        StopOrder(MAIL, False),
        RemoveOrder(MAIL, False),
    ]
    return made | {repr(order): order for order in changes}


def names() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        return sorted([*orders(FakeMachine(Path(folder))), "variables"])


steps = st.lists(st.tuples(st.sampled_from(names()), st.one_of(st.none(), st.integers(0, 120))), min_size=1, max_size=9)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as name:
        yield Path(name)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(history=steps)
def test_after_any_history_the_rebuilt_ledger_is_the_lost_one(
    place: Path, history: list[tuple[str, int | None]]
) -> None:
    with tempfile.TemporaryDirectory(dir=place) as folder:
        machine = FakeMachine(Path(folder))
        machine.publish("good", Behaviour(migrations=["a.1"]))
        machine.publish("other", Behaviour(migrations=["a.1", "a.2"]))
        machine.publish("crashing", Behaviour(migrations=["a.1"], exits={"web": 1}))
        machine.publish("broken", Behaviour(migrations=["a.1", "a.3"], exits={"migrate": 1}))
        for number, (name, crash) in enumerate(history):
            carry_on(machine, name, crash, str(number))
        server = machine.agent()
        expected = rows(server.ledger)
        again = rebuilt(machine, server)
        assert rows(again.ledger) == expected
        assert digest("good")
        recover(again)
        assert broken_promises(machine, again) == []
        again.ledger.close()


def carry_on(machine: FakeMachine, name: str, crash: int | None, request: str) -> None:
    """One step of a history, with a crash of the agent and its recovery."""
    server = machine.agent(None if crash is None else CrashPoint(crash))
    try:
        if name == "variables":
            if server.ledger.app(APP):
                server.ledger.add_environment(APP, {"NUMBER": request}, "set NUMBER")
                copy_ledger(server, APP)
        else:
            carry_out(server, orders(machine)[name], request)
    except LookupError:  # no such app, or not any more
        pass
    except Crash:
        again = machine.agent()
        recover(again)
        again.ledger.close()
    server.ledger.close()


def test_a_removal_that_a_rebuilt_ledger_knows_of_is_finished(machine: FakeMachine) -> None:
    server = machine.agent()
    assert carry_out(server, machine.order("one"), "one").state == "succeeded"
    stop = machine.docker.stop
    machine.docker.stop = refuse  # type: ignore[method-assign]
    conduct(begin(server, RemoveOrder(APP, with_data=False), "away"))
    machine.docker.stop = stop  # type: ignore[method-assign]
    server.ledger.close()
    doctor(machine).rebuild(LOST)
    again = machine.agent()
    recover(again)
    assert again.ledger.apps() == []
    result = again.ledger.removal_result(APP)
    assert result is not None
    assert (result["outcome"], result["kept"]) == ("succeeded", [f"ferryman.{APP}.postgres-17"])
    assert broken_promises(machine, again) == []
