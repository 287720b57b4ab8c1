"""The daemon: answers calls on a Unix socket, recovers what was interrupted, keeps apps well; under systemd's watch."""

from __future__ import annotations

import contextlib
import grp
import os
import signal
import socket
import socketserver
import sqlite3
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ferryman_agent import __version__
from ferryman_agent.callers import REQUEST_SECONDS, Callers
from ferryman_agent.clock import now
from ferryman_agent.doctor import Doctor
from ferryman_agent.doctor.opening import open_ledger
from ferryman_agent.doctor.report import lines
from ferryman_agent.edge import Edge
from ferryman_agent.engine import Docker, EngineError
from ferryman_agent.engine.docker import SOCKET as ENGINE
from ferryman_agent.errors import AgentError, BadRequest, Refused, Unavailable
from ferryman_agent.host import Host
from ferryman_agent.outbox import Outbox
from ferryman_agent.protocol import ROLES, SUPPORTED, Channel, is_id
from ferryman_agent.requests import REQUESTS
from ferryman_agent.requests.call import Call, Parts
from ferryman_agent.schedules import Scheduler
from ferryman_agent.systemd import notify, watchdog_seconds
from ferryman_agent.transaction.keeping.keeper import Keeper
from ferryman_agent.transaction.runs.running import RunningTransactions

ENGINE_LIMIT_SECONDS = 60.0
TRY_AGAIN_SECONDS = 2.0
END_SECONDS = 0.2
JOURNAL_HINT = "on the server: journalctl -u ferryman-agent"


class Agent:
    """The parts of the agent, put together. `fault` is why it refuses to act, while its ledger can't be used.

    `begin` is called when it can act again, `lost` when the ledger was damaged under it.
    """

    def __init__(self, folder: Path, docker: Docker) -> None:
        self._folder = folder
        self._docker = docker
        self._lock = threading.Lock()
        self._callers = Callers()
        self.edge = Edge(docker, folder / "edge", lambda image: docker.pull(image, None, lambda: False))
        self.doctor = Doctor(folder, docker, self.edge, now)
        self.begin: Callable[[], None] = lambda: None
        self.lost: Callable[[], None] = lambda: None
        self.fault: AgentError | None = None
        try:
            self._open()
        except AgentError as error:
            self.fault = error

    def _open(self) -> None:
        ledger = open_ledger(self._folder, self._docker, now)
        self.server = Host(ledger, self._docker, self.edge, self._folder)
        self.outbox = Outbox(ledger)
        self.server.report_added = self.outbox.wake
        self.running = RunningTransactions(self.server)
        self.scheduler = Scheduler(self.server)

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
            if self.server.ledger.write_again():
                sys.stderr.write("the ledger was written again, from what the agent had open\n")
        except (OSError, sqlite3.Error) as error:
            sys.stderr.write(f"the ledger could not be written again: {error}\n")
        self.lost()

    def consult(self, is_rebuilding: bool) -> dict[str, Any]:
        """What the doctor finds; when asked to, what came of the rebuild, after which the agent acts again."""
        found = self.doctor.examine(None if self.fault else self.server.ledger, self.fault)
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
        except EngineError as error:
            channel.send({"error": AgentError("engine-error", f"the Docker Engine refused: {error.message}").as_json()})
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
        fault = None if self.fault else self.server.ledger.fault(error)
        if fault and fault.code == "ledger-damaged":
            self.lose(fault)
        if fault is None:
            sys.stderr.write(f"a call failed: {traceback.format_exc()}\n")
        return fault or AgentError("internal-error", f"the agent failed: {error!r}", hint=JOURNAL_HINT)

    def _check_ledger(self, kind: Any) -> None:
        """Raise why the agent does not act."""
        fault = None if self.fault else self.server.ledger.fault()
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
        parts = None if self.fault else Parts(self.server, self.running, self.outbox, self.scheduler)
        return known.answer(Call(parts, self.consult, channel, role, identifier, params))


