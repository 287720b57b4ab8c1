"""Mistakes in Compose files, workflows and shell scripts: published ports, `latest`, host keys that nobody checks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ferryman.checks.dockerfile import DEBUG, debug_on, migrates_at_start
from ferryman.checks.finding import Finding
from ferryman.checks.project import COMPOSE, Project
from ferryman.image.instructions import MIGRATE

DATABASE_PORTS = frozenset({"5432", "3306", "6379", "27017", "9200", "11211"})
DATABASES = re.compile(r"(postgres|postgis|mysql|mariadb|redis|valkey|mongo|memcached|elasticsearch)")
PUBLISH = re.compile(r"(?:-p|--publish)[ =]([\"']?)(?P<port>[\w.:\[\]${}-]+)\1")
LATEST = re.compile(
    r"\bdocker\s+(?:container\s+)?(?:run|pull|create)\b.*[\s\"'](?P<image>[\w./${}-]+:latest)\b"
    r"|^\s*image:\s*[\"']?(?P<named>[\w./${}-]+:latest)\b"
)
UNCHECKED = re.compile(
    r"StrictHostKeyChecking[= ]+(no|off|accept-new)\b|UserKnownHostsFile[= ]+/dev/null", re.IGNORECASE
)
SCANNED = re.compile(r"\bssh-keyscan\b(?P<words>[^>|;&]*)")
# Where code is fetched from; nothing is deployed there.
GIT_HOST = re.compile(
    r"(.*\.)?(github|gitlab|bitbucket|codeberg|gitea|dev\.azure|visualstudio|sr)\.(com|org|ht)|(git|github|gitlab)\..+"
)
DEVELOPMENT = re.compile(r"(^|[/._-])(dev|devel|develop|development|local|tests?|testing|ci|override|debug)(?=[/._-])")
PRODUCTION = re.compile(r"(^|[/._-])(prod|production|live|deploy|deployment)(?=[/._-])")
REACHES_A_SERVER = re.compile(r"\bssh\b|ssh-action|scp-action")
SSH_ACTION = re.compile(r"uses:\s*[\"']?appleboy/(ssh|scp)-action@")
DEFAULT = re.compile(r"\$\{\w+:?-(?P<text>[^}]*)\}")
LOOPBACK = ("127.0.0.1:", "[::1]:", "localhost:")


@dataclass
class Service:
    """One service of a Compose file: its lines by number, and what is published."""

    name: str
    lines: list[tuple[int, str]] = field(default_factory=list)

    @property
    def is_database(self) -> bool:
        """Whether its image, or its name, is that of a database."""
        images = [line.partition("image:")[2] for _, line in self.lines if line.strip().startswith("image:")]
        return bool(DATABASES.search(images[0].lower() if images else self.name.lower()))

    def ports(self) -> Iterator[tuple[int, str]]:
        """Each entry of `ports`, with its line."""
        depth = -1
        for number, line in self.lines:
            indent = len(line) - len(line.lstrip())
            text = line.strip()
            if text.startswith("ports:"):
                depth = indent
                for entry in re.findall(r"[\"']?([\w.:\[\]${}-]*\d[\w.:-]*)[\"']?", text.removeprefix("ports:")):
                    yield number, entry
            elif depth >= 0 and text.startswith("- ") and indent >= depth:
                yield number, text[2:].split(" #")[0].strip().strip("\"'")
            elif text and not text.startswith("#") and indent <= depth:
                depth = -1


def services(text: str) -> list[Service]:
    """The services of a Compose file, by its indentation."""
    found: list[Service] = []
    is_inside, depth = False, -1
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        indent = len(line) - len(line.lstrip())
        if indent == 0:
            is_inside, depth = line.startswith("services:"), -1
        elif is_inside:
            depth = indent if depth < 0 else depth
            if indent == depth:
                found.append(Service(line.strip().rstrip(":")))
            elif found:
                found[-1].lines.append((number, line))
    return found


def check_scripts(project: Project) -> Iterator[Finding]:
    """All findings of files that start containers or log in to servers."""
    image = project.configuration.app.image
    for path, text in project.files(COMPOSE).items():
        if not _is_deployed(path, text, image):
            continue
        for service in services(text):
            yield from _service(path, service)
        yield from _latest(path, text)
    for path, text in project.texts.items():
        if path.endswith(".sh") and not DEVELOPMENT.search(path):
            yield from _published(path, text)
            yield from _host_keys(path, text)
            yield from _latest(path, text, image)
    for path, text in project.workflows.items():
        yield from _host_keys(path, text)
        if REACHES_A_SERVER.search(text):  # a job's own containers end with it
            yield from _published(path, text)
        yield from _latest(path, text, image)


def _is_deployed(path: str, text: str, image: str) -> bool:
    """Whether a Compose file is production's: by its name, or because it runs the app's image as it was pushed."""
    if DEVELOPMENT.search(path):
        return False
    if PRODUCTION.search(path):
        return True
    return any(
        line.partition("image:")[2].strip().strip("\"'").rpartition("/")[2].partition(":")[0]
        == image.rpartition("/")[2]
        and not any(other.strip().startswith("build:") for _, other in service.lines)
        for service in services(text)
        for _, line in service.lines
        if line.strip().startswith("image:")
    )


def _service(path: str, service: Service) -> Iterator[Finding]:
    for number, port in service.ports():
        if not DEFAULT.sub(r"\g<text>", port).startswith(LOOPBACK):
            yield published(path, number, port, is_database=service.is_database)
    for number, line in service.lines:
        if re.match(r"\s*(command|entrypoint):", line) and MIGRATE.search(line):
            yield migrates_at_start(path, number)
        if not service.is_database and DEBUG.search(line.replace(": ", "=")):
            yield debug_on(path, number)


def _published(path: str, text: str) -> Iterator[Finding]:
    for number, line in _commands(text):
        if "docker" in line or "podman" in line:
            for match in PUBLISH.finditer(line):
                if ":" in match["port"] and not match["port"].startswith(LOOPBACK):
                    is_database = match["port"].rsplit(":", 1)[-1].partition("/")[0] in DATABASE_PORTS
                    yield published(path, number, match["port"], is_database=is_database)


def _host_keys(path: str, text: str) -> Iterator[Finding]:
    for number, line in _commands(text):
        if _is_unchecked(line) or (SSH_ACTION.search(line) and "fingerprint:" not in text):
            yield Finding(
                path,
                number,
                "unpinned-host-key",
                "whoever answers at the server's address is believed, and is handed the commands and secrets",
                "pin the server's key: `ferryman server setup` writes it as host_key into ferryman.toml",
            )


def _is_unchecked(line: str) -> bool:
    scanned = SCANNED.search(line)
    if not scanned:
        return UNCHECKED.search(line) is not None
    hosts = [word for word in scanned["words"].split() if "." in word and not word.startswith("-")]
    return not hosts or not all(GIT_HOST.fullmatch(host.strip("\"'")) for host in hosts)


def _commands(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.lstrip().startswith("#"):
            yield number, line


def published(path: str, line: int, port: str, *, is_database: bool) -> Finding:
    """The finding for a port that Docker publishes on every address of the server."""
    if is_database:
        return Finding(
            path,
            line,
            "database-published",
            f"the database's port is published ({port}): Docker opens it to the whole network, past the firewall",
            "leave the port out; containers of one network reach each other without it",
        )
    return Finding(
        path,
        line,
        "port-bypasses-firewall",
        f"a port that Docker publishes ({port}) is open to the whole network, whatever the firewall says",
        f'publish it on loopback, "127.0.0.1:{port.rsplit(":", 2)[-2] if ":" in port else port}:…", behind an edge',
    )


def _latest(path: str, text: str, image: str = "") -> Iterator[Finding]:
    """Of a script or workflow only the app's own `image`: the tools that it runs are not deployed."""
    for number, line in _commands(text):
        match = LATEST.search(line)
        named = (match["image"] or match["named"]) if match else ""
        if named and (not image or "$" in named or named.removesuffix(":latest").endswith(image)):
            yield Finding(
                path,
                number,
                "latest-deployed",
                f"{named} is another image from day to day, and nobody can go back to it",
                "name the image by its digest or its revision; `ferryman deploy` does",
            )
