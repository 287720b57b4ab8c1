"""reports, outbox: where reports go, and how many wait."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ferryman_agent.errors import BadRequest
from ferryman_agent.requests.call import Call


def outbox(call: Call) -> dict[str, Any]:
    """How many reports wait for Harbour, and whether it takes them."""
    return call.outbox.state()


def reports_set(call: Call) -> dict[str, Any]:
    """Tell the agent which Harbour it reports to, and with which token."""
    url, token = call.params.get("url"), call.params.get("token")
    if not isinstance(url, str) or not _is_web_address(url):
        raise BadRequest("bad-request", "url: must be an http or https address")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
        raise BadRequest("bad-request", "token: must be printable text")
    host = call.params.get("host") or ""
    if not isinstance(host, str) or not (host.isascii() and host.isprintable()):
        raise BadRequest("bad-request", "host: must be a host name")
    call.host.ledger.set_setting("reports", {"url": url, "token": token, "host": host})
    call.outbox.wake()
    return {"url": url}


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and url.isascii()
    except ValueError:  # a port that is no number, a broken IPv6 address
        return False
