"""run: a scheduled command now, by hand; and how status tells of schedules."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace
from typing import Any

from ferryman_agent.clock import written
from ferryman_agent.cron import next_time
from ferryman_agent.engine import EngineError
from ferryman_agent.errors import AgentError, Refused
from ferryman_agent.host.serving import serving_of
from ferryman_agent.ledger import App, Run
from ferryman_agent.manifest import Manifest
from ferryman_agent.requests.call import Call
from ferryman_agent.requests.watching import until_gone
from ferryman_agent.schedules.execution import Execution, log_file
from ferryman_agent.transaction.orders.deploying import known_app

WHY = {
    "failed": "ended with exit code {exit_code}",
    "timed-out": "was stopped, since its time limit came",
    "stopped": "was stopped together with its app",
    "lost": "has no outcome: {reason}",
}


def run(call: Call) -> dict[str, Any]:
    """Run a schedule's command now; events with its log, then what came of it. A caller that leaves stops nothing."""
    app = known_app(call.host.ledger, call.params)
    name = _known_schedule(call, app)
    execution = call.scheduler.begin(app.id, name, by_hand=True)
    if execution is None:
        raise _refused(call, app, name)
    begun = execution.run
    call.channel.event({"kind": "run", "schedule": name, "number": begun.number, "release": begun.release})
    if call.params.get("detach") is True:
        return {"schedule": name, **begun.summary()}
    _show(call, execution)
    execution.ended.wait()
    ended = call.host.ledger.run(app.id, name, begun.number) or begun
    if ended.state != "succeeded":
        raise _failed(ended)
    return {"schedule": name, **ended.summary()}


def _known_schedule(call: Call, app: App) -> str:
    target, name = serving_of(call.host, app), call.params.get("schedule")
    known = list(target.manifest.schedules)
    if name not in known:
        raise Refused(
            "unknown-schedule",
            f"release {target.release.number} has no schedule {name}; it has {', '.join(known) or 'none'}",
            choices=known,
        )
    return str(name)


def _refused(call: Call, app: App, name: str) -> Refused:
    if app.stopped:
        return Refused("app-stopped", f"{app.id} is stopped", hint="ferryman start")
    under_way = [found for found in call.host.ledger.runs(app.id, name) if found.state == "running"]
    since = f", since {under_way[0].started_at}" if under_way else ""
    return Refused("run-under-way", f"{name} runs already{since}", state="nothing was changed", hint="ferryman status")


def _failed(ended: Run) -> AgentError:
    reason = ended.log[-1] if ended.log else ""
    could_not_start = ended.state == "failed" and ended.exit_code is None
    text = (
        reason
        if could_not_start
        else WHY.get(ended.state, WHY["lost"]).format(
            exit_code=ended.exit_code, reason=reason or "the agent does not know it"
        )
    )
    message = f"{ended.schedule}: {text}"
    return AgentError("run-failed", message, exit_code=ended.exit_code, run=ended.summary())


def _show(call: Call, execution: Execution) -> None:
    """Its log as it comes; where it ended sooner than that could begin, what was kept of it."""
    execution.started.wait()
    has_begun = False
    with contextlib.suppress(EngineError):  # it has ended, and its container is gone
        stop, output = call.host.engine.follow_logs(execution.container, None)
        threading.Thread(target=until_gone, args=(call, stop), daemon=True).start()
        for stream, chunk in output:
            has_begun = True
            call.channel.event({"kind": "log", "stream": stream, "text": chunk.decode(errors="replace")})
    if not has_begun:
        execution.ended.wait()
        with contextlib.suppress(Refused):  # it could not be started, so there is none
            send_kept_log(call, execution.run.app, execution.run.schedule, None)


def send_kept_log(call: Call, app_id: str, name: str, tail: int | None) -> None:
    """The log of a schedule's last run that ended; Refused `no-container` when there was none."""
    path = log_file(call.host, app_id, name)
    if not path.exists():
        raise Refused("no-container", f"{name} has not run yet", hint="ferryman status")
    lines = path.read_text(errors="replace").splitlines(keepends=True)
    shown = lines if tail is None else lines[-tail:] if tail else []
    for line in shown:
        call.channel.event({"kind": "log", "stream": "stdout", "text": line})


def told(call: Call, app: App, manifest: Manifest) -> dict[str, Any]:
    """For each schedule: its expression, when it comes next, the run that is under way, and the last that ended.

    Lines of their logs are for those who may read logs.
    """
    found = {}
    for name, schedule in manifest.schedules.items():
        runs = call.host.ledger.runs(app.id, name)
        following = None if app.stopped else next_time(schedule.cron, call.host.wall())
        shown = [item if call.role == "operator" else replace(item, log=[]) for item in runs]
        running = [item.summary() for item in shown if item.state == "running"]
        ended = [item.summary() for item in shown if item.state != "running"]
        found[name] = {
            "cron": schedule.expression,
            "next": written(following) if following else None,
            "running": running[0] if running else None,
            "last": ended[0] if ended else None,
        }
    return found
