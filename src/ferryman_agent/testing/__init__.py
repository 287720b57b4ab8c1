"""Fakes of what the agent works on, for tests of this project and of others."""

from ferryman_agent.testing.behaviour import Behaviour, FakeDatabase
from ferryman_agent.testing.clock import FakeClock, FakeStopwatch
from ferryman_agent.testing.crash import Crash, CrashPoint, crashing
from ferryman_agent.testing.docker import FakeDocker, refuse
from ferryman_agent.testing.edge import FakeEdge
from ferryman_agent.testing.keeping import at_once, look_after, recover
from ferryman_agent.testing.ledger import MemoryLedger
from ferryman_agent.testing.machine import REDIS, FakeMachine, begin, carry_out, digest, interrupted, manifest
from ferryman_agent.testing.promises import Watch, broken_promises
from ferryman_agent.testing.strikes import Outage, Script, Strike
from ferryman_agent.transaction.runs.conductor import conduct

__all__ = [
    "REDIS",
    "Behaviour",
    "Crash",
    "CrashPoint",
    "FakeClock",
    "FakeDatabase",
    "FakeDocker",
    "FakeEdge",
    "FakeMachine",
    "FakeStopwatch",
    "MemoryLedger",
    "Outage",
    "Script",
    "Strike",
    "Watch",
    "at_once",
    "begin",
    "broken_promises",
    "carry_out",
    "conduct",
    "crashing",
    "digest",
    "interrupted",
    "look_after",
    "manifest",
    "recover",
    "refuse",
]
