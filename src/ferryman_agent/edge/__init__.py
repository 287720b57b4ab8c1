"""The edge: HAProxy, steered through its runtime socket."""

from ferryman_agent.edge.configuration import Route
from ferryman_agent.edge.edge import Edge

__all__ = ["Edge", "Route"]
