"""The steps before the commit: nothing here touches what serves, and all of it can be taken back."""

from __future__ import annotations

from dataclasses import dataclass

from ferryman_agent.containers import (
    app_specification,
    at_address,
    container_name,
    labels,
    lane_address,
    volume_names,
)
from ferryman_agent.database import known_migrations, pending
from ferryman_agent.edge import Route
from ferryman_agent.engine import EngineError, Image
from ferryman_agent.errors import AgentError, Refused
from ferryman_agent.ledger import App, Release
from ferryman_agent.logins import registry_of
from ferryman_agent.manifest import Accessory, Manifest, Role
from ferryman_agent.probe import Answer
from ferryman_agent.transaction import accessories, after
from ferryman_agent.transaction.accessories import Source
from ferryman_agent.transaction.journal import Journal, Step
from ferryman_agent.transaction.server import Server
from ferryman_agent.volumes import own_volumes

PROBE_SECONDS = 0.05
KNOCK_SECONDS = 0.02  # while nothing listens yet: a refused connection costs the app nothing
PROBE_TIMEOUT_SECONDS = 5.0
CONFIRM_SECONDS = 0.5
LISTED_MIGRATIONS = 3


@dataclass
class Candidate:
    """A release on its way to the commit, and what it made."""

    server: Server
    journal: Journal
    app: App
    manifest: Manifest
    release: Release
    credentials: dict[str, str] | None
    applied_before: set[str] | None = None
    turn: int = 0

    @property
    def web_name(self) -> str:
        """The name of its web container; `turn` is how often the release was restarted with it."""
        return container_name(self.app.id, "web", self.release.number, self.turn)


def check(server: Server, app: App, manifest: Manifest, environment_version: int) -> None:
    """Refuse what can be refused before anything is made."""
    _, stored = server.ledger.environment(app.id, environment_version)
    missing = missing_variables(manifest, stored)
    if missing:
        raise Refused(
            "variable-missing",
            f"ferryman.toml requires {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not set here",
            state=serving_state(app),
            hint=f"ferryman env set {missing[0]} --to {app.environment}",
            missing=missing,
        )
    server.check_domain_is_free(app, manifest)


def missing_variables(manifest: Manifest, stored: dict[str, str]) -> list[str]:
    """The variables that app or accessories require and that are not set."""
    missing = [name for name in manifest.required if name not in stored and name not in manifest.values]
    secrets = [name for accessory in manifest.accessories.values() for name in accessory.secrets]
    return list(dict.fromkeys([*missing, *(name for name in secrets if name not in stored)]))


def have_accessories(candidate: Candidate, step: Step) -> None:
    """Have the accessories up, before anything that may need them."""
    server, app, release = candidate.server, candidate.app, candidate.release
    source = Source(candidate.manifest, release)
    step.detail = accessories.described(server, app, source)

    def pull(accessory: Accessory) -> None:
        if server.docker.image(accessory.image) is None:
            # the call's credentials are for the registry of the app's image, and not for others to see
            is_same = registry_of(accessory.image) == registry_of(release.image)
            server.pull(accessory.image, candidate.credentials if is_same else None)

    accessories.make_missing(server, app, source, pull, candidate.journal.check_cancelled)


def open_edge(server: Server, manifest: Manifest) -> None:
    """Have the edge up, with the port that the release will need, before anything depends on it.

    A published container needs none; and the port that one still holds is opened when that one has stopped.
    """
    if manifest.is_published:
        return
    if manifest.domain is None and server.publishing(manifest.app_id):
        server.edge.prepare()
    else:
        server.agree(Route(0, manifest.domain, {}, None))


def pull(candidate: Candidate, step: Step) -> Image:
    """Bring the image; refuse one for another architecture. Returns what the engine knows of it."""
    server, release = candidate.server, candidate.release
    was_pulled = server.pull_release(release, candidate.credentials, lambda: candidate.journal.is_cancelled)
    candidate.journal.check_cancelled()
    image: Image | None = server.docker.image(release.reference)
    if image is None:
        raise AgentError("image-not-in-registry", f"{release.reference} is not there after the pull")
    ours = server.docker.version()["Arch"]
    if image.architecture != ours:
        raise Refused(
            "wrong-architecture",
            f"the image is for {image['Architecture']}, this server is {ours}",
            state=serving_state(candidate.app),
            hint=f'set [app] platform = "linux/{ours}" and build it again',
        )
    if not was_pulled:
        step.skip("the image is here already")
    return image


def migrate(candidate: Candidate, image: Image, step: Step) -> None:
    """Run the pending migrations in a one-off container of the new image.

    1. Have PostgreSQL up, with the app's role and database.
    2. Compare what the image knows with what is applied; none pending: skip.
    3. Run the migrate command, within its limit; a non-zero exit fails the deploy.
    """
    database = candidate.manifest.database
    if database is None:
        step.skip("no [database]")
        return
    postgres = candidate.server.postgres(candidate.app)
    postgres.ensure(database)
    if not database.migrate:
        step.skip("no migrate command")
        return
    applied = postgres.applied_migrations()
    todo = pending(known_migrations(image), applied)
    if todo == []:
        step.skip("no migration is pending")
        return
    step.detail = "the image does not say what it knows" if todo is None else _listed(todo)
    candidate.applied_before = applied
    role = Role("migrate", database.migrate, stop_grace=1.0)
    _run_once(candidate, role, database.migrate_timeout)


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:LISTED_MIGRATIONS])
    more = len(names) - LISTED_MIGRATIONS
    return f"{shown} and {more} more" if more > 0 else shown


