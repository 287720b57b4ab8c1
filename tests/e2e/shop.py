"""Projects for the end-to-end tests: a git repository with the probe app, on a server that was set up once."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import tomlkit
from command import FERRYMAN, Call

from ferryman.config import load_configuration, resolve_environment
from ferryman.destination import Destination
from ferryman.environments import find_destination
from ferryman.link import PublicKey
from ferryman.rehearsal.docker import Docker
from ferryman.rehearsal.local_registry import LocalRegistry
from ferryman.rehearsal.machine import Machine
from ferryman.shipping.images import published_image
from ferryman.shipping.options import DeployOptions
from ferryman.shipping.request import deploy_parameters

PROBE_APP = Path(__file__).parent / "probe_app"
FORWARDER = {
    "socket": "[Socket]\nListenStream=127.0.0.1:{port}\n[Install]\nWantedBy=sockets.target\n",
    "service": "[Service]\nExecStart=/usr/lib/systemd/systemd-socket-proxyd {inside}\n",
}
Settings = dict[str, Any]


@dataclass(frozen=True)
class Prepared:
    """A server after `ferryman server setup`, on which a registry has the same address as on this machine."""

    server: Machine
    registry: LocalRegistry
    pipeline_key: Path

    def environment(self, domain: str | None) -> Settings:
        """The environment of an app that is shipped to it, with the operator's key."""
        state = self.server.state
        found: Settings = {"host": "127.0.0.1", "port": state.ssh_port, "host_key": state.host_key}
        found["identity"] = str(state.identity)
        return {**found, "domain": domain} if domain else found


