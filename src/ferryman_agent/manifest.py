"""The manifest: what a release needs, as the client sends it; checked again here, for the server trusts no client."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ferryman_agent.cron import Cron, parse_cron
from ferryman_agent.errors import BadRequest

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
HOST = re.compile(r"[!-~]{0,255}")
_COMPONENT = r"[a-z0-9]+([._-]+[a-z0-9]+)*"
IMAGE = re.compile(rf"(?!.{{256}})([A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?/)?{_COMPONENT}(/{_COMPONENT})*")
PINNED_IMAGE = re.compile(
    rf"(?!.{{512}})(?P<repository>([A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?/)?{_COMPONENT}(/{_COMPONENT})*)"
    r"(?P<tag>:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?P<digest>@sha256:[0-9a-f]{64})?"
)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._-]+)+")
URL_PATH = re.compile(r"/[!-~]*")
STRATEGIES = ("blue-green", "recreate")
RESERVED_ROLES = ("migrate", "postgres")  # the agent's own containers beside an app
TMPFS_BYTES = 64 << 20  # of a folder in memory whose size nobody says
SECRET_KEY = "SECRET_KEY"  # noqa: S105 - the variable's name
DATABASE_PARTS = ("url", "host", "port", "name", "user", "password")


@dataclass(frozen=True)
class Role:
    """A command of the image. Seconds for all durations; port and health belong to `web` alone."""

    name: str
    command: tuple[str, ...]
    stop_grace: float
    port: int = 0
    health: str = ""
    health_timeout: float = 60.0
    drain_timeout: float = 30.0
    overlap: bool = False


@dataclass(frozen=True)
class Schedule:
    """A command that runs at certain times; seconds for `time_limit` and `stop_grace`."""

    name: str
    cron: Cron
    expression: str
    command: tuple[str, ...]
    time_limit: float
    stop_grace: float


@dataclass(frozen=True)
class Resources:
    """Limits of a container; `memory` in bytes, `cpus` in cores."""

    memory: int
    cpus: float
    pids: int


@dataclass(frozen=True)
class Accessory:
    """A side container on the app's network. `secrets` are names of what `env set` stored; `content` is as it came."""

    name: str
    image: str
    command: tuple[str, ...]
    health: tuple[str, ...]
    stop_grace: float
    values: dict[str, str]
    secrets: tuple[str, ...]
    volumes: dict[str, str]
    resources: Resources
    content: dict[str, Any] = field(compare=False)


@dataclass(frozen=True)
class Database:
    """PostgreSQL of a major version, the command that migrates, and variable → the part that the app reads there."""

    version: int
    migrate: tuple[str, ...]
    migrate_timeout: float
    variables: dict[str, str]


@dataclass(frozen=True)
class Manifest:
    """One app in one environment; `memory` in bytes, `cpus` in cores.

    `tmpfs` is path → bytes, `secret_key` the name of a variable.
    """

    app: str
    environment: str
    domain: str | None
    host: str
    image: str
    strategy: str
    roles: dict[str, Role]
    memory: int
    cpus: float
    pids: int
    read_only: bool
    tmpfs: dict[str, int]
    volumes: dict[str, str]
    required: tuple[str, ...]
    values: dict[str, str]
    secret_key: str
    database: Database | None
    retain: int
    schedules: dict[str, Schedule]
    accessories: dict[str, Accessory]
    content: dict[str, Any] = field(compare=False)

    @property
    def app_id(self) -> str:
        """The name of this app on the server."""
        return f"{self.app}.{self.environment}"

    @property
    def is_published(self) -> bool:
        """True when Docker itself publishes web's port on the host: old and new can't stand side by side."""
        return self.strategy == "recreate"

    @property
    def web(self) -> Role:
        """The role that serves."""
        return self.roles["web"]

    @property
    def stop_graces(self) -> dict[str, float]:
        """Role or schedule → seconds between SIGTERM and SIGKILL."""
        roles = {name: role.stop_grace for name, role in self.roles.items()}
        return roles | {name: schedule.stop_grace for name, schedule in self.schedules.items()}

    @property
    def scheme(self) -> str:
        """How the app is reached from outside; HTTPS is not built yet."""
        return "http"

    @property
    def host_header(self) -> str:
        """What health checks send as Host."""
        return self.domain or "localhost"


