"""Proposes accessories for the services that the app connects to, and the variables that lead there; pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from ferryman.project.findings import Accessory
from ferryman.survey.answers import Answers, Variable

NAMED = re.compile(r"BROKER|REDIS|VALKEY|CACHE|CELERY|RABBIT|AMQP|CHANNEL|QUEUE|(^|_)RQ(_|$)|HUEY|DRAMATIQ")
ADDRESS = re.compile(r"[\w.-]+:(6379|11211)")
SOCKET = re.compile(r"(redis\+)?unix:|redis\+socket:|/")
URLS = frozenset({"URL", "URI", "DSN", "BROKER", "LOCATION", "ENDPOINT", "SERVER", "SERVERS"})
HOSTS = frozenset({"HOST", "HOSTNAME"})
LOCAL = frozenset({"", "localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - read, never bound
SCHEMES = {"redis": "redis", "valkey": "redis", "amqp": "rabbitmq", "pyamqp": "rabbitmq", "memcached": "memcached"}
ACCESSORY_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
REDIS = Accessory("redis:7", health=("redis-cli", "ping"))
KINDS = {
    "redis": REDIS,
    "rabbitmq": Accessory(
        "rabbitmq:4",
        health=("rabbitmq-diagnostics", "-q", "ping"),
        volumes={"data": "/var/lib/rabbitmq"},
        values={"RABBITMQ_NODENAME": "rabbit@localhost"},
    ),
    "memcached": Accessory("memcached:1.6", health=("bash", "-c", ": < /dev/tcp/127.0.0.1/11211")),
}
LASTING_REDIS = Accessory("redis:7", ("redis-server", "--appendonly", "yes"), REDIS.health, {"data": "/data"})
PORTS = {"redis": 6379, "rabbitmq": 5672, "memcached": 11211}
# Celery takes these before what the settings say.
OF_CELERY = {"celery-broker": "CELERY_BROKER_URL", "celery-results": "CELERY_RESULT_BACKEND"}
SHOWN = {
    "celery-broker": "Celery's broker",
    "celery-results": "Celery's results",
    "cache": "the cache",
    "channel-layer": "the channel layer",
    "rq": "RQ's queue",
    "q-cluster": "Django Q's cluster",
    "huey": "Huey",
    "dramatiq": "Dramatiq's broker",
}
# How production's settings lead each of them elsewhere; Huey as an object can't be led.
SET = {
    "cache": 'CACHES["{name}"]["LOCATION"] = {url}',
    "channel-layer": 'CHANNEL_LAYERS["{name}"]["CONFIG"] = {{"hosts": [{url}]}}',
    "rq": 'RQ_QUEUES["{name}"]["URL"] = {url}',
    "q-cluster": 'Q_CLUSTER["redis"] = {url}',
    "huey": 'HUEY = {{**HUEY, "connection": {{"url": {url}}}}}',
    "dramatiq": 'DRAMATIQ_BROKER["OPTIONS"] = {{"url": {url}}}',
}
SOURCES = {"redis": "REDIS_URL", "rabbitmq": "RABBITMQ_URL", "memcached": "MEMCACHED_LOCATION"}


@dataclass
class Services:
    """Accessories by name, the app's variables, lines for production's settings, and what is to be said of them."""

    accessories: dict[str, Accessory] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Service:
    """Something that the app connects to: its use, the name in the settings, its kind and its URL."""

    use: str
    name: str
    kind: str
    url: str

    @property
    def parts(self) -> SplitResult:
        """The URL, taken apart."""
        return urlsplit(self.url)

    @property
    def host(self) -> str:
        """The host; "" where there is none that can be read."""
        try:
            return self.parts.hostname or ""
        except ValueError:
            return ""

    @property
    def port(self) -> int:
        """The port, or the usual one."""
        try:
            return self.parts.port or PORTS[self.kind]
        except ValueError:
            return PORTS[self.kind]

    def __str__(self) -> str:
        return _shown(self.use, self.name)


def telling_values(answers: Answers) -> dict[str, str]:
    """A value for each variable that may lead to such a service, by which it is seen whether it does."""
    values = {}
    for name, variable in answers.variables.items():
        words = name.upper().split("_")
        default = _default(variable)
        host = _mark(name)
        if not (NAMED.search(name.upper()) or _scheme(default)) or "bool" in variable.forms or name in answers.given:
            continue
        if "://" in default and not _scheme(default):  # a memory, a file: what the project wants
            continue
        if words[-1] in HOSTS:
            values[name] = host
        elif (
            _scheme(default)
            or ADDRESS.fullmatch(default)
            or words[-1] in URLS
            or (words[-1] == "BACKEND" and "CELERY" in words and not default)
        ):
            values[name] = _url(name, default, host)
        elif words[-1] == "PORT":
            values[name] = str(PORTS["rabbitmq" if re.search("RABBIT|AMQP", name.upper()) else _kind(name)])
    return values


def find_services(answers: Answers) -> list[Service]:
    """What the app connects to, as far as an accessory can be it."""
    told = answers.background.get("services", [])
    found = [Service(s["use"], s["name"], SCHEMES.get(urlsplit(s["url"]).scheme, ""), s["url"]) for s in told]
    apps = answers.background.get("celery", [])
    if apps and all(app["is_eager"] for app in apps):  # nothing is sent to a broker, and no result is kept
        found = [service for service in found if service.use not in OF_CELERY]
    unset = [app for app in apps if not app["broker"] and not app["is_eager"]]
    kind, scheme = ("redis", "redis") if "redis" in answers.packages else ("rabbitmq", "amqp")
    found += [Service("celery-broker", app["module"], kind, f"{scheme}://localhost") for app in unset]
    return [service for service in found if service.kind]


def propose_services(answers: Answers, told: Answers | None) -> Services:
    """`told` are the answers with telling values; None when the settings can't be loaded with them."""
    proposed = Services()
    variables = telling_values(answers) if told else {}
    services = find_services(told or answers)
    literal = {s.kind: s.host for s in services if ACCESSORY_NAME.fullmatch(s.host) and s.host not in LOCAL}
    marks = {_mark(name): name for name in variables}
    names = {kind: host for kind, host in literal.items() if host not in marks}
    for socket in (found for found in answers.background.get("services", []) if SOCKET.match(found["url"])):
        proposed.questions.append(
            f"{_shown(socket['use'], socket['name'])} is at {socket['url']}, which no container has"
        )
    for service in services:
        name = names.get(service.kind, service.kind)
        if service.host in marks:
            _by_variable(proposed, service, (marks[service.host], name), told or answers)
            proposed.values |= _required_ports(marks[service.host], answers, variables)
        elif service.host in LOCAL:
            _by_settings(proposed, service, name, answers.variables)
        elif ACCESSORY_NAME.fullmatch(service.host) and service.port == PORTS[service.kind]:
            name = service.host
            proposed.notes.append(f"accessory {name}: {service} is at {service.host} ({service.kind})")
        else:
            proposed.questions.append(f"{service} is at {service.host}: can the server reach it?")
            continue
        _add(proposed, service, name, told or answers)
    return proposed


