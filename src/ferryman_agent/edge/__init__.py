"""The edge: HAProxy, steered through its runtime socket."""

from ferryman_agent.edge.closed import Closed, in_maintenance, stopped
from ferryman_agent.edge.configuration import Route
from ferryman_agent.edge.edge import Edge

__all__ = ["Closed", "Edge", "Route", "in_maintenance", "stopped"]
