"""Docker Engine on this machine: found, or installed and started where that is possible."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from ferryman.docker_command import build_command
from ferryman.errors import UsageError
from ferryman.rehearsal.docker import Docker
from ferryman.rehearsal.packages import can_install, install
from ferryman.rehearsal.polling import RehearsalFailed, turn, wait_until
from ferryman.rehearsal.stand_ins.debootstrap import cache_folder

_LOG = Path("/var/log/dockerd.log")
_READY_SECONDS = 60
_SOCKET = Path("/var/run/docker.sock")


def ensure_engine(report: Callable[[str], None]) -> None:
    """Have a Docker Engine that answers, and a docker command that builds with BuildKit.

    1. An engine that answers is used as it is. 2. Root on Debian or Ubuntu: the distribution's packages are installed
    where they are missing, and the engine is started, by systemd or else by hand. 3. Others are told what is missing
    and how to get it: UsageError `engine-missing`. Of several processes one installs, and the others wait for it.
    """
    with turn(cache_folder() / "engine.lock"):
        _ensure(report)


def _ensure(report: Callable[[str], None]) -> None:
    if not engine_answers():
        if not can_install() or os.environ.get("DOCKER_HOST"):
            missing, hint = _diagnosis()
            raise UsageError("engine-missing", missing, hint=hint)
        if shutil.which("dockerd") is None or shutil.which("docker") is None:
            report("installing the distribution's Docker Engine")
            install(["docker.io", "iptables"], if_known=["docker-cli", "docker-buildx"])
        if not engine_answers():
            report("starting Docker Engine")
            _start()
    _ensure_buildkit(report)


def engine_answers() -> bool:
    """Whether there is a docker command and an engine that answers it."""
    if shutil.which("docker") is None:
        return False
    return Docker().succeeds(["version", "--format", "{{.Server.Version}}"], timeout=20)


def _ensure_buildkit(report: Callable[[str], None]) -> None:
    try:
        build_command()
    except UsageError:
        if not can_install():
            raise
        report("installing docker's buildx plugin")
        install(["docker-buildx"])
        build_command()


def _start() -> None:
    """Start the engine and wait until it answers; RehearsalFailed `engine-did-not-start` with its last lines."""
    if Path("/run/systemd/system").is_dir():
        subprocess.run(["systemctl", "enable", "--now", "docker.service"], capture_output=True, check=False)
        where = "journalctl --unit docker"
    else:
        with _LOG.open("ab") as log:
            # A session of its own, so that it lives on when this process and its terminal are gone
            subprocess.run(
                ["setsid", "--fork", "dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True
            )
        where = str(_LOG)
    try:
        wait_until(engine_answers, "Docker Engine answers", seconds=_READY_SECONDS, pause=0.3)
    except RehearsalFailed as late:
        message = f"Docker Engine did not start within {_READY_SECONDS} s; its log is in {where}"
        raise RehearsalFailed("engine-did-not-start", message) from late


def _diagnosis() -> tuple[str, str]:
    """What is missing on this machine, and how to get it."""
    if host := os.environ.get("DOCKER_HOST"):
        return f"the engine at DOCKER_HOST={host} does not answer", "start it, or unset DOCKER_HOST"
    if shutil.which("docker") is None and shutil.which("apt-get"):
        return (
            "Docker Engine is not installed, and only root can install it",
            "sudo apt-get install docker.io iptables, then sudo usermod -aG docker $USER and log in again",
        )
    if shutil.which("docker") is None:
        return "Docker is not installed", "install Docker Engine or Docker Desktop, start it and call again"
    if _SOCKET.exists() and not os.access(_SOCKET, os.R_OK | os.W_OK):
        return f"this user may not use {_SOCKET}", "sudo usermod -aG docker $USER, then log in again"
    return "Docker Engine does not answer", "start it (sudo systemctl start docker, or Docker Desktop) and call again"
