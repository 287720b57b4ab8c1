"""What ferryman.toml may say: one class for each section; unknown keys are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ferryman.config.fields import (
    BRANCH,
    BRANCH_PATTERN,
    COMMAND,
    CRON_EXPRESSION,
    DOMAIN,
    DURATION,
    HEALTH_PATH,
    HOST,
    HOST_KEY,
    IDENTITY,
    IMAGE,
    INNER_PATH,
    MEMORY,
    NAME,
    NON_EMPTY_COMMAND,
    PINNED_IMAGE,
    PORT,
    REPORTS_URL,
    SSH_PORT,
    TMPFS,
    URL,
    USER,
    VARIABLE_NAME,
    VARIABLE_NAMES,
    VARIABLE_VALUE,
    VARIABLES,
    VOLUMES,
)
from ferryman.config.given import PARTS, SECRET_KEY
from ferryman.config.problems import Source
from ferryman.config.section import Array, Choice, Integer, Part, Section, Share, Table, Text, Truth, WrongTable, key

PATHS = Array('an array of paths, such as ["requirements-dev.txt"]', INNER_PATH)
TRUTH = Truth()


def _made_by_the_agent(values: dict[str, Any]) -> None:
    if "SECRET_KEY" in values:
        raise WrongTable("SECRET_KEY is a secret: the agent makes one, and `ferryman env set` sets another")


def _not_the_rehearsal(environments: dict[str, Any]) -> None:
    if "rehearsal" in environments:
        raise WrongTable("the environment rehearsal is made by `ferryman rehearse`; its settings stand in [rehearsal]")


class Role(Section):
    """A role other than web: a worker, a scheduler."""

    command: tuple[str, ...] = key(COMMAND, "What the role runs; empty: the image's CMD", [])
    stop_grace: float = key(DURATION, "Time between SIGTERM and SIGKILL", "30s")
    overlap: bool = key(TRUTH, "Start the new container before the old one is stopped", False)


class WebRole(Section):
    """The role that the edge sends requests to."""

    command: tuple[str, ...] = key(COMMAND, "What the role runs; empty: the image's CMD", [])
    port: int = key(PORT, "The port that the service listens on inside its container", 8000)
    health: str = key(HEALTH_PATH, "The path that answers 2xx once the release can serve", "/")
    health_timeout: float = key(DURATION, "How long a new release may take until it is healthy", "60s")
    drain_timeout: float = key(DURATION, "How long the old release may take to finish its open requests", "30s")
    stop_grace: float = key(DURATION, "Time between SIGTERM and SIGKILL", "30s")


class Roles(Section):
    """`web`, and any number of further roles."""

    more = Part(Role)

    web: WebRole = key(Part(WebRole))
    others: dict[str, Role]


class Resources(Section):
    """Limits of each of the app's containers."""

    memory: int = key(MEMORY, "Memory", "512m")
    cpus: float = key(Share("a number above 0, such as 0.5", 1024), "Share of the processors", 1.0)
    pids: int = key(Integer("an integer of at least 16", 16, 4194304), "Number of processes and threads", 512)


class Variables(Section):
    """The app's environment variables, without the secrets."""

    required: tuple[str, ...] = key(VARIABLE_NAMES, "Variables that must be set on the server before a deploy", [])
    values: dict[str, str] = key(
        Table("a table of strings", VARIABLE_NAME, VARIABLE_VALUE, _made_by_the_agent),
        "Plain values that are no secrets",
        {},
    )
    secret_key: str = key(VARIABLE_NAME, "The variable that the settings read the secret key from", SECRET_KEY)


class Schedule(Section):
    """A command that runs at certain times, in a container of the release that serves."""

    cron: str = key(CRON_EXPRESSION, "When it runs: five fields, in UTC")
    command: tuple[str, ...] = key(NON_EMPTY_COMMAND, "What it runs")
    time_limit: float = key(DURATION, "How long it may run until it is stopped", "1h")
    stop_grace: float = key(DURATION, "Time between SIGTERM and SIGKILL", "30s")


