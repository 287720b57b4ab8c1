"""The Docker Engine, through its API socket."""

from ferryman_agent.engine.docker import Docker, EngineError

__all__ = ["Docker", "EngineError"]