def _add(proposed: Services, service: Service, name: str, told: Answers) -> None:
    """The accessory; one that keeps tasks keeps them on disk. It has no password, and needs none."""
    is_lasting = service.kind == "redis" and service.use not in ("cache", "channel-layer", "celery-results")
    if is_lasting or name not in proposed.accessories:
        proposed.accessories[name] = LASTING_REDIS if is_lasting else KINDS[service.kind]
    password = service.parts.password or ""
    if service.kind != "redis" or not password:
        return
    secrets = [secret for secret in told.readers_of(password) if secret != "DATABASE_URL"]  # noqa: S105 - a name
    proposed.values |= dict.fromkeys(secrets, "")
    if secrets:
        note = f"{secrets[0]} is empty: {name} is reached from the app's own network alone"
        proposed.notes += [note] if note not in proposed.notes else []
    else:
        proposed.questions.append(f"{service} is given a password, and the accessory {name} has none")


def _by_variable(proposed: Services, service: Service, source: tuple[str, str], told: Answers) -> None:
    variable, name = source
    value = told.given[variable]
    proposed.values[variable] = value.replace(_mark(variable), name)
    proposed.notes.append(f"accessory {name}: {variable} leads {service} there")


def _by_settings(proposed: Services, service: Service, name: str, variables: Container[str]) -> None:
    """A service on this machine, which no container has: the environment or production's settings lead elsewhere."""
    path = service.parts.path
    reason = f"{service} is at {service.host or 'localhost'}, where a container has nothing"
    if service.use in OF_CELERY:
        variable = OF_CELERY[service.use]
        proposed.values[variable] = _whole(service.kind, name) + (path if path.strip("/") else _tail(service.kind))
        proposed.notes.append(f"accessory {name}: {reason}; {variable}, which Celery reads first, leads to it")
        return
    if service.use not in SET:
        return
    source = SOURCES[service.kind]
    if source in variables:  # the project's own, with a value of its own form
        source = f"ACCESSORY_{source}"
    proposed.values[source] = _whole(service.kind, name)
    number = path.strip("/")
    tail = f' + "/{number}"' if service.kind == "redis" and number else ""
    line = SET[service.use].format(name=service.name, url=f'os.environ["{source}"]{tail}')
    proposed.settings[line] = f"{reason}; {source} leads to the accessory {name}"


