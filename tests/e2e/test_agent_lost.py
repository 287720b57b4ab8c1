"""The agent dies in the middle of a drain: what serves goes on serving."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from load import PIECE, Load, Upload
from shop import Shop, make_shop, prepare

from ferryman.rehearsal.local_registry import LocalRegistry
from ferryman.rehearsal.machine import Machine
from ferryman.rehearsal.polling import wait_until

LIMIT_SECONDS = 5.0


@pytest.fixture(scope="module")
def shops(server: Machine, registry: LocalRegistry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Shop]]:
    """Two apps that serve, on a server of this module's own."""
    prepared = prepare(server, registry, tmp_path_factory.mktemp("prepared"))
    made = [make_shop(prepared, tmp_path_factory.mktemp(name), name, f"{name}.test") for name in ("left", "right")]
    for shop in made:
        shop.settings["app"]["roles"]["web"]["drain_timeout"] = "60s"
        shop.configure()
        shop.deploy(word=f"{shop.name} one")
    yield made
    for shop in made:
        for call in shop.calls:
            if call.process.poll() is None:
                call.kill()


def step(shop: Shop) -> str:
    return str((shop.status()["running"] or {}).get("step"))


def is_true(act: Callable[[], bool]) -> bool:
    """The same, and False while the server can't be asked."""
    try:
        return act()
    except (AssertionError, httpx.TransportError):
        return False


def test_agent_killed_in_a_drain_is_back_and_finishes_it(shops: list[Shop]) -> None:
    left, right = shops
    with Load(left.port, left.domain) as load:
        uploads = {shop.name: Upload(shop.port, shop.domain) for shop in shops}
        calls = []
        for shop in shops:
            shop.commit(word=f"{shop.name} two")
            calls.append(shop.start("deploy"))
            wait_until(lambda shop=shop: step(shop) == "drain", "it drains", seconds=60)  # type: ignore[misc]
        left.prepared.server.run(["systemctl", "kill", "--signal", "KILL", "ferryman-agent"])
        killed = time.monotonic()
        wait_until(lambda: is_true(lambda: bool(left.status())), "the agent answers", seconds=20, pause=0.05)
        print(f"the agent answers {time.monotonic() - killed:.2f} s after kill -9")
        assert uploads["left"].finish() == (200, f"left one {2 * len(PIECE)}")
        free = time.monotonic()
        wait_until(lambda: left.containers() == {"web.2"}, "the drain of left is finished", seconds=30, pause=0.05)
        seconds = time.monotonic() - free
        print(f"its transaction is finished {seconds:.2f} s after its last request; the other app still drains")
        assert right.containers() == {"web.1", "web.2"}
        assert uploads["right"].finish() == (200, f"right one {2 * len(PIECE)}")
        for call in calls:
            call.end().succeeded()
    assert seconds < LIMIT_SECONDS
    assert load.failures == [], f"{load.total} requests"
    print(f"{load.total} requests, {len(load.failures)} lost")
    for shop in shops:
        newest = shop.ferryman("deployments", "--limit", "1", "--json").json()["deployments"][0]
        assert (newest["state"], newest["release"], shop.word()) == ("succeeded", 2, f"{shop.name} two")