def _run_once(candidate: Candidate, role: Role, limit: float) -> None:
    server, docker = candidate.server, candidate.server.docker
    name = container_name(candidate.app.id, role.name, candidate.release.number)
    docker.remove(name)
    environment = server.environment_of(candidate.app, candidate.manifest, candidate.release)
    docker.create(name, app_specification(candidate.app, candidate.manifest, candidate.release, role, environment))
    try:
        _start(candidate, name)
        deadline = server.stopwatch.seconds() + limit
        while (code := docker.wait(name, limit=1.0)) is None:
            candidate.journal.check_cancelled()
            if server.stopwatch.seconds() > deadline:
                lines = server.tail(name)
                raise AgentError("migration-timeout", f"the migrations did not end within {limit:g} s", log=lines)
        if code != 0:
            message = f"the migrations failed with exit code {code}"
            raise AgentError("migration-failed", message, exit_code=code, log=server.tail(name))
    finally:
        docker.remove(name)


def start_web(candidate: Candidate) -> None:
    """Start the web container in the lane that does not serve."""
    server, app, manifest, release = candidate.server, candidate.app, candidate.manifest, candidate.release
    after.clear_lane(server, app)
    environment = server.environment_of(app, manifest, release)
    server.write_release(app, release, environment)
    for volume in volume_names(manifest):
        server.docker.ensure_volume(volume, labels(app.id, "volume"))
    specification = app_specification(app, manifest, release, manifest.web, environment)
    placed = at_address(specification, app, lane_address(app, app.next_lane), "web")
    server.docker.create(candidate.web_name, placed)
    own_volumes(server.docker, candidate.web_name, volume_names(manifest))
    _start(candidate, candidate.web_name)


def _start(candidate: Candidate, name: str) -> None:
    try:
        candidate.server.docker.start(name)
    except EngineError as error:
        raise AgentError("start-failed", f"the container does not start: {error.reason}") from error


def wait_until_healthy(candidate: Candidate) -> None:
    """Poll the health check until 2xx.

    Fails at once when the container exits, or answers anything but "not ready yet" (503) twice in a row;
    at the role's limit otherwise.
    """
    web, stopwatch = candidate.manifest.web, candidate.server.stopwatch
    fixed = lane_address(candidate.app, candidate.app.next_lane)
    deadline = stopwatch.seconds() + web.health_timeout
    refused_since: float | None = None
    while True:
        candidate.journal.check_cancelled()
        _check_runs(candidate)
        timeout = max(0.1, min(PROBE_TIMEOUT_SECONDS, deadline - stopwatch.seconds()))
        answer = candidate.server.probe(fixed, web.port, web.health, candidate.manifest.host_header, timeout)
        if answer.is_healthy:
            return
        now = stopwatch.seconds()
        if answer.is_waiting:
            refused_since = None
        elif refused_since is None:
            refused_since = now
        elif now - refused_since >= CONFIRM_SECONDS:
            raise _unhealthy(candidate, answer, f"the health check {web.health} answers {answer.status}")
        if now > deadline:
            _check_runs(candidate)
            what = "does not answer" if answer.status is None else f"answers {answer.status}"
            raise _unhealthy(candidate, answer, f"the health check {web.health} {what} within {web.health_timeout:g} s")
        stopwatch.wait(KNOCK_SECONDS if answer.status is None else PROBE_SECONDS)


def _check_runs(candidate: Candidate) -> None:
    container = candidate.server.docker.container(candidate.web_name)
    state = container["State"] if container else {"Running": False, "ExitCode": None}
    if not state["Running"]:
        code = state["ExitCode"]
        why = " (out of memory)" if state.get("OOMKilled") else ""
        message = f"the new release's container exited with code {code}{why}"
        raise AgentError("container-exited", message, exit_code=code, log=candidate.server.tail(candidate.web_name))


def _unhealthy(candidate: Candidate, answer: Answer, message: str) -> AgentError:
    hint = ""
    if answer.status is not None and 300 <= answer.status < 500:
        hint = "is [app.roles.web] health the right path, and does ALLOWED_HOSTS take the domain?"
    lines = candidate.server.tail(candidate.web_name)
    return AgentError("unhealthy", message, hint=hint, http_status=answer.status, http_body=answer.body, log=lines)


def take_back(candidate: Candidate) -> None:
    """Remove what the candidate started; what serves was never touched."""
    migrate = container_name(candidate.app.id, "migrate", candidate.release.number)
    for name in (candidate.web_name, migrate):
        candidate.server.docker.remove(name)
    accessories.remove_candidates(candidate.server, candidate.app)


def state_after_failure(app: App, stayed: list[str], state: str = "") -> str:
    """In what `state` a failure leaves the app, with the migrations that it does not take back."""
    state = state or serving_state(app)
    return f"{state}; these migrations stay applied: {', '.join(stayed)}" if stayed else state


def serving_state(app: App) -> str:
    """In what state a refusal or a failure leaves the server."""
    if app.stopped:
        return f"{app.id} stays stopped"
    return f"release {app.serving} goes on serving" if app.serving else "nothing serves yet"
