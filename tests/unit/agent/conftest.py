"""What the tests of the agent share: machines in memory whose ledger is a real file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman_agent.host import Host
from ferryman_agent.testing import Behaviour, FakeMachine, carry_out

IN_MEMORY = Path("/dev/shm")  # the ledger syncs at every write, which a disk makes slow


@pytest.fixture
def folder() -> Iterator[Path]:
    place = IN_MEMORY if IN_MEMORY.is_dir() else None
    # an agent whose threads were begun for real may write into it until the tests' process ends
    with tempfile.TemporaryDirectory(dir=place, ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture
def machine(folder: Path) -> FakeMachine:
    """A server that carries nothing yet; three releases of one app can be pulled."""
    made = FakeMachine(folder)
    for number, word in enumerate(("one", "two", "three"), start=1):
        made.publish(word, Behaviour(migrations=[f"shop.{n:04}" for n in range(1, number + 1)]))
    return made


@pytest.fixture
def server(machine: FakeMachine) -> Host:
    """An agent whose app serves release 1."""
    made = machine.agent()
    assert carry_out(made, machine.order("one"), "one").state == "succeeded"
    return made
