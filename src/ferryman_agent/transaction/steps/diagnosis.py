"""Pure: why a container ended, does not answer, or answers wrongly, and what to do about it.

What the agent sees for itself comes first: exit codes, answers, sockets. Then what Python and the kernel write.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import SplitResult, parse_qs, urlsplit

from ferryman_agent.host.probe import Answer
from ferryman_agent.host.resources import Socket
from ferryman_agent.manifest import Manifest

DISALLOWED = ("Invalid HTTP_HOST header", "DisallowedHost")
RIGHT_PATH = "is [app.roles.web] health the right path?"
EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|ImproperlyConfigured|DisallowedHost)(: .*)?")
EXCEPTION_CHARACTERS = 300
RESOLVER = "127.0.0.11"  # the engine's own, in each container
NOT_FOUND = (126, 127)


def exception_in(lines: list[str]) -> str:
    """The last exception of a log, as the last line of its traceback has it; '' without one."""
    found = [line for line in lines if EXCEPTION.fullmatch(line)]
    return found[-1][:EXCEPTION_CHARACTERS] if found else ""


def with_exception(message: str, lines: list[str]) -> str:
    """A message that ends with the exception that the log has, if any."""
    exception = exception_in(lines)
    return f"{message}: {exception}" if exception else message


def ended(code: int | None, is_out_of_memory: bool, manifest: Manifest, lines: list[str]) -> str:
    """What to do about a container that ended by itself."""
    if is_out_of_memory:
        return f"it needs more than [app.resources] memory, {manifest.memory >> 20} MiB: raise that"
    if code in NOT_FOUND:
        return "a command is not in the image, or can't be run: look at command, at the image's CMD and its entry point"
    if code == 0:
        return "the command ended well, but a role must stay: does it start its server in the background?"
    return clue(lines, manifest)


def told(answer: Answer, manifest: Manifest) -> str:
    """What a health check answered, with what belongs to it: where a redirect leads, whose host was refused."""
    if answer.status is None:
        return "does not answer"
    if answer.is_redirect and answer.location:
        return f"answers {answer.status}, a redirect to {answer.location}"
    if answer.status == 400:
        return f"answers 400 to the host {manifest.host_header}"
    return f"answers {answer.status}"


def advised(answer: Answer, manifest: Manifest, hosts: str | None, lines: list[str]) -> str:
    """What to do about an answer that is not healthy; '' where the log says more.

    `hosts`: what the app was given as ALLOWED_HOSTS, None when somebody set that on the server. `lines`: of its log.
    """
    if answer.is_redirect:
        return _of_redirect(answer.location, manifest)
    if answer.status == 400:
        text = "\n".join([answer.body, *lines])
        return _of_hosts(manifest.host_header, hosts, is_certain=any(word in text for word in DISALLOWED))
    if answer.status in (401, 403):
        return f"{manifest.web.health} asks for a login: name a path in [app.roles.web] health that answers without one"
    if answer.status is not None and 400 < answer.status < 500:
        return RIGHT_PATH
    return clue([*answer.body.splitlines(), *lines], manifest)


def _of_redirect(location: str, manifest: Manifest) -> str:
    target, health = _split(location), manifest.web.health
    if target is None:
        return RIGHT_PATH
    if target.netloc and target.hostname != manifest.host_header:
        return f"the app sends {manifest.host_header} elsewhere: is that PREPEND_WWW, or a middleware of its own?"
    if target.scheme == "https":
        return (
            'SECURE_SSL_REDIRECT is on, and the app is reached over http: set it to os.environ["FERRYMAN_SCHEME"] == '
            f'"https", or add {health} to SECURE_REDIRECT_EXEMPT'
        )
    if "next" in parse_qs(target.query):
        return f"{health} asks for a login: name a path in [app.roles.web] health that answers without one"
    if target.path and target.path != health:
        return f'name the path that answers itself, such as [app.roles.web] health = "{target.path}"'
    return RIGHT_PATH


def _of_hosts(host: str, hosts: str | None, *, is_certain: bool) -> str:
    beginning = f"ALLOWED_HOSTS does not take {host};" if is_certain else f"does ALLOWED_HOSTS take {host}?"
    if hosts is None:
        return f"{beginning} it was set with `ferryman env set`, whose value wins"
    return f"{beginning} the app was given ALLOWED_HOSTS={hosts}: make the settings read that"


def _split(location: str) -> SplitResult | None:
    """The address that a redirect leads to; None when there is none, or it is no address."""
    try:
        return urlsplit(location) if location else None
    except ValueError:
        return None


def unreached(sockets: list[Socket] | None, manifest: Manifest) -> tuple[str, str]:
    """(what is seen, what to do) about an app that does not answer; ('', '') when its sockets do not explain that."""
    if sockets is None:
        return "", ""
    port, own = manifest.web.port, [socket for socket in sockets if socket.address != RESOLVER]
    open_ports = sorted({socket.port for socket in own if not socket.is_loopback})
    if port in open_ports:
        return "", ""
    if open_ports:
        seen = f"it listens on port {', '.join(map(str, open_ports))}, not on {port}"
        return seen, f"let it listen on 0.0.0.0:{port}, or set [app.roles.web] port = {open_ports[0]}"
    if own:
        seen = f"it listens on {', '.join(map(str, own))} alone, which only its own container reaches"
        return seen, f"let it listen on 0.0.0.0:{port}"
    waits = "what does it wait for? "
    if manifest.database:
        waits += "an entry point that waits for a database must take its host from DATABASE_URL; "
    return "nothing listens in its container yet", f"{waits}a slow start needs a longer health_timeout"


def clue(lines: list[str], manifest: Manifest) -> str:
    """What to do about what Python, the kernel or a usual library wrote last; '' when nothing of it is known."""
    text = "\n".join(lines)
    for pattern, advise in CLUES:
        found = pattern.findall(text)
        if found and (hint := advise(str(found[-1]), manifest)):
            return hint
    return ""


def _read_only(path: str, manifest: Manifest) -> str:
    if not manifest.read_only or _mount_of(path, [*manifest.tmpfs, *manifest.volumes.values()]):
        return ""
    return f"{path} is on the container's read-only root: [app.volumes] keeps its folder, [app] tmpfs has it in memory"


def _full(path: str, manifest: Manifest) -> str:
    folder = _mount_of(path, list(manifest.tmpfs))
    if folder:
        return f"{folder} is full: it is in memory and holds {manifest.tmpfs[folder] >> 20} MiB, which [app] tmpfs sets"
    sizes = ", ".join(f"{name} holds {size >> 20} MiB" for name, size in manifest.tmpfs.items())
    return "" if path or not sizes else f"is a folder of [app] tmpfs full ({sizes}), or the server's disk?"


def _mount_of(path: str, folders: list[str]) -> str:
    return next((folder for folder in folders if path == folder or path.startswith(f"{folder}/")), "")


def _forbidden(path: str, _: Manifest) -> str:
    return f"the image's user may not use {path}: give it the folder in the Dockerfile, or mount a volume there"


def _module(name: str, _: Manifest) -> str:
    return f"{name} is not in the image: is it among the locked dependencies, and are its name and the WORKDIR right?"


def _library(name: str, _: Manifest) -> str:
    return f"{name} is not in the image: install the system's package of it in the Dockerfile's last stage"


def _variable(name: str, manifest: Manifest) -> str:
    part = ", or [database] variables if it is a part of the database" if manifest.database else ""
    return f"the settings need {name}: `ferryman env set {name}`, and [app.env] required{part}"


def _static(name: str, _: Manifest) -> str:
    return f"{name} was not collected: run collectstatic in the Dockerfile, with the settings that serve"


def _database_host(host: str, manifest: Manifest) -> str:
    if manifest.database is None:
        return f'nothing here is called "{host}": the app has no [database]'
    return f'nothing here is called "{host}": take the host from DATABASE_URL, or from a name in [database] variables'


def _sqlite(_: str, manifest: Manifest) -> str:
    return "that is SQLite: make DATABASES use DATABASE_URL" if manifest.database else ""


def _worker_timeout(_: str, __: Manifest) -> str:
    return "the server ended its own worker, which took too long: raise its timeout, or make the request faster"


CLUES: tuple[tuple[re.Pattern[str], Callable[[str, Manifest], str]], ...] = (
    (re.compile(r"\[Errno 30\] Read-only file system: '([^'\n]{1,200})'"), _read_only),
    (re.compile(r"(?:cannot|can't) [a-z ]{1,40} '?(/[^':\n]{1,200})'?: Read-only file system"), _read_only),
    (re.compile(r": (/[^:\n]{1,200}): Read-only file system"), _read_only),
    (re.compile(r"\[Errno 28\] No space left on device(?:: '([^'\n]{1,200})')?"), _full),
    (re.compile(r"\[Errno 13\] Permission denied: '([^'\n]{1,200})'"), _forbidden),
    (re.compile(r"(?:cannot|can't) [a-z ]{1,40} '?(/[^':\n]{1,200})'?: Permission denied"), _forbidden),
    (re.compile(r": (/[^:\n]{1,200}): Permission denied"), _forbidden),
    (re.compile(r"ModuleNotFoundError: No module named '([^'\n]{1,200})'"), _module),
    (re.compile(r"ImportError: (lib[\w.+-]{1,60}\.so[\w.]{0,20}): cannot open shared object file"), _library),
    (re.compile(r"ImproperlyConfigured: Set the (\w{1,100}) environment variable"), _variable),
    (re.compile(r"UndefinedValueError: (\w{1,100}) not found"), _variable),
    (re.compile(r"Environment variable \"(\w{1,100})\" not set"), _variable),
    (re.compile(r"(?:<frozen os>|/os\.py\").*__getitem__\n(?:.*\n)?KeyError: '(\w{1,100})'"), _variable),
    (re.compile(r"Missing staticfiles manifest entry for '([^'\n]{1,200})'"), _static),
    (re.compile(r"could not translate host name \"([^\"\n]{1,200})\""), _database_host),
    (re.compile(r"failed to resolve host '([^'\n]{1,200})'"), _database_host),
    (re.compile(r"OperationalError: (unable to open database file|attempt to write a readonly database)"), _sqlite),
    (re.compile(r"(WORKER TIMEOUT)"), _worker_timeout),
)
