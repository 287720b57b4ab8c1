"""The Docker Engine, through its API socket. Nothing outside this package reads or writes Docker's JSON."""

from ferryman_agent.engine.docker.api import SOCKET, version_at
from ferryman_agent.engine.docker.client import Docker

__all__ = ["SOCKET", "Docker", "version_at"]
