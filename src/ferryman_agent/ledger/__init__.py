"""The ledger: the only truth about apps, releases and deployments on this server."""

from ferryman_agent.ledger.ledger import Ledger
from ferryman_agent.ledger.reserve import Reserve
from ferryman_agent.ledger.rows import App, Deployment, Release

__all__ = ["App", "Deployment", "Ledger", "Release", "Reserve"]
