"""The transactions that run now: one per app at a time, held by this living process and by nothing that outlives it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from ferryman_agent.errors import AgentError, BadRequest, Cancelled, Refused
from ferryman_agent.host import Host
from ferryman_agent.host.serving import serving_state
from ferryman_agent.ledger import App, Deployment, Kind, Outcome
from ferryman_agent.transaction.journal import Journal
from ferryman_agent.transaction.orders import DeployOrder, Order
from ferryman_agent.transaction.orders.deploying import check_sequence
from ferryman_agent.transaction.orders.terms import AT_ONCE, WAIT_LIMIT_SECONDS, Terms
from ferryman_agent.transaction.runs.conductor import conduct
from ferryman_agent.transaction.runs.queue import (
    NOTHING_CHANGED,
    Entry,
    next_turn,
    situation,
    skipped_by,
    waited_too_long,
)
from ferryman_agent.transaction.transaction import Transaction

LOOK_SECONDS = 5.0
GLANCE_SECONDS = 2.0  # a look of the keeper at an app is no reason to refuse anybody
CANCELLED_KEPT = 100
WAITING_LIMIT = 50  # per app; each may hold a thread of the agent
EVERY_APP = "*"  # no app has this name


def in_a_thread(name: str, act: Callable[[], None]) -> None:
    """Carry it out beside the caller; RuntimeError when there is no thread to be had now."""
    threading.Thread(target=act, name=name).start()


class RunningTransactions:
    """Starts transactions in threads of their own: a caller that dies takes nothing with it.

    A request that waits keeps its place too when its caller is gone; each has a limit, and the place ends with this
    process.
    """

    def __init__(self, host: Host, begin_thread: Callable[[str, Callable[[], None]], None] = in_a_thread) -> None:
        self._host = host
        self._begin_thread = begin_thread
        self._changed = threading.Condition()
        self._settling: set[str] = set()
        self._transactions: dict[str, Transaction] = {}
        self._entries: dict[str, Entry] = {}
        self._waiting: dict[str, list[Entry]] = {}
        self._cancelled: deque[str] = deque(maxlen=CANCELLED_KEPT)
        self._is_closed = False
        self.when_over: Callable[[], None] = lambda: None

    def enter(self, request: str, order: Order, app: App, terms: Terms = AT_ONCE) -> Deployment | Entry:
        """Start it, or have it wait for its turn as its terms say; a repeated request finds its place again.

        Refused `busy` tells who deploys and which step. Where that has only its rest to do, everybody waits for it.
        """
        entry = self._entry(request, order, app, terms)  # its limit counts from here on
        limit = None if terms.wait_seconds is None else max(terms.wait_seconds, GLANCE_SECONDS)
        with self._changed:
            is_settled = self._changed.wait_for(lambda: not {app.id, EVERY_APP} & self._settling, timeout=limit)
            found = self.repeated(request, order.kind, app.id)
            if found:
                return found
            if not is_settled:
                raise waited_too_long(terms, self._state(app.id))
            if request in self._cancelled:
                raise Cancelled("cancelled", "cancelled on request before it began", state="nothing was changed")
            running = self._transactions.get(app.id)
            if running is None:
                return self._start(entry)
            self._admit(entry, running)
            self._changed.notify_all()
        return entry

    def repeated(self, request: str, kind: Kind, app_id: str) -> Deployment | Entry | None:
        """What a repeated request attaches to; BadRequest when its id stands for something else already."""
        found = self.find(request)
        if found is None:
            return None
        known = found.app_id if isinstance(found, Entry) else found.app
        if (found.kind, known) != (kind, app_id):
            message = f"this request id stands for a {found.kind} of {known} already"
            raise BadRequest("bad-request", message, state=NOTHING_CHANGED)
        return found

    def _entry(self, request: str, order: Order, app: App, terms: Terms) -> Entry:
        deadline = self._host.stopwatch.seconds() + (terms.wait_seconds or 0)
        return Entry(request, order, app.id, order.kind, terms, self._host.ledger.now(), deadline)

    def _admit(self, entry: Entry, running: Transaction) -> None:
        """Into the queue: who cancels what runs is next, all others are last."""
        app = self._host.ledger.app(entry.app_id)
        waiting = self._waiting.setdefault(entry.app_id, [])
        if entry.terms.wait_seconds is None and running.journal.is_settled and not waiting:
            entry.terms = replace(entry.terms, wait_seconds=WAIT_LIMIT_SECONDS)
            entry.deadline = self._host.stopwatch.seconds() + WAIT_LIMIT_SECONDS
        if entry.terms.wait_seconds is None or len(waiting) >= WAITING_LIMIT:
            raise self._busy(entry.app_id, running)
        if isinstance(entry.order, DeployOrder) and app:
            check_sequence(entry.order, app.sequence, NOTHING_CHANGED)
            if entry.terms.cancel_running:
                check_sequence(entry.order, running.journal.deployment.sequence, NOTHING_CHANGED)
        if entry.terms.cancel_running:
            running.journal.cancel(f"by {entry.what} of {entry.terms.caller}")
            waiting.insert(0, entry)
        else:
            waiting.append(entry)

    def _start(self, entry: Entry) -> Deployment:
        ledger, app = self._host.ledger, self._host.ledger.app(entry.app_id)
        if app is None:
            raise Refused("unknown-app", f"{entry.app_id} was removed meanwhile", state=NOTHING_CHANGED)
        deployment = ledger.begin(app, entry.request, entry.kind, entry.sequence)
        journal = Journal(ledger, app, deployment)
        journal.caller = entry.terms.caller.name
        transaction = Transaction(self._host, journal, entry.order, app)
        self._transactions[app.id], self._entries[app.id] = transaction, entry
        entry.deployment = deployment
        try:
            self._begin_thread(f"transaction {app.id}", lambda: self._run(transaction))
        except RuntimeError:  # there is no thread to be had now; the reconciliation records that it did not happen
            del self._transactions[app.id], self._entries[app.id]
            raise
        return deployment

    def _run(self, transaction: Transaction) -> None:
        try:
            conduct(transaction)
        finally:
            with self._changed:
                self._transactions.pop(transaction.app.id, None)
                self._entries.pop(transaction.app.id, None)
                self._start_next(transaction.app.id)
                self._changed.notify_all()
            transaction.journal.close()
            self.when_over()

    def _start_next(self, app_id: str) -> None:
        self._expire(app_id)
        while not self._is_closed and (waiting := self._waiting.get(app_id)):
            entry, skipped = next_turn(waiting)
            for loser, winner in skipped:
                self._end(loser, Outcome.SKIPPED, skipped_by(winner, self._state(app_id)))
            waiting.remove(entry)
            try:
                self._start(entry)
                return
            except AgentError as error:
                entry.error = error
            except Exception as error:  # noqa: BLE001 - the next one must have its turn all the same
                entry.error = AgentError("internal-error", f"the agent failed: {error!r}", state=NOTHING_CHANGED)

    def _state(self, app_id: str) -> str:
        app = self._host.ledger.app(app_id)
        return f"{NOTHING_CHANGED}; {serving_state(app)}" if app else NOTHING_CHANGED

    def _expire(self, app_id: str) -> None:
        now = self._host.stopwatch.seconds()
        for entry in [entry for entry in self._waiting.get(app_id, []) if now >= entry.deadline]:
            self._end(entry, Outcome.REFUSED, waited_too_long(entry.terms, self._state(app_id)))

    def _end(self, entry: Entry, state: Outcome, error: AgentError) -> None:
        """It leaves the queue without a turn; the ledger keeps what it was told, for whoever repeats the request."""
        self._waiting[entry.app_id].remove(entry)
        try:
            entry.deployment = self._host.ledger.add_ended(entry.as_json(), entry.app_id, state, error.as_json())
        except Exception:  # noqa: BLE001 - the caller is told; that nobody can ask again is the lesser evil
            entry.error = error

    def wait_turn(self, entry: Entry) -> Iterator[dict[str, Any]]:
        """Until it waits no longer: an event now and whenever another one runs or the place changes."""
        told: tuple[Any, int] | None = None
        while True:
            with self._changed:
                self._expire(entry.app_id)
                if entry.is_settled:
                    return
                running, place = self.told(entry.app_id), self._waiting[entry.app_id].index(entry)
                current = (running and running["deployment"], place)
                if current == told:
                    left = entry.deadline - self._host.stopwatch.seconds()
                    self._changed.wait(min(max(left, 0.01), LOOK_SECONDS))
                    continue
            told = current
            yield situation(running, place)

    def cancel(self, identifier: str, *, is_coming: bool = False) -> tuple[str, bool]:
        """Cancel by the id of a deployment or of its request; returns its id, and whether it will not be committed.

        With `is_coming` a request that is not known yet is refused when it comes. Refused `unknown-deployment`.
        """
        with self._changed:
            found = self.find(identifier)
            if found is None:
                if not is_coming:
                    raise Refused("unknown-deployment", f"there is no deployment {identifier}", hint="ferryman status")
                self._cancelled.append(identifier)
                return identifier, True
            if isinstance(found, Entry):
                error = Cancelled("cancelled", "cancelled while it waited", state=self._state(found.app_id))
                self._end(found, Outcome.CANCELLED, error)
                self._changed.notify_all()
                return found.request, True
        transaction = self.by_deployment(found.id)
        if transaction:
            return found.id, transaction.journal.cancel()
        self.wait_until_settled(found.app)
        outcome = self._host.ledger.deployment(found.id) or found
        return found.id, outcome.state in (Outcome.CANCELLED, Outcome.INTERRUPTED)

    def find(self, identifier: str) -> Deployment | Entry | None:
        """A deployment by its id or its request's; the entry of a request that waits; None for what is not known."""
        with self._changed:
            for entry in (entry for entries in self._waiting.values() for entry in entries):
                if identifier == entry.request:
                    return entry
        return self._host.ledger.deployment(identifier)

    def told(self, app_id: str) -> dict[str, Any] | None:
        """What runs of an app: who asked for what, since when, and in which step it is."""
        with self._changed:
            transaction, entry = self._transactions.get(app_id), self._entries.get(app_id)
        if transaction is None or entry is None:
            return None
        deployment, step = transaction.journal.deployment, transaction.journal.current_step
        return {**entry.as_json(), "deployment": deployment.id, "since": deployment.started_at, "step": step}

    def waiting(self, app_id: str) -> list[dict[str, Any]]:
        """Who waits for his turn with an app, in the order in which they came."""
        with self._changed:
            self._expire(app_id)
            return [entry.as_json() for entry in self._waiting.get(app_id, [])]

    def close(self) -> None:
        """Nobody's turn comes any more: the agent stops."""
        with self._changed:
            self._is_closed = True

    def of(self, app_id: str) -> Transaction | None:
        """The transaction of an app that runs now."""
        with self._changed:
            return self._transactions.get(app_id)

    def by_deployment(self, identifier: str) -> Transaction | None:
        """The running transaction with this deployment or request id."""
        with self._changed:
            running = list(self._transactions.values())
        return next((t for t in running if identifier in (t.journal.deployment.id, t.journal.deployment.request)), None)

    def when_idle(self, app_id: str, act: Callable[[App], None]) -> bool:
        """Run `act` with the app while none of its transactions can begin; False when one runs."""
        app = self.claim(app_id)
        if app is None:
            return False
        try:
            act(app)
        finally:
            self.let_go(app_id)
        return True

    def when_all_idle(self, act: Callable[[], None]) -> bool:
        """Run `act` while no transaction of any app can begin; False when one runs."""
        with self._changed:
            self._changed.wait_for(lambda: not self._settling, timeout=LOOK_SECONDS)
            if self._transactions or self._settling:
                return False
            self._settling.add(EVERY_APP)
        try:
            act()
        finally:
            with self._changed:
                self._settling.discard(EVERY_APP)
                self._changed.notify_all()
        return True

    def claim(self, app_id: str) -> App | None:
        """Keep an app's transactions from beginning until it is let go; None when one runs, or somebody else has it."""
        with self._changed:
            app = self._host.ledger.app(app_id)
            if app is None or app_id in self._transactions or {app_id, EVERY_APP} & self._settling:
                return None
            self._settling.add(app_id)
        return app

    def let_go(self, app_id: str) -> None:
        """The end of a claim."""
        with self._changed:
            self._settling.discard(app_id)
            self._changed.notify_all()

    def wait_until_settled(self, app_id: str) -> None:
        """While an app is recovered, the outcome of what was interrupted is not recorded yet."""
        with self._changed:
            self._changed.wait_for(lambda: app_id not in self._settling)

    def _busy(self, app_id: str, running: Transaction) -> Refused:
        journal, entry, waiting = running.journal, self._entries[app_id], len(self._waiting.get(app_id, []))
        others = f"; {waiting} more wait" if waiting else ""
        return Refused(
            "busy",
            f"a {entry.what} runs for {app_id} since {journal.deployment.started_at}, in step {journal.current_step},"
            f" asked for by {entry.terms.caller}{others}",
            state=NOTHING_CHANGED,
            hint="--wait waits for its end; `ferryman follow` shows it",
            deployment=journal.deployment.id,
            running=self.told(app_id),
        )
