"""The ledger: the only truth about apps, releases and deployments on this server."""

from ferryman_agent.ledger.ledger import Ledger
from ferryman_agent.ledger.notices import Notice, Severity
from ferryman_agent.ledger.reserve import Reserve
from ferryman_agent.ledger.rows import AccessoryRecord, App, Deployment, Release, Run

__all__ = ["AccessoryRecord", "App", "Deployment", "Ledger", "Notice", "Release", "Reserve", "Run", "Severity"]