def _shown(use: str, name: str) -> str:
    return SHOWN[use] + (f" {name}" if use in ("cache", "rq", "channel-layer") else "")


def _whole(kind: str, name: str) -> str:
    """The address of an accessory, without a database's number."""
    return {
        "redis": f"redis://{name}:6379",
        "rabbitmq": f"amqp://guest:guest@{name}:5672",
        "memcached": f"{name}:11211",
    }[kind]


def _tail(kind: str) -> str:
    return {"redis": "/0", "rabbitmq": "//", "memcached": ""}[kind]


def _url(name: str, default: str, host: str) -> str:
    kind = SCHEMES.get(_scheme(default)) or _kind(f"{name} MEMCACHE" if default.endswith(":11211") else name)
    if ADDRESS.fullmatch(default):
        return f"{host}:{PORTS[kind]}"
    if kind == "memcached":
        return f"{_scheme(default)}://{host}:11211" if _scheme(default) else f"{host}:11211"
    if _scheme(default):
        return _whole(kind, host) + urlsplit(default).path
    return _whole(kind, host) + ("/1" if kind == "redis" and "CACHE" in name.upper() else _tail(kind))


def _kind(name: str) -> str:
    word = name.upper()
    return "rabbitmq" if re.search("RABBIT|AMQP", word) else "memcached" if "MEMCACHE" in word else "redis"


def _scheme(default: str) -> str:
    """The scheme of a default that is the address of such a service, else ""."""
    scheme = default.partition("://")[0] if "://" in default else ""
    return scheme if scheme in SCHEMES else ""


def _default(variable: Variable) -> str:
    try:
        found = ast.literal_eval(variable.default or "''")
    except (ValueError, SyntaxError):
        return ""
    return found if isinstance(found, str) else ""


def _mark(name: str) -> str:
    """A host that nothing else has."""
    return f"survey-{name.lower().replace('_', '-')}"


def _required_ports(host: str, answers: Answers, variables: Mapping[str, str]) -> dict[str, str]:
    """The variable of the port that belongs to a host's, where it must be set."""

    def ports() -> Iterator[str]:
        for ending in HOSTS:
            if host.upper().endswith(ending):
                yield host[: -len(ending)] + ("PORT" if host.isupper() else "port")

    return {name: variables[name] for name in ports() if name in variables and not answers.variables[name].has_default}
