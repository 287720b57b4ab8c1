"""Begins scheduled commands at their time, and takes up those that an agent before it began."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from ferryman_agent.containers import run_name
from ferryman_agent.duties import Duty, Limits
from ferryman_agent.errors import AgentError
from ferryman_agent.host import Host
from ferryman_agent.host.serving import committed
from ferryman_agent.ledger import App
from ferryman_agent.manifest import Schedule
from ferryman_agent.schedules.execution import LABEL, Execution
from ferryman_agent.schedules.timetable import Key, Planned, look

LOOK_SECONDS = 10.0
LIMITS = Limits(first_pause=1.0, longest_pause=LOOK_SECONDS)


def in_a_thread(act: Callable[[], None]) -> None:
    """Begin it beside everything else; it does not keep the agent alive."""
    threading.Thread(target=act, daemon=True).start()


class Scheduler:
    """To keep time is its duty. Each run has a thread of its own, which `spawn` begins."""

    def __init__(self, host: Host, spawn: Callable[[Callable[[], None]], None] = in_a_thread) -> None:
        self._host = host
        self._spawn = spawn
        self._planned: dict[Key, Planned] = {}
        self.duty = Duty("scheduler", self._keep_time, LIMITS, host.stopwatch)

    def _keep_time(self) -> float:
        """What is due while a look fails stays so."""
        self.look()
        return self._pause()

    def _pause(self) -> float:
        """Until the next one is due, at most ten seconds: a deploy may bring a new one."""
        now = self._host.wall()
        waits = [(planned.next - now).total_seconds() for planned in self._planned.values() if planned.next]
        return min([LOOK_SECONDS, *(max(0.0, seconds) for seconds in waits)])

    def look(self) -> None:
        """Begin what is due now; a time that comes while the run before is under way is skipped, and counted."""
        schedules: dict[Key, Schedule] = {}
        for app in self._host.ledger.apps():
            for name, schedule in self._schedules(app).items():
                schedules[app.id, name] = schedule
        due, self._planned = look(self._planned, schedules, self._host.wall())
        for app_id, name in due:
            if self.begin(app_id, name, by_hand=False) is None:
                self._host.ledger.skip_run(app_id, name)

    def _schedules(self, app: App) -> dict[str, Schedule]:
        target = None if app.stopped or app.removal else committed(self._host, app)
        return target.manifest.schedules if target else {}

    def begin(self, app_id: str, name: str, *, by_hand: bool) -> Execution | None:
        """Begin a run of the release that serves; None when one is under way, or the app does not serve."""
        run = self._host.ledger.begin_run(app_id, name, by_hand)
        if run is None:
            return None
        execution = Execution(self._host, run)
        self._spawn(execution.carry_out)
        return execution

    def adopt(self) -> None:
        """Take up the runs that an agent before this one began; containers of runs that nobody knows go."""
        runs = self._host.ledger.unfinished_runs()
        known = {run_name(run) for run in runs}
        try:
            for container in self._host.engine.workloads({LABEL: ""}):
                if container.name not in known:
                    self._host.engine.remove(container.id)
        except AgentError as error:
            sys.stderr.write(f"containers of scheduled commands could not be looked at: {error.reason}\n")
        for run in runs:
            self._spawn(Execution(self._host, run).take_up)
