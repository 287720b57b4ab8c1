"""Keeps every app as the ledger says: at once when the engine tells of something, and every half minute anyway."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import threading
from collections import deque
from collections.abc import Callable

from ferryman_agent.duties import Duty, Limits
from ferryman_agent.engine import Happened
from ferryman_agent.errors import AgentError
from ferryman_agent.host import Host
from ferryman_agent.ledger import App
from ferryman_agent.transaction.keeping.reconciliation import recover, settle
from ferryman_agent.transaction.runs.running import RunningTransactions

PERIOD_SECONDS = 30.0
SHORTEST_PAUSE_SECONDS = 0.2  # what happens together is looked at together
RECONNECT_SECONDS = 1.0
LIMITS = Limits(first_pause=1.0, longest_pause=PERIOD_SECONDS, patience=300.0)
LISTENING = Limits(first_pause=RECONNECT_SECONDS, longest_pause=PERIOD_SECONDS, patience=None)  # events may not come
NAME_PREFIX = "ferryman."


def in_a_daemon_thread(name: str, act: Callable[[], None]) -> None:
    """Carry it out beside the caller; RuntimeError when there is no thread to be had now."""
    threading.Thread(target=act, name=name, daemon=True).start()


class Keeper:
    """Looks after each app in a thread of its own: one that drains does not hold up the others.

    Events only wake it; what is to be done comes from the ledger. Its duties begin once it has claimed what is to be
    recovered first.
    """

    def __init__(
        self,
        host: Host,
        running: RunningTransactions,
        begin_thread: Callable[[str, Callable[[], None]], None] = in_a_daemon_thread,
    ) -> None:
        self._host = host
        self._running = running
        self._begin_thread = begin_thread
        self._lock = threading.Lock()
        self._at_work: set[str] = set()
        self._asked: set[str] = set()
        self._claimed: deque[App] = deque()
        self._prepare: Callable[[], None] | None = None
        self.keeping = Duty("keeper", self._keep, LIMITS, host.stopwatch)
        self.listening = Duty("listener", self._listen, LISTENING, host.stopwatch)
        self.when_damaged: Callable[[AgentError], None] = lambda _: None
        running.when_over = self.wake

    def claim(self, prepare: Callable[[], None]) -> None:
        """Before the first call is answered: no transaction of an app begins until it is recovered.

        `prepare` is what comes before that, once: to wait for the engine, for instance.
        """
        claimed = (self._running.claim(app.id) for app in self._host.ledger.apps())
        self._claimed.extend(app for app in claimed if app)
        self._prepare = prepare

    def _keep(self) -> float:
        """Recover what was claimed, the first time; then look after every app."""
        prepare, self._prepare = self._prepare, None
        if prepare:
            try:
                prepare()
            except Exception as error:  # noqa: BLE001 - or what was claimed would stay so, and no call be answered
                sys.stderr.write(f"the agent could not prepare everything: {error!r}\n")
        while self._claimed:
            app = self._claimed.popleft()
            self._begin(app.id, lambda app=app: self._recover(app))  # type: ignore[misc]
        if prepare is None:
            self.ask()
        self._host.stopwatch.wait(SHORTEST_PAUSE_SECONDS)
        return PERIOD_SECONDS

    def wake(self) -> None:
        """Something happened: look at every app now."""
        self.keeping.wake()

    def ask(self) -> None:
        """Have every app looked after; who is at work on one already looks once more."""
        for app in self._apps():
            with self._lock:
                self._asked.add(app.id)
                is_at_work = app.id in self._at_work
            if not is_at_work:
                self._begin(app.id, lambda: None)

    def _apps(self) -> list[App]:
        """None while the ledger can't be used; a damaged one is told."""
        ledger, found = self._host.ledger, None
        try:
            apps, fault = ledger.apps(), ledger.fault()
        except sqlite3.Error as error:
            apps, found = [], error
            fault = ledger.fault(error)
        if fault and fault.code == "ledger-damaged":
            self.when_damaged(fault)
            return []
        if fault or found:
            sys.stderr.write(f"the ledger: {fault.message if fault else repr(found)}\n")
        return apps

    def _begin(self, app_id: str, first: Callable[[], None]) -> None:
        with self._lock:
            self._at_work.add(app_id)
        try:
            self._begin_thread(f"keeper {app_id}", lambda: self._work(app_id, first))
        except RuntimeError:  # there is no thread to be had now: one app after the other, then
            self._work(app_id, first)

    def _recover(self, app: App) -> None:
        try:
            recover(self._host, app)
        finally:
            self._running.let_go(app.id)

    def _work(self, app_id: str, first: Callable[[], None]) -> None:
        """Look after one app until nobody asks any more; the pauses grow while it is not as it should be."""
        first()
        pause = SHORTEST_PAUSE_SECONDS
        while self._is_asked(app_id):
            is_well = self._look_after(app_id)
            pause = SHORTEST_PAUSE_SECONDS if is_well else min(pause * 2, PERIOD_SECONDS)
            self._host.stopwatch.wait(pause)

    def _is_asked(self, app_id: str) -> bool:
        with self._lock:
            is_asked = app_id in self._asked
            self._asked.discard(app_id)
            if not is_asked:
                self._at_work.discard(app_id)
            return is_asked

    def _look_after(self, app_id: str) -> bool:
        """One look; True when nothing is left to do. A transaction that runs looks after its app itself."""
        try:
            self._running.when_idle(app_id, lambda app: settle(self._host, app))
            app = self._host.ledger.app(app_id)
        except Exception as error:  # noqa: BLE001 - the next look tries again
            sys.stderr.write(f"{app_id} could not be looked after: {error!r}\n")
            return False
        return app is None or not app.degraded

    def _listen(self) -> float:
        """Wake at what happens to our containers and networks, until the engine goes away."""
        with contextlib.suppress(AgentError, ValueError, LookupError):  # it is away, or was stopped
            for event in self._host.engine.happenings():
                if is_ours(event):
                    if event.action == "pause":  # the engine's list shows it a moment after its event
                        self._host.stopwatch.wait(SHORTEST_PAUSE_SECONDS)
                    self.wake()
        return RECONNECT_SECONDS


def is_ours(event: Happened) -> bool:
    """Pure: whether it is of a container or network of ours; the empty one says that the engine tells from now on."""
    return not event.kind or event.name.startswith(NAME_PREFIX)
