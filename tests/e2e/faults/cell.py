"""One cell: a deploy under load, a fault at its step, and what came of it."""

from __future__ import annotations

import signal
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from command import Call
from load import Load

from faults.cells import Cell
from faults.pressure import DatabaseLoad
from faults.stage import THROUGH_PROXY, Hit, Settled, Stage
from ferryman.rehearsal.polling import wait_until

SIGNALS = {
    "client-sigint": signal.SIGINT,
    "client-sigterm": signal.SIGTERM,
    "client-sigkill": signal.SIGKILL,
}
CALL_SECONDS = 120.0
KILLED = -signal.SIGKILL
UNKNOWN = 5  # exit status: the outcome is not known here
NO_WAY_TO_KNOW = frozenset({"power-cut", "ssh-cut"})


@dataclass
class Result:
    """What came of a cell. `problems` is what must not be; seconds count from the fault."""

    fault: str
    step: str
    hit: str
    outcome: str
    status: int
    answered: int
    lost: int
    lost_database: int
    outage: float
    outage_database: float
    settled: float
    seconds: float
    problems: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    at: str = ""
    revision: str = ""

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        return asdict(self)


@dataclass(frozen=True)
class Course:
    """How the deploy with the fault went: where it was hit, the call, what was there at its end, the next call."""

    cell: Cell
    hit: Hit
    call: Call
    settled: Settled
    before: int
    follower: Call
    next_call: Call
    at_end: Settled


def run_cell(stage: Stage, cell: Cell) -> Result:
    """Under load: deploy, strike, wait until all agrees, ask for the outcome, deploy again; then judge."""
    began, since = time.monotonic(), time.time()
    shop = stage.shop
    ready = stage.settled()
    assert ready.problems == [], f"before {cell.key}: {ready.problems}"
    with Load(shop.port, shop.domain, slow=True) as load, DatabaseLoad(shop.port, shop.domain) as database:
        with stage.watching(cell.step, cell.fault.act) as watcher:
            call = stage.deploy(THROUGH_PROXY)
            hit = watcher.hit()
            put_right = strike(stage, cell, call, watcher.go_on)
            call.end(CALL_SECONDS)
        put_right()
        settled = stage.settled()
        follower = shop.ferryman("follow", settled.deployment["id"])
        next_call = stage.deploy().end(CALL_SECONDS)
        at_end = stage.settled()
    course = Course(cell, hit, call, settled, ready.serving, follower, next_call, at_end)
    problems = judge(course)
    if count := stage.tracebacks(since):
        problems.append(f"the agent wrote {count} tracebacks")
    if not cell.fault.is_outage:
        problems += [f"{len(found.failures)} requests were lost" for found in (load, database) if found.failures]
    return Result(
        fault=cell.fault.name,
        step=cell.step,
        hit=hit.step,
        outcome=settled.deployment["state"],
        status=call.process.returncode,
        answered=load.total + database.total,
        lost=len(load.failures),
        lost_database=len(database.failures),
        outage=round(load.outage_seconds, 2),
        outage_database=round(database.outage_seconds, 2),
        settled=round(settled.at - hit.at, 2),
        seconds=round(time.monotonic() - began, 1),
        problems=problems,
        failures=[*load.failures[:5], *database.failures[:5], *([call.told[-3000:]] if problems else [])],
        at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
    )


def strike(stage: Stage, cell: Cell, call: Call, go_on: Any) -> Any:
    """Do what is done from outside the server, and let the agent go on; returns what puts it right at the end."""
    name = cell.fault.name
    if name in SIGNALS:
        call.process.send_signal(SIGNALS[name])
        if name == "client-sigkill":
            call.end()
        else:
            wait_until(lambda: "asking the server to cancel" in call.told, "the client has the signal", seconds=10)
        go_on()
    elif name == "ssh-cut":
        stage.proxy.refuse()
        go_on()
        call.wait_for("connecting again")
        wait_until(_came_again(stage, call), "the client has tried again", seconds=20)
        stage.proxy.allow()
    elif name == "power-cut":
        stage.server.power_cut()
    elif name == "registry-away":
        stage.server.docker.run(["kill", stage.registry.state.container])
        go_on()
        return stage.registry.start
    return lambda: None


def _came_again(stage: Stage, call: Call) -> Any:
    seen = stage.proxy.connections
    return lambda: stage.proxy.connections > seen or call.process.poll() is not None


def judge(course: Course) -> list[str]:
    """What must not be."""
    outcome, state = course.settled.deployment["state"], course.settled
    problems = [f"after the fault: {problem}" for problem in state.problems]
    if not course.cell.allows(outcome, course.hit.step, was_committed=course.hit.was_committed):
        problems.append(f"hit in {course.hit.step}, the deployment is {outcome}")
    wanted = state.deployment["release"] if outcome == "succeeded" else course.before
    if state.serving != wanted:
        problems.append(f"the deployment is {outcome}, and release {state.serving} serves, not {wanted}")
    problems += _untruths(course, outcome)
    if course.next_call.process.returncode != 0:
        problems.append(f"the next deploy ended with {course.next_call.process.returncode}: {course.next_call.told}")
    if course.at_end.serving != course.at_end.deployment["release"]:
        problems.append(f"after the next deploy release {course.at_end.serving} serves")
    return problems + [f"after the next deploy: {problem}" for problem in course.at_end.problems]


def _untruths(course: Course, outcome: str) -> list[str]:
    """Where exit status and outcome differ; a killed client says nothing, one without a way back says so."""
    status, is_good = course.call.process.returncode, outcome == "succeeded"
    problems = []
    if status == UNKNOWN:
        may_not_know = course.cell.fault.name in NO_WAY_TO_KNOW
        problems += [] if may_not_know else ["the client could not tell the outcome"]
    elif status != KILLED or course.cell.fault.name != "client-sigkill":
        problems += [] if (status == 0) is is_good else [f"the client ended with {status}, the deployment is {outcome}"]
    followed = course.follower.process.returncode
    if (followed == 0) is not is_good:
        problems.append(f"`ferryman follow` ended with {followed}, the deployment is {outcome}")
    return problems