def parse_manifest(content: Any) -> Manifest:
    """A checked manifest. BadRequest `bad-manifest` names the key and what is allowed."""
    reader = _Reader(content)
    roles = reader.mapping("roles")
    if "web" not in roles.content:
        raise _bad("roles", "the role web is required")
    if reader.text("strategy") not in STRATEGIES:
        raise _bad("strategy", f"this agent knows {' and '.join(STRATEGIES)}")
    if reader.text("strategy") == "recreate" and reader.content.get("domain") is not None:
        raise _bad("domain", "the strategy recreate has no edge that could answer for a host name")
    resources = _resources(reader.mapping("resources"))
    variables = reader.mapping("env")
    schedules, accessories = reader.mapping("schedules"), reader.mapping("accessories")
    _check_names(roles, schedules, accessories)
    values = variables.mapping("values").strings(VARIABLE)
    secret_key = variables.matching("secret_key", VARIABLE) if "secret_key" in variables.content else SECRET_KEY
    database = _database(reader.mapping("database")) if reader.content.get("database") else None
    _check_given(values, secret_key, database)
    return Manifest(
        app=reader.matching("app", NAME),
        environment=reader.matching("environment", NAME),
        domain=reader.matching("domain", DOMAIN) if reader.content.get("domain") is not None else None,
        host=reader.matching("host", HOST),
        image=reader.matching("image", IMAGE),
        strategy=reader.text("strategy"),
        roles={name: _role(name, roles.mapping(name)) for name in roles.content},
        memory=resources.memory,
        cpus=resources.cpus,
        pids=resources.pids,
        read_only=reader.truth("read_only"),
        tmpfs=_tmpfs(reader, resources.memory),
        volumes=reader.volumes(),
        required=tuple(_matching("env.required", name, VARIABLE) for name in variables.texts("required")),
        values=values,
        secret_key=secret_key,
        database=database,
        retain=reader.whole("retain", 1, 50),
        schedules={name: _schedule(name, schedules.mapping(name)) for name in schedules.content},
        accessories={name: _accessory(name, accessories.mapping(name)) for name in accessories.content},
        content=reader.content,
    )


def _role(name: str, reader: _Reader) -> Role:
    _matching("roles", name, NAME)
    if name in RESERVED_ROLES:
        raise _bad("roles", f"{name} is the name of a container of the agent's own")
    command, stop_grace = tuple(reader.texts("command")), reader.number("stop_grace", 0, 86400)
    if name != "web":
        return Role(name, command, stop_grace, overlap=reader.truth("overlap"))
    return Role(
        name,
        command,
        stop_grace,
        port=reader.whole("port", 1, 65535),
        health=reader.matching("health", URL_PATH),
        health_timeout=reader.number("health_timeout", 1, 3600),
        drain_timeout=reader.number("drain_timeout", 0, 86400),
    )


def _check_names(roles: _Reader, schedules: _Reader, accessories: _Reader) -> None:
    """Containers are known by these names, so each is given once."""
    taken = set(roles.content)
    for key, found in (("schedules", schedules), ("accessories", accessories)):
        for name in found.content:
            _matching(key, name, NAME)
            if name in RESERVED_ROLES or name in taken:
                raise _bad(key, f"the name {name} is taken")
            taken.add(name)


def _schedule(name: str, reader: _Reader) -> Schedule:
    expression = reader.text("cron")
    try:
        cron = parse_cron(expression)
    except ValueError as error:
        raise _bad(f"schedules.{name}.cron", f"{expression!r} {error}") from None
    command = tuple(reader.texts("command"))
    if not command:
        raise _bad(f"schedules.{name}.command", "is empty")
    limit, grace = reader.number("time_limit", 1, 30 * 86400), reader.number("stop_grace", 0, 86400)
    return Schedule(name, cron, expression, command, limit, grace)


def parse_accessory(name: str, content: Any) -> Accessory:
    """A checked accessory, of a manifest or as the ledger keeps it."""
    return _accessory(name, _Reader(content, f"accessories.{name}"))


def _accessory(name: str, reader: _Reader) -> Accessory:
    image, variables = reader.text("image"), reader.mapping("env")
    found = PINNED_IMAGE.fullmatch(image)
    if not found or not (found["tag"] or found["digest"]):
        raise _bad(f"accessories.{name}.image", f"{image!r} is no image with a tag or a digest")
    secrets = [_matching(f"accessories.{name}.env.secrets", word, VARIABLE) for word in variables.texts("secrets")]
    return Accessory(
        name,
        # the engine takes one of them; the digest says more
        image=f"{found['repository']}{found['digest'] or found['tag']}",
        command=tuple(reader.texts("command")),
        health=tuple(reader.texts("health")),
        stop_grace=reader.number("stop_grace", 0, 86400),
        values=variables.mapping("values").strings(VARIABLE),
        secrets=tuple(secrets),
        volumes=reader.volumes(),
        resources=_resources(reader.mapping("resources")),
        content=reader.content,
    )


