"""One run of a scheduled command: a container of the serving release, watched until its end, also by a later agent."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ferryman_agent.containers import run_name, run_workload
from ferryman_agent.engine import EngineError, Inspected, State
from ferryman_agent.errors import AgentError
from ferryman_agent.host import Host
from ferryman_agent.host.lookups import tail
from ferryman_agent.ledger import App, Release, Run, RunState
from ferryman_agent.manifest import Schedule, parse_manifest
from ferryman_agent.reports import Place, ScheduleFailed
from ferryman_agent.secrets_file import write_private

WAIT_SECONDS = 2.0
RECORD_PAUSE_SECONDS = 10.0
LOG_LINES = 1000
LABEL = "ferryman.schedule"


@dataclass(eq=False)
class Execution:
    """`started` is set once the container is there or could not be made, `ended` when the outcome is recorded."""

    host: Host
    run: Run
    started: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def container(self) -> str:
        """The name of its container."""
        return run_name(self.run)

    def carry_out(self) -> None:
        """Make the container, watch it to its end, record what came of it, remove it."""
        try:
            self._start()
        except Exception as error:  # noqa: BLE001 - whatever it is, the outcome must be recorded
            self.started.set()
            message = error.reason if isinstance(error, AgentError) else repr(error)
            self._end(replace(self.run, state=RunState.FAILED, log=[f"it could not be started: {message}"]))
            return
        self.started.set()
        self._watch()

    def take_up(self) -> None:
        """Go on with a run that an agent before this one began."""
        self.started.set()
        container = self._inspected()
        if container is None or container.state is State.CREATED:  # it never ran, and its time has passed
            self._end(replace(self.run, state=RunState.LOST, log=["the agent was interrupted before it started"]))
        else:
            self._watch()

    def _schedule(self) -> Schedule:
        release = self.host.ledger.release(self.run.app, self.run.release)
        if release is None:
            raise AgentError("internal-error", f"{self.run.app} has no release {self.run.release}")
        return parse_manifest(release.manifest).schedules[self.run.schedule]

    def _start(self) -> None:
        host, engine = self.host, self.host.engine
        app, release = self._subject()
        for container in engine.workloads({"ferryman.app": app.id, LABEL: self.run.schedule}):
            engine.remove(container.id)  # of a run that is recorded, and could not be removed then
        manifest = parse_manifest(release.manifest)
        host.images.pull_release(release)
        self._subject()  # a pull takes its time
        environment = host.secrets.environment(app, manifest, release)
        engine.create(self.container, run_workload(manifest, release, self._schedule(), environment))
        engine.start(self.container)

    def _subject(self) -> tuple[App, Release]:
        """Its app and release; AgentError once the app is being removed: nothing of it may be made anew."""
        app, release = self.host.ledger.app(self.run.app), self.host.ledger.release(self.run.app, self.run.release)
        if app is None or app.removal or release is None:
            raise AgentError("internal-error", f"{self.run.app} was removed meanwhile")
        return app, release

    def _watch(self) -> None:
        """Until it ends by itself, its time limit comes, or its app is stopped or removed."""
        engine, state = self.host.engine, None
        while True:
            try:
                code = engine.wait(self.container, limit=WAIT_SECONDS)
                if code is not None:
                    break
                state = state or self._why_stop()
                if state:
                    engine.stop(self.container, self._grace())
            except EngineError as error:
                if error.is_missing:
                    self._end(replace(self.run, state=RunState.LOST, log=["somebody removed its container"]))
                    return
                self.host.stopwatch.wait(WAIT_SECONDS)
            except (AgentError, sqlite3.Error):  # the engine restarts, or the ledger can't be read now
                self.host.stopwatch.wait(WAIT_SECONDS)
        is_stopped = code != 0 and self._is_app_closed()
        ended = RunState.STOPPED if is_stopped else RunState.SUCCEEDED if code == 0 else RunState.FAILED
        state = state or ended
        lines = [] if state is RunState.SUCCEEDED else tail(self.host.engine, self.container)
        seconds = self._seconds()
        self._keep_log()
        self._end(replace(self.run, state=state, exit_code=code, seconds=round(seconds, 3), log=lines))

    def _why_stop(self) -> RunState | None:
        if self._is_app_closed():
            return RunState.STOPPED
        return RunState.TIMED_OUT if self._seconds() > self._schedule().time_limit else None

    def _grace(self) -> float:
        try:
            return self._schedule().stop_grace
        except AgentError:  # its app is gone
            return 10.0

    def _is_app_closed(self) -> bool:
        app = self._app()
        return app is None or app.stopped is not None or app.removal is not None

    def _app(self) -> App | None:
        """Its app, None once it is gone; the ledger is asked again while it can't be read."""
        while True:
            try:
                return self.host.ledger.app(self.run.app)
            except sqlite3.Error:
                self.host.stopwatch.wait(RECORD_PAUSE_SECONDS)

    def _seconds(self) -> float:
        """How long it runs or ran, by the engine's own times."""
        container = self._inspected()
        if container is None:
            return 0.0
        began = parse_time(container.started_at)
        until = self.host.wall() if container.is_up else parse_time(container.finished_at)
        return max(0.0, (until - began).total_seconds()) if began and until else 0.0

    def _inspected(self) -> Inspected | None:
        """What the engine knows of the container; it is asked again while it restarts."""
        while True:
            try:
                return self.host.engine.workload(self.container)
            except AgentError:
                self.host.stopwatch.wait(WAIT_SECONDS)

    def _keep_log(self) -> None:
        """Its container goes, so that it holds no image; its log stays readable until the next run ends.

        An app that was removed has no folder any more, and a folder would say that the server carries it.
        """
        app = self._app()
        if app is None or app.removal:
            return
        lines = tail(self.host.engine, self.container, LOG_LINES)
        with contextlib.suppress(OSError):  # a full disk; the outcome matters more
            path = log_file(self.host, self.run.app, self.run.schedule)
            write_private(path, "".join(f"{line}\n" for line in lines))

    def _end(self, run: Run) -> None:
        """Record the outcome, at last also on a disk that was full; then the container goes."""
        while True:
            try:
                self.host.ledger.finish_run(run, _report(self.host, run))
                break
            except sqlite3.Error:
                self.host.stopwatch.wait(RECORD_PAUSE_SECONDS)
        with contextlib.suppress(AgentError):  # the next run removes it
            self.host.engine.remove(self.container)
        self.ended.set()


def log_file(host: Host, app_id: str, schedule: str) -> Path:
    """Where the log of a schedule's last run is kept."""
    return host.secrets.app_folder(app_id) / "runs" / f"{schedule}.log"


def _report(host: Host, run: Run) -> dict[str, Any] | None:
    """What Harbour is told of a run that did not succeed; no line of its log."""
    app = host.ledger.app(run.app)
    if run.state is RunState.SUCCEEDED or app is None:
        return None
    place = Place(app.name, app.environment)
    return ScheduleFailed(place, run.schedule, run.state, run.release, run.exit_code, run.seconds).as_json()


def parse_time(text: str) -> datetime | None:
    """The engine's RFC 3339 time, which has nanoseconds; None for ''."""
    if not text:
        return None
    return datetime.fromisoformat(text[:19] + "+00:00")
