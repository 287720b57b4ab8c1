"""The agent streams through a command in a container: any amount, both ways, in little memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from shop import Shop

# Runs in the server, on the agent's own file, as its daemon does.
STREAM = """
import hashlib, itertools, json, resource, sys
sys.path.insert(0, "/usr/local/lib/ferryman/ferryman-agent.pyz")
from ferryman_agent.engine import Docker
from ferryman_agent.errors import AgentError
container, megabytes, *command = sys.argv[1:]
fed, came, size, error = hashlib.sha256(), hashlib.sha256(), 0, None
def source():
    for number in range(int(megabytes)):
        chunk = number.to_bytes(4, "big") * (1 << 18)
        fed.update(chunk)
        yield chunk
try:
    for chunk in Docker().stream(container, command, stdin=source()):
        came.update(chunk)
        size += len(chunk)
except AgentError as failed:
    error = failed.as_json()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"size": size, "is_same": fed.digest() == came.digest(), "error": error, "peak_kib": peak}))
"""
MEGABYTES = 200


@pytest.fixture(scope="module")
def stream(new_shop: Callable[..., Shop]) -> Callable[..., dict[str, Any]]:
    """Feeds megabytes to a command in the container of an app that serves; tells what came of it."""
    shop = new_shop("river", "river.test")
    shop.deploy(word="river")
    (web,) = shop.containers()

    def start(megabytes: int, *command: str) -> dict[str, Any]:
        words = ["python3", "-IS", "-c", STREAM, f"ferryman.{shop.id}.{web}", str(megabytes), *command]
        return dict(json.loads(shop.prepared.server.run(words, timeout=300)))

    return start


def test_200_megabytes_go_through_and_come_back_in_little_memory(stream: Callable[..., dict[str, Any]]) -> None:
    found = stream(MEGABYTES, "cat")
    assert (found["size"], found["is_same"], found["error"]) == (MEGABYTES << 20, True, None)
    assert found["peak_kib"] < 64 << 10


def test_a_command_that_writes_all_before_it_reads_does_not_hang(stream: Callable[..., dict[str, Any]]) -> None:
    found = stream(32, "sh", "-c", "head -c 33554432 /dev/zero; wc -c")
    assert (found["size"], found["error"]) == ((32 << 20) + len("33554432\n"), None)


def test_a_command_may_leave_a_part_of_its_input_unread(stream: Callable[..., dict[str, Any]]) -> None:
    found = stream(MEGABYTES, "head", "-c", "10")
    assert (found["size"], found["error"]) == (10, None)


def test_a_command_that_fails_is_told_with_its_last_words(stream: Callable[..., dict[str, Any]]) -> None:
    error = stream(1, "sh", "-c", "cat > /dev/null; echo no room >&2; exit 3")["error"]
    assert (error["code"], error["details"]["exit_code"], error["details"]["log"]) == ("command-failed", 3, ["no room"])
