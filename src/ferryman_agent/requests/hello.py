"""hello: versions of agent, protocol and engine."""

from __future__ import annotations

from typing import Any

from ferryman_agent import __version__
from ferryman_agent.protocol import SUPPORTED
from ferryman_agent.requests.call import Call


def hello(call: Call) -> dict[str, Any]:
    """Versions of agent, protocol and engine."""
    engine = call.host.engine.facts()
    return {
        "agent": __version__,
        "protocols": list(SUPPORTED),
        "role": call.role,
        "engine": engine.version,
        "architecture": engine.architecture,
        "duties": call.board.as_json(),
    }
