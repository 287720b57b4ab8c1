"""Random histories: deploys, rollbacks, crashes, reboots and damage in any order; the promises hold after each."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ferryman_agent.ledger import Ledger
from ferryman_agent.schedules import Scheduler
from ferryman_agent.testing import (
    REDIS,
    Behaviour,
    Crash,
    CrashPoint,
    FakeMachine,
    begin,
    broken_promises,
    carry_out,
    manifest,
)
from ferryman_agent.transaction.change import (
    AccessoryRemoveOrder,
    ChangeOrder,
    MaintenanceOrder,
    RemoveOrder,
    RestartOrder,
    StartOrder,
    StopOrder,
)
from ferryman_agent.transaction.order import DeployOrder, RollbackOrder
from ferryman_agent.transaction.reconciliation import look_after
from ferryman_agent.transaction.recovery import recover
from ferryman_agent.transaction.running import RunningTransactions
from ferryman_agent.transaction.server import Server

APP = "shop.production"
IMAGES = {
    "good": Behaviour(migrations=["a.1"], exits={"sweep": 0}),
    "better": Behaviour(migrations=["a.1", "a.2"]),  # its sweep hangs until its time limit
    "unlabelled": Behaviour(),
    "crashing": Behaviour(migrations=["a.1"], exits={"web": 1}),
    "broken": Behaviour(migrations=["a.1", "a.3"], exits={"migrate": 1}),
}
WORKER = {"command": ["work"], "stop_grace": 1.0, "overlap": True}
CHANGES: list[ChangeOrder] = [
    RestartOrder(APP, None),
    RestartOrder(APP, "web"),
    RestartOrder(APP, "redis"),
    AccessoryRemoveOrder(APP, "redis"),
    StopOrder(APP, database=False),
    StopOrder(APP, database=True),
    StartOrder(APP),
    MaintenanceOrder(APP, True),
    MaintenanceOrder(APP, False),
    RemoveOrder(APP, with_data=False),
]
points = st.one_of(st.none(), st.integers(0, 140))
SWEEP = {"cron": "@daily", "command": ["sweep"], "time_limit": 60.0, "stop_grace": 1.0}
ACCESSORIES = st.sampled_from(["", "", "redis:7", "redis:8"])
SHARED_MEMORY = Path("/dev/shm")


def at_once(act: Callable[[], None]) -> None:
    act()


class Histories(RuleBasedStateMachine):
    """One server; `committed` is what the model says that the app serves."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None)
        self.machine = FakeMachine(Path(self.folder.name))
        for word, behaviour in IMAGES.items():
            self.machine.publish(word, behaviour)
        self.ledgers: list[Ledger] = []
        self.requests = 0
        self.server = self.started(None)

    def started(self, point: CrashPoint | None) -> Server:
        server = self.machine.agent(point)
        self.ledgers.append(server.ledger)
        return server

    def recover(self) -> None:
        """The next agent starts."""
        self.server = self.started(None)
        recover(self.server)
        Scheduler(self.server, at_once).adopt()

    def teardown(self) -> None:
        for ledger in self.ledgers:
            ledger.close()
        self.folder.cleanup()

    @property
    def serving(self) -> int | None:
        app = self.server.ledger.app(APP)
        return app.serving if app else None

    def transact(self, order: DeployOrder | RollbackOrder, crash: int | None) -> None:
        before = self.serving
        self.requests += 1
        request = str(self.requests)
        try:
            carry_out(self.started(CrashPoint(crash)), order, request)
        except Crash:
            self.recover()
        deployment = self.server.ledger.deployment(request)
        if deployment and deployment.state == "succeeded":
            assert self.serving == deployment.release
        else:
            assert self.serving == before

    @rule(word=st.sampled_from(sorted(IMAGES)), has_worker=st.booleans(), redis=ACCESSORIES, crash=points)
    def deploy(self, word: str, has_worker: bool, redis: str, crash: int | None) -> None:
        content = manifest(
            retain=2, schedules={"sweep": SWEEP}, accessories={"redis": {**REDIS, "image": redis}} if redis else {}
        )
        if has_worker:
            content["roles"]["worker"] = WORKER
        self.transact(self.machine.order(word, content), crash)

    @rule(to=st.one_of(st.none(), st.integers(1, 6)), crash=points)
    def roll_back(self, to: int | None, crash: int | None) -> None:
        if self.server.ledger.app(APP):
            self.transact(RollbackOrder(APP, to, None), crash)

    @rule(order=st.sampled_from(CHANGES), crash=points)
    def change(self, order: ChangeOrder, crash: int | None) -> None:
        before = self.serving
        if not self.server.ledger.app(APP):
            return
        self.requests += 1
        try:
            begin(self.started(CrashPoint(crash)), order, str(self.requests)).carry_out()
        except Crash:
            self.recover()
        is_removed = self.server.ledger.removal_result(str(self.requests)) is not None
        assert (self.server.ledger.app(APP) is None) is is_removed
        assert self.serving == (None if is_removed else before)

    @rule()
    def reboot(self) -> None:
        self.machine.docker.reboot()
        self.machine.edge.restart()
        self.recover()

    @rule(crash=points)
    def run_a_scheduled_command(self, crash: int | None) -> None:
        try:
            Scheduler(self.started(CrashPoint(crash)), at_once).begin(APP, "sweep", by_hand=False)
        except Crash:
            self.recover()

    @rule(number=st.integers(0, 5))
    def lose_a_container(self, number: int) -> None:
        names = sorted(self.machine.docker.by_name)
        if names:
            self.machine.docker.remove(names[number % len(names)])
        look_after(self.server, RunningTransactions(self.server))

    @invariant()
    def promises_hold(self) -> None:
        assert broken_promises(self.machine, self.server) == []
        assert self.server.ledger.unfinished_runs() == []
        assert self.machine.docker.containers({"ferryman.schedule": ""}) == []


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=150,
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
