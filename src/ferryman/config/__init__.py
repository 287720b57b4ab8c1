"""ferryman.toml: read, checked, resolved, and turned into what the agent is told."""

from ferryman.config.host_key import set_host_key
from ferryman.config.loading import load_configuration
from ferryman.config.manifest import manifest
from ferryman.config.models import Configuration, Environment

__all__ = ["Configuration", "Environment", "load_configuration", "manifest", "set_host_key"]
