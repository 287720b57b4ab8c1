"""Pure: cron expressions, and when each comes next; in UTC, to the minute."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTHS = {name: number for number, name in enumerate(_MONTHS, start=1)}
WEEKDAYS = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
LENGTH_LIMIT = 200
YEARS = 41  # 29 February on one day of the week: 28 years, 40 across a year such as 2100
STEP = re.compile(r"(?P<range>[^/]+)/(?P<step>[0-9]{1,4})")
NUMBER = re.compile(r"[0-9]{1,2}")


@dataclass(frozen=True)
class Field:
    """One of the five: its name, its least and greatest number, and words for some."""

    name: str
    least: int
    most: int
    words: dict[str, int]


FIELDS = (
    Field("minute", 0, 59, {}),
    Field("hour", 0, 23, {}),
    Field("day of the month", 1, 31, {}),
    Field("month", 1, 12, MONTHS),
    Field("day of the week", 0, 7, WEEKDAYS),
)


@dataclass(frozen=True)
class Cron:
    """The numbers that fit each field; weekdays count from Sunday, 0.

    `is_either_day`: both days are restricted, so that one of them suffices, as cron has it.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    is_either_day: bool

    def has_day(self, day: datetime) -> bool:
        """Whether it comes on this day."""
        if day.month not in self.months:
            return False
        fits, fits_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return fits or fits_week if self.is_either_day else fits and fits_week


def parse_cron(text: str) -> Cron:
    """A cron expression of five fields, or a nickname such as @daily. ValueError says what is wrong with it."""
    if text.startswith("@"):
        if text not in NICKNAMES:
            raise ValueError(f"is none of {', '.join(NICKNAMES)}")
        text = NICKNAMES[text]
    words = text.split(" ") if len(text) <= LENGTH_LIMIT else []
    words = [word for word in words if word]
    if len(words) != len(FIELDS):
        raise ValueError("does not have the five fields minute, hour, day of the month, month, day of the week")
    minutes, hours, days, months, weekdays = (
        _numbers(word, field) for word, field in zip(words, FIELDS)  # noqa: B905 - as many words as fields
    )
    is_either_day = not (words[2].startswith("*") or words[4].startswith("*"))
    week = frozenset(number % 7 for number in weekdays)
    found = Cron(minutes, hours, days, months, week, is_either_day)
    if next_time(found, datetime(2000, 1, 1)) is None:
        raise ValueError("names a day that never comes")
    return found


def _numbers(word: str, field: Field) -> frozenset[int]:
    return frozenset(number for part in word.split(",") for number in _part(part, field))


def _part(part: str, field: Field) -> range:
    stepped = STEP.fullmatch(part)
    text, step = (stepped["range"], int(stepped["step"])) if stepped else (part, 1)
    if step == 0:
        raise ValueError(f"has a step of 0 in the {field.name}")
    if text == "*":
        return range(field.least, field.most + 1, step)
    first, dash, last = text.partition("-")
    if stepped and not dash:
        raise ValueError(f"has a step without * or a range in the {field.name}")
    start = _number(first, field)
    end = _number(last, field) if dash else start
    if dash and field.words is WEEKDAYS and last.lower() == "sun":
        end = 7
    if end < start:
        raise ValueError(f"has a range that ends before it begins in the {field.name}")
    return range(start, end + 1, step)


def _number(text: str, field: Field) -> int:
    number = field.words.get(text.lower(), int(text) if NUMBER.fullmatch(text) else -1)
    if not field.least <= number <= field.most:
        raise ValueError(f"has no {field.name} from {field.least} to {field.most} in {text!r}")
    return number


def next_time(cron: Cron, after: datetime) -> datetime | None:
    """The first minute after `after` that fits; None when there is none within 41 years."""
    earliest = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    day = earliest.replace(hour=0, minute=0)
    while day.year <= earliest.year + YEARS:
        if day.month not in cron.months:
            day = day.replace(day=1) + timedelta(days=calendar.monthrange(day.year, day.month)[1])
            continue
        if cron.has_day(day):
            found = _time_of_day(cron, max(day, earliest))
            if found:
                return found
        day += timedelta(days=1)
    return None


def _time_of_day(cron: Cron, earliest: datetime) -> datetime | None:
    for hour in sorted(cron.hours):
        for minute in sorted(cron.minutes):
            if (hour, minute) >= (earliest.hour, earliest.minute):
                return earliest.replace(hour=hour, minute=minute)
    return None
