"""What ferryman.toml may say: one model for each section; unknown keys are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr

from ferryman.config.fields import (
    Allowed,
    BranchPattern,
    Command,
    CronExpression,
    Domain,
    Duration,
    HealthPath,
    Host,
    HostKey,
    Identity,
    Image,
    InnerPath,
    Memory,
    MountPath,
    Name,
    NonEmptyCommand,
    PinnedImage,
    Port,
    Section,
    SshPort,
    Url,
    User,
    VariableName,
    VariableValue,
    refuse,
)
from ferryman.config.pipeline import Pipeline
from ferryman.config.problems import Source
from ferryman.config.quantities import parse_duration, parse_size

DEFAULT_TMPFS = ("/tmp",)  # noqa: S108 - a mount inside the app's own container


def _seconds(default: str, description: str) -> Any:
    return Field(default=parse_duration(default), description=description, json_schema_extra={"default": default})


def _each_path_once(volumes: dict[str, str]) -> dict[str, str]:
    seen: dict[str, str] = {}
    for name, path in volumes.items():
        if path in seen:
            raise refuse(f'{name} and {seen[path]} have the same path, "{path}"')
        seen[path] = name
    return volumes


def _made_by_the_agent(values: dict[str, str]) -> dict[str, str]:
    if "SECRET_KEY" in values:
        raise refuse("SECRET_KEY is a secret: the agent makes one, and `ferryman env set` sets another")
    return values


def _not_the_rehearsal(environments: dict[str, Any]) -> dict[str, Any]:
    if "rehearsal" in environments:
        raise refuse("the environment rehearsal is made by `ferryman rehearse`; its settings stand in [rehearsal]")
    return environments


Volumes = Annotated[
    dict[Name, MountPath],
    AfterValidator(_each_path_once),
    Allowed('a table of paths, such as media = "/app/media"'),
]


class Role(Section):
    """A role other than web: a worker, a scheduler."""

    command: Command = Field(default=(), description="What the role runs; empty: the image's CMD")
    stop_grace: Duration = _seconds("30s", "Time between SIGTERM and SIGKILL")
    overlap: bool = Field(
        default=False,
        description="Start the new container before the old one is stopped",
        json_schema_extra={"default": False},
    )


class WebRole(Section):
    """The role that the edge sends requests to."""

    command: Command = Field(default=(), description="What the role runs; empty: the image's CMD")
    port: Port = Field(default=8000, description="The port that the service listens on inside its container")
    health: HealthPath = Field(default="/", description="The path that answers 2xx once the release can serve")
    health_timeout: Duration = _seconds("60s", "How long a new release may take until it is healthy")
    drain_timeout: Duration = _seconds("30s", "How long the old release may take to finish its open requests")
    stop_grace: Duration = _seconds("30s", "Time between SIGTERM and SIGKILL")


class Roles(BaseModel):
    """`web`, and any number of further roles."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)
    __pydantic_extra__: dict[str, Role] = Field(init=False)

    web: WebRole

    @property
    def others(self) -> dict[str, Role]:
        """Return the roles other than web."""
        return dict(self.__pydantic_extra__ or {})


class Resources(Section):
    """Limits of each of the app's containers."""

    memory: Memory = Field(default=parse_size("512m"), description="Memory", json_schema_extra={"default": "512m"})
    cpus: Annotated[float, Field(gt=0, le=1024), Allowed("a number above 0, such as 0.5")] = Field(
        default=1.0, description="Share of the processors"
    )
    pids: Annotated[int, Field(ge=16, le=4194304), Allowed("an integer of at least 16")] = Field(
        default=512, description="Number of processes and threads"
    )


class Variables(Section):
    """The app's environment variables, without the secrets."""

    required: Annotated[tuple[VariableName, ...], Field(strict=False), Allowed("an array of variables' names")] = Field(
        default=(), description="Variables that must be set on the server before a deploy"
    )
    values: Annotated[
        dict[VariableName, VariableValue], AfterValidator(_made_by_the_agent), Allowed("a table of strings")
    ] = Field(default_factory=dict, description="Plain values that are no secrets")


class Schedule(Section):
    """A command that runs at certain times, in a container of the release that serves."""

    cron: CronExpression = Field(description="When it runs: five fields, in UTC")
    command: NonEmptyCommand = Field(description="What it runs")
    time_limit: Duration = _seconds("1h", "How long it may run until it is stopped")
    stop_grace: Duration = _seconds("30s", "Time between SIGTERM and SIGKILL")


class App(Section):
    """What is shipped."""

    name: Name = Field(description="The app's name on the server")
    image: Image = Field(description="The repository that images are pushed to; the tag is the revision")
    context: InnerPath = Field(default=".", description="The folder that the image is built from")
    dockerfile: InnerPath = Field(default="Dockerfile", description="The Dockerfile, inside the context")
    platform: Annotated[Literal["linux/amd64", "linux/arm64"] | None, Allowed('"linux/amd64", "linux/arm64"')] = Field(
        default=None, description="The server's architecture, where it is not this machine's"
    )
    strategy: Annotated[Literal["blue-green", "recreate"], Allowed('"blue-green", "recreate"')] = Field(
        default="blue-green", description="How the new release takes over from the old one"
    )
    retain: Annotated[int, Field(ge=1, le=50), Allowed("an integer from 1 to 50")] = Field(
        default=5, description="How many healthy releases are kept for a rollback"
    )
    read_only: bool = Field(default=True, description="Whether the containers' root file system is read-only")
    tmpfs: Annotated[
        tuple[MountPath, ...], Field(strict=False), Allowed('an array of absolute paths, such as ["/tmp"]')
    ] = Field(default=DEFAULT_TMPFS, description="Folders in memory that the app may write to")
    roles: Annotated[Roles, Allowed("[app.roles.web], and one section for each further role")]
    schedules: Annotated[
        dict[Name, Schedule], Allowed("one section [app.schedules.<name>] for each scheduled command")
    ] = Field(default_factory=dict)
    resources: Resources = Field(default_factory=Resources)
    env: Variables = Field(default_factory=Variables)
    volumes: Volumes = Field(default_factory=dict, description="Named volumes and where they are mounted")


