"""The queue of an app: who is told what, who waits, whose turn is next, and what outlives a caller."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from callers import ADA, DEPLOY, RUN, SHOP, Callers, Gate, agent_on, ask, code, converse, deploy

from ferryman_agent.daemon.agent import Agent
from ferryman_agent.host.probe import Answer
from ferryman_agent.testing import FakeMachine, manifest
from ferryman_agent.transaction.orders.deploying import parse_deploy, parse_rollback
from ferryman_agent.transaction.orders.terms import CALLER_CHARACTERS, WAIT_LIMIT_SECONDS, Terms
from ferryman_agent.transaction.runs.queue import Entry, next_turn


@pytest.fixture
def agent(machine: FakeMachine) -> Agent:
    return agent_on(machine)


@pytest.fixture
def held(agent: Agent) -> Iterator[tuple[Callers, Gate]]:
    """A deploy of ada's that stands at its health check."""
    gate, callers = Gate(agent), Callers(agent)
    callers.ask("first", "deploy", deploy(caller=ADA, sequence=7))
    assert gate.entered.wait(20)
    yield callers, gate
    gate.leave.set()
    callers.end()


# -- decisions


def entry(request: str, sequence: int | None = None, *, allow_older: bool = False, rollback: bool = False) -> Entry:
    order = parse_rollback(SHOP) if rollback else parse_deploy(deploy(sequence=sequence, allow_older=allow_older))
    return Entry(request, order, "shop.production", order.kind, Terms(), "", 0.0)


TURNS: dict[str, tuple[list[Entry], str, list[tuple[str, str]]]] = {
    "alone": ([entry("a", 3)], "a", []),
    "the newest run wins": ([entry("a", 3), entry("b", 5), entry("c", 4)], "b", [("a", "b"), ("c", "b")]),
    "the same run twice keeps its order": ([entry("a", 3), entry("b", 3)], "a", []),
    "without a number nobody is skipped": ([entry("a"), entry("b")], "a", []),
    "a number skips no one without": ([entry("a"), entry("b", 5)], "a", []),
    "who comes first goes first, also before the newest": (
        [entry("a"), entry("b", 3), entry("c", 4)],
        "a",
        [("b", "c")],
    ),
    "an older run that is allowed stays": ([entry("a", 3, allow_older=True), entry("b", 5)], "a", []),
    "a rollback is never skipped": ([entry("a", rollback=True), entry("b", 5), entry("c", 6)], "a", [("b", "c")]),
    "run 0 is a number": ([entry("a", 0), entry("b", 1)], "b", [("a", "b")]),
}


@pytest.mark.parametrize("name", TURNS)
def test_whose_turn_is_next(name: str) -> None:
    waiting, winner, skipped = TURNS[name]
    found, losers = next_turn(waiting)
    assert found.request == winner
    assert [(loser.request, by.request) for loser, by in losers] == skipped


def test_whoever_comes_in_which_order_the_newest_run_is_the_one_that_is_deployed() -> None:
    for numbers in itertools.permutations([1, 2, 3, 4]):
        waiting = [entry(str(number), number) for number in numbers]
        winner, skipped = next_turn(waiting)
        assert winner.sequence == 4
        assert sorted(loser.request for loser, _ in skipped) == ["1", "2", "3"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"caller": "x" * (CALLER_CHARACTERS + 1)},
        {"caller": "ada\x1b[2J"},
        {"caller": "ada\u202e"},
        {"caller": 5},
        {"wait_seconds": WAIT_LIMIT_SECONDS + 1},
        {"wait_seconds": -1},
        {"wait_seconds": "long"},
    ],
)
def test_terms_that_are_none_are_a_bad_request(agent: Agent, wrong: dict[str, Any]) -> None:
    assert code(ask(agent, "deploy", deploy(**wrong))) == ("bad-request", 2)
    assert agent.host.ledger.deployments() == []


