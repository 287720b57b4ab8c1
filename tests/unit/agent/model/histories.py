"""A server in memory on which a history is played: transactions with strikes in between, and what must hold after."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ferryman_agent.containers import SUBNETS
from ferryman_agent.edge.configuration import DIRECT_KEY
from ferryman_agent.errors import AgentError
from ferryman_agent.host import Host
from ferryman_agent.host.probe import Answer
from ferryman_agent.ledger import App, Ledger
from ferryman_agent.schedules import Scheduler
from ferryman_agent.testing import (
    REDIS,
    Behaviour,
    Crash,
    FakeMachine,
    MemoryLedger,
    Outage,
    Script,
    Strike,
    at_once,
    broken_promises,
    carry_out,
    look_after,
    manifest,
    recover,
)
from ferryman_agent.transaction.orders import (
    AccessoryRemoveOrder,
    DeployOrder,
    MaintenanceOrder,
    Order,
    RemoveOrder,
    RestartOrder,
    RollbackOrder,
    StartOrder,
    StopOrder,
)
from ferryman_agent.transaction.runs.running import RunningTransactions

APPS = ("shop", "kiosk")
IMAGES = {
    "good": Behaviour(migrations=["a.1"], exits={"sweep": 0}),
    "better": Behaviour(migrations=["a.1", "a.2"]),  # its sweep hangs until its time limit
    "unlabelled": Behaviour(),
    "crashing": Behaviour(migrations=["a.1"], exits={"web": 1}),
    "sick": Behaviour(answers=[Answer(500, "oops")]),
    "broken": Behaviour(migrations=["a.1", "a.3"], exits={"migrate": 1}, stays=["a.3"]),
}
WORKER = {"command": ["work"], "stop_grace": 1.0, "overlap": True}
SWEEP = {"cron": "@daily", "command": ["sweep"], "time_limit": 60.0, "stop_grace": 1.0}
CHANGES: dict[str, Callable[[str], Order]] = {
    "restart": lambda app: RestartOrder(app, None),
    "restart web": lambda app: RestartOrder(app, "web"),
    "restart redis": lambda app: RestartOrder(app, "redis"),
    "remove redis": lambda app: AccessoryRemoveOrder(app, "redis"),
    "stop": lambda app: StopOrder(app, database=False),
    "stop all": lambda app: StopOrder(app, database=True),
    "start": StartOrder,
    "close": lambda app: MaintenanceOrder(app, True),
    "open": lambda app: MaintenanceOrder(app, False),
    "remove": lambda app: RemoveOrder(app, with_data=False),
}
# These strike the agent alone: whoever asks for a page must not notice them.
UNNOTICED = frozenset({"crash", "cancel", "full", "other"})
CLOSING = (StopOrder, RemoveOrder)
REPLACING = (DeployOrder, RollbackOrder, RestartOrder, StartOrder)


@dataclass(frozen=True)
class Step:
    """What is asked for of which app; `what` is an image, `rollback`, one of CHANGES, `sweep` or `nothing`.

    `sweep` is the scheduled command. The `strategy` recreate is for APPS[0] alone: the other one has a domain.
    `strikes` come during it, `later` during the recovery or reconciliation after it.
    """

    what: str
    has_worker: bool = False
    redis: str = ""
    to: int | None = None
    strategy: str = "blue-green"
    app: int = 0
    strikes: tuple[Strike, ...] = ()
    later: tuple[Strike, ...] = ()

    @property
    def kinds(self) -> set[str]:
        """What strikes, during it and after it."""
        return {strike.what for strike in (*self.strikes, *self.later)}


def content(step: Step, serial: int) -> dict[str, Any]:
    """What is deployed; the serial number makes that it differs from all before."""
    name = APPS[step.app]
    found = manifest(app=name, image=f"acme/{name}", retain=2, domain=f"{name}.example.com" if step.app else None)
    if step.app == 0:
        found["strategy"] = step.strategy
    found["env"] = {"required": [], "values": {"SERIAL": str(serial)}}
    found["schedules"] = {"sweep": SWEEP}
    if step.has_worker:
        found["roles"]["worker"] = WORKER
    if step.redis:
        found["accessories"] = {"redis": {**REDIS, "image": step.redis}}
    return found


def here(act: Callable[[], None]) -> None:
    """A scheduled command in the place of its thread."""
    act()


def app_of(server: Host, order: Order) -> App:
    """The app of an order, as a request knows it; LookupError when there is none."""
    if isinstance(order, DeployOrder):
        return server.ledger.add_app(order.manifest.app, order.manifest.environment, SUBNETS)
    app = server.ledger.app(order.app_id)
    if app is None:
        raise LookupError(order.app_id)
    return app


def order_of(machine: FakeMachine, step: Step, serial: int) -> Order | None:
    """The order of a step; None where it is no transaction."""
    app = f"{APPS[step.app]}.production"
    if step.what in ("nothing", "sweep"):
        return None
    if step.what == "rollback":
        return RollbackOrder(app, step.to, None)
    if step.what in CHANGES:
        return CHANGES[step.what](app)
    return machine.order(step.what, content(step, serial))


def cancelled(running: RunningTransactions, request: str) -> list[bool]:
    """Cancel what runs; whether it is promised that it will not be committed."""
    return [running.cancel(request)[1]] if running.by_deployment(request) else []


@cache
def empty_server() -> tuple[bytes, Ledger]:
    """A machine that carries nothing yet, all images in the registry, and its ledger; copied for each history."""
    machine = FakeMachine(Path())
    for app in APPS:
        for word, behaviour in IMAGES.items():
            machine.publish(word, behaviour, f"acme/{app}")
    return pickle.dumps((machine.docker, machine.edge, machine.clock)), MemoryLedger(machine.clock)


@dataclass
class History:
    """One server. Every assertion is of what a person was promised."""

    folder: Path
    serial: int = 0
    passages: int = 0
    machine: FakeMachine = field(init=False)

    def __post_init__(self) -> None:
        found, ledger = empty_server()
        docker, edge, clock = pickle.loads(found)  # noqa: S301 - of this process's own
        self.machine = FakeMachine(self.folder, docker.stopwatch, clock, edge)
        self.machine.docker, docker.folder = docker, self.folder
        docker.edge_ports, edge.taken_ports = edge.ports, self.machine.taken_ports
        self.machine.ledger = MemoryLedger(clock, ledger)

    def serving(self) -> dict[str, int | None]:
        """App → the release that the ledger says."""
        assert self.machine.ledger
        return {app.id: app.serving for app in self.machine.ledger.apps()}

    def lanes(self) -> dict[int, str | None]:
        """Slot → the lane that the ledger says."""
        assert self.machine.ledger
        return {app.slot: app.lane for app in self.machine.ledger.apps()}

    def strategy(self, app: int) -> str:
        """Now this, now that one for what is deployed in between; in maintenance only the edge will do."""
        assert self.machine.ledger
        found = self.machine.ledger.app(f"{APPS[app]}.production")
        return "recreate" if self.serial % 2 and not (found and found.maintenance) else "blue-green"

    def play(self, step: Step) -> None:
        """One step, its strikes, the recovery or reconciliation, and what must hold then."""
        self.serial += 1
        before, request = self.serving(), f"request {self.serial}"
        app = f"{APPS[step.app]}.production"
        was_stopped = self.is_stopped(app)
        order = order_of(self.machine, step, self.serial)
        script = Script(self.machine, step.strikes)
        script.lanes = self.lanes
        script.other = lambda: self.deploy_other(1 - step.app)
        promised: list[bool] = []
        has_crashed = self.sweep(app, script) if step.what == "sweep" else self.run(order, request, script, promised)
        outages = self.recover(step.later, has_crashed=has_crashed)
        script.end()
        self.reconcile()
        self.passages += len(script.passed)
        assert broken_promises(self.machine, self.machine.agent()) == []
        assert self.machine.docker.workloads({"ferryman.schedule": ""}) == []
        assert script.untrue == []
        self.check_outcome(app, order, request, before.get(app))
        if any(promised):
            assert self.serving().get(app) == before.get(app), "cancelled, and committed all the same"
        if step.kinds <= UNNOTICED and not isinstance(order, CLOSING):
            is_told = has_crashed or was_stopped or script.is_down or self.has_downtime(request)
            self.check_outages(step, order, [*script.outages, *outages], is_told=is_told)

    def run(self, order: Order | None, request: str, script: Script, promised: list[bool]) -> bool:
        """Carry an order out; True when the agent crashed. What is refused at once is told to the caller."""
        server = self.machine.agent(script)
        try:
            if order is None:
                look_after(server)
                return False
            running = RunningTransactions(server, at_once)
            script.cancel = lambda: promised.extend(cancelled(running, request))
            running.enter(request, order, app_of(server, order))
        except (LookupError, AgentError, sqlite3.Error):
            pass
        except Crash:
            return True
        return False

    def sweep(self, app: str, script: Script) -> bool:
        """Run the scheduled command; True when the agent crashed."""
        try:
            Scheduler(self.machine.agent(script), here).begin(app, "sweep", by_hand=False)
        except (AgentError, sqlite3.Error):
            pass
        except Crash:
            return True
        return False

    def recover(self, strikes: Sequence[Strike], *, has_crashed: bool) -> list[Outage]:
        """The next agent's start, or this one's next round; that may crash, too. Returns the outages meanwhile."""
        script = Script(self.machine, strikes)
        server = self.machine.agent(script)
        try:
            if has_crashed:
                recover(server)
                Scheduler(server, here).adopt()
            look_after(server)
        except Crash:
            recover(self.machine.agent())
            Scheduler(self.machine.agent(), here).adopt()
        script.end()
        return script.outages

    def reconcile(self) -> None:
        """Two rounds without disturbance."""
        server = self.machine.agent()
        for _ in range(2):
            look_after(server)

    def check_outcome(self, app: str, order: Order | None, request: str, before: int | None) -> None:
        """Succeeded means that it serves; anything else, that what served before does."""
        assert self.machine.ledger
        found = self.machine.ledger.deployment(request)
        if isinstance(order, RemoveOrder) and self.machine.ledger.removal_result(request):
            assert self.machine.ledger.app(app) is None
            assert self.machine.docker.workloads({"ferryman.app": app}) == []
        elif found and found.state == "succeeded":
            assert self.serving()[app] == found.release
        else:
            assert self.serving().get(app) == before
            assert found is None or found.state in ("unchanged", "failed", "refused", "cancelled", "interrupted")

    def is_stopped(self, app: str) -> bool:
        """Whether nobody expects it to serve."""
        assert self.machine.ledger
        found = self.machine.ledger.app(app)
        return bool(found and found.stopped)

    def has_downtime(self, request: str) -> bool:
        """Whether people are told that nothing answered for a time."""
        assert self.machine.ledger
        found = self.machine.ledger.deployment(request)
        return bool(found and found.downtime is not None)

    def check_outages(self, step: Step, order: Order | None, found: list[Outage], *, is_told: bool) -> None:
        """None; but a published container's port may have a gap while web is replaced, of which people are told."""
        assert self.machine.ledger
        assert [outage for outage in found if outage.host != DIRECT_KEY] == []
        if not found:
            return
        app = f"{APPS[0]}.production"
        assert any(release.manifest["strategy"] == "recreate" for release in self.machine.ledger.releases(app))
        if step.app != 0:
            assert "other" in step.kinds
            return
        assert isinstance(order, REPLACING)
        assert is_told

    def deploy_other(self, app: int) -> None:
        """A deploy of the other app in between, by the same agent."""
        self.deploy(self.machine.agent(), app)

    def deploy(self, server: Host, app: int) -> None:
        """A good deploy of something new."""
        self.serial += 1
        step = Step("good", strategy=self.strategy(app), app=app)
        order = self.machine.order("good", content(step, self.serial))
        done = carry_out(server, order, f"request {self.serial}")
        assert done.state == "succeeded", done.error

    def end(self, app: int) -> None:
        """Whatever happened: the next deploy goes through, and nothing is left over."""
        server = self.machine.agent()
        self.deploy(server, app)
        assert broken_promises(self.machine, server) == []


def play(folder: Path, steps: Sequence[Step]) -> int:
    """Play a history from an empty server to its end; returns how many passages it had."""
    history = History(folder)
    for step in steps:
        history.play(step)
    history.end(steps[-1].app)
    assert history.machine.ledger
    history.machine.ledger.close()
    return history.passages
