"""The waterfall: where each bar begins and how wide it is."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fleet.models import Deployment
from pages.fleet.timeline import ago, spoken, waterfall

BEGIN = datetime(2026, 11, 23, 8, tzinfo=UTC)


def step(name: str, after: float, seconds: float | None, state: str = "done") -> dict[str, Any]:
    at = (BEGIN + timedelta(seconds=after)).isoformat()
    return {"step": name, "state": state, "started_at": at, "seconds": seconds, "detail": ""}


def deployment(*steps: dict[str, Any], ended_after: float | None = 10) -> Deployment:
    end = None if ended_after is None else BEGIN + timedelta(seconds=ended_after)
    return Deployment(id=uuid.uuid4(), started_at=BEGIN, finished_at=end, steps=list(steps))


def test_bars_stand_on_the_scale_of_the_whole_deployment() -> None:
    drawn = waterfall(deployment(step("pull", 0, 4), step("commit", 4, 1), step("drain", 5, 5)), BEGIN)
    assert [(bar.start, bar.width) for bar in drawn.bars] == [(0, 40), (40, 10), (50, 50)]
    assert drawn.commit == 50
    assert drawn.seconds == 10


def test_a_step_that_runs_reaches_to_now() -> None:
    now = BEGIN + timedelta(seconds=8)
    drawn = waterfall(deployment(step("pull", 0, 4), step("drain", 4, None, "started"), ended_after=None), now)
    assert [(bar.start, bar.width) for bar in drawn.bars] == [(0, 50), (50, 50)]
    assert drawn.commit is None


@pytest.mark.parametrize(("after", "seconds"), [(0, 0), (10, 0), (-5, 1), (50, 0.1), (0, 1e9)])
def test_no_bar_leaves_the_scale(after: float, seconds: float) -> None:
    (bar,) = waterfall(deployment(step("odd", after, seconds)), BEGIN).bars
    assert bar.start >= 0
    assert bar.width > 0
    assert bar.start + bar.width <= 100.01


def test_a_deployment_without_steps_has_no_bars() -> None:
    assert waterfall(deployment(ended_after=0), BEGIN).bars == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.412, "0.41 s"), (9.3, "9.30 s"), (12.34, "12.3 s"), (72, "1 min 12 s"), (59.96, "60.0 s")],
)
def test_seconds_are_written_as_people_read_them(seconds: float | None, text: str) -> None:
    assert spoken(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "just now"), (59, "just now"), (60, "1 minute ago"), (7300, "2 hours ago"), (86400 * 9, "9 days ago")],
)
def test_ages_are_written_in_their_largest_unit(seconds: float, text: str) -> None:
    assert ago(seconds) == text
