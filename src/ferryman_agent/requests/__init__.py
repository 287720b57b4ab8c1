"""What a caller may ask: one function per request, and the roles that may ask it."""

from ferryman_agent.requests.table import REQUESTS

__all__ = ["REQUESTS"]
