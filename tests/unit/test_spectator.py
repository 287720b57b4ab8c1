"""The client as a spectator: cuts are taken up again, and an interruption cancels, asks or leaves."""

from __future__ import annotations

import io
import os
import pty
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ferryman.config import load_configuration, manifest, resolve_environment
from ferryman.destination import Destination
from ferryman.errors import DeployFailed, FerrymanError, OutcomeUnknown, Refused, Unreachable
from ferryman.testing import FakeLink
from ferryman.watching import spectator, watch
from ferryman.watching.interruption import Signals
from ferryman.watching.spectator import ask_transaction, follow_transaction

CONFIGURATION = """\
[app]
name = "shop"
image = "acme/shop"
[app.roles.web]
[environments.production]
host = "shop.example.com"
"""
APP = {"app": "shop", "environment": "production"}
CUT = OutcomeUnknown("connection-lost", "lost")
BEGUN = {"sequence": 1, "kind": "deployment", "what": "deploy", "release": {"number": 4}, "previous": 3}
NAMES = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
Told = list[dict[str, Any]]


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture
def destination(tmp_path: Path, link: FakeLink, monkeypatch: pytest.MonkeyPatch) -> Destination:
    path = tmp_path / "ferryman.toml"
    path.write_text(CONFIGURATION)
    monkeypatch.setattr(watch, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(watch, "LONGEST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(watch, "RESUME_LIMIT_SECONDS", 0.2)
    monkeypatch.setattr(spectator, "CANCEL_LIMIT_SECONDS", 0.3)
    configuration = load_configuration(path)
    environment = resolve_environment(configuration, "production", {})
    return Destination(configuration, "production", manifest(configuration, "production", environment), link)


def event(sequence: int) -> dict[str, Any]:
    return {"sequence": sequence, "kind": "log", "text": f"line {sequence}"}


def notes(told: Told) -> list[str]:
    return [found["text"] for found in told if found["kind"] == "note"]


# -- cuts


def test_a_lost_connection_repeats_the_same_request_after_what_was_seen(
    destination: Destination, link: FakeLink
) -> None:
    told: Told = []
    link.answer("deploy", CUT, events=[event(1), event(2)])
    link.answer("deploy", {"outcome": "succeeded"}, events=[event(2), event(3)])
    assert ask_transaction(destination, "deploy", {}, told.append) == {"outcome": "succeeded"}
    assert [found["sequence"] for found in told if "sequence" in found] == [1, 2, 3]
    first, second = link.requests
    assert first.request_id == second.request_id is not None
    assert ("after" in first.params, second.params["after"]) == (False, 2)
    assert notes(told) == ["the connection was lost; the server goes on by itself; connecting again"]


def test_a_deploy_goes_on_when_its_events_can_not_be_shown(destination: Destination, link: FakeLink) -> None:
    def full_disk(_: dict[str, Any]) -> None:
        raise OSError("no space left on device")

    link.answer("deploy", {"outcome": "succeeded"}, events=[event(1), event(2)])
    assert ask_transaction(destination, "deploy", {}, full_disk) == {"outcome": "succeeded"}


def test_a_server_that_stays_away_leaves_the_outcome_unknown_and_names_the_command_that_shows_it(
    destination: Destination, link: FakeLink
) -> None:
    link.answer("deploy", CUT)
    link.answer("deploy", Unreachable("server-unreachable", "nothing listens there"))
    with pytest.raises(OutcomeUnknown) as caught:
        ask_transaction(destination, "deploy", {}, lambda _: None)
    assert (caught.value.code, caught.value.exit_status) == ("connection-lost", 5)
    assert "nothing listens there" in caught.value.message
    assert caught.value.hint == f"ferryman follow {link.requests[0].request_id} --to production"


def test_pauses_grow_up_to_a_limit(destination: Destination, link: FakeLink, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    def wait(event: threading.Event, seconds: float | None = None) -> bool:
        pauses.append(seconds or 0)
        return False

    link.answer("deploy", CUT)
    link.answer("deploy", Unreachable("server-unreachable", "nothing listens there"))
    monkeypatch.setattr(threading.Event, "wait", wait)
    found: list[Any] = []
    request = watch.Request("deploy", {}, "id", "ferryman follow")
    watch.Watch(link, request, found.append)._run()
    assert pauses[:5] == [0.001, 0.002, 0.004, 0.008, 0.01]
    assert set(pauses[5:]) <= {0.01}
    assert isinstance(found[-1].error, OutcomeUnknown)


def test_a_server_that_restarts_meanwhile_is_waited_for(destination: Destination, link: FakeLink) -> None:
    link.answer("deploy", CUT, events=[event(1)])
    link.answer("deploy", Unreachable("server-unreachable", "nothing listens there"))
    link.answer("deploy", Unreachable("agent-not-running", "the agent does not answer"))
    link.answer("deploy", Unreachable("too-many-calls", "the one that was cut still counts"))
    link.answer("deploy", {"outcome": "succeeded"}, events=[event(1), event(2)])
    assert ask_transaction(destination, "deploy", {}, lambda _: None) == {"outcome": "succeeded"}


def test_what_the_agent_answers_after_a_cut_is_the_end(destination: Destination, link: FakeLink) -> None:
    link.answer("deploy", CUT, events=[event(1)])
    link.answer("deploy", Unreachable("engine-down", "the engine did not answer"))
    with pytest.raises(Unreachable, match="the engine did not answer"):
        ask_transaction(destination, "deploy", {}, lambda _: None)
    assert len(link.requests) == 2


@pytest.mark.parametrize(
    "error", [Unreachable("server-unreachable", "nothing listens there"), Refused("busy", "a deploy runs")]
)
def test_a_server_that_was_never_reached_or_refused_is_not_asked_again(
    destination: Destination, link: FakeLink, error: FerrymanError
) -> None:
    link.answer("deploy", error)
    with pytest.raises(type(error)):
        ask_transaction(destination, "deploy", {}, lambda _: None)
    assert len(link.requests) == 1


def test_following_is_resumed_too_and_ends_as_the_deployment(destination: Destination, link: FakeLink) -> None:
    told: Told = []
    link.answer("follow", Unreachable("connection-lost", "lost"), events=[event(1)])
    link.answer("follow", DeployFailed("unhealthy", "it answers 500"), events=[event(2)])
    with pytest.raises(DeployFailed), Signals() as signals:
        follow_transaction(destination, "d", told.append, signals)
    assert link.requests[1].params == {**APP, "deployment": "d", "after": 1}


def test_following_the_newest_stays_with_it_after_a_cut(destination: Destination, link: FakeLink) -> None:
    named = {"kind": "following", "deployment": "d"}
    link.answer("follow", Unreachable("connection-lost", "lost"), events=[named, event(1)])
    link.answer("follow", {"outcome": "succeeded"}, events=[event(2)])
    told: Told = []
    with Signals() as signals:
        follow_transaction(destination, None, told.append, signals)
    assert [request.params.get("deployment") for request in link.requests] == [None, "d"]
    assert "following" not in {found["kind"] for found in told}


# -- interruptions


class Interruptions:
    """Sends signals to this process when an event has been shown, and ends what is held when told so."""

    def __init__(self, *numbers: int, at: str = "log") -> None:
        self.told: Told = []
        self.held = threading.Event()
        self._numbers, self._at = list(numbers), at

    def show(self, event: dict[str, Any]) -> None:
        self.told.append(event)
        if event["kind"] == self._at and self._numbers:
            os.kill(os.getpid(), self._numbers.pop(0))


@pytest.fixture(autouse=True)
def own_handlers() -> Iterator[None]:
    """pytest in the background may ignore SIGINT; afterwards all is as before."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in NAMES}
    yield
    for number, handler in before.items():
        assert signal.getsignal(number) is signal.default_int_handler
        signal.signal(number, handler)


def interrupted(
    destination: Destination, link: FakeLink, number: int, cancel: dict[str, Any] | FerrymanError, end: Any = None
) -> tuple[Interruptions, Callable[[], Any]]:
    """A deploy that stands until it is cancelled, interrupted after its first event; `end` comes once it was."""
    interruptions = Interruptions(number)
    link.answer("deploy", end or {}, events=[BEGUN, event(2)], until=interruptions.held)
    link.answer("cancel", cancel)
    if end is not None:
        original = link.request

        def request(kind: str, params: Any, **more: Any) -> Any:
            answer = original(kind, params, **more)
            interruptions.held.set()
            return answer

        link.request = request  # type: ignore[method-assign]
    return interruptions, lambda: ask_transaction(destination, "deploy", {}, interruptions.show)


@pytest.mark.parametrize("number", NAMES)
def test_without_a_terminal_a_signal_cancels_this_request_and_the_call_ends_as_it_did(
    destination: Destination, link: FakeLink, number: int
) -> None:
    gone = DeployFailed("cancelled", "cancelled on request", state="release 3 goes on serving")
    interruptions, call = interrupted(destination, link, number, {"cancelled": True, "deployment": "d"}, gone)
    with pytest.raises(DeployFailed) as caught:
        call()
    assert (caught.value.code, caught.value.exit_status) == ("cancelled", 1)
    deploy, cancel = link.requests
    assert cancel.params == {**APP, "deployment": deploy.request_id, "is_coming": True}
    assert notes(interruptions.told)[0] == f"{signal.Signals(number).name}: asking the server to cancel"


def test_a_signal_that_comes_too_late_ends_with_the_success(destination: Destination, link: FakeLink) -> None:
    late = {"cancelled": False, "deployment": "d", "outcome": "committed", "release": 4}
    interruptions, call = interrupted(destination, link, signal.SIGTERM, late, {"outcome": "succeeded"})
    assert call() == {"outcome": "succeeded"}
    assert "it is committed already; there is nothing to cancel" in notes(interruptions.told)


def test_what_is_committed_but_not_finished_in_time_is_told_as_committed(
    destination: Destination, link: FakeLink
) -> None:
    late = {"cancelled": False, "deployment": "d", "outcome": "committed", "release": 4}
    _, call = interrupted(destination, link, signal.SIGINT, late)
    began = time.monotonic()
    result = call()
    assert (result["outcome"], result["release"], result["previous"]) == ("committed", {"number": 4}, 3)
    assert 0.3 <= time.monotonic() - began < 2


def test_a_cancel_that_is_accepted_but_not_over_in_time_is_told_so(destination: Destination, link: FakeLink) -> None:
    _, call = interrupted(destination, link, signal.SIGINT, {"cancelled": True, "deployment": "d"})
    with pytest.raises(DeployFailed) as caught:
        call()
    assert caught.value.code == "cancelled"
    assert "will not be" in caught.value.state
    # with the strategy recreate nothing may serve at this moment
    assert caught.value.state.endswith("the server takes the app back to what it was before")
    assert caught.value.hint.startswith("ferryman follow ")


def test_a_cancel_that_nobody_answers_leaves_the_outcome_unknown(destination: Destination, link: FakeLink) -> None:
    _, call = interrupted(destination, link, signal.SIGINT, Unreachable("server-unreachable", "gone"))
    with pytest.raises(OutcomeUnknown) as caught:
        call()
    assert (caught.value.code, caught.value.exit_status) == ("cancel-unanswered", 5)
    assert caught.value.hint == f"ferryman follow {link.requests[0].request_id} --to production"


def test_further_signals_change_nothing(destination: Destination, link: FakeLink) -> None:
    interruptions = Interruptions(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, at="note")
    link.answer("deploy", {}, events=[event(1)], until=interruptions.held)
    link.answer("cancel", {"cancelled": True, "deployment": "d"})
    interruptions.show({"kind": "log", "text": ""})
    threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(DeployFailed, match="cancelled"):
        ask_transaction(destination, "deploy", {}, interruptions.show)
    assert [request.kind for request in link.requests] == ["deploy", "cancel"]


def test_who_follows_only_leaves(destination: Destination, link: FakeLink) -> None:
    interruptions = Interruptions(signal.SIGTERM)
    link.answer("follow", {}, events=[event(1)], until=interruptions.held)
    with pytest.raises(OutcomeUnknown) as caught, Signals() as signals:
        follow_transaction(destination, None, interruptions.show, signals)
    assert caught.value.code == "detached"
    assert [request.kind for request in link.requests] == ["follow"]


# -- a person at a terminal


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """A terminal as standard input; what is called with a line types it."""
    person, terminal = pty.openpty()
    stdin = io.TextIOWrapper(os.fdopen(terminal, "rb", buffering=0), write_through=True)
    monkeypatch.setattr(sys, "stdin", stdin)
    monkeypatch.setattr(spectator, "has_terminal", lambda: True)

    def types(line: str) -> None:
        os.write(person, line.encode())

    yield types
    os.close(person)
    stdin.close()


def person_who(
    destination: Destination, link: FakeLink, interruptions: Interruptions, react: Callable[[dict[str, Any]], None]
) -> Any:
    """A deploy before a person who reacts to what is shown."""

    def show(event: dict[str, Any]) -> None:
        interruptions.show(event)
        react(event)

    link.answer("cancel", {"cancelled": True, "deployment": "d"})
    return ask_transaction(destination, "deploy", {}, show)


def test_the_first_ctrl_c_asks_and_yes_cancels(
    destination: Destination, link: FakeLink, keyboard: Callable[[str], None]
) -> None:
    interruptions = Interruptions(signal.SIGINT)
    link.answer("deploy", DeployFailed("cancelled", "cancelled"), events=[event(1)], until=interruptions.held)

    def react(event: dict[str, Any]) -> None:
        if event["kind"] == "question":
            keyboard("yes\n")
        if "waiting for the outcome" in event.get("text", ""):
            interruptions.held.set()

    with pytest.raises(DeployFailed, match="cancelled"):
        person_who(destination, link, interruptions, react)
    kinds = [found["kind"] for found in interruptions.told]
    assert kinds.index("question") < kinds.index("answered")


def test_a_no_goes_on_watching(destination: Destination, link: FakeLink, keyboard: Callable[[str], None]) -> None:
    interruptions = Interruptions(signal.SIGINT)
    link.answer("deploy", {"outcome": "succeeded"}, events=[event(1)], until=interruptions.held)

    def react(event: dict[str, Any]) -> None:
        if event["kind"] == "question":
            keyboard("n\n")
        if event["kind"] == "answered":
            interruptions.held.set()

    assert person_who(destination, link, interruptions, react) == {"outcome": "succeeded"}
    assert [request.kind for request in link.requests] == ["deploy"]


def test_a_second_ctrl_c_leaves_and_the_deploy_goes_on(
    destination: Destination, link: FakeLink, keyboard: Callable[[str], None]
) -> None:
    interruptions = Interruptions(signal.SIGINT)
    link.answer("deploy", {}, events=[event(1)], until=interruptions.held)

    def react(event: dict[str, Any]) -> None:
        if event["kind"] == "question":
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(OutcomeUnknown) as caught:
        person_who(destination, link, interruptions, react)
    assert (caught.value.code, caught.value.exit_status) == ("detached", 5)
    assert [request.kind for request in link.requests] == ["deploy"]
    assert link.conversations[0].is_closed


def test_a_deploy_that_ends_while_the_question_is_open_ends_the_call(
    destination: Destination, link: FakeLink, keyboard: Callable[[str], None]
) -> None:
    interruptions = Interruptions(signal.SIGINT)
    link.answer("deploy", {"outcome": "succeeded"}, events=[event(1)], until=interruptions.held)

    def react(event: dict[str, Any]) -> None:
        if event["kind"] == "question":
            interruptions.held.set()

    assert person_who(destination, link, interruptions, react) == {"outcome": "succeeded"}
    assert interruptions.told[-1]["kind"] == "answered"
    keyboard("\n")  # the thread that reads the answer ends


def test_a_terminal_that_is_closed_leaves_the_deploy_alone(
    destination: Destination, link: FakeLink, keyboard: Callable[[str], None]
) -> None:
    interruptions = Interruptions(signal.SIGHUP)
    link.answer("deploy", {}, events=[event(1)], until=interruptions.held)
    with pytest.raises(OutcomeUnknown, match="stopped watching"):
        person_who(destination, link, interruptions, lambda _: None)