def _resources(reader: _Reader) -> Resources:
    memory = reader.whole("memory", 6 << 20, 1 << 50)
    return Resources(memory, reader.number("cpus", 0.01, 1024), reader.whole("pids", 1, 1 << 22))


def _tmpfs(reader: _Reader, memory: int) -> dict[str, int]:
    """Path → bytes; of a list, which has no sizes, the usual ones. What is in them counts as the container's memory."""
    if not isinstance(reader.content.get("tmpfs"), dict):
        return {_matching("tmpfs", path, PATH): TMPFS_BYTES for path in reader.texts("tmpfs")}
    sizes = reader.mapping("tmpfs")
    found = {_matching("tmpfs", path, PATH): sizes.whole(path, 1 << 20, 1 << 50) for path in sizes.content}
    if sum(found.values()) >= memory:
        raise _bad("tmpfs", f"{sum(found.values()) >> 20} MiB must be less than resources.memory, {memory >> 20} MiB")
    return found


def _database(reader: _Reader) -> Database:
    migrate = tuple(reader.texts("migrate"))
    version = reader.whole("version", 12, 99)
    variables = reader.mapping("variables").strings(VARIABLE)
    if unknown := sorted(set(variables.values()) - set(DATABASE_PARTS)):
        raise _bad("database.variables", f"{unknown[0]!r} is none of {', '.join(DATABASE_PARTS)}")
    return Database(version, migrate, reader.number("migrate_timeout", 1, 86400), variables)


def _check_given(values: dict[str, str], secret_key: str, database: Database | None) -> None:
    """What the agent gives under a name of the app's choice has that name for itself."""
    named = database.variables if database else {}
    if clash := sorted(named.keys() & {*values, secret_key}):
        raise _bad("database.variables", f"{clash[0]} has another value already")
    if secret_key != SECRET_KEY and secret_key in values:
        raise _bad("env.secret_key", f"{secret_key} has another value already")


def _bad(key: str, problem: str) -> BadRequest:
    return BadRequest("bad-manifest", f"manifest: {key}: {problem}", state="nothing was changed")


def _matching(key: str, text: Any, pattern: re.Pattern[str]) -> str:
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise _bad(key, f"{text!r} does not match {pattern.pattern}")
    return text


class _Reader:
    """Typed access to a JSON object; each fault names its key."""

    def __init__(self, content: Any, path: str = "") -> None:
        if not isinstance(content, dict):
            raise _bad(path or "manifest", "must be an object")
        self.content: dict[str, Any] = content
        self._path = path

    def _key(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def _value(self, key: str, kind: type | tuple[type, ...]) -> Any:
        value = self.content.get(key)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise _bad(self._key(key), f"missing or of a wrong type: {value!r}")
        return value

    def mapping(self, key: str) -> _Reader:
        return _Reader(self.content.get(key, {}), self._key(key))

    def text(self, key: str) -> str:
        return str(self._value(key, str))

    def matching(self, key: str, pattern: re.Pattern[str]) -> str:
        return _matching(self._key(key), self.content.get(key), pattern)

    def whole(self, key: str, least: int, most: int) -> int:
        if not isinstance(self._value(key, (int, float)), int):
            raise _bad(self._key(key), f"{self.content[key]} is not a whole number")
        return int(self.number(key, least, most))

    def number(self, key: str, least: float, most: float) -> float:
        value = self._value(key, (int, float))
        if not least <= value <= most:
            raise _bad(self._key(key), f"{value} is not between {least} and {most}")
        return float(value)

    def truth(self, key: str) -> bool:
        return bool(self._value(key, bool))

    def texts(self, key: str) -> list[str]:
        values = self.content.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) and "\0" not in value for value in values):
            raise _bad(self._key(key), "must be a list of strings")
        return values

    def volumes(self) -> dict[str, str]:
        """name → absolute path."""
        found = self.mapping("volumes")
        return {
            _matching(found._path, name, NAME): _matching(found._key(name), path, PATH)
            for name, path in found.content.items()
        }

    def strings(self, pattern: re.Pattern[str]) -> dict[str, str]:
        for name, value in self.content.items():
            _matching(self._path, name, pattern)
            if not isinstance(value, str) or "\0" in value:
                raise _bad(self._key(name), "must be a string")
        return dict(self.content)
