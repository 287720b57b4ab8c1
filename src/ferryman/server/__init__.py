"""Setting a server up: engine, agent, deploy user and keys, over the admin's own SSH access."""

from ferryman.server.setup import HostKeyQuestion, SetupOutcome, SetupRequest, SetupStep, setup_server
from ferryman.server.zipapp import build_zipapp

__all__ = ["HostKeyQuestion", "SetupOutcome", "SetupRequest", "SetupStep", "build_zipapp", "setup_server"]
