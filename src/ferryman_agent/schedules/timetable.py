"""Pure: which schedules are due now, and when each comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ferryman_agent.cron import next_time
from ferryman_agent.manifest import Schedule

LATE = timedelta(seconds=60)
SET_BACK = timedelta(hours=1)

Key = tuple[str, str]  # app, schedule


@dataclass(frozen=True)
class Planned:
    """When a schedule comes next; `seen` is the latest time at which that was looked at."""

    expression: str
    next: datetime | None
    seen: datetime


def look(
    planned: Mapping[Key, Planned], schedules: Mapping[Key, Schedule], now: datetime
) -> tuple[list[Key], dict[Key, Planned]]:
    """Those that are due, and the plan from now on.

    1. A schedule that is new or changed comes next after `now`: what passed while nobody looked is not made up for.
    2. So it is, too, when the clock was set back by more than an hour; by less, no time comes twice.
    3. One that is due by more than a minute was slept through: it is not made up for either.
    """
    due, after = [], {}
    for key, schedule in schedules.items():
        known = planned.get(key)
        if known is None or known.expression != schedule.expression or now < known.seen - SET_BACK:
            after[key] = Planned(schedule.expression, next_time(schedule.cron, now), now)
            continue
        after[key] = replace(known, seen=max(known.seen, now))
        if known.next is not None and now >= known.next:
            after[key] = replace(after[key], next=next_time(schedule.cron, now))
            if now - known.next <= LATE:
                due.append(key)
    return due, after