class App(Section):
    """What is shipped."""

    name: str = key(NAME, "The app's name on the server")
    image: str = key(IMAGE, "The repository that images are pushed to; the tag is the revision")
    context: str = key(INNER_PATH, "The folder that the image is built from", ".")
    dockerfile: str = key(INNER_PATH, "The Dockerfile, inside the context", "Dockerfile")
    platform: str | None = key(
        Choice("linux/amd64", "linux/arm64"), "The server's architecture, where it is not this machine's", None
    )
    strategy: str = key(
        Choice("blue-green", "recreate"), "How the new release takes over from the old one", "blue-green"
    )
    retain: int = key(Integer("an integer from 1 to 50", 1, 50), "How many healthy releases are kept for a rollback", 5)
    read_only: bool = key(TRUTH, "Whether the containers' root file system is read-only", True)
    tmpfs: tuple[str, ...] | dict[str, int] = key(
        TMPFS,
        "Folders in memory that the app may write to, 64m each; a table says how large they are",
        ["/tmp"],  # noqa: S108 - a mount inside the app's own container
    )
    roles: Roles = key(Part(Roles, "[app.roles.web], and one section for each further role"))
    schedules: dict[str, Schedule] = key(
        Table("one section [app.schedules.<name>] for each scheduled command", NAME, Part(Schedule)), default={}
    )
    resources: Resources = key(Part(Resources), default={})
    env: Variables = key(Part(Variables), default={})
    volumes: dict[str, str] = key(VOLUMES, "Named volumes and where they are mounted", {})


class AccessoryVariables(Section):
    """The variables that an accessory gets; it gets none of the app's."""

    values: dict[str, str] = key(VARIABLES, "Plain values that are no secrets", {})
    secrets: tuple[str, ...] = key(VARIABLE_NAMES, "Variables that it gets of those set with `ferryman env set`", [])


class Accessory(Section):
    """A side container on the app's network, such as Redis, which no deploy touches."""

    image: str = key(PINNED_IMAGE, "Its image, by tag or digest")
    command: tuple[str, ...] = key(COMMAND, "What it runs; empty: the image's CMD", [])
    health: tuple[str, ...] = key(COMMAND, "A command inside it that succeeds while it is healthy", [])
    stop_grace: float = key(DURATION, "Time between SIGTERM and SIGKILL", "30s")
    env: AccessoryVariables = key(Part(AccessoryVariables), default={})
    volumes: dict[str, str] = key(VOLUMES, "Named volumes and where they are mounted", {})
    resources: Resources = key(Part(Resources), default={})


class Database(Section):
    """The app's PostgreSQL."""

    version: int = key(Integer("an integer from 14 to 17", 14, 17), "PostgreSQL's major version", 17)
    migrate: tuple[str, ...] = key(NON_EMPTY_COMMAND, "The command that runs the pending migrations")
    migrate_timeout: float = key(DURATION, "How long the migrations may take", "10m")
    variables: dict[str, str] = key(
        Table('a table of parts, such as DB_HOST = "host"', VARIABLE_NAME, Choice(*PARTS)),
        "Variables of the settings, and which part of the database each is given",
        {},
    )


class EnvironmentSection(Section):
    """A server that the app is shipped to, as written: variables are not resolved."""

    host: str = key(HOST, "The server's host name or address")
    user: str = key(USER, "The user for the deploy link", "ferryman")
    port: int = key(SSH_PORT, "The port of the server's sshd", 22)
    host_key: str | None = key(HOST_KEY, "The server's public host key", None)
    identity: str | None = key(IDENTITY, "The private key file, when ssh shall not choose", None)
    domain: str | None = key(DOMAIN, "The host name; without one the service listens on port 8000", None)
    url: str | None = key(
        URL, "Where people reach the service, when it is not http://<domain> or http://<host>:8000", None
    )


