"""The outbox: at least once, in order, past what Harbour refuses for good, and never in anybody's way."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ferryman_agent.duties import Then
from ferryman_agent.ledger import Kind, Ledger
from ferryman_agent.outbox import BATCH_EVENTS, Outbox
from ferryman_agent.testing import FakeClock

TARGET = {"url": "http://harbour.example/api/v1/reports/", "token": "t0ken", "host": ""}
Answer = int | Exception


class FakeHarbour:
    """Takes reports; `answers` come first, then `judge` decides by what is in the batch."""

    def __init__(self, *answers: Answer, poison: set[int] = frozenset()) -> None:  # type: ignore[assignment]
        self.answers = list(answers)
        self.poison = poison
        self.taken: list[int] = []
        self.calls = 0

    def __call__(self, target: dict[str, str], body: bytes) -> int:
        self.calls += 1
        assert target == TARGET
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        numbers = [event["data"]["n"] for event in json.loads(body)["events"]]
        if self.poison & set(numbers):
            return 422
        self.taken += numbers
        return 200


@pytest.fixture
def ledger(folder: Path) -> Ledger:
    made = Ledger(folder / "ledger.db", FakeClock())
    made.set_setting("reports", TARGET)
    return made


def fill(ledger: Ledger, count: int) -> None:
    app = ledger.add_app("shop", "production", range(1, 9))
    deployment = ledger.begin(app, f"r{count}", Kind.DEPLOY, None)
    for number in range(count):
        ledger.add_event(deployment, {"kind": "log"}, {"kind": "x", "data": {"n": number}})


def drained(outbox: Outbox) -> int:
    """Deliver until nothing is left; returns how many calls that took."""
    for calls in range(200):
        if outbox.deliver() is None:
            return calls
    raise AssertionError("the outbox is never empty")


def test_reports_are_delivered_in_order(ledger: Ledger) -> None:
    fill(ledger, BATCH_EVENTS + 20)
    harbour = FakeHarbour()
    assert drained(Outbox(ledger, harbour)) == 2
    assert harbour.taken == list(range(BATCH_EVENTS + 20))
    assert ledger.outbox_size() == 0


NOT_TAKEN: list[tuple[Answer, str]] = [
    *((status, f"HTTP {status}") for status in (302, 401, 403, 404, 429, 500, 503)),
    (OSError("no route"), "not reached: OSError('no route')"),
    (http.client.IncompleteRead(b""), "not reached: IncompleteRead(0 bytes read)"),
    (ValueError("a port"), "not reached: ValueError('a port')"),
]


@pytest.mark.parametrize(("answer", "shown"), NOT_TAKEN, ids=[shown for _, shown in NOT_TAKEN])
def test_what_is_not_taken_stays_and_is_sent_again(ledger: Ledger, answer: Answer, shown: str) -> None:
    fill(ledger, 3)
    harbour = FakeHarbour(answer, answer)
    outbox = Outbox(ledger, harbour)
    assert outbox.deliver() is False
    assert outbox.deliver() is False
    assert outbox.state() == {"waiting": 3, "url": TARGET["url"], "last": shown}
    assert outbox.deliver() is True
    assert harbour.taken == [0, 1, 2]


def test_an_answer_that_was_lost_leads_to_a_second_delivery_not_to_a_loss(ledger: Ledger) -> None:
    fill(ledger, 3)
    seen: list[int] = []

    def loses_the_first_answer(_: dict[str, str], body: bytes) -> int:
        seen.extend(event["sequence"] for event in json.loads(body)["events"])
        if len(seen) == 3:
            raise ConnectionResetError
        return 200

    assert drained(Outbox(ledger, loses_the_first_answer)) == 2
    assert seen == [1, 2, 3, 1, 2, 3]


@pytest.mark.parametrize("status", [400, 409, 413, 422])
@pytest.mark.parametrize("poison", [{0}, {7}, {19}, {3, 4}, set(range(20))])
def test_only_what_harbour_refuses_for_good_is_dropped(ledger: Ledger, poison: set[int], status: int) -> None:
    fill(ledger, 20)
    harbour = FakeHarbour(status, poison=poison)
    assert drained(Outbox(ledger, harbour)) < 80
    assert harbour.taken == [number for number in range(20) if number not in poison]


def test_pauses_grow_while_harbour_takes_nothing_and_the_next_batch_follows_at_once(ledger: Ledger) -> None:
    fill(ledger, BATCH_EVENTS + 1)
    outbox = Outbox(ledger, FakeHarbour(503, OSError("no route"), 503, KeyError("a fault"), *(8 * [503])))
    pauses = [outbox.duty.turn() for _ in range(14)]
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, *(5 * [60.0]), 0.0, 0.0]
    assert outbox.duty.turn() is Then.WHEN_WOKEN
    assert ledger.outbox_size() == 0


def test_without_an_address_reports_wait(ledger: Ledger) -> None:
    fill(ledger, 3)
    ledger.set_setting("reports", None)
    harbour = FakeHarbour()
    outbox = Outbox(ledger, harbour)
    assert outbox.deliver() is None
    assert (harbour.calls, outbox.state()) == (0, {"waiting": 3, "url": None, "last": ""})


def wait_for(condition: Callable[[], bool], changed: threading.Event) -> None:
    for _ in range(100):
        if condition():
            return
        changed.wait(0.1)
        changed.clear()
    raise AssertionError("it never came to that")


def test_a_wake_delivers_and_a_fault_of_its_own_does_not_end_the_thread(ledger: Ledger) -> None:
    called = threading.Event()
    harbour = FakeHarbour(KeyError("a fault"))

    def post(target: dict[str, str], body: bytes) -> int:
        called.set()
        return harbour(target, body)

    outbox = Outbox(ledger, post)
    outbox.duty.start()
    fill(ledger, 3)
    outbox.wake()
    wait_for(lambda: harbour.calls > 0, called)
    outbox.wake()
    wait_for(lambda: harbour.taken == [0, 1, 2], called)


def test_a_harbour_that_hangs_blocks_nobody_who_writes(ledger: Ledger) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hangs(*_: Any) -> int:
        entered.set()
        leave.wait(20)
        return 200

    fill(ledger, 1)
    outbox = Outbox(ledger, hangs)
    outbox.duty.start()
    assert entered.wait(20)
    fill(ledger, 2)
    outbox.wake()
    assert outbox.state()["waiting"] == 3
    leave.set()
