"""The ledger: the only truth about apps, releases and deployments on this server."""

from ferryman_agent.ledger.ledger import Ledger
from ferryman_agent.ledger.notices import Notice, Severity
from ferryman_agent.ledger.reserve import Reserve
from ferryman_agent.ledger.rows import AccessoryRecord, App, Deployment, Release, Run
from ferryman_agent.ledger.states import Kind, Maintenance, Outcome, ReleaseState, Removal, RunState, Stopped

__all__ = [
    "AccessoryRecord",
    "App",
    "Deployment",
    "Kind",
    "Ledger",
    "Maintenance",
    "Notice",
    "Outcome",
    "Release",
    "ReleaseState",
    "Removal",
    "Reserve",
    "Run",
    "RunState",
    "Severity",
    "Stopped",
]
