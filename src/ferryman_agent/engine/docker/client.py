"""The Docker Engine as the port wants an engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from ferryman_agent.engine.docker.api import SOCKET
from ferryman_agent.engine.docker.commands import Commands
from ferryman_agent.engine.docker.containers import Containers
from ferryman_agent.engine.docker.images import Images
from ferryman_agent.engine.docker.networks import Networks
from ferryman_agent.engine.docker.reading import facts_of, happened
from ferryman_agent.engine.docker.transport import call, unbroken
from ferryman_agent.engine.docker.volumes import Volumes
from ferryman_agent.engine.port import Engine, Facts, Happened

WATCHED = {"type": ["container", "network"], "event": ["die", "destroy", "disconnect", "pause"]}


class Docker(Images, Networks, Volumes, Containers, Commands, Engine):
    """The engine behind `path`. Missing things are None or ignored; other faults raise EngineError."""

    def __init__(self, path: str = SOCKET) -> None:
        super().__init__(path)
        self._folder: Path | None = None

    def facts(self) -> Facts:
        """What it says of itself. The folder, which takes it long to tell, is kept until the engine breaks off."""
        version = self._version()
        folder = self._folder = self._folder or Path(self._ask("GET", "/info")["DockerRootDir"])
        return facts_of(version, folder)

    def happenings(self) -> Iterator[Happened]:
        """What ends, pauses or loses its network from now on, for ever; Unavailable when the engine breaks off."""
        response, connection = call(self._path, ("GET", self._url("/events", {"filters": json.dumps(WATCHED)})))
        try:
            with closing(connection), unbroken("its events"):
                connection.sock.settimeout(None)
                yield Happened()  # from here on nothing is missed
                for line in response:
                    if line.strip():
                        yield happened(json.loads(line))
        finally:
            self._folder = None  # it may have been moved while the engine was away
