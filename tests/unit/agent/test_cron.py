"""Cron expressions: what they mean, when they come next, and which are refused with what reason."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman_agent.cron import Cron, next_time, parse_cron

# 2026-11-24 is a Tuesday
NEXT = [
    ("* * * * *", "2026-11-24 20:38", "2026-11-24 20:39"),
    ("*/15 * * * *", "2026-11-24 20:45", "2026-11-24 21:00"),
    ("5-20/5 * * * *", "2026-11-24 20:12", "2026-11-24 20:15"),
    ("59 23 31 12 *", "2026-12-31 23:59", "2027-12-31 23:59"),
    ("0,30 8-10 * * *", "2026-11-24 10:30", "2026-11-25 08:00"),
    ("0 0 * * sun", "2026-11-24 00:00", "2026-11-29 00:00"),
    ("0 0 * * 7", "2026-11-24 00:00", "2026-11-29 00:00"),
    ("0 0 * * 0", "2026-11-24 00:00", "2026-11-29 00:00"),
    ("0 0 * * MON-Fri", "2026-11-27 00:00", "2026-11-30 00:00"),
    ("0 0 * * fri-sun", "2026-11-28 00:00", "2026-11-29 00:00"),
    ("0 0 * * 5-7", "2026-11-28 00:00", "2026-11-29 00:00"),
    ("0 0 13 * fri", "2026-11-24 00:00", "2026-11-27 00:00"),
    ("0 0 13 * fri", "2026-12-11 00:00", "2026-12-13 00:00"),
    ("0 0 */2 * fri", "2026-11-24 00:00", "2026-11-27 00:00"),
    ("0 0 */2 * fri", "2026-11-27 00:00", "2026-12-11 00:00"),
    ("0 0 13 * *", "2026-11-24 00:00", "2026-12-13 00:00"),
    ("0 0 31 * *", "2026-11-24 00:00", "2026-12-31 00:00"),
    ("0 0 1 feb,apr-Jun *", "2026-11-24 00:00", "2027-02-01 00:00"),
    ("0 0 29 2 *", "2096-03-01 00:00", "2104-02-29 00:00"),
    ("0 0 29 2 */7", "2000-03-01 00:00", "2004-02-29 00:00"),
    ("@hourly", "2026-11-24 20:00", "2026-11-24 21:00"),
    ("@daily", "2026-11-24 20:38", "2026-11-25 00:00"),
    ("@weekly", "2026-11-24 20:38", "2026-11-29 00:00"),
    ("@monthly", "2026-11-24 20:38", "2026-12-01 00:00"),
    ("@yearly", "2026-11-24 20:38", "2027-01-01 00:00"),
    ("  0   3 * * * ", "2026-11-24 20:38", "2026-11-25 03:00"),
]
FIVE = "does not have the five fields minute, hour, day of the month, month, day of the week"
BAD = [
    ("", FIVE),
    ("* * * *", FIVE),
    ("* * * * * *", FIVE),
    ("*\t* * * *", FIVE),
    ("* " * 200, FIVE),
    ("@reboot", "is none of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly"),
    ("60 * * * *", "has no minute from 0 to 59 in '60'"),
    ("* 24 * * *", "has no hour from 0 to 23 in '24'"),
    ("* * 0 * *", "has no day of the month from 1 to 31 in '0'"),
    ("* * * 13 *", "has no month from 1 to 12 in '13'"),
    ("* * * * 8", "has no day of the week from 0 to 7 in '8'"),
    ("mon * * * *", "has no minute from 0 to 59 in 'mon'"),
    ("* * * * monday", "has no day of the week from 0 to 7 in 'monday'"),
    ("* * * mon *", "has no month from 1 to 12 in 'mon'"),
    ("1,,2 * * * *", "has no minute from 0 to 59 in ''"),
    ("-5 * * * *", "has no minute from 0 to 59 in ''"),
    ("5- * * * *", "has no minute from 0 to 59 in ''"),
    ("1-2-3 * * * *", "has no minute from 0 to 59 in '2-3'"),
    ("+5 * * * *", "has no minute from 0 to 59 in '+5'"),
    ("\u0665 * * * *", "has no minute from 0 to 59 in '\u0665'"),
    ("5/10 * * * *", "has a step without * or a range in the minute"),
    ("*/0 * * * *", "has a step of 0 in the minute"),
    ("*/x * * * *", "has no minute from 0 to 59 in '*/x'"),
    ("*/ * * * *", "has no minute from 0 to 59 in '*/'"),
    ("30-10 * * * *", "has a range that ends before it begins in the minute"),
    ("* * * * fri-mon", "has a range that ends before it begins in the day of the week"),
    ("? * * * *", "has no minute from 0 to 59 in '?'"),
    ("0 0 l * *", "has no day of the month from 1 to 31 in 'l'"),
    ("0 0 30 2 *", "names a day that never comes"),
    ("0 0 31 4,6,9,11 *", "names a day that never comes"),
]


def at(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M")


@pytest.mark.parametrize(("expression", "after", "expected"), NEXT)
def test_the_next_time_is_the_first_minute_after_that_fits(expression: str, after: str, expected: str) -> None:
    assert next_time(parse_cron(expression), at(after)) == at(expected)


@pytest.mark.parametrize(("expression", "reason"), BAD)
def test_nonsense_is_refused_with_its_reason(expression: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|has|does|names)") as caught:
        parse_cron(expression)
    assert str(caught.value) == reason


def test_seconds_do_not_delay_the_next_minute() -> None:
    after = datetime(2026, 11, 24, 20, 38, 59, 999999)
    assert next_time(parse_cron("* * * * *"), after) == at("2026-11-24 20:39")


numbers = st.sets(st.integers(0, 59), min_size=1, max_size=4)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2080, 1, 1))


def fits(cron: Cron, moment: datetime) -> bool:
    return moment.minute in cron.minutes and moment.hour in cron.hours and cron.has_day(moment)


@given(minutes=numbers, hours=st.sets(st.integers(0, 23), min_size=1), after=moments)
def test_no_minute_in_between_fits(minutes: set[int], hours: set[int], after: datetime) -> None:
    text = f"{','.join(map(str, minutes))} {','.join(map(str, hours))} * * *"
    cron = parse_cron(text)
    found = next_time(cron, after)
    assert found is not None
    assert fits(cron, found)
    between = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while between < found:
        assert not fits(cron, between)
        between += timedelta(minutes=1)
