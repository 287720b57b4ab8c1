"""Notices: one list that says what stands since when, of which Harbour hears only when something changes."""

from __future__ import annotations

import json
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest

from ferryman_agent.daemon.supervision import Supervision
from ferryman_agent.doctor.report import lines
from ferryman_agent.duties import Board, Duty, Then
from ferryman_agent.host import Host
from ferryman_agent.ledger import Ledger, Notice, Severity
from ferryman_agent.ledger.notices import APP_DEGRADED, DUTY_NOT_ALIVE, REPORTS_NOT_TAKEN
from ferryman_agent.outbox import Outbox
from ferryman_agent.testing import (
    Behaviour,
    FakeClock,
    FakeMachine,
    FakeStopwatch,
    carry_out,
    look_after,
    manifest,
    recover,
    refuse,
)
from ferryman_agent.transaction.orders import RemoveOrder, RestartOrder
from ferryman_agent.transaction.runs.running import RunningTransactions

APP = "shop.production"
TARGET = {"url": "http://harbour.example/api/v1/reports/", "token": "t0ken", "host": ""}
LIMIT_SECONDS = 20.0


def notice(**changed: Any) -> Notice:
    standing: dict[str, Any] = {"code": DUTY_NOT_ALIVE, "subject": "keeper", "message": "it ended"}
    return Notice(**{**standing, "severity": Severity.WARNING, "next": "look", **changed})


@pytest.fixture
def ledger(folder: Path) -> Ledger:
    return Ledger(folder / "ledger.db", FakeClock())


def told(ledger: Ledger) -> list[dict[str, Any]]:
    """What Harbour is told of notices."""
    return [report for report in ledger.outbox(10_000) if report["kind"] == "notice"]


def standing(ledger: Ledger) -> list[tuple[str, str, str]]:
    return [(found.code, found.subject, found.message) for found in ledger.notices()]


# -- the list


def test_a_notice_stands_since_it_was_raised_until_it_is_over(ledger: Ledger) -> None:
    ledger.put_notice(notice())
    (first,) = ledger.notices()
    assert (first.since[:10], first.message) == ("2026-11-23", "it ended")
    ledger.put_notice(notice(message="it ended again", next="look closer"))
    (again,) = ledger.notices()
    assert (again.since, again.message, again.next) == (first.since, "it ended again", "look closer")
    ledger.clear_notice(DUTY_NOT_ALIVE, "keeper")
    assert ledger.notices() == []
    ledger.put_notice(notice())
    assert ledger.notices()[0].since > first.since


def test_notices_are_told_apart_by_code_and_subject_and_outlive_the_agent(folder: Path, ledger: Ledger) -> None:
    ledger.put_notice(notice())
    ledger.put_notice(notice(subject="outbox"))
    ledger.put_notice(notice(code=REPORTS_NOT_TAKEN, subject="outbox"))
    ledger.clear_notice(DUTY_NOT_ALIVE, "outbox")
    ledger.close()
    again = Ledger(folder / "ledger.db", FakeClock())
    assert standing(again) == [(DUTY_NOT_ALIVE, "keeper", "it ended"), (REPORTS_NOT_TAKEN, "outbox", "it ended")]


def test_a_code_that_is_not_documented_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="no notice has the code 'late'"):
        ledger.put_notice(notice(code="late"))


def test_harbour_hears_of_it_when_it_is_raised_gets_worse_and_is_over(ledger: Ledger) -> None:
    changes = ledger.changes
    ledger.clear_notice(DUTY_NOT_ALIVE, "keeper")
    assert ledger.changes == changes
    for severity in (Severity.WARNING, Severity.WARNING, Severity.CRITICAL, Severity.CRITICAL):
        ledger.put_notice(notice(severity=severity))
        ledger.put_notice(notice(severity=severity, message="it ended\0"))
    changes = ledger.changes
    ledger.put_notice(notice(severity=Severity.CRITICAL, message="it ended\0"))
    assert ledger.changes == changes  # what is said again is not even written
    ledger.clear_notice(DUTY_NOT_ALIVE, "keeper")
    heard = told(ledger)
    assert [(report["data"]["severity"], report["data"]["ended"]) for report in heard] == [
        ("warning", False),
        ("critical", False),
        ("critical", True),
    ]
    assert len({report["data"]["since"] for report in heard}) == 1
    assert heard[-1] == {
        "sequence": heard[-1]["sequence"],
        "at": heard[-1]["at"],
        "kind": "notice",
        "data": {
            "code": DUTY_NOT_ALIVE,
            "subject": "keeper",
            "message": "it ended",
            "severity": "critical",
            "since": heard[0]["data"]["since"],
            "next": "look",
            "ended": True,
        },
    }


