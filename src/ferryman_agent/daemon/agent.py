"""The agent: its parts put together, the answer to each call, and what becomes of it when its ledger is at fault."""

from __future__ import annotations

import sqlite3
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ferryman_agent import __version__
from ferryman_agent.clock import now
from ferryman_agent.daemon.callers import Callers
from ferryman_agent.doctor import Doctor
from ferryman_agent.doctor.opening import open_ledger
from ferryman_agent.doctor.report import lines
from ferryman_agent.duties import Board
from ferryman_agent.edge import Edge
from ferryman_agent.engine import Engine
from ferryman_agent.errors import AgentError, BadRequest, Refused
from ferryman_agent.host import Host
from ferryman_agent.outbox import Outbox
from ferryman_agent.protocol import ROLES, SUPPORTED, Channel, is_id
from ferryman_agent.requests import REQUESTS
from ferryman_agent.requests.call import Call, Parts
from ferryman_agent.schedules import Scheduler
from ferryman_agent.transaction.runs.running import RunningTransactions

JOURNAL_HINT = "on the server: journalctl -u ferryman-agent"


class Agent:
    """The parts of the agent, put together. `fault` is why it refuses to act, while its ledger can't be used.

    `begin` is called when it can act again, `lost` when the ledger was damaged under it.
    """

    def __init__(self, folder: Path, engine: Engine) -> None:
        self._folder = folder
        self._engine = engine
        self._lock = threading.Lock()
        self._callers = Callers()
        self.board = Board()
        self.edge = Edge(engine, folder / "edge", lambda image: engine.pull(image, None, lambda: False))
        self.doctor = Doctor(folder, engine, self.edge, now)
        self.begin: Callable[[], None] = lambda: None
        self.lost: Callable[[], None] = lambda: None
        self.fault: AgentError | None = None
        try:
            self._open()
        except AgentError as error:
            self.fault = error

    def _open(self) -> None:
        ledger = open_ledger(self._folder, self._engine, now)
        self.host = Host(ledger, self._engine, self.edge, self._folder)
        self.outbox = Outbox(ledger)
        ledger.report_added = self.outbox.wake
        self.running = RunningTransactions(self.host)
        self.scheduler = Scheduler(self.host)

    def resume(self) -> bool:
        """Act again, if the ledger can be used by now."""
        with self._lock:
            if self.fault:
                try:
                    self._open()
                except AgentError as error:
                    self.fault = error
                    return False
                self.begin()
                self.fault = None
        return True

    def lose(self, fault: AgentError) -> None:
        """Refuse to act from now on: the ledger was damaged while it was open. A file that is gone is written again."""
        with self._lock:
            if self.fault:
                return
            self.fault = fault
        sys.stderr.write(f"refusing to act: {fault.message}\n")
        try:
            if self.host.ledger.write_again():
                sys.stderr.write("the ledger was written again, from what the agent had open\n")
        except (OSError, sqlite3.Error) as error:
            sys.stderr.write(f"the ledger could not be written again: {error}\n")
        self.lost()

    def consult(self, is_rebuilding: bool) -> dict[str, Any]:
        """What the doctor finds; when asked to, what came of the rebuild, after which the agent acts again."""
        found = self.doctor.examine(None if self.fault else self.host.ledger, self.fault)
        found["duties"] = self.board.as_json()
        result = {**found, "lines": lines(found)}
        if is_rebuilding:
            result["rebuilt"] = self.doctor.rebuild(self.fault)
            self.resume()
        return result

    def answer(self, channel: Channel, requested: Callable[[], None] = lambda: None) -> None:
        """Answer one call: a line from the relay that names the role, then the request.

        `requested` is called when the request has come; what follows it may take its time.
        """
        try:
            role = (channel.receive() or {}).get("role")
            with self._callers.one_more(role):
                request = channel.receive()
                if request is None:
                    return
                requested()
                channel.send({"result": self._carry_out(channel, role, request)})
        except AgentError as error:
            channel.send({"error": error.as_json()})
        except (BrokenPipeError, ConnectionResetError, TimeoutError):  # the caller is gone, or says nothing
            raise
        except sqlite3.Error as error:
            channel.send({"error": self._fault_behind(error).as_json()})
        except Exception as error:  # noqa: BLE001 - a caller must not be left without an answer
            sys.stderr.write(f"a call failed: {traceback.format_exc()}\n")
            channel.send(
                {"error": AgentError("internal-error", f"the agent failed: {error!r}", hint=JOURNAL_HINT).as_json()}
            )

    def _fault_behind(self, error: sqlite3.Error) -> AgentError:
        """What the ledger's file or disk has; an unexpected fault otherwise."""
        fault = None if self.fault else self.host.ledger.fault(error)
        if fault and fault.code == "ledger-damaged":
            self.lose(fault)
        if fault is None:
            sys.stderr.write(f"a call failed: {traceback.format_exc()}\n")
        return fault or AgentError("internal-error", f"the agent failed: {error!r}", hint=JOURNAL_HINT)

    def _check_ledger(self, kind: Any) -> None:
        """Raise why the agent does not act."""
        fault = None if self.fault else self.host.ledger.fault()
        if fault and fault.code == "ledger-damaged":
            self.lose(fault)
        if self.fault and kind != "doctor":
            raise self.fault

    def _carry_out(self, channel: Channel, role: Any, request: dict[str, Any]) -> dict[str, Any]:
        self._check_ledger(request.get("request"))
        if request.get("protocol") not in SUPPORTED:
            raise BadRequest(
                "protocol-unsupported",
                f"the agent {__version__} does not speak protocol {request.get('protocol')!r}",
                state="nothing was changed",
                hint="install the same version on both sides: `ferryman server setup`",
                supported=list(SUPPORTED),
                agent=__version__,
            )
        kind, identifier, params = request.get("request"), request.get("id"), request.get("params", {})
        known = REQUESTS.get(kind) if isinstance(kind, str) else None
        if known is None or not is_id(identifier) or not isinstance(params, dict):
            raise BadRequest("bad-request", f"unknown or malformed request {kind!r}", state="nothing was changed")
        if role not in ROLES or role not in known.roles:
            raise Refused(
                "not-allowed",
                f"a {role} key may not ask for {kind}",
                state="nothing was changed",
                hint="use an operator's key",
            )
        return known.answer(Call(self._parts(), self.consult, channel, role, identifier, params))

    def _parts(self) -> Parts | None:
        return None if self.fault else Parts(self.host, self.running, self.outbox, self.scheduler, self.board)
