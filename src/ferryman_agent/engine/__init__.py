"""Whatever runs containers: the port (`port.py`), and the Docker Engine behind it (`docker/`)."""

from ferryman_agent.engine.docker import Docker
from ferryman_agent.engine.port import (
    UP,
    Endpoint,
    Engine,
    EngineError,
    Facts,
    Happened,
    HealthCommand,
    Image,
    ImageUsage,
    Inspected,
    Keep,
    Limits,
    Observed,
    State,
    Subnet,
    Workload,
)

__all__ = [
    "UP",
    "Docker",
    "Endpoint",
    "Engine",
    "EngineError",
    "Facts",
    "Happened",
    "HealthCommand",
    "Image",
    "ImageUsage",
    "Inspected",
    "Keep",
    "Limits",
    "Observed",
    "State",
    "Subnet",
    "Workload",
]
