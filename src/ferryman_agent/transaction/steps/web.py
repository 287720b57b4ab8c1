"""The new release's web container: started in the lane that does not serve, and healthy before anything else."""

from __future__ import annotations

import re

from ferryman_agent.containers import app_workload, labels
from ferryman_agent.engine import EngineError, Keep, Observed
from ferryman_agent.errors import AgentError
from ferryman_agent.host import Host
from ferryman_agent.host.lookups import role_containers, tail
from ferryman_agent.host.probe import PROBE_TIMEOUT_SECONDS, Answer, Question
from ferryman_agent.host.serving import committed
from ferryman_agent.ledger import App, Outcome
from ferryman_agent.ledger.states import SERVED
from ferryman_agent.transaction.facts import Facts
from ferryman_agent.transaction.journal import StepEntry
from ferryman_agent.transaction.names import StepName
from ferryman_agent.transaction.steps.diagnosis import advised, ended, told, unreached, with_exception
from ferryman_agent.transaction.steps.step import Step
from ferryman_agent.transaction.steps.switchover import drain, others, stop_old
from ferryman_agent.transaction.transaction import Transaction

PROBE_SECONDS = 0.05
KNOCK_SECONDS = 0.02  # while nothing listens yet: a refused connection costs the app nothing
CONFIRM_SECONDS = 0.5
TURN = re.compile(r"\.(\d+)\.(\d+)$")


def _plan_start(facts: Facts) -> str:
    manifest = facts.wanted
    return f"{manifest.memory >> 20} MiB, {manifest.cpus:g} CPUs, port {manifest.web.port}"


def _start_web(transaction: Transaction, _: StepEntry) -> None:
    """Start the web container in the lane that does not serve."""
    host, app, manifest, release = transaction.host, transaction.app, transaction.manifest, transaction.candidate
    clear_lane(host, app)
    environment = host.secrets.environment(app, manifest, release)
    host.secrets.write_release(app, release, environment)
    workload = app_workload(manifest, release, manifest.web, environment, transaction.endpoint)
    host.engine.create(transaction.web_name, workload)
    start(host, transaction.web_name)


def start(host: Host, name: str) -> None:
    """Start what was made; AgentError `start-failed`."""
    try:
        host.engine.start(name)
    except EngineError as error:
        raise AgentError("start-failed", f"the container does not start: {error.reason}") from error


def _remove_web(transaction: Transaction) -> None:
    transaction.host.engine.remove(transaction.web_name)


START_WEB = Step(StepName.START_WEB, _plan_start, _start_web, undo=_remove_web)


def _plan_health(facts: Facts) -> str:
    manifest, web = facts.wanted, facts.wanted.web
    return f"GET {web.health} as {manifest.host_header}, at most {web.health_timeout:g} s"


def _wait_until_healthy(transaction: Transaction, entry: StepEntry) -> None:
    """Poll the health check until 2xx.

    Fails at once when the container exits, or answers anything but "not ready yet" (503) twice in a row;
    at the role's limit otherwise.
    """
    web, stopwatch = transaction.manifest.web, transaction.host.stopwatch
    deadline = stopwatch.seconds() + web.health_timeout
    refused_since: float | None = None
    while True:
        transaction.journal.check_cancelled()
        _check_runs(transaction)
        answer = _ask(transaction, max(0.1, min(PROBE_TIMEOUT_SECONDS, deadline - stopwatch.seconds())))
        if answer.is_healthy:
            entry.detail = transaction.down()
            return
        now = stopwatch.seconds()
        if answer.is_waiting:
            refused_since = None
        elif refused_since is None:
            refused_since = now
        elif now - refused_since >= CONFIRM_SECONDS:
            raise _unhealthy(transaction, answer)
        if now > deadline:
            _check_runs(transaction)
            raise _unhealthy(transaction, answer, f" within {web.health_timeout:g} s")
        stopwatch.wait(KNOCK_SECONDS if answer.status is None else PROBE_SECONDS)


def _ask(transaction: Transaction, timeout: float) -> Answer:
    return transaction.host.probe(transaction.endpoint.address or "", Question.of(transaction.manifest), timeout)


