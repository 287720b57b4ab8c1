"""Which schedules are due: a table of moments, clocks that jump, and what passed while nobody looked."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from ferryman_agent.clock import UTC
from ferryman_agent.cron import parse_cron
from ferryman_agent.manifest import Schedule
from ferryman_agent.schedules.timetable import Planned, look

KEY = ("shop.production", "sweep")


def schedule(expression: str = "0 * * * *") -> Schedule:
    return Schedule("sweep", parse_cron(expression), expression, ("sweep",), 60.0, 1.0)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-24T{text}").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("looks", "due_at"),
    [
        (["02:59:59", "03:00:00"], ["03:00:00"]),
        (["02:59:59", "03:00:07", "03:00:17"], ["03:00:07"]),
        (["03:00:00", "03:00:10"], []),
        (["02:00:30", "02:59:58", "03:00:59.9", "04:00:00"], ["03:00:59.9", "04:00:00"]),
        (["02:59:59", "03:01:01", "03:30:00", "04:00:00"], ["04:00:00"]),
        (["02:59:59", "09:30:00", "10:00:00"], ["10:00:00"]),
        (["02:59:59", "03:00:00", "02:59:58", "03:00:00", "04:00:00"], ["03:00:00", "04:00:00"]),
        (["05:30:00", "06:00:00", "01:30:00", "02:00:00"], ["06:00:00", "02:00:00"]),
        (["05:30:00", "05:40:00", "03:30:00", "04:00:00"], ["04:00:00"]),
    ],
    ids=[
        "at the minute",
        "once, a little late",
        "from the minute after the first look on",
        "each hour",
        "slept for more than a minute",
        "slept for hours",
        "the clock was set back by two seconds",
        "the clock was set back by hours after a run",
        "the clock was set back by hours before one",
    ],
)
def test_what_is_due_at_each_look(looks: list[str], due_at: list[str]) -> None:
    planned: dict[tuple[str, str], Planned] = {}
    found = []
    for moment in looks:
        due, planned = look(planned, {KEY: schedule()}, at(moment))
        found += [moment for _ in due]
    assert found == due_at


def test_a_changed_expression_counts_from_now_on() -> None:
    _, planned = look({}, {KEY: schedule("0 3 * * *")}, at("02:59:30"))
    due, planned = look(planned, {KEY: schedule("0 4 * * *")}, at("03:00:00"))
    assert due == []
    assert planned[KEY].next == at("04:00:00")


def test_a_schedule_that_is_gone_is_forgotten() -> None:
    _, planned = look({}, {KEY: schedule()}, at("02:59:30"))
    assert look(planned, {}, at("03:00:00")) == ([], {})
    due, _ = look({}, {KEY: schedule()}, at("03:00:01"))
    assert due == []


def test_two_schedules_are_due_at_the_same_time() -> None:
    other = ("shop.production", "mail")
    schedules = {KEY: schedule(), other: schedule("*/30 * * * *")}
    _, planned = look({}, schedules, at("02:59:30"))
    due, _ = look(planned, schedules, at("02:59:30") + timedelta(seconds=31))
    assert due == [KEY, other]