def test_one_of_an_app_names_it(ledger: Ledger) -> None:
    ledger.add_app("shop", "production", range(1, 9))
    ledger.put_notice(notice(subject=APP))
    (report,) = told(ledger)
    assert (report["app"], report["environment"], "deployment" in report) == ("shop", "production", False)


def test_who_delivers_reports_is_woken_after_the_write_and_only_then(ledger: Ledger) -> None:
    woken: list[int] = []
    ledger.report_added = lambda: woken.append(ledger.outbox_size())
    ledger.put_notice(notice())
    ledger.put_notice(notice(message="other words"))
    ledger.set_setting("a", 1)
    ledger.clear_notice(DUTY_NOT_ALIVE, "keeper")
    assert woken == [1, 2]


# -- an app that is degraded


def settle(server: Host) -> None:
    look_after(server, RunningTransactions(server))


def test_an_app_that_is_degraded_stands_there_until_it_is_healed(machine: FakeMachine, server: Host) -> None:
    create, machine.docker.create = machine.docker.create, refuse  # type: ignore[method-assign]
    machine.docker.remove(f"ferryman.{APP}.web.1")
    settle(server)
    settle(server)
    ((code, subject, message),) = standing(server.ledger)
    assert (code, subject) == (APP_DEGRADED, APP)
    assert message.startswith("not as the ledger says")
    machine.docker.create = create  # type: ignore[method-assign]
    settle(server)
    assert standing(server.ledger) == []
    assert [(report["data"]["ended"], report["app"]) for report in told(server.ledger)] == [
        (False, "shop"),
        (True, "shop"),
    ]


def test_so_does_one_that_a_restarted_agent_finds_so(machine: FakeMachine, server: Host) -> None:
    server.ledger.close()
    again = machine.agent()
    machine.docker.workloads = refuse  # type: ignore[method-assign]
    recover(again)
    assert [code for code, _, _ in standing(again.ledger)] == [APP_DEGRADED]


@pytest.mark.parametrize("is_deploy", [True, False])
def test_a_commit_ends_it(machine: FakeMachine, server: Host, is_deploy: bool) -> None:
    server.ledger.set_degraded(APP, "worker does not stay up")
    order = machine.order("two") if is_deploy else RestartOrder(APP, None)
    assert carry_out(server, order, "again").state == "succeeded"
    assert standing(server.ledger) == []
    assert [report["data"]["ended"] for report in told(server.ledger)] == [False, True]


def test_a_role_that_does_not_stay_up_is_noticed(machine: FakeMachine, server: Host) -> None:
    machine.publish("jobless", Behaviour(exits={"worker": 1}, log="no queue"))
    content = manifest()
    content["roles"]["worker"] = {"command": ["work"], "stop_grace": 3.0, "overlap": False}
    assert carry_out(server, machine.order("jobless", content), "jobless").state == "succeeded"
    assert standing(server.ledger) == [(APP_DEGRADED, APP, "worker does not stay up: no queue")]


def test_nothing_is_left_of_an_app_that_is_removed(server: Host) -> None:
    server.ledger.set_degraded(APP, "worker does not stay up")
    server.ledger.put_notice(notice())
    with pytest.raises(LookupError):
        carry_out(server, RemoveOrder(APP, with_data=False), "away")
    assert [subject for _, subject, _ in standing(server.ledger)] == ["keeper"]
    last = server.ledger.outbox(10_000)[-2:]
    assert [report["kind"] for report in last] == ["notice", "app.removed"]
    assert (last[0]["data"]["ended"], last[0]["app"], last[0]["environment"]) == (True, "shop", "production")


def test_a_rebuilt_ledger_has_those_of_the_apps_that_are_degraded(folder: Path, server: Host) -> None:
    app = server.ledger.app(APP)
    assert app is not None
    rebuilt = Ledger(folder / "rebuilt.db", FakeClock())
    rebuilt.restore([("app", {**vars(app), "serving": None, "degraded": "worker does not stay up"})])
    assert standing(rebuilt) == [(APP_DEGRADED, APP, "worker does not stay up")]


