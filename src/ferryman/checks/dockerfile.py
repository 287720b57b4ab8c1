"""Mistakes in the Dockerfile and in how the container starts: user, signals, address, migrations, secrets, DEBUG."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from ferryman.checks.finding import Finding
from ferryman.checks.project import SERVER_SETTINGS, Project
from ferryman.image.instructions import instructions, last_stage, variables
from ferryman.image.judgement import Fault, Image, faults, port_faults, servers, signal_faults

DEBUG = re.compile(r"\b(DJANGO_)?DEBUG[= ]\s*[\"']?(1|true|on|yes)\b", re.IGNORECASE)
DEBUG_NAMES = ("DEBUG", "DJANGO_DEBUG")
TRUE = ("1", "true", "on", "yes")
BIND = re.compile(r"^bind\s*=\s*f?[\"'](?P<host>[^\"'{]*):(?P<port>\d+)[\"']", re.MULTILINE)
EXEC = 'write it as a list, such as `CMD ["gunicorn", "shop.wsgi"]`, or put `exec` before the server'
TOLD = {
    "development-server": (
        "it starts Django's development server, which is neither safe nor fast enough for production",
        'start gunicorn or uvicorn: `CMD ["gunicorn", "--bind=0.0.0.0:8000", "shop.wsgi"]`',
    ),
    "loopback-bind": (
        "the server listens on the container's loopback alone, where no request arrives",
        "have it listen on every address: `--bind 0.0.0.0:8000` (gunicorn), `--host 0.0.0.0` (uvicorn)",
    ),
    "root-user": (
        "the image runs as root, so a hole in the app is a hole in the container's walls",
        "end the Dockerfile with a USER other than root, such as `USER 10001:10001`",
    ),
}
GUNICORN_SECONDS = 30.0


def check_dockerfile(project: Project) -> Iterator[Finding]:
    """All findings of the Dockerfile, and of how the container is started."""
    if project.dockerfile not in project.texts:
        return
    image = image_of(project)
    for fault in faults(image):
        yield _told(fault)
    for fault in signal_faults(image):
        yield Finding(
            fault.path, fault.line, fault.code, f"{fault.reason}, which passes no SIGTERM on: each stop is a kill", EXEC
        )
    port = project.configuration.app.roles.web.port
    for fault in port_faults(image, port):
        yield other_port(fault.path, fault.line, fault.reason, port)
    yield from _server_settings(project, image, port)
    yield from _line_ends(project, image)
    yield from _values(project, image)


def image_of(project: Project) -> Image:
    """The image that is shipped, with what ferryman.toml and the agent give it."""
    app = project.configuration.app
    text = project.texts.get(project.dockerfile, "")
    values = variables(last_stage(instructions(text))) | app.env.values | {"PORT": str(app.roles.web.port)}
    place = (project.toml, project.line("app", "roles", "web", "command"))
    scripts = {path: text for path, text in project.texts.items() if path != project.dockerfile}
    return Image(project.dockerfile, text, scripts, values, app.roles.web.command, place)


def _told(fault: Fault) -> Finding:
    if fault.code == "migrate-at-start":
        return migrates_at_start(fault.path, fault.line)
    why, fix = TOLD[fault.code]
    return Finding(fault.path, fault.line, fault.code, why, fix)


def other_port(path: str, line: int, found: str, port: int) -> Finding:
    """The finding for a server that listens where nobody asks."""
    return Finding(
        path,
        line,
        "other-port",
        f"the server listens on port {found}, and ferryman.toml says {port}: no health check reaches it",
        f"set [app.roles.web] port = {found}, or have the server listen on {port}",
    )


def _server_settings(project: Project, image: Image, port: int) -> Iterator[Finding]:
    """The same of the file that gunicorn reads."""
    options = [options for name, options in servers(image) if name == "gunicorn" and "bind" not in options]
    for path, text in project.files(SERVER_SETTINGS).items():
        name = posixpath.basename(path)
        if not any(name in told or (name == "gunicorn.conf.py" and " -c" not in told) for told in options):
            continue
        found = BIND.search(text)
        line = text[: found.start()].count("\n") + 1 if found else 1
        if found and found["host"] in ("127.0.0.1", "localhost"):
            yield _told(Fault(path, line, "loopback-bind", ""))
        if found and int(found["port"]) != port:
            yield other_port(path, line, found["port"], port)


def _line_ends(project: Project, image: Image) -> Iterator[Finding]:
    started = {line.path for line in image.lines() if line.is_script}
    for path in sorted(started & project.crlf):
        if re.search(r"dos2unix|\\r", image.text):
            continue
        yield Finding(
            path,
            1,
            "crlf-script",
            "its lines end with CR LF: Linux looks for a shell whose name ends with CR, and finds none",
            "`*.sh text eol=lf` in .gitattributes, then `git add --renormalize .` and commit",
        )


def migrates_at_start(path: str, line: int) -> Finding:
    """The finding, wherever the container's start command is written."""
    return Finding(
        path,
        line,
        "migrate-at-start",
        "the container migrates when it starts: several at once, at each restart, and before the release is healthy",
        'leave it out, and name it in ferryman.toml: [database] migrate = ["python", "manage.py", "migrate"]',
    )


def _values(project: Project, image: Image) -> Iterator[Finding]:
    for instruction in image.shipped:
        if instruction.word != "ENV":
            continue
        for name, value in variables([instruction]).items():
            if name in DEBUG_NAMES and value.lower() in TRUE and name not in project.configuration.app.env.values:
                yield debug_on(project.dockerfile, instruction.line)
            if name in ("SECRET_KEY", "DJANGO_SECRET_KEY") and value:
                yield default_secret_key(project.dockerfile, instruction.line)


def debug_on(path: str, line: int) -> Finding:
    """The finding, wherever DEBUG is switched on."""
    return Finding(
        path,
        line,
        "debug-on",
        "DEBUG is on in what is deployed: errors show settings and code to everybody, and memory grows",
        'read it from the environment, off without it: `DEBUG = os.environ.get("DEBUG", "") == "1"`',
    )


def default_secret_key(path: str, line: int) -> Finding:
    """The finding, wherever the key is written down."""
    return Finding(
        path,
        line,
        "default-secret-key",
        "SECRET_KEY stands in the repository or the image: who reads it can sign sessions and password links",
        'read it from the environment: `SECRET_KEY = os.environ["SECRET_KEY"]`; the agent makes one',
    )


def graceful_seconds(project: Project) -> float | None:
    """How long the server of `web` waits for its requests at a stop; None for a server that is not known."""
    found = dict(servers(image_of(project)))
    text = found.get("gunicorn")
    if text is not None:
        match = re.search(r"--graceful-timeout[= ](\d+)", text)
        return float(match[1]) if match else _configured(project)
    match = re.search(r"--timeout-graceful-shutdown[= ](\d+)", " ".join(found.values()))
    return float(match[1]) if match else None


def _configured(project: Project) -> float:
    for text in project.files(SERVER_SETTINGS).values():
        found = re.search(r"^graceful_timeout\s*=\s*(\d+)\s*(#.*)?$", text, re.MULTILINE)
        if found:
            return float(found[1])
        if re.search(r"^graceful_timeout\s*=", text, re.MULTILINE):
            return 0.0  # worked out when it starts: not known here
    return GUNICORN_SECONDS
