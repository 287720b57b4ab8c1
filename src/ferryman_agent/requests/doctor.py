"""doctor: the one request that is answered also while the ledger can't be used."""

from __future__ import annotations

from typing import Any

from ferryman_agent.requests.call import Call


def doctor(call: Call) -> dict[str, Any]:
    """What the server has, and how that differs from the ledger; with `rebuild` a ledger made of it."""
    return call.consult(call.params.get("rebuild") is True)
