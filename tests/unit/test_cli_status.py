"""How status tells what runs beside web: accessories and schedules."""

from __future__ import annotations

from typing import Any

import pytest

from ferryman.cli import reading

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