@dataclass
class Shop:
    """One project and its app on the server. `settings` is ferryman.toml; `configure` writes changes to it.

    `program` is the command that its person has installed.
    """

    folder: Path
    prepared: Prepared
    settings: Settings
    calls: list[Call] = field(default_factory=list)
    program: Path = FERRYMAN

    @property
    def name(self) -> str:
        """The app's name."""
        return str(self.settings["app"]["name"])

    @property
    def id(self) -> str:
        """The app's name on the server."""
        return f"{self.name}.production"

    @property
    def image(self) -> str:
        """The repository of its images."""
        return str(self.settings["app"]["image"])

    @property
    def domain(self) -> str | None:
        """Its host name; None: it is what port 8000 shows."""
        found = self.settings["environments"]["production"].get("domain")
        return str(found) if found else None

    @property
    def port(self) -> int:
        """The port of this machine that leads to the edge's port for it."""
        state = self.prepared.server.state
        return state.http_port if self.domain else state.app_port

    # -- the project

    def configure(self, change: Callable[[Settings], object] | None = None, file: str = "ferryman.toml") -> Path:
        """Write the settings; with another `file`, a variant beside them that leaves them as they are."""
        settings = self.settings if file == "ferryman.toml" else json.loads(json.dumps(self.settings))
        if change:
            change(settings)
        (self.folder / file).write_text(tomlkit.dumps(settings))
        return self.folder / file

    def git(self, *arguments: str) -> str:
        """Run git in the project."""
        author = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
        return subprocess.run(
            ["git", *author, *arguments], cwd=self.folder, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, files: Mapping[str, str] | None = None, /, **behaviour: Any) -> str:
        """Commit a behaviour and other files of the app; returns the commit. The Dockerfile is the usual one again."""
        for path in PROBE_APP.iterdir():
            if path.is_file():
                shutil.copy(path, self.folder / "app")
        (self.folder / "app" / "behaviour.json").write_text(json.dumps(behaviour))
        for name, content in (files or {}).items():
            (self.folder / "app" / name).write_text(content)
        self.git("add", "--all", "app")
        self.git("commit", "--quiet", "--allow-empty", "--message", json.dumps(behaviour))
        return self.git("rev-parse", "HEAD")

    # -- the command

    def start(
        self,
        *arguments: str,
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
        file: str = "ferryman.toml",
    ) -> Call:
        """Start a command; it is killed at the end of the test when it still runs."""
        words = list(arguments)
        place = words.index("--") if "--" in words else len(words)
        words[place:place] = ["--config", str(self.folder / file)]
        call = Call(words, variables or {}, stdin, self.program)
        self.calls.append(call)
        return call

    def ferryman(
        self,
        *arguments: str,
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
        file: str = "ferryman.toml",
    ) -> Call:
        """Run a command to its end."""
        return self.start(*arguments, stdin=stdin, variables=variables, file=file).end()

    def deploy(self, *options: str, **behaviour: Any) -> Call:
        """Commit a behaviour, if one is given, and deploy it with success."""
        if behaviour:
            self.commit(**behaviour)
        return self.ferryman("deploy", *options).succeeded()

    def status(self) -> dict[str, Any]:
        """`ferryman status --json`."""
        return dict(self.ferryman("status", "--json").json())

    def serving(self) -> int:
        """The number of the release that serves."""
        return int(self.status()["release"]["number"])

    # -- under the command

    def destination(self, file: str = "ferryman.toml") -> Destination:
        """What the command line would talk to."""
        return find_destination(self.folder / file, "production", {})

    def deploy_parameters(self, variables: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What a deploy of HEAD, whose image is in the registry, asks of the agent."""
        destination, options, given = self.destination(), DeployOptions(), variables or {}
        return deploy_parameters(destination, published_image(destination, options, given), options, given)

    # -- the server

    def get(self, path: str = "/") -> httpx.Response:
        """A request through the edge."""
        headers = {"Host": self.domain} if self.domain else {}
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", headers=headers, timeout=10)

    def word(self) -> str:
        """What its page shows."""
        return self.get().raise_for_status().text

    def containers(self) -> set[str]:
        """The names of its containers, running or not, without the app's own name in front."""
        names = self.prepared.server.run(
            ["docker", "ps", "--all", "--filter", f"label=ferryman.app={self.id}", "--format", "{{.Names}}"]
        ).split()
        return {name.removeprefix(f"ferryman.{self.id}.") for name in names}

    def footprint(self) -> tuple[set[str], str]:
        """What must stay as it is when a deploy goes back: the containers, with their release numbers, and the page."""
        return self.containers(), self.word()

    def let_go(self) -> None:
        """Let its newest container, of a release that is `held`, become healthy."""
        newest = max(int(name.removeprefix("web.")) for name in self.containers() if name.startswith("web."))
        self.prepared.server.run(["docker", "exec", f"ferryman.{self.id}.web.{newest}", "touch", "/tmp/go"])

    def inspect(self, container: str) -> dict[str, Any]:
        """What the engine knows of one of its containers."""
        found = self.prepared.server.run(["docker", "inspect", f"ferryman.{self.id}.{container}"])
        return dict(json.loads(found)[0])


def make_shop(prepared: Prepared, folder: Path, name: str, domain: str | None = None) -> Shop:
    """A project in an empty folder: a git repository with the probe app in `app`, and ferryman.toml beside it."""
    (folder / "app").mkdir()
    web = {"health": "/health", "health_timeout": "90s", "drain_timeout": "10s", "stop_grace": "2s"}
    settings: Settings = {
        "app": {
            "name": name,
            "image": f"{prepared.registry.state.address}/{name}",
            "context": "app",
            "roles": {"web": web},
            "resources": {"memory": "128m"},
        },
        "environments": {"production": prepared.environment(domain)},
    }
    shop = Shop(folder, prepared, settings)
    shop.git("init", "--quiet")
    shop.configure()
    return shop


def remove_images(docker: Docker, repository: str) -> None:
    """Take every tag of a repository off this machine's engine."""
    tags = docker.run(["images", "--format", "{{.Repository}}:{{.Tag}}", repository]).split()
    if tags:
        docker.run(["rmi", "--force", *tags])


def forward(server: Machine, registry: LocalRegistry) -> None:
    """Have a registry answer on the server's loopback at the port that it has here, also after a reboot."""
    name, state = f"forward-{registry.state.alias}", registry.state
    for kind, text in FORWARDER.items():
        unit = text.format(port=state.port, inside=state.inside)
        server.run(["sh", "-c", f"cat > /etc/systemd/system/{name}.{kind}"], stdin=unit.encode())
    server.run(["systemctl", "daemon-reload"])
    server.run(["systemctl", "enable", "--now", f"{name}.socket"])


def prepare(server: Machine, registry: LocalRegistry, folder: Path, program: Path = FERRYMAN) -> Prepared:
    """Set a server up by the command itself; it pins the host key in ferryman.toml."""
    forward(server, registry)
    shop = make_shop(Prepared(server, registry, Path()), folder, "setup")
    shop.program = program
    del shop.settings["environments"]["production"]["host_key"]
    shop.configure()
    key = PublicKey.parse(server.state.host_key)
    options = ["--identity", str(server.state.identity), "--fingerprint", key.fingerprint]
    shop.ferryman("server", "setup", "--to", "production", *options).succeeded()
    pinned = resolve_environment(load_configuration(folder / "ferryman.toml"), "production", {})
    assert pinned.host_key == key.text
    return Prepared(server, registry, folder / ".ferryman" / "production" / "pipeline_key")


def fresh_key(folder: Path) -> Path:
    """A private key that no server knows."""
    path = folder / f"key-{secrets.token_hex(3)}"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path
