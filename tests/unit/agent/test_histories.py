"""Random histories of a server with two apps, struck at any write and any effect; the promises hold after each step."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from histories import CHANGES, IMAGES, Step, play
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ferryman_agent.testing import Strike

HISTORIES = 5000
# How many writes and effects a step has at most, and the recovery after it.
PASSAGES = {
    "restart": 90,
    "restart web": 90,
    "start": 90,
    "remove": 50,
    "stop": 40,
    "stop all": 40,
    "sweep": 20,
    "nothing": 3,
}
PASSAGES_OF_A_DEPLOY = 110
LATER_PASSAGES = 30
IN_MEMORY = Path("/dev/shm")

PUBLISHED = "recreate"
# Each is one draw: drawing takes a good part of the time. What is listed more than once comes more often.
WHATS = [
    *[Step(word, has_worker, redis) for word in IMAGES for has_worker in (False, True) for redis in ("", "redis:7")],
    *[Step("good", has_worker, redis) for has_worker in (False, True) for redis in ("", "redis:8")],
    *[Step(word, strategy=PUBLISHED) for word in [*IMAGES, "good", "good", "good", "better"]],
    *[Step("good", has_worker=True, redis="redis:7", strategy=PUBLISHED)] * 2,
    *[Step("rollback", to=to) for to in (None, None, None, None, 1, 2, 3, 4)],
    *[Step(change) for change in [*CHANGES, *CHANGES]],
    *[Step("sweep")] * 2,
    *[Step("nothing")] * 4,
]
KINDS = [
    *[("crash", 0, 0)] * 12,
    *[(what, 0, 0) for what in ("power", "power", "cancel", "cancel", "other", "other")],
    *[(what, 0, 0) for what in ("edge restarts", "edge goes", "engine restarts")],
    *[(what, 0, pick) for what in ("container goes", "image goes", "network goes") for pick in (0, 1, 2)],
    *[(what, lasts, 0) for what in ("full", "engine away") for lasts in (1, 10, 1000)],
]


def strikes(limit: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    """At most so many: when, in hundredths of a step, and one of KINDS."""
    return st.lists(st.tuples(st.integers(0, 99), st.integers(0, len(KINDS) - 1)), max_size=limit)


def made(found: list[tuple[int, int]], passages: int) -> tuple[Strike, ...]:
    """Strikes for a step that has so many passages."""
    return tuple(Strike(at * passages // 100, *KINDS[kind]) for at, kind in found)


def step(found: tuple[int, int, list[tuple[int, int]], list[tuple[int, int]]]) -> Step:
    """What was drawn, as a step."""
    what = WHATS[found[0]]
    passages = PASSAGES.get(what.what, PASSAGES_OF_A_DEPLOY)
    return replace(what, app=found[1], strikes=made(found[2], passages), later=made(found[3], LATER_PASSAGES))


steps = st.tuples(st.integers(0, len(WHATS) - 1), st.sampled_from((0, 0, 1)), strikes(limit=2), strikes(limit=1)).map(
    step
)


@pytest.fixture(scope="module")
def shelf() -> Iterator[Path]:
    """A folder in memory for the folders of all histories."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as name:
        yield Path(name)


@settings(
    max_examples=HISTORIES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(history=st.lists(steps, min_size=1, max_size=5))
def test_promises_hold_in_every_history(shelf: Path, history: list[Step]) -> None:
    with tempfile.TemporaryDirectory(dir=shelf) as folder:
        play(Path(folder), history)