class _Handler(socketserver.StreamRequestHandler):
    timeout = REQUEST_SECONDS

    def handle(self) -> None:
        agent: Agent = self.server.agent  # type: ignore[attr-defined]
        channel = Channel(self.rfile, self.wfile)  # type: ignore[arg-type]
        with contextlib.suppress(OSError):  # the caller is gone; a transaction it began goes on without it
            agent.answer(channel, lambda: self.connection.settimeout(None))


class _Socket(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: Path, agent: Agent) -> None:
        path.unlink(missing_ok=True)
        previous = os.umask(0o177)
        try:
            super().__init__(str(path), _Handler)
        finally:
            os.umask(previous)
        with contextlib.suppress(KeyError):
            os.chown(path, 0, grp.getgrnam("ferryman").gr_gid)
            path.chmod(0o660)
        self.agent = agent

    def handle_error(self, *_: Any) -> None:
        sys.stderr.write(f"a call failed: {sys.exc_info()[1]!r}\n")


def run(folder: Path, path: Path, engine: str = ENGINE) -> int:
    """Serve until SIGTERM; returns the exit status."""
    docker = Docker(engine)
    agent = Agent(folder, docker)
    agent.begin = lambda: _begin(agent, docker)
    agent.lost = _end_soon
    if agent.fault:
        sys.stderr.write(f"refusing to act: {agent.fault.message}\n")
        threading.Thread(target=_until_usable, args=(agent,), daemon=True).start()
    else:
        agent.begin()
    server = _Socket(path, agent)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    notify("READY=1")
    threading.Thread(target=_keep_alive, args=(path,), daemon=True).start()
    server.serve_forever()
    if not agent.fault:
        agent.running.close()
    return 0


def _begin(agent: Agent, docker: Docker) -> None:
    keeper = Keeper(agent.server, agent.running)
    keeper.when_damaged = agent.lose
    begun = (keeper.claim(), lambda: _prepare(agent, docker))
    threading.Thread(target=agent.outbox.run, daemon=True).start()
    threading.Thread(target=keeper.run, args=begun, daemon=True).start()


def _until_usable(agent: Agent) -> None:
    """The disk may get room again, an operator may rebuild the ledger or put a copy back."""
    while not _resumed(agent):
        time.sleep(TRY_AGAIN_SECONDS)
    sys.stderr.write("the ledger can be used again\n")


def _resumed(agent: Agent) -> bool:
    try:
        return agent.resume()
    except Exception as error:  # noqa: BLE001 - or the agent would refuse for ever
        sys.stderr.write(f"the ledger could not be opened: {error!r}\n")
        return False


def _end_soon() -> None:
    """After the answer; systemd starts the agent again, and what is there then decides whether it acts."""
    threading.Timer(END_SECONDS, os._exit, (1,)).start()


def _prepare(agent: Agent, docker: Docker) -> None:
    """Before the apps are recovered: the engine is there, and scheduled commands that go on have somebody who waits."""
    wait_for_engine(docker)
    try:
        agent.scheduler.adopt()
    finally:
        threading.Thread(target=agent.scheduler.keep_time, daemon=True).start()


def wait_for_engine(docker: Docker) -> None:
    """After a reboot the engine may start later than the agent."""
    limit = time.monotonic() + ENGINE_LIMIT_SECONDS
    while True:
        try:
            docker.version()
            return
        except (Unavailable, EngineError) as error:  # it may refuse while it starts
            if time.monotonic() > limit:
                sys.stderr.write(f"{error.message}\n")
                return
            time.sleep(0.5)


def _keep_alive(path: Path) -> None:
    """Tell systemd's watchdog that the socket still takes calls; silence gets the agent restarted."""
    period = watchdog_seconds()
    while period:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(period)
            try:
                connection.connect(str(path))
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1)  # a call without a request is answered with the end
                notify("WATCHDOG=1")
            except OSError as error:
                sys.stderr.write(f"the agent does not answer itself: {error}\n")
        time.sleep(period / 2)
