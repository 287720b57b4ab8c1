"""The keeper heals as soon as the engine tells of something, and one app's drain holds up no other app."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ferryman_agent.engine import Happened, Workload
from ferryman_agent.host import Host
from ferryman_agent.testing import (
    Behaviour,
    Crash,
    FakeMachine,
    broken_promises,
    carry_out,
    look_after,
    manifest,
    refuse,
)
from ferryman_agent.transaction.keeping import keeper as module
from ferryman_agent.transaction.keeping.keeper import Keeper, is_ours
from ferryman_agent.transaction.runs.running import RunningTransactions

APP, OTHER = "shop.production", "mail.production"
WEB = f"ferryman.{APP}.web.1"
LIMIT_SECONDS = 10.0


class Agent:
    """A process of the agent whose keeper runs."""

    def __init__(self, server: Host) -> None:
        self.host = server
        self.running = RunningTransactions(server)
        self.keeper = Keeper(server, self.running)
        self.keeper.claim(lambda: None)
        self.keeper.keeping.start()
        self.keeper.listening.start()

    def is_idle(self) -> bool:
        """Nobody is at work on an app."""
        return not self.keeper._at_work and not self.running._settling


def eventually(is_true: Callable[[], bool]) -> bool:
    """Whether it gets true within the limit."""
    limit = threading.Event()
    for _ in range(int(LIMIT_SECONDS / 0.01)):
        if is_true():
            return True
        limit.wait(0.01)
    return False


@pytest.fixture
def agent(server: Host) -> Iterator[Agent]:
    made = Agent(server)
    assert eventually(made.is_idle)
    yield made
    assert eventually(made.is_idle)


def happened(name: str, kind: str = "container") -> Happened:
    return Happened(kind, "destroy", name)


def event(name: str, kind: str = "container") -> dict[str, Any]:
    return {"Type": kind, "Action": "destroy", "Actor": {"Attributes": {"name": name}}}


def test_a_container_that_is_removed_is_back_at_once(machine: FakeMachine, agent: Agent) -> None:
    machine.docker.remove(WEB)
    machine.docker.happened.put(happened(WEB))
    assert eventually(lambda: broken_promises(machine, agent.host) == [])


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Happened(), True),
        (Happened("container", "die", WEB), True),
        (Happened("container", "die", "ferryman.edge"), True),
        (Happened("network", "disconnect", f"ferryman.{APP}"), True),
        (Happened("container", "die", "postgres"), False),
        (Happened("container", "die", "web.ferryman.example"), False),
        (Happened("network", "destroy", ""), False),
    ],
)
def test_only_events_of_ours_wake_it(event: Happened, expected: bool) -> None:
    assert is_ours(event) is expected


def test_it_looks_again_when_the_engine_was_away(machine: FakeMachine, agent: Agent) -> None:
    machine.docker.stop(WEB, 1)
    machine.docker.happened.put(None)
    agent.keeper.listening.wake()  # not after a second
    assert eventually(lambda: broken_promises(machine, agent.host) == [])


def test_it_looks_again_after_a_transaction(machine: FakeMachine, agent: Agent) -> None:
    app = agent.host.ledger.app(APP)
    assert app is not None
    create = machine.docker.create

    def remove_postgres_meanwhile(name: str, workload: Workload) -> str:
        machine.docker.remove(f"ferryman.{APP}.postgres")
        machine.docker.happened.put(happened(f"ferryman.{APP}.postgres"))
        return create(name, workload)

    machine.docker.create = remove_postgres_meanwhile  # type: ignore[method-assign]
    agent.running.enter("r", machine.order("two"), app)
    assert eventually(lambda: agent.running.of(APP) is None)
    machine.docker.create = create  # type: ignore[method-assign]
    assert eventually(lambda: broken_promises(machine, agent.host) == [])


def test_what_fails_before_the_recovery_leaves_no_app_claimed(server: Host) -> None:
    running = RunningTransactions(server)
    keeper = Keeper(server, running)
    keeper.claim(refuse)
    assert running._settling == {APP}
    keeper.keeping.turn()
    assert eventually(lambda: not running._settling)


def test_without_a_thread_to_be_had_apps_are_looked_after_all_the_same(
    machine: FakeMachine, server: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Keeper(server, RunningTransactions(server))
    machine.docker.remove(WEB)
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    keeper.ask()
    assert broken_promises(machine, server) == []
    assert not keeper._at_work


def test_a_transaction_without_a_thread_does_not_keep_its_app_busy(
    server: Host, machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, app = RunningTransactions(server), server.ledger.app(APP)
    assert app is not None
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError):
            running.enter("first", machine.order("two"), app)
    assert (running.of(APP), running.told(APP)) == (None, None)
    running.enter("second", machine.order("two"), app)
    assert eventually(lambda: state(server, "second") == "succeeded")
    assert eventually(lambda: running.of(APP) is None)
    look_after(server, running)
    assert state(server, "first") == "interrupted"


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_the_pauses_grow_while_an_app_can_not_be_healed(machine: FakeMachine, agent: Agent) -> None:
    pauses: list[float] = []
    agent.host.stopwatch.wait = pauses.append  # type: ignore[assignment,method-assign]
    machine.docker.exit(WEB, 1)
    machine.docker.images_here.clear()
    machine.docker.registry.clear()
    machine.docker.remove(WEB)
    for _ in range(4):
        before = len(pauses)
        machine.docker.happened.put(happened(WEB))
        assert eventually(lambda before=before: len(pauses) > before + 1)  # type: ignore[misc]
    assert max(pauses) <= module.PERIOD_SECONDS

    def why() -> str:
        app = agent.host.ledger.app(APP)
        return app.degraded if app else ""

    assert eventually(lambda: "not as the ledger says" in why())


def test_the_recovery_of_an_app_does_not_wait_for_anothers_drain(machine: FakeMachine, server: Host) -> None:
    other = manifest(app="mail", image="acme/mail", domain="mail.example.com")
    for word in ("one", "two"):
        machine.publish(word, Behaviour(), image="acme/mail")
    assert carry_out(server, machine.order("one", other), "mail").state == "succeeded"
    for content, request in ((manifest(), "two"), (other, "mail two")):
        with pytest.raises(Crash):
            crash_in_drain(machine, content, request)
    drained = threading.Event()
    again = machine.agent()
    open_requests = machine.edge.open_requests

    def open_until_drained(slot: int, lane: str) -> int:
        if slot == 1:
            drained.wait(LIMIT_SECONDS)
        return open_requests(slot, lane)

    machine.edge.open_requests = open_until_drained  # type: ignore[method-assign]
    agent = Agent(again)
    try:
        assert eventually(lambda: state(again, "mail two") == "succeeded")
        assert state(again, "two") == "committed"
        waiting = threading.Thread(target=agent.running.wait_until_settled, args=(APP,))
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
    finally:
        drained.set()
    assert eventually(lambda: state(again, "two") == "succeeded")
    waiting.join(LIMIT_SECONDS)
    assert not waiting.is_alive()
    assert eventually(agent.is_idle)
    assert broken_promises(machine, again) == []


def crash_in_drain(machine: FakeMachine, content: dict[str, object], request: str) -> None:
    """A deploy whose agent dies right after the edge was switched."""
    server = machine.agent()
    drain = machine.edge.open_requests

    def die(slot: int, lane: str) -> int:
        raise Crash("drain")

    machine.edge.open_requests = die  # type: ignore[method-assign]
    try:
        carry_out(server, machine.order("two", content), request)
    finally:
        machine.edge.open_requests = drain  # type: ignore[method-assign]


def state(server: Host, request: str) -> str:
    found = server.ledger.deployment(request)
    return found.state if found else ""