# -- a duty that is not alive


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_a_duty_that_is_not_alive_stands_there_until_it_goes_on(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    board, begun = Board(), threading.Event()

    def act() -> Then:
        begun.set()
        return Then.WHEN_WOKEN

    supervision = Supervision(board, ledger)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        board.take_on(Duty("keeper", act))
        assert [supervision.duty.turn(), supervision.duty.turn()] == [10.0, 10.0]
    message = "the agent's keeper is not alive: it could not be started: can't start new thread"
    assert standing(ledger) == [(DUTY_NOT_ALIVE, "keeper", message)]
    supervision.duty.turn()  # it is told once more, and begun
    assert begun.wait(LIMIT_SECONDS)
    supervision.duty.turn()
    assert standing(ledger) == []
    assert [report["data"]["ended"] for report in told(ledger)] == [False, True]


def test_one_of_an_agent_before_this_one_is_over(ledger: Ledger) -> None:
    ledger.put_notice(notice(subject="a duty that is no more"))
    ledger.put_notice(notice(code=REPORTS_NOT_TAKEN, subject="outbox"))
    Supervision(Board(), ledger).duty.turn()
    assert [code for code, _, _ in standing(ledger)] == [REPORTS_NOT_TAKEN]


# -- a Harbour that takes nothing


class Harbour:
    """Answers as it is told."""

    def __init__(self) -> None:
        self.status = 401
        self.taken: list[dict[str, Any]] = []

    def __call__(self, _: dict[str, str], body: bytes) -> int:
        if self.status == 200:
            self.taken += json.loads(body)["events"]
        return self.status


def test_a_harbour_that_takes_nothing_for_over_an_hour_is_noticed_until_it_does(ledger: Ledger) -> None:
    stopwatch, harbour = FakeStopwatch(), Harbour()
    ledger.set_setting("reports", TARGET)
    ledger.put_notice(notice())  # something to tell
    outbox = Outbox(ledger, harbour, stopwatch)
    for seconds in (0.0, 3600.0):
        stopwatch.wait(seconds)
        outbox.duty.turn()
        assert [code for code, _, _ in standing(ledger)] == [DUTY_NOT_ALIVE]
    stopwatch.wait(1.0)
    outbox.duty.turn()
    message = "Harbour has taken no report for over an hour: HTTP 401"
    assert (REPORTS_NOT_TAKEN, "outbox", message) in standing(ledger)
    harbour.status = 503
    outbox.duty.turn()
    assert [m for code, _, m in standing(ledger) if code == REPORTS_NOT_TAKEN] == [message.replace("401", "503")]
    harbour.status = 200
    while outbox.duty.turn() is not Then.WHEN_WOKEN:
        pass
    assert [code for code, _, _ in standing(ledger)] == [DUTY_NOT_ALIVE]
    assert [(event["data"]["code"], event["data"]["ended"]) for event in harbour.taken] == [
        (DUTY_NOT_ALIVE, False),
        (REPORTS_NOT_TAKEN, False),
        (REPORTS_NOT_TAKEN, True),
    ]


def test_an_hour_begins_anew_with_each_report_that_is_taken(ledger: Ledger) -> None:
    stopwatch, harbour = FakeStopwatch(), Harbour()
    ledger.set_setting("reports", TARGET)
    outbox = Outbox(ledger, harbour, stopwatch)
    for number, status in enumerate((503, 200, 503)):
        ledger.put_notice(notice(subject=str(number)))
        harbour.status = status
        outbox.duty.turn()
        stopwatch.wait(3500.0)
    assert REPORTS_NOT_TAKEN not in {code for code, _, _ in standing(ledger)}


# -- who is told


def test_a_caller_is_told_of_his_app_and_of_the_server(machine: FakeMachine, server: Host) -> None:
    other = manifest(app="mail", image="acme/mail", domain="mail.example.com")
    machine.publish("one", Behaviour(), image="acme/mail")
    assert carry_out(server, machine.order("one", other), str(uuid.uuid4())).state == "succeeded"
    ledger = server.ledger
    ledger.put_notice(notice())
    ledger.set_degraded(APP, "x")
    ledger.set_degraded("mail.production", "y")
    assert [found.subject for found in ledger.notices(APP)] == ["keeper", APP]
    assert [found.subject for found in ledger.notices()] == ["keeper", APP, "mail.production"]


def test_the_doctor_tells_what_it_is_and_what_to_do(ledger: Ledger) -> None:
    ledger.put_notice(notice())
    (found,) = (found.as_json() for found in ledger.notices())
    shown = lines({**EMPTY, "notices": [found]})
    assert shown[2:4] == [f"notice      warning since {found['since']}: keeper: it ended", "            next: look"]


EMPTY: dict[str, Any] = {
    "ledger": {"state": "whole"},
    "edge": {"state": "running"},
    **{key: [] for key in ("apps", "removed", "differences", "unknown", "impossible", "lost")},
}
