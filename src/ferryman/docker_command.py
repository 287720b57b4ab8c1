"""Which docker command to call: any for most uses, one that has BuildKit for builds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from ferryman.errors import UsageError

_LAST_WITH_BUILDKIT_INSIDE = 22


def docker_command() -> list[str]:
    """The docker command that comes first on PATH; UsageError `docker-missing` when there is none."""
    found = shutil.which("docker")
    if found is None:
        raise UsageError(
            "docker-missing",
            "there is no docker command on PATH",
            hint="install Docker Engine (Debian, Ubuntu: apt-get install docker.io) and call again",
        )
    return [found]


def build_command() -> tuple[list[str], dict[str, str]]:
    """The docker command whose `build` uses BuildKit, and the variables it needs for that.

    A command has BuildKit when the buildx plugin answers, or when it is older than 23: from then on the
    plugin is the only way. UsageError `buildkit-missing` when no command on PATH has it.
    """
    for command in _docker_commands_on_path(os.environ.get("PATH", "")):
        if _has_buildx(command):
            return [command], {}
        if _client_major(command) <= _LAST_WITH_BUILDKIT_INSIDE:
            return [command], {"DOCKER_BUILDKIT": "1"}
    docker_command()
    raise UsageError(
        "buildkit-missing",
        "the docker command on PATH can't build with BuildKit, for its buildx plugin is missing",
        hint="install the plugin (Debian 13, Ubuntu: apt-get install docker-buildx) and call again",
    )


def _docker_commands_on_path(path: str) -> list[str]:
    candidates = (Path(folder) / "docker" for folder in path.split(os.pathsep) if folder)
    return list(dict.fromkeys(str(file) for file in candidates if os.access(file, os.X_OK) and file.is_file()))


def _has_buildx(command: str) -> bool:
    return subprocess.run([command, "buildx", "version"], capture_output=True, check=False).returncode == 0


def _client_major(command: str) -> int:
    """The major version of the client alone, so that no engine has to answer; 1000 when it is not known."""
    shown = subprocess.run([command, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"(\d+)\.\d+", shown)
    return int(found.group(1)) if found else 1000