def _check_runs(transaction: Transaction) -> None:
    container = transaction.host.engine.workload(transaction.web_name)
    if container is None or not container.is_up:
        code = container.exit_code if container else None
        why = " (out of memory)" if container and container.is_out_of_memory else ""
        lines = tail(transaction.host.engine, transaction.web_name)
        message = with_exception(f"the new release's container exited with code {code}{why}", lines)
        hint = ended(code, bool(why), transaction.manifest, lines)
        raise AgentError("container-exited", message, hint=hint, exit_code=code, log=lines)


def _unhealthy(transaction: Transaction, answer: Answer, limit: str = "") -> AgentError:
    manifest, lines = transaction.manifest, tail(transaction.host.engine, transaction.web_name)
    seen, hint = _unreached(transaction) if answer.status is None else ("", "")
    message = f"the health check {manifest.web.health} {told(answer, manifest)}{limit}" + (f": {seen}" if seen else "")
    hint = hint or advised(answer, manifest, _allowed_hosts(transaction), lines)
    is_about_the_log = answer.status is None or answer.status >= 500
    message = with_exception(message, lines) if is_about_the_log and not seen else message
    return AgentError("unhealthy", message, hint=hint, http_status=answer.status, http_body=answer.body, log=lines)


def _unreached(transaction: Transaction) -> tuple[str, str]:
    container = transaction.host.engine.workload(transaction.web_name)
    sockets = transaction.host.listening(container.pid) if container and container.pid else None
    return unreached(sockets, transaction.manifest)


def _allowed_hosts(transaction: Transaction) -> str | None:
    """What the app was given as ALLOWED_HOSTS; None when somebody set it on the server: such values are not told."""
    host, app, release = transaction.host, transaction.app, transaction.candidate
    _, stored = host.ledger.environment(app.id, release.environment_version)
    given = dict(line.split("=", 1) for line in host.secrets.environment(app, transaction.manifest, release))
    return None if "ALLOWED_HOSTS" in stored else given["ALLOWED_HOSTS"]


HEALTHY = Step(StepName.HEALTHY, _plan_health, _wait_until_healthy)


def clear_lane(host: Host, app: App) -> None:
    """Free the lane that does not serve: candidates go at once, a release that served is drained first."""
    remove_candidates(host, app, has_made_none=True)
    serving = committed(host, app)
    if serving and others(serving, "web"):
        drain(serving)
        stop_old(serving)


def remove_candidates(host: Host, app: App, *, has_made_none: bool = False) -> None:
    """Remove what was never committed: one-off containers, and web containers of candidates.

    `has_made_none`: the transaction that runs is about to make its own; what has that name served before.
    """
    for container in host.engine.workloads(labels(app.id, "migrate")):
        host.engine.remove(container.id)
    for container in role_containers(host.engine, app.id, "web"):
        if _is_candidate(host, app, container, has_made_none=has_made_none) and not _is_kept(host, container):
            host.engine.remove(container.id)


def _is_candidate(host: Host, app: App, web: Observed, *, has_made_none: bool) -> bool:
    """Whether the ledger knows of no commit of a web container.

    1. Its release never served. 2. It belongs to a restart of what serves that was not committed. 3. An unfinished
    deployment was about to go back to its release. Any other one served before, and may have open requests.
    """
    release = host.ledger.release(app.id, web.release or 0)
    if release is None or release.state not in SERVED:
        return True
    if release.number == app.serving:
        return _turn(web) > app.turns.get("web", 0)
    coming = {d.release for d in host.ledger.unfinished() if d.app == app.id and d.state is Outcome.RUNNING}
    return not has_made_none and release.number in coming and _turn(web) == 0


def _is_kept(host: Host, web: Observed) -> bool:
    """Whether it served by what the engine was told: an older ledger that was put back does not know of its commit.

    Such a one drains, and goes when the committed one answers.
    """
    found = host.engine.workload(web.id)
    return found is not None and found.keep is not Keep.NO


def _turn(web: Observed) -> int:
    """How often its release had been restarted when it was made."""
    turn = TURN.search(web.name)
    return int(turn[2]) if turn and int(turn[1]) == web.release else 0
