"""What the agent reports is what Harbour reads: deploys are played on the fakes, and Harbour's reader takes them."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ferryman_agent import __version__
from ferryman_agent.host import Host
from ferryman_agent.ledger import Ledger, Notice, Severity
from ferryman_agent.ledger.notices import DUTY_NOT_ALIVE
from ferryman_agent.schedules import Scheduler
from ferryman_agent.testing import REDIS, Behaviour, FakeMachine, begin, carry_out, conduct, manifest
from ferryman_agent.transaction.orders import (
    AccessoryRemoveOrder,
    MaintenanceOrder,
    RemoveOrder,
    RestartOrder,
    RollbackOrder,
    StartOrder,
    StopOrder,
)

ROOT = Path(__file__).resolve().parents[2]
APP = "shop.production"
COMMITS = [{"revision": "a" * 40, "parents": [], "subject": "Show it", "author": "Ada", "at": "2026-11-23T07:41:09Z"}]
SWEEP = {"cron": "0 * * * *", "command": ["sweep"], "time_limit": 90.0, "stop_grace": 4.0}
CRASHES = Behaviour(migrations=["shop.0001", "shop.0009"], exits={"web": 3}, log="no\0 settings\n")


@pytest.fixture
def harbour(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Harbour's module that reads reports; the programs themselves never import each other."""
    monkeypatch.syspath_prepend(str(ROOT / "service"))
    return importlib.import_module("fleet.report")


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    made = FakeMachine(tmp_path)
    for number, word in enumerate(("one", "two", "three"), start=1):
        known = [f"shop.{n:04}" for n in range(1, number + 1)]
        made.publish(word, Behaviour(migrations=known, exits={"sweep": 3}, log="swept\n"))
    made.publish("bad", CRASHES)
    made.docker.registry["redis:7"] = Behaviour()
    return made


def played(machine: FakeMachine) -> Ledger:
    """The ledger of a server on which everything happened that is reported."""
    server = machine.agent()
    _ship(machine, server)
    assert Scheduler(server, lambda act: act()).begin(APP, "sweep", by_hand=False)
    _change(machine, server)
    _publish(machine, server)
    server.ledger.set_degraded(APP, "worker does not stay up")
    server.ledger.put_notice(Notice(DUTY_NOT_ALIVE, "keeper", "it ended\0", Severity.CRITICAL, "restart the agent"))
    not_now = begin(server, RemoveOrder(APP, with_data=True), "not now")
    not_now.journal.cancel()
    conduct(not_now)
    with pytest.raises(LookupError):
        carry_out(server, RemoveOrder(APP, with_data=True), "remove")
    return server.ledger


def _ship(machine: FakeMachine, server: Host) -> None:
    """Deploys that succeed, fail, change nothing and are refused; a rollback."""
    content = manifest(schedules={"sweep": SWEEP}, accessories={"redis": REDIS})

    def deploy(word: str, **params: Any) -> str:
        order = machine.order(word, content, **params)
        return carry_out(server, order, f"{word} {len(server.ledger.deployments())}").state

    assert deploy("one", commits=COMMITS, sequence=7) == "succeeded"
    assert deploy("two", sequence=8) == "succeeded"
    assert deploy("bad") == "failed"
    assert deploy("two") == "unchanged"
    assert deploy("three", sequence=2) == "refused"
    assert carry_out(server, RollbackOrder(APP, None, None), "back").state == "succeeded"


def _change(machine: FakeMachine, server: Host) -> None:
    without = machine.order("one")
    assert carry_out(server, without, "without redis").state == "succeeded"
    for order in (
        AccessoryRemoveOrder(APP, "redis"),
        RestartOrder(APP, None),
        MaintenanceOrder(APP, True, "back at noon", 90),
        MaintenanceOrder(APP, False),
        StopOrder(APP, database=True),
        StartOrder(APP),
    ):
        assert carry_out(server, order, repr(order)).state == "succeeded"


def _publish(machine: FakeMachine, server: Host) -> None:
    """Two deploys with downtime: one that succeeds, and one on whose failure the old container comes back."""
    content = manifest(strategy="recreate")
    assert carry_out(server, machine.order("three", content), "published").state == "succeeded"
    assert carry_out(server, machine.order("bad", content), "bad again").state == "failed"


def reports(ledger: Ledger) -> list[dict[str, Any]]:
    return ledger.outbox(10_000)


def read(harbour: Any, events: list[dict[str, Any]]) -> Any:
    """What Harbour makes of a batch; raises what it has to say against one."""
    return harbour.read(json.dumps({"agent": __version__, "events": events}).encode())


def test_harbour_takes_every_report_of_everything_that_happens(machine: FakeMachine, harbour: Any) -> None:
    events = reports(played(machine))
    found = read(harbour, events)
    assert [(event.sequence, event.kind, event.data) for event in found.events] == [
        (event["sequence"], event["kind"], event["data"]) for event in events
    ]
    assert {event["kind"] for event in events} == set(documented())
    assert {event["data"]["outcome"] for event in events if event["kind"] == "deployment.finished"} == {
        "succeeded",
        "unchanged",
        "failed",
    }
    assert len([event for event in events if event["data"].get("downtime") is not None]) == 2


def documented() -> dict[str, str]:
    """Kind → its row in the documentation's table of reports."""
    text = (ROOT / "docs" / "protocol.md").read_text()
    table = text[text.index("| kind | data |") :].partition("\n\n")[0]
    rows = [row.split("|")[1:3] for row in table.splitlines()[2:]]
    return {kind: data for kinds, data in rows for kind in re.findall(r"`([a-z.-]+)`", kinds)}


def test_every_field_that_is_reported_is_documented(machine: FakeMachine) -> None:
    rows = documented()
    for event in reports(played(machine)):
        row = rows[event["kind"]]
        if "As `deployment.finished`" in row:
            row = rows["deployment.finished"]
        assert [name for name in event["data"] if f"`{name}`" not in row] == [], event["kind"]


def undeclared(harbour: Any, events: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """(kind, field) that Harbour stores and does not look at, of kinds that it knows."""
    return {
        (event["kind"], name)
        for event in events
        if event["kind"] in harbour.DETAILS
        for name in set(event["data"])
        - {field.name for field in msgspec.structs.fields(harbour.DETAILS[event["kind"]])}
    }


def test_harbour_declares_every_field_of_the_kinds_that_it_knows(machine: FakeMachine, harbour: Any) -> None:
    assert undeclared(harbour, reports(played(machine))) == set()


def test_harbour_knows_notices(harbour: Any) -> None:
    assert "notice" in harbour.DETAILS


BROKEN: list[Callable[[dict[str, Any]], Any]] = [
    lambda event: event["data"].pop("outcome"),
    lambda event: event["data"].update(seconds="long"),
    lambda event: event.pop("deployment"),
]


@pytest.mark.parametrize("spoil", BROKEN)
def test_the_reader_would_complain(machine: FakeMachine, harbour: Any, spoil: Callable[[dict[str, Any]], Any]) -> None:
    events = reports(played(machine))
    spoil(next(event for event in events if event["kind"] == "deployment.finished"))
    with pytest.raises(harbour.NotAReport):
        read(harbour, events)