class Environment(EnvironmentSection):
    """A server that the app is shipped to, with its variables resolved."""

    name: str = key(NAME)

    @property
    def address(self) -> str:
        """Return where people reach the service."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.url or (f"http://{self.domain}" if self.domain else f"http://{host}:8000")).rstrip("/")


class Reports(Section):
    """Where the server's agent reports to."""

    token_command: tuple[str, ...] | None = key(
        NON_EMPTY_COMMAND, "Prints a server's token: this app is the Harbour that is reported to", None
    )
    url: str | None = key(REPORTS_URL, "The address of a Harbour elsewhere", None)
    commits: bool = key(TRUTH, "Whether a deploy tells the subjects and authors of the commits that it brings", True)


class Cleanup(Section):
    """What `ferryman cleanup` keeps, besides what is retained or lasting anyway."""

    keep_images: int = key(
        Integer("an integer from 1 to 1000", 1, 1000), "How many of the newest images stay in the registry", 10
    )
    keep_days: int = key(
        Integer("an integer from 0 to 3650", 0, 3650), "For how many days every image stays in the registry", 7
    )
    keep_branches: tuple[str, ...] = key(
        Array('an array of names, such as ["staging", "release/*"]', BRANCH_PATTERN),
        "Branches that stay although they were merged; * stands for anything",
        [],
    )


class Pipeline(Section):
    """What the workflows run before a deploy."""

    branch: str = key(BRANCH, "The branch whose pushes are deployed to production", "main")
    source: str | None = key(INNER_PATH, "The folder of manage.py and the tests; the app's context without it", None)
    python: str | None = key(
        Text('a version such as "3.13"', pattern=r"3\.[0-9]{1,2}"),
        "The Python that lint and tests run with; found by itself without it",
        None,
    )
    requirements: tuple[str, ...] = key(
        PATHS, "Files with the app's locked dependencies; found by themselves without it", []
    )
    test_requirements: tuple[str, ...] = key(
        PATHS, "Files with what the tests need beyond them; found by themselves without it", []
    )
    lint: tuple[str, ...] = key(COMMAND, "A linter of your own, in place of the project's, or of Ruff and Black", [])
    test: tuple[str, ...] = key(
        COMMAND, "A test command of your own, in place of the project's runner with coverage", []
    )
    coverage: int | None = key(
        Integer("an integer from 0 to 100", 0, 100),
        "The share of lines that the tests must reach, in percent; no limit without it",
        None,
    )
    image_budget: int = key(MEMORY, "The largest image that passes, its base included", "512m")
    base_days: int = key(
        Integer("a number of days from 1 to 3650", 1, 3650), "How old the base image may be, in days", 180
    )
    ferryman: str | None = key(INNER_PATH, "The folder of Ferryman itself; for Ferryman's own repository", None)


class Rehearsal(Section):
    """Settings of `ferryman rehearse`."""

    env: dict[str, str] = key(VARIABLES, "Variables that the app gets only in the rehearsal", {})


class Configuration(Section):
    """A whole ferryman.toml."""

    app: App = key(Part(App))
    database: Database | None = key(Part(Database), default=None)
    accessories: dict[str, Accessory] = key(
        Table("one section [accessories.<name>] for each side container", NAME, Part(Accessory)), default={}
    )
    environments: dict[str, EnvironmentSection] = key(
        Table("one section [environments.<name>] for each server", NAME, Part(EnvironmentSection), _not_the_rehearsal),
        default={},
    )
    reports: Reports | None = key(Part(Reports), default=None)
    cleanup: Cleanup = key(Part(Cleanup), default={})
    pipeline: Pipeline = key(Part(Pipeline), default={})
    rehearsal: Rehearsal = key(Part(Rehearsal), default={})

    source: Source

    @property
    def path(self) -> Path:
        """Return the file that this was read from."""
        return self.source.path

    @property
    def key_lines(self) -> dict[tuple[str | int, ...], int]:
        """Return the line of each key in the file."""
        return self.source.lines

    @property
    def root(self) -> Path:
        """Return the project's folder, in which the file stands."""
        return self.source.path.resolve().parent