class AccessoryVariables(Section):
    """The variables that an accessory gets; it gets none of the app's."""

    values: Annotated[dict[VariableName, VariableValue], Allowed("a table of strings")] = Field(
        default_factory=dict, description="Plain values that are no secrets"
    )
    secrets: Annotated[tuple[VariableName, ...], Field(strict=False), Allowed("an array of variables' names")] = Field(
        default=(), description="Variables that it gets of those set with `ferryman env set`"
    )


class Accessory(Section):
    """A side container on the app's network, such as Redis, which no deploy touches."""

    image: PinnedImage = Field(description="Its image, by tag or digest")
    command: Command = Field(default=(), description="What it runs; empty: the image's CMD")
    health: Command = Field(default=(), description="A command inside it that succeeds while it is healthy")
    stop_grace: Duration = _seconds("30s", "Time between SIGTERM and SIGKILL")
    env: AccessoryVariables = Field(default_factory=AccessoryVariables)
    volumes: Volumes = Field(default_factory=dict, description="Named volumes and where they are mounted")
    resources: Resources = Field(default_factory=Resources)


class Database(Section):
    """The app's PostgreSQL."""

    version: Annotated[int, Field(ge=14, le=17), Allowed("an integer from 14 to 17")] = Field(
        default=17, description="PostgreSQL's major version"
    )
    migrate: NonEmptyCommand = Field(description="The command that runs the pending migrations")
    migrate_timeout: Duration = _seconds("10m", "How long the migrations may take")


class EnvironmentSection(Section):
    """A server that the app is shipped to, as written: variables are not resolved."""

    host: Host = Field(description="The server's host name or address")
    user: User = Field(default="ferryman", description="The user for the deploy link")
    port: SshPort = Field(default=22, description="The port of the server's sshd")
    host_key: HostKey | None = Field(default=None, description="The server's public host key")
    identity: Identity | None = Field(default=None, description="The private key file, when ssh shall not choose")
    domain: Domain | None = Field(
        default=None, description="The host name; without one the service listens on port 8000"
    )
    url: Url | None = Field(
        default=None, description="Where people reach the service, when it is not http://<domain> or http://<host>:8000"
    )


class Environment(EnvironmentSection):
    """A server that the app is shipped to, with its variables resolved."""

    name: Name

    @property
    def address(self) -> str:
        """Return where people reach the service."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.url or (f"http://{self.domain}" if self.domain else f"http://{host}:8000")).rstrip("/")


class Reports(Section):
    """Where the server's agent reports to."""

    token_command: NonEmptyCommand | None = Field(
        default=None,
        description="Prints a server's token: this app is the Harbour that is reported to",
    )
    url: (
        Annotated[
            str,
            Field(pattern=r"^https?://[^\s/]+(/\S*)?$"),
            Allowed('an address such as "https://harbour.example.com"'),
        ]
        | None
    ) = Field(default=None, description="The address of a Harbour elsewhere")
    commits: bool = Field(
        default=True, description="Whether a deploy tells the subjects and authors of the commits that it brings"
    )


class Cleanup(Section):
    """What `ferryman cleanup` keeps, besides what is retained or lasting anyway."""

    keep_images: Annotated[int, Field(ge=1, le=1000), Allowed("an integer from 1 to 1000")] = Field(
        default=10, description="How many of the newest images stay in the registry"
    )
    keep_days: Annotated[int, Field(ge=0, le=3650), Allowed("an integer from 0 to 3650")] = Field(
        default=7, description="For how many days every image stays in the registry"
    )
    keep_branches: Annotated[
        tuple[BranchPattern, ...], Field(strict=False), Allowed('an array of names, such as ["staging", "release/*"]')
    ] = Field(default=(), description="Branches that stay although they were merged; * stands for anything")


class Rehearsal(Section):
    """Settings of `ferryman rehearse`."""

    env: Annotated[dict[VariableName, VariableValue], Allowed("a table of strings")] = Field(
        default_factory=dict, description="Variables that the app gets only in the rehearsal"
    )


class Configuration(Section):
    """A whole ferryman.toml."""

    app: App
    database: Database | None = None
    accessories: Annotated[
        dict[Name, Accessory], Allowed("one section [accessories.<name>] for each side container")
    ] = Field(default_factory=dict)
    environments: Annotated[
        dict[Name, EnvironmentSection],
        AfterValidator(_not_the_rehearsal),
        Allowed("one section [environments.<name>] for each server"),
    ] = Field(default_factory=dict)
    reports: Reports | None = None
    cleanup: Cleanup = Field(default_factory=Cleanup)
    pipeline: Pipeline = Field(default_factory=Pipeline)
    rehearsal: Rehearsal = Field(default_factory=Rehearsal)

    _source: Source = PrivateAttr(default_factory=Source)

    @property
    def path(self) -> Path:
        """Return the file that this was read from."""
        return self._source.path

    @property
    def key_lines(self) -> dict[tuple[str | int, ...], int]:
        """Return the line of each key in the file."""
        return self._source.lines

    @property
    def root(self) -> Path:
        """Return the project's folder, in which the file stands."""
        return self._source.path.resolve().parent

    @property
    def source(self) -> Source:
        """Return the file as it was read."""
        return self._source
