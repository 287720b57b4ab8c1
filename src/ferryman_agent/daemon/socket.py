"""The Unix socket on which callers reach the agent, each in a thread of its own."""

from __future__ import annotations

import contextlib
import grp
import os
import socketserver
import sys
from pathlib import Path
from typing import Any

from ferryman_agent.daemon.agent import Agent
from ferryman_agent.daemon.callers import REQUEST_SECONDS
from ferryman_agent.protocol import Channel


class _Handler(socketserver.StreamRequestHandler):
    timeout = REQUEST_SECONDS

    def handle(self) -> None:
        agent: Agent = self.server.agent  # type: ignore[attr-defined]
        channel = Channel(self.rfile, self.wfile)  # type: ignore[arg-type]
        with contextlib.suppress(OSError):  # the caller is gone; a transaction it began goes on without it
            agent.answer(channel, lambda: self.connection.settimeout(None))


class Socket(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: Path, agent: Agent) -> None:
        path.unlink(missing_ok=True)
        previous = os.umask(0o177)
        try:
            super().__init__(str(path), _Handler)
        finally:
            os.umask(previous)
        with contextlib.suppress(KeyError):
            os.chown(path, 0, grp.getgrnam("ferryman").gr_gid)
            path.chmod(0o660)
        self.agent = agent

    def handle_error(self, *_: Any) -> None:
        sys.stderr.write(f"a call failed: {sys.exc_info()[1]!r}\n")
