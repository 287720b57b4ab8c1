"""OpenSSL, which would be a fifth of the agent's memory, loaded only when a report goes to an https address."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from http.client import HTTPConnection


def import_http_client() -> None:
    """Import http.client as on a Python without OpenSSL; the daemon does so before anything else imports it."""
    if "ssl" in sys.modules:
        return
    modules: dict[str, Any] = sys.modules
    modules["ssl"] = None  # what the import system takes for "not to be found"
    try:
        import http.client  # noqa: F401
    finally:
        del modules["ssl"]


def secure_connection(host: str, port: int | None, timeout: float) -> HTTPConnection:
    """An http.client.HTTPSConnection, which is not defined where http.client was imported without OpenSSL.

    The server's certificate is checked against the system's authorities.
    """
    import ssl
    from http.client import HTTPS_PORT, HTTPConnection

    class SecureConnection(HTTPConnection):
        default_port = HTTPS_PORT

        def connect(self) -> None:
            super().connect()
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)

    return SecureConnection(host, port, timeout=timeout)
