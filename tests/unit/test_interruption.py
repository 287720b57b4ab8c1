"""Signals before anything was asked of a server, and what a request says of its caller and its turn."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ferryman.watching.caller import LIMIT_CHARACTERS, describe_caller
from ferryman.watching.interruption import Interrupted, Signals
from ferryman.watching.spectator import turn_parameters


@pytest.fixture(autouse=True)
def own_handler() -> Iterator[None]:
    """pytest in the background may ignore SIGINT, under nohup SIGHUP; afterwards all is as before."""
    before = {signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler)}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_before_anything_was_asked_says_that_nothing_was(number: int, status: int) -> None:
    def build() -> None:
        with Signals():
            os.kill(os.getpid(), number)
            time.sleep(5)

    with pytest.raises(Interrupted) as caught:
        build()
    assert (caught.value.exit_status, caught.value.state) == (status, "nothing was asked of the server")


def test_a_signal_after_something_was_asked_is_remembered_and_ends_nothing() -> None:
    taken: list[int] = []
    with Signals() as signals:
        with signals.into(taken.append):
            os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
    assert (taken, signals.came) == ([signal.SIGINT], [signal.SIGINT, signal.SIGTERM])


def test_a_signal_that_the_caller_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals() as signals:
            os.kill(os.getpid(), signal.SIGHUP)
        assert signals.came == []
    finally:
        signal.signal(signal.SIGHUP, before)


# -- what is said of the caller and of the turn


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        (
            {
                "GITHUB_ACTIONS": "true",
                "GITHUB_SERVER_URL": "https://github.com",
                "GITHUB_REPOSITORY": "acme/shop",
                "GITHUB_RUN_ID": "77",
            },
            "https://github.com/acme/shop/actions/runs/77",
        ),
        ({"CI_JOB_URL": "https://git.example.com/acme/shop/-/jobs/5"}, "https://git.example.com/acme/shop/-/jobs/5"),
        ({"BUILD_URL": "x" * 300}, "x" * LIMIT_CHARACTERS),
        ({"BUILD_URL": "a\x1b[2Jb"}, "a[2Jb"),
    ],
)
def test_a_ci_run_is_told_by_its_address(variables: dict[str, str], told: str) -> None:
    assert describe_caller(variables) == told


def test_a_person_is_told_as_user_at_host() -> None:
    user, _, host = describe_caller({}).partition("@")
    assert user
    assert host


@pytest.mark.parametrize(
    ("seconds", "is_waiting", "cancel_running", "told"),
    [
        (None, False, False, {}),
        (None, True, False, {"wait_seconds": 1800}),
        (90.5, False, False, {"wait_seconds": 91}),
        (None, False, True, {"wait_seconds": 1800, "cancel_running": True}),
        (1e9, True, False, {"wait_seconds": 86400}),
    ],
)
def test_what_a_request_says_of_its_turn(
    seconds: float | None, is_waiting: bool, cancel_running: bool, told: dict[str, Any]
) -> None:
    assert turn_parameters(seconds, is_waiting=is_waiting, cancel_running=cancel_running) == told
