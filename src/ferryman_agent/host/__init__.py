"""The host: what a transaction works on. Each part is a narrow object of its own; a function takes those it uses."""

from ferryman_agent.host.host import Host

__all__ = ["Host"]