# -- a second caller


def test_a_second_caller_is_told_who_deploys_what_since_when_and_in_which_step(
    agent: Agent, held: tuple[Callers, Gate]
) -> None:
    deployment = agent.host.ledger.deployments()[0]
    busy = ask(agent, "rollback", SHOP, role="pipeline")
    assert code(busy) == ("busy", 3)
    assert busy["error"]["message"] == (
        f"a deploy of 6f6f6f6 (run 7) runs for shop.production since {deployment.started_at}, in step healthy,"
        " asked for by ada@laptop (a operator key)".replace("a operator", "an operator")
    )
    told = busy["error"]["details"]["running"]
    assert (told["by"], told["role"], told["sequence"], told["deployment"]) == (ADA, "operator", 7, deployment.id)


def test_a_queue_has_a_limit(agent: Agent, held: tuple[Callers, Gate], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ferryman_agent.transaction.runs.running.WAITING_LIMIT", 1)
    callers, _ = held
    callers.ask("second", "deploy", deploy("two", wait_seconds=60))
    callers.waits(1)
    full = ask(agent, "deploy", deploy("two", wait_seconds=60))
    assert code(full) == ("busy", 3)
    assert "1 more wait" in full["error"]["message"]


def test_an_older_run_does_not_wait_for_what_is_refused_anyway(agent: Agent, held: tuple[Callers, Gate]) -> None:
    callers, gate = held
    older = ask(agent, "deploy", deploy("two", sequence=6, cancel_running=True))
    assert code(older) == ("older-sequence", 3)
    gate.leave.set()
    assert callers.end()["first"]["result"]["outcome"] == "succeeded"


def test_who_waits_is_told_of_what_runs_and_then_deploys(agent: Agent, held: tuple[Callers, Gate]) -> None:
    callers, gate = held
    callers.ask("second", "deploy", deploy("two", wait_seconds=60, caller=RUN, sequence=8), role="pipeline")
    callers.waits(1)
    (shown,) = ask(agent, "status", SHOP)["result"]["apps"]
    assert (shown["running"]["by"], shown["running"]["step"]) == (ADA, "healthy")
    (waits,) = shown["waiting"]
    assert (waits["request"], waits["by"], waits["role"], waits["sequence"]) == ("second", RUN, "pipeline", 8)
    gate.leave.set()
    assert {key: line["result"]["outcome"] for key, line in callers.end().items()} == {
        "first": "succeeded",
        "second": "succeeded",
    }
    first_event = callers.answers["second"][0]["event"]
    assert (first_event["kind"], first_event["before"], first_event["running"]["by"]) == ("waiting", 0, ADA)
    begun = next(line["event"] for line in callers.answers["second"] if line["event"]["kind"] == "deployment")
    assert begun["by"] == RUN
    assert ask(agent, "status", SHOP)["result"]["apps"][0]["waiting"] == []


def test_the_newest_run_that_waits_wins_and_the_others_say_by_which_they_were_skipped(
    agent: Agent, held: tuple[Callers, Gate]
) -> None:
    callers, gate = held
    for place, (identifier, sequence) in enumerate((("eight", 8), ("ten", 10), ("nine", 9)), start=1):
        callers.ask(identifier, "deploy", deploy("two", wait_seconds=60, sequence=sequence, caller=RUN))
        callers.waits(place)
    gate.leave.set()
    ends = callers.end()
    assert ends["ten"]["result"]["outcome"] == "succeeded"
    for identifier in ("eight", "nine"):
        assert code(ends[identifier]) == ("skipped", 3)
        assert "run 10 is newer and waited too" in ends[identifier]["error"]["message"]
        assert RUN in ends[identifier]["error"]["message"]
        assert ask(agent, "deploy", deploy("two", sequence=8), identifier=identifier) == ends[identifier]
    states = {found.request: found.state for found in agent.host.ledger.deployments()}
    assert states == {"first": "succeeded", "eight": "skipped", "nine": "skipped", "ten": "succeeded"}


def test_a_limit_that_comes_before_the_turn_ends_the_waiting(agent: Agent, held: tuple[Callers, Gate]) -> None:
    callers, gate = held
    callers.ask("second", "deploy", deploy("two", wait_seconds=60))
    callers.waits(1)
    agent.host.stopwatch.wait(61)
    assert ask(agent, "status", SHOP)["result"]["apps"][0]["waiting"] == []
    with agent.running._changed:
        agent.running._changed.notify_all()
    gate.leave.set()
    assert code(callers.end()["second"]) == ("wait-timeout", 3)
    assert code(ask(agent, "deploy", deploy("two"), identifier="second")) == ("wait-timeout", 3)
    assert agent.host.ledger.release("shop.production", 1) is not None
    assert agent.host.ledger.release("shop.production", 1).state == "healthy"  # type: ignore[union-attr]


def test_the_limit_counts_while_the_app_is_recovered_too(agent: Agent) -> None:
    ask(agent, "deploy", deploy("one"))
    assert agent.running.claim("shop.production")
    try:
        answer = ask(agent, "deploy", deploy("two", wait_seconds=0))
    finally:
        agent.running.let_go("shop.production")
    assert code(answer) == ("wait-timeout", 3)
    assert ask(agent, "deploy", deploy("two"))["result"]["outcome"] == "succeeded"


def test_what_a_recovery_took_of_the_limit_is_not_waited_again(agent: Agent, held: tuple[Callers, Gate]) -> None:
    (callers, gate), running = held, agent.running
    running._settling.add("shop.production")
    callers.ask("second", "deploy", deploy("two", wait_seconds=60))
    while callers._threads[-1].is_alive() and not running._changed._waiters:  # type: ignore[attr-defined]
        threading.Event().wait(0.01)
    agent.host.stopwatch.wait(40)
    running.let_go("shop.production")
    callers.waits(1)
    agent.host.stopwatch.wait(21)
    assert running.waiting("shop.production") == []
    gate.leave.set()
    assert code(callers.end()["second"]) == ("wait-timeout", 3)


def test_a_request_whose_caller_is_gone_keeps_its_place_and_is_found_again(
    agent: Agent, held: tuple[Callers, Gate]
) -> None:
    callers, gate = held

    entry = agent.running.enter(
        "second", parse_deploy(deploy("two")), agent.host.ledger.apps()[0], Terms(wait_seconds=60)
    )
    assert isinstance(entry, Entry)
    events = agent.running.wait_turn(entry)
    assert next(events)["before"] == 0
    del events
    callers.ask("again", "follow", {"deployment": "second"})
    gate.leave.set()
    assert callers.end()["again"]["result"]["release"]["number"] == 2
    assert ask(agent, "deploy", deploy("two"), identifier="second")["result"]["outcome"] == "succeeded"
    assert len(agent.host.ledger.deployments()) == 2


def test_cancelling_what_runs_takes_it_back_and_goes_on(agent: Agent, held: tuple[Callers, Gate]) -> None:
    callers, gate = held
    callers.ask("patient", "deploy", deploy("two", wait_seconds=60))
    callers.waits(1)
    callers.ask("urgent", "rollback", {**SHOP, "to": 5, "cancel_running": True, "caller": RUN})
    callers.waits(2)
    gate.leave.set()
    ends = callers.end()
    assert code(ends["first"]) == ("cancelled", 1)
    assert ends["first"]["error"]["message"] == f"cancelled by rollback of {RUN} (an operator key)"
    assert code(ends["urgent"]) == ("unknown-release", 3)
    assert ends["patient"]["result"]["outcome"] == "succeeded"
    order = [found.request for found in reversed(agent.host.ledger.deployments())]
    assert order == ["first", "urgent", "patient"]


def test_what_is_committed_is_not_cancelled_but_waited_for(agent: Agent, held: tuple[Callers, Gate]) -> None:
    callers, gate = held
    transaction = agent.running.of("shop.production")
    assert transaction
    transaction.journal.is_committed = True
    callers.ask("urgent", "deploy", deploy("two", cancel_running=True))
    callers.waits(1)
    transaction.journal.is_committed = False
    gate.leave.set()
    assert {line["result"]["outcome"] for line in callers.end().values()} == {"succeeded"}


# -- cancel by id


def test_a_request_that_waits_is_cancelled_by_its_id_and_the_one_that_runs_is_not(
    agent: Agent, held: tuple[Callers, Gate]
) -> None:
    callers, gate = held
    callers.ask("second", "deploy", deploy("two", wait_seconds=60))
    callers.waits(1)
    answer = ask(agent, "cancel", {**SHOP, "deployment": "second"}, role="pipeline")["result"]
    assert answer["cancelled"] is True
    gate.leave.set()
    ends = callers.end()
    assert code(ends["second"]) == ("cancelled", 1)
    assert "nothing was changed" in ends["second"]["error"]["state"]
    assert ends["first"]["result"]["outcome"] == "succeeded"


def test_a_cancel_that_comes_before_its_request_holds(agent: Agent) -> None:
    assert code(ask(agent, "cancel", {"deployment": "late"})) == ("unknown-deployment", 3)
    assert ask(agent, "cancel", {"deployment": "late", "is_coming": True})["result"]["cancelled"] is True
    assert code(ask(agent, "deploy", DEPLOY, identifier="late")) == ("cancelled", 1)
    assert agent.host.ledger.deployments() == []
    assert "result" in ask(agent, "deploy", DEPLOY, identifier="another")


def test_a_cancel_after_the_end_says_what_the_end_was(agent: Agent) -> None:
    ask(agent, "deploy", DEPLOY, identifier="first")
    answer = ask(agent, "cancel", {"deployment": "first", "is_coming": True})["result"]
    assert (answer["cancelled"], answer["outcome"], answer["release"]) == (False, "succeeded", 1)


# -- the way it is held


def test_a_repeated_request_goes_on_after_the_events_that_were_seen(agent: Agent) -> None:
    first = converse(agent, "deploy", DEPLOY, identifier="one")
    assert converse(agent, "deploy", {**DEPLOY, "after": 4}, identifier="one") == first[4:]


def test_several_apps_deploy_at_the_same_time(agent: Agent) -> None:
    apps = ("shop", "blog", "wiki")
    meeting, callers = threading.Barrier(len(apps), timeout=20), Callers(agent)

    def probe(*_: Any) -> Answer:
        meeting.wait()
        return Answer(200)

    agent.host.probe = probe
    for name in apps:
        callers.ask(name, "deploy", deploy(manifest=manifest(app=name, domain=f"{name}.example.com")))
    assert {line["result"]["outcome"] for line in callers.end().values()} == {"succeeded"}


def test_nobodys_turn_comes_while_the_agent_stops_and_nothing_of_the_queue_is_left_for_the_next(
    agent: Agent, machine: FakeMachine, held: tuple[Callers, Gate]
) -> None:
    callers, gate = held
    order: Callable[[], Any] = lambda: parse_deploy(deploy("two"))  # noqa: E731
    agent.running.enter("second", order(), agent.host.ledger.apps()[0], Terms(wait_seconds=60))
    agent.running.close()
    gate.leave.set()
    callers.end()
    assert [found.request for found in agent.host.ledger.deployments()] == ["first"]
    again = Agent(machine.folder, machine.docker)
    again.host.edge = again.host.routing.edge = machine.edge
    again.host.probe = machine.docker.probe
    assert again.running.waiting("shop.production") == []
    assert ask(again, "deploy", deploy("two"), identifier="second")["result"]["release"]["number"] == 2
