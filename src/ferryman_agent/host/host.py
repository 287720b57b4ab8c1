"""The narrow objects of this server, in one place. Nothing here acts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ferryman_agent.clock import Stopwatch, wall
from ferryman_agent.edge import Edge
from ferryman_agent.engine import Engine
from ferryman_agent.host.images import Images
from ferryman_agent.host.logins import Logins
from ferryman_agent.host.probe import Answer, Question, probe
from ferryman_agent.host.resources import Filesystem, Socket, available_memory, filesystem, is_port_free, listening
from ferryman_agent.host.routing import Routing
from ferryman_agent.host.secrets import Secrets
from ferryman_agent.ledger import Ledger
from ferryman_agent.ledger.copies import Copies


@dataclass
class Host:
    """The server that the agent looks after. `folder` holds its state; what is measured or timed is passed in."""

    ledger: Ledger
    engine: Engine
    edge: Edge
    folder: Path
    probe: Callable[[str, Question, float], Answer] = field(default=probe)
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    wall: Callable[[], datetime] = field(default=wall)
    filesystem: Callable[[Path], Filesystem] = field(default=filesystem)
    memory: Callable[[], int | None] = field(default=available_memory)
    is_port_free: Callable[[int], bool] = field(default=is_port_free)
    listening: Callable[[int], list[Socket] | None] = field(default=listening)
    commit_lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    logins: Logins = field(init=False)
    images: Images = field(init=False)
    routing: Routing = field(init=False)
    secrets: Secrets = field(init=False)
    copies: Copies = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.logins = Logins(self.folder)
        self.images = Images(self.engine, self.logins)
        self.routing = Routing(self.ledger, self.engine, self.edge)
        self.secrets = Secrets(self.ledger, self.folder)
        self.copies = Copies(self.folder)
