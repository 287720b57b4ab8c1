"""ferryman.toml: read, checked, resolved, and turned into what the agent is told."""

from ferryman.config.host_key import set_host_key
from ferryman.config.loading import load_configuration, parse_configuration
from ferryman.config.manifest import manifest
from ferryman.config.models import Configuration, Environment
from ferryman.config.variables import resolve_environment

__all__ = [
    "Configuration",
    "Environment",
    "load_configuration",
    "manifest",
    "parse_configuration",
    "resolve_environment",
    "set_host_key",
]
