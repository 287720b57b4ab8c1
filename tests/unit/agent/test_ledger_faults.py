"""A ledger that can't be used is told for what it is, and a lost one is not taken for a new one."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ferryman_agent.daemon.agent import Agent
from ferryman_agent.doctor.command import doctor
from ferryman_agent.doctor.opening import open_ledger
from ferryman_agent.errors import Unavailable
from ferryman_agent.host import Host
from ferryman_agent.ledger import Ledger
from ferryman_agent.ledger.faults import fault_of
from ferryman_agent.protocol import Channel
from ferryman_agent.testing import FakeClock, FakeMachine, broken_promises, carry_out, refuse

APP = "shop.production"
SHOW, REBUILD, ASK = (False, False, False), (True, True, False), (True, False, False)


def fault(machine: FakeMachine) -> str:
    """The code with which the ledger is refused; '' when it is taken."""
    try:
        open_ledger(machine.folder, machine.docker, machine.clock).close()
    except Unavailable as error:
        return error.code if "goes on serving" in error.state and error.hint else f"{error.code}, and no word more"
    return ""


def ask(agent: Agent, request: str, params: Any = None, *, role: str = "operator") -> dict[str, Any]:
    """The last line of the answer: a result or an error."""
    asked = [{"role": role}, {"protocol": 1, "id": request, "request": request, "params": params or {}}]
    written = io.BytesIO()
    agent.answer(Channel(io.BytesIO(b"".join(json.dumps(line).encode() + b"\n" for line in asked)), written))
    return dict(json.loads(written.getvalue().splitlines()[-1]))


def code(answer: dict[str, Any]) -> tuple[str, int]:
    return answer["error"]["code"], answer["error"]["exit"]


@pytest.fixture
def stopped(machine: FakeMachine, server: Host) -> FakeMachine:
    """A server with an app, whose agent is stopped."""
    server.ledger.close()
    return machine


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(b"no database here" * 1000)


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def cut_to_the_header(path: Path) -> None:
    os.truncate(path, 512)


def without_tables(path: Path) -> None:
    path.unlink()
    sqlite3.connect(path).close()


def without_apps(path: Path) -> None:
    path.unlink()
    Ledger(path, FakeClock()).close()


def newer(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def formatless(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 0")
    connection.close()


def folder_in_its_place(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: list[tuple[Callable[[Path], None], str]] = [
    (empty, "ledger-missing"),
    (Path.unlink, "ledger-missing"),
    (without_tables, "ledger-missing"),
    (without_apps, "ledger-missing"),
    (garbage, "ledger-damaged"),
    (cut_in_half, "ledger-damaged"),
    (cut_to_the_header, "ledger-damaged"),
    (formatless, "ledger-damaged"),
    (folder_in_its_place, "ledger-damaged"),
    (newer, "ledger-newer"),
]


@pytest.mark.parametrize(("damage", "expected"), DAMAGES)
def test_a_ledger_that_can_not_be_used_is_refused_for_what_it_is(
    stopped: FakeMachine, damage: Callable[[Path], None], expected: str
) -> None:
    assert fault(stopped) == ""
    damage(stopped.folder / "ledger.db")
    assert fault(stopped) == expected
    assert fault(stopped) == expected  # looking at it must not make a new one of it


@pytest.mark.parametrize(("damage", "expected"), DAMAGES)
def test_the_agent_refuses_until_the_doctor_has_rebuilt_it(
    stopped: FakeMachine, damage: Callable[[Path], None], expected: str
) -> None:
    damage(stopped.folder / "ledger.db")
    agent = Agent(stopped.folder, stopped.docker)
    agent.doctor = type(agent.doctor)(stopped.folder, stopped.docker, stopped.edge, stopped.clock)
    for request in ("hello", "status", "deploy"):
        assert code(ask(agent, request, {"app": "shop", "environment": "production"})) == (expected, 4)
    assert code(ask(agent, "doctor", role="pipeline")) == ("not-allowed", 3)
    before = {name: found.id for name, found in stopped.docker.by_name.items()}
    found = ask(agent, "doctor")["result"]
    assert found["ledger"]["state"] == expected
    assert [app["app"] for app in found["apps"]] == [APP]
    assert code(ask(agent, "status")) == (expected, 4)
    assert ask(agent, "doctor", {"rebuild": True})["result"]["rebuilt"]["apps"] == [APP]
    agent.host.edge = agent.host.routing.edge = stopped.edge
    agent.host.probe = stopped.docker.probe
    assert ask(agent, "status")["result"]["apps"][0]["release"]["number"] == 1
    assert {name: found.id for name, found in stopped.docker.by_name.items()} == before
    assert broken_promises(stopped, agent.host) == []


@pytest.mark.parametrize("name", ["ledger.db", "ledger.db-wal", "ledger.db-shm"])
def test_files_left_of_it_are_kept_aside(stopped: FakeMachine, name: str) -> None:
    garbage(stopped.folder / "ledger.db")
    (stopped.folder / name).write_bytes(b"left")
    assert run_doctor(stopped, REBUILD)[0] == 0
    (kept,) = [path for path in stopped.folder.glob("ledger.db.damaged-*") if path.read_bytes() == b"left"]
    assert kept.name.endswith(name.removeprefix("ledger.db"))


def test_any_cut_or_garbage_is_refused_or_changes_nothing(stopped: FakeMachine) -> None:
    path, chance = stopped.folder / "ledger.db", random.Random(1)  # noqa: S311 - the same damages in each run
    whole = path.read_bytes()
    refused = 0
    for _ in range(60):
        place = chance.randrange(len(whole))
        damaged = whole[:place] if chance.random() < 0.5 else whole[:place] + chance.randbytes(4096) + whole[place:]
        path.write_bytes(damaged)
        for left in ("-wal", "-shm"):
            path.with_name(path.name + left).unlink(missing_ok=True)
        refused += bool(fault(stopped))
        assert fault(stopped) or app_serves(stopped)
    assert refused > 40


def app_serves(machine: FakeMachine) -> bool:
    ledger = open_ledger(machine.folder, machine.docker, machine.clock)
    try:
        return [(app.id, app.serving) for app in ledger.apps()] == [(APP, 1)]
    finally:
        ledger.close()


# -- a new server, and one that only looks like it


def test_a_server_that_carries_nothing_is_new(machine: FakeMachine) -> None:
    assert fault(machine) == ""
    (machine.folder / "ledger.db").unlink()
    (machine.folder / "ledger.db").touch()
    assert fault(machine) == ""


def test_containers_alone_say_that_a_server_is_not_new(stopped: FakeMachine) -> None:
    for path in stopped.folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert fault(stopped) == "ledger-missing"


def test_a_folder_alone_says_that_a_server_is_not_new(stopped: FakeMachine) -> None:
    stopped.docker.by_name.clear()
    stopped.docker.workloads = refuse  # type: ignore[method-assign]
    (stopped.folder / "ledger.db").unlink()
    assert fault(stopped) == "ledger-missing"


def test_without_the_engine_a_missing_ledger_is_not_taken_for_a_new_one(machine: FakeMachine) -> None:
    machine.docker.workloads = refuse  # type: ignore[method-assign]
    assert fault(machine) == "engine-down"
    assert not (machine.folder / "ledger.db").exists()


def test_a_server_whose_last_app_was_removed_is_well(machine: FakeMachine, server: Host) -> None:
    from ferryman_agent.transaction.orders import RemoveOrder

    with pytest.raises(LookupError):
        carry_out(server, RemoveOrder(APP, False), "remove")
    server.ledger.close()
    assert fault(machine) == ""
    assert json.loads((machine.folder / "removed.json").read_text())[0]["number"] == 1


# -- disks


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(30, "Read-only file system"), "ledger-read-only"),
        (OSError(28, "No space left on device"), "ledger-disk-full"),
        (OSError(122, "Disk quota exceeded"), "ledger-disk-full"),
        (OSError(5, "Input/output error"), "ledger-damaged"),
        (sqlite3.DatabaseError("file is not a database"), "ledger-damaged"),
    ],
)
def test_the_fault_of_a_disk_is_told_from_that_of_the_file(folder: Path, error: Exception, expected: str) -> None:
    assert fault_of(folder / "ledger.db", error).code == expected


def test_a_rebuild_is_no_remedy_for_a_disk(stopped: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ferryman_agent.doctor.opening.Ledger", full)
    status, _, told = run_doctor(stopped, REBUILD)
    assert (status, "[ledger-disk-full]" in told) == (4, True)


# -- while the agent runs


@pytest.fixture
def agent(machine: FakeMachine, server: Host) -> Agent:
    """An agent whose app serves."""
    server.ledger.close()
    made = Agent(machine.folder, machine.docker)
    made.host.edge = made.host.routing.edge = machine.edge
    made.host.probe = machine.docker.probe
    assert ask(made, "status")["result"]["apps"][0]["state"] == "serving"
    return made


@pytest.mark.parametrize("damage", [empty, garbage, cut_in_half])
def test_a_ledger_damaged_under_the_agent_stops_it(
    agent: Agent, machine: FakeMachine, damage: Callable[[Path], None]
) -> None:
    lost: list[str] = []
    agent.lost = lambda: lost.append("lost")
    damage(machine.folder / "ledger.db")
    assert code(ask(agent, "status")) == ("ledger-damaged", 4)
    assert code(ask(agent, "hello")) == ("ledger-damaged", 4)
    assert lost == ["lost"]


def test_a_ledger_replaced_under_the_agent_stops_it(agent: Agent, machine: FakeMachine) -> None:
    path = machine.folder / "ledger.db"
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").replace(path)
    assert code(ask(agent, "status")) == ("ledger-damaged", 4)


def test_a_ledger_removed_under_the_agent_is_written_again(agent: Agent, machine: FakeMachine) -> None:
    for path in machine.folder.glob("ledger.db*"):
        path.unlink()
    assert code(ask(agent, "status")) == ("ledger-damaged", 4)
    assert fault(machine) == ""
    assert app_serves(machine)
    assert (machine.folder / "ledger.db").stat().st_mode & 0o777 == 0o600


def test_a_damaged_page_found_by_a_call_stops_the_agent(agent: Agent) -> None:
    def damaged() -> list[Any]:
        raise sqlite3.DatabaseError("database disk image is malformed")

    agent.host.ledger.apps = damaged  # type: ignore[method-assign]
    assert code(ask(agent, "status")) == ("ledger-damaged", 4)
    assert agent.fault is not None


def test_a_fault_of_ours_is_not_taken_for_damage(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    def locked() -> list[Any]:
        raise sqlite3.OperationalError("database is locked")

    agent.host.ledger.apps = locked  # type: ignore[method-assign]
    assert code(ask(agent, "status")) == ("internal-error", 1)
    assert "Traceback" in capsys.readouterr().err
    assert agent.fault is None


# -- the command on the server


def run_doctor(
    machine: FakeMachine, wanted: tuple[bool, bool, bool], answer: str | None = None
) -> tuple[int, str, str]:
    """(exit status, standard output, standard error); `answer` is what a person types at a terminal."""
    stdin = io.StringIO(answer or "")
    stdin.isatty = lambda: answer is not None  # type: ignore[method-assign]
    stdout, stderr = io.StringIO(), io.StringIO()
    status = doctor(machine.folder, machine.docker, wanted, (stdin, stdout, stderr))
    return status, stdout.getvalue(), stderr.getvalue()


def test_the_doctor_shows_a_whole_server(stopped: FakeMachine) -> None:
    write_edge(stopped)
    status, shown, _ = run_doctor(stopped, SHOW)
    assert status == 0
    assert "whole" in shown
    assert f"{APP}: release 1 serves in lane a; slot 1, 10.213.1.0/24" in shown
    assert "differs" not in shown
    status, _, told = run_doctor(stopped, ASK)
    assert (status, "[ledger-whole]" in told) == (3, True)


def test_the_doctor_asks_before_it_rebuilds(stopped: FakeMachine) -> None:
    write_edge(stopped)
    garbage(stopped.folder / "ledger.db")
    status, shown, _ = run_doctor(stopped, SHOW)
    assert (status, "[ledger-damaged]" in shown, "lost" in shown) == (4, True, True)
    for answer in (None, "", "no\n"):
        status, _, told = run_doctor(stopped, ASK, answer)
        assert (status, "[not-confirmed]" in told) == (3, True)
    assert fault(stopped) == "ledger-damaged"
    status, shown, _ = run_doctor(stopped, ASK, "y\n")
    assert (status, f"the ledger was rebuilt, with {APP}" in shown) == (0, True)
    assert app_serves(stopped)


def test_the_doctor_speaks_json(stopped: FakeMachine) -> None:
    garbage(stopped.folder / "ledger.db")
    status, shown, _ = run_doctor(stopped, (True, True, True))
    found, rebuilt = map(json.loads, shown.splitlines())
    assert (status, found["ledger"]["state"], rebuilt["apps"]) == (0, "ledger-damaged", [APP])
    status, _, told = run_doctor(stopped, (True, True, True))
    assert (status, json.loads(told)["error"]["code"]) == (3, "ledger-whole")


def write_edge(machine: FakeMachine) -> None:
    """The command looks at the real edge's files."""
    (machine.folder / "edge").mkdir(exist_ok=True)
    for name, content in machine.edge.written().items():
        (machine.folder / "edge" / name).write_text(content)
