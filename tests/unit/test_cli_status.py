"""How status tells what runs beside web: accessories, schedules, duties and notices of the agent."""

from __future__ import annotations

from typing import Any

import pytest

from ferryman.cli import notices
from ferryman.cli import status as reading

RUN = {"number": 7, "release": 3, "by_hand": False, "started_at": "2026-11-24T03:00:00.123Z", "log": []}
RUNNING = {**RUN, "state": "running", "seconds": None, "exit_code": None, "skipped": 0}
FAILED = {**RUN, "state": "failed", "seconds": 4.21, "exit_code": 3, "skipped": 2}
DONE = {**RUN, "state": "succeeded", "seconds": 4.21, "exit_code": 0, "skipped": 0}
NEXT = "2026-11-25T03:00:00.000Z"
RUNS = {"state": "running", "since": "2026-11-23T08:00:00Z", "restarts": 0}
REDIS = {**RUNS, "health": "healthy", "release": 3, "definition": "current"}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, ", healthy"),
        ({"health": None}, ""),
        (
            {"definition": "changed", "health": None},
            "; as release 3 defined it: ferryman restart --role redis",
        ),
        ({"definition": "gone"}, ", healthy; not defined any more: ferryman accessory remove redis"),
    ],
)
def test_an_accessory_is_told_with_what_to_do_about_it(
    changed: dict[str, Any], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reading.show_accessories({"redis": {**REDIS, **changed}})
    line = f"redis        running since 2026-11-23T08:00:00Z, 0 restarts{told}\n"
    assert capsys.readouterr().out == line


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        ({"last": DONE, "running": None, "next": NEXT}, f"succeeded 2026-11-24T03:00:00.123Z after 4.2 s, next {NEXT}"),
        (
            {"last": FAILED, "running": RUNNING, "next": NEXT},
            "failed (exit code 3) 2026-11-24T03:00:00.123Z after 4.2 s, 2 skipped, "
            f"runs since 2026-11-24T03:00:00.123Z, next {NEXT}",
        ),
        ({"last": None, "running": None, "next": NEXT}, f"next {NEXT}"),
        ({"last": None, "running": None, "next": None}, "does not run while the app is stopped"),
    ],
)
def test_a_schedule_is_told_with_its_last_run_and_its_next_time(
    schedule: dict[str, Any], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reading.show_schedules({"sweep": schedule})
    assert capsys.readouterr().out == f"sweep        {told}\n"


def test_only_a_duty_that_is_not_alive_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    alive = {"name": "outbox", "alive": True, "last_success": None, "since": "2026-11-23T08:00:00Z", "error": None}
    ended = {**alive, "name": "keeper", "alive": False, "error": "its thread ended"}
    notices.show_duties([alive, ended])
    line = "duty         keeper is not alive since 2026-11-23T08:00:00Z: its thread ended\n"
    assert capsys.readouterr().out == line


def test_a_notice_is_told_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    found = {
        "code": "reports-not-taken",
        "subject": "outbox",
        "message": "Harbour takes nothing",
        "severity": "warning",
    }
    notices.show_notices([{**found, "since": "2026-11-23T08:00:00Z", "next": "check that it answers"}])
    assert capsys.readouterr().out == (
        "notice       warning since 2026-11-23T08:00:00Z: outbox: Harbour takes nothing\n"
        "             next: check that it answers\n"
    )
