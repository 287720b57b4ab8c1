"""The throw-away server: a container with systemd and sshd that takes the place of a VPS."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ferryman.rehearsal.docker import Docker
from ferryman.rehearsal.local_registry import GROUND_LABEL
from ferryman.rehearsal.machine.capabilities import grantable_capabilities
from ferryman.rehearsal.machine.keys import KeyPair, ensure_key
from ferryman.rehearsal.polling import wait_until
from ferryman.rehearsal.ports import LOOPBACK, free_port
from ferryman.rehearsal.stand_ins import Images
from ferryman.rehearsal.state import MachineState, RegistryState

_READY_SECONDS = 60
_ENGINE_SECONDS = 60
_STOP_SECONDS = 30


@dataclass(frozen=True)
class MachineSpec:
    """What a throw-away server is made of; `ground` and `name` are part of its container's name."""

    ground: str
    keys: Path
    registries: tuple[RegistryState, ...]
    name: str = "server"
    with_engine: bool = False

    @property
    def container(self) -> str:
        """The container's name."""
        return f"ferryman-{self.ground}-{self.name}"

    @property
    def network(self) -> str:
        """The network that the registries are on."""
        return self.registries[0].network


@dataclass(frozen=True)
class Machine:
    """One throw-away server. Its admin is root, or `admin` with passwordless sudo, both by `state.identity`."""

    state: MachineState
    docker: Docker

    @classmethod
    def create(cls, spec: MachineSpec, images: Images) -> Machine:
        """Make a server and wait until it is up.

        1. Image and keys. 2. The container, not started. 3. Into it: its host key, the admin's key, and for the
        engine that will be installed, the first registry as mirror. 4. Start; systemd and sshd are up.
        """
        image = images.ensure_server(with_engine=spec.with_engine)
        host, admin = ensure_key(spec.keys, f"{spec.name}-host"), ensure_key(spec.keys, "admin")
        state = MachineState(
            container=spec.container,
            network=spec.network,
            ssh_port=free_port(),
            http_port=free_port(),
            app_port=free_port(),
            host_key=host.public,
            identity=admin.private,
        )
        machine = cls(state, images.docker)
        machine.remove()
        images.docker.run(["volume", "create", "--label", f"{GROUND_LABEL}={spec.ground}", f"{spec.container}-engine"])
        images.docker.run(["create", *_options(spec, state), image, *_init_command(images.docker)])
        images.docker.put(spec.container, _files(spec, host, admin))
        machine.start()
        return machine

    def start(self) -> None:
        """Start it where it is stopped, and wait until systemd and sshd are up."""
        self.docker.run(["start", self.state.container])
        self.wait_ready()

    def stop(self) -> None:
        """Shut it down in order."""
        self.docker.run(["stop", "--time", str(_STOP_SECONDS), self.state.container])

    def reboot(self) -> None:
        """Shut it down in order, start it again and wait until it is up."""
        self.docker.run(["restart", "--time", str(_STOP_SECONDS), self.state.container])
        self.wait_ready()

    def power_cut(self) -> None:
        """Kill every process in it at once, then start it and wait until it is up."""
        self.docker.run(["kill", self.state.container])
        self.start()

    def remove(self) -> None:
        """Remove it and its volume."""
        self.docker.run(["rm", "--force", "--volumes", self.state.container])
        self.docker.run(["volume", "rm", "--force", f"{self.state.container}-engine"])

    def run(self, command: Sequence[str], *, stdin: bytes | None = None, timeout: float = 120) -> str:
        """Run a command in it as root, not over SSH; what it wrote on stdout. DockerError when it fails."""
        interactive = [] if stdin is None else ["--interactive"]
        args = ["exec", *interactive, self.state.container, *command]
        return self.docker.run(args, stdin=stdin, timeout=timeout)

    def succeeds(self, command: Sequence[str]) -> bool:
        """Whether a command in it ends with status 0."""
        return self.docker.succeeds(["exec", self.state.container, *command])

    def is_running(self) -> bool:
        """Whether its container runs."""
        running = ["container", "inspect", "--format", "{{.State.Running}}", self.state.container]
        return self.docker.succeeds(running) and self.docker.run(running).strip() == "true"

    def wait_ready(self) -> None:
        """Wait until sshd greets and systemd has started all that it starts; RehearsalFailed when it does not."""
        name = self.state.container
        wait_until(self._is_settled, f"systemd in {name} has started everything", seconds=_READY_SECONDS)
        wait_until(self._sshd_greets, f"sshd in {name} answers", seconds=_READY_SECONDS)

    def wait_engine(self) -> None:
        """Wait until the Docker Engine in it answers."""
        what = f"the engine in {self.state.container} answers"
        wait_until(lambda: self.succeeds(["docker", "version"]), what, seconds=_ENGINE_SECONDS)

    def logs(self) -> str:
        """The end of its journal, or what its container wrote where it does not run."""
        if self.is_running():
            return self.run(["journalctl", "--no-pager", "--lines", "300"])
        return self.docker.logs(self.state.container)

    def _is_settled(self) -> bool:
        return self.succeeds(["systemctl", "is-system-running", "--quiet"])

    def _sshd_greets(self) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self.state.ssh_port), timeout=2) as connection:
                connection.settimeout(2)
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False


def _options(spec: MachineSpec, state: MachineState) -> list[str]:
    """What lets systemd be PID 1 and a Docker Engine run inside, without `--privileged`."""
    options = [
        *("--name", spec.container, "--hostname", spec.name),
        *("--label", f"{GROUND_LABEL}={spec.ground}"),
        *("--network", spec.network, "--network-alias", spec.name),
        *("--cgroupns", "host", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw"),
        *("--volume", f"{spec.container}-engine:/var/lib/docker"),
        *("--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp"),  # noqa: S108 - a mount point in the server
    ]
    for confined in ("seccomp", "apparmor", "systempaths"):
        options += ["--security-opt", f"{confined}=unconfined"]
    for capability in grantable_capabilities():
        options += ["--cap-add", capability]
    for outside, inside in ((state.ssh_port, 22), (state.http_port, 80), (state.app_port, 8000)):
        options += ["--publish", f"{LOOPBACK}:{outside}:{inside}"]
    return options


def _init_command(docker: Docker) -> list[str]:
    """systemd; on a host with cgroup v1 it has to be told that this is meant."""
    version = docker.run(["info", "--format", "{{.CgroupVersion}}"]).strip()
    return ["/sbin/init", *(["SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"] if version == "1" else [])]


def _files(spec: MachineSpec, host: KeyPair, admin: KeyPair) -> dict[str, tuple[bytes, int]]:
    engine = {
        "registry-mirrors": [f"http://{spec.registries[0].inside}"],
        "insecure-registries": [registry.inside for registry in spec.registries],
    }
    authorized = f"{admin.public}\n".encode()
    return {
        "etc/ssh/ssh_host_ed25519_key": (host.private.read_bytes(), 0o600),
        "etc/ssh/ssh_host_ed25519_key.pub": (f"{host.public}\n".encode(), 0o644),
        "root/.ssh/authorized_keys": (authorized, 0o600),
        "home/admin/.ssh/authorized_keys": (authorized, 0o644),
        "etc/docker/daemon.json": (json.dumps(engine, indent=2).encode(), 0o644),
    }
