"""The agent dies in the middle of a drain, or is gone altogether: what serves goes on serving."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from load import PIECE, Load, Upload
from shop import Shop, make_shop, prepare

from ferryman.rehearsal.local_registry import LocalRegistry
from ferryman.rehearsal.machine import Machine
from ferryman.rehearsal.polling import wait_until

LIMIT_SECONDS = 5.0
STATE = "/var/lib/ferryman"
LEDGER = f"{STATE}/ledger.db"
PROGRAM = "/usr/local/lib/ferryman/ferryman-agent.pyz"
DAMAGES = {
    "emptied": (f": > {LEDGER}", "ledger-missing"),
    "removed": (f"rm {LEDGER}*", "ledger-missing"),
    "overwritten": (f"echo nonsense > {LEDGER}", "ledger-damaged"),
    "cut off": (f"truncate --size 9000 {LEDGER}", "ledger-damaged"),
    "of a newer format": (
        f'python3 -c \'import sqlite3; sqlite3.connect("{LEDGER}").execute("PRAGMA user_version = 99")\'',
        "ledger-newer",
    ),
}
# The edge's folder stays where its container has it
SMALL_DISK = f"""\
mkdir /run/edge /run/state
mount --bind {STATE}/edge /run/edge
cp --archive {STATE}/apps {STATE}/ledger.db* /run/state
mount -t tmpfs -o size=4m,mode=700 tmpfs {STATE}
cp --archive /run/state/. {STATE}
mkdir {STATE}/edge
mount --bind /run/edge {STATE}/edge
"""

# What the agent gives up in its attempts is taken at once
KEEP_FULL = f"""\
cat /dev/zero > {STATE}/fill || true
systemd-run --quiet --unit filler sh -c 'while :; do cat /dev/zero >> {STATE}/fill; done'
"""


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


def on_server(shop: Shop, script: str) -> str:
    return shop.prepared.server.run(["sh", "-ec", script])


def ids(shop: Shop) -> dict[str, str]:
    return {name: str(shop.inspect(name)["Id"]) for name in shop.containers()}


def told(shop: Shop) -> dict[str, Any]:
    """What `status` says and a rebuild must give again."""
    changing = ("latest_differs", "outbox", "duties", "notices")
    return {key: value for key, value in shop.status().items() if key not in changing}


def test_after_a_reboot_without_the_agent_the_apps_are_there(shops: list[Shop]) -> None:
    before = [ids(shop) for shop in shops]
    left = shops[0]
    on_server(left, "systemctl disable --now ferryman-agent")
    on_server(left, f"cp {PROGRAM} /root/agent; echo nonsense > {PROGRAM}")
    on_server(left, f"mkdir /root/ledger; cp {LEDGER}* /root/ledger; : > {LEDGER}")
    left.prepared.server.reboot()
    began = time.monotonic()
    for shop in shops:
        wait_until(lambda shop=shop: is_true(lambda: bool(shop.word())), "it serves", seconds=60)  # type: ignore[misc]
    print(f"{time.monotonic() - began:.2f} s after the reboot both apps serve, without an agent")
    assert [ids(shop) for shop in shops] == before
    left.ferryman("status").ended_with(4)
    on_server(left, f"cp /root/agent {PROGRAM}; rm {LEDGER}*; cp /root/ledger/* {STATE}")
    left.ferryman("status").ended_with(4, "[agent-not-running]")
    on_server(left, "systemctl enable --now ferryman-agent")
    wait_until(lambda: is_true(lambda: told(left)["state"] == "serving"), "the agent is back", seconds=20)
    assert [ids(shop) for shop in shops] == before


@pytest.fixture(scope="module")
def furnished(shops: list[Shop]) -> list[Shop]:
    """The same, with a variable and a release to go back to, and the other one in maintenance."""
    left, right = shops
    left.ferryman("env", "set", "TOKEN", stdin=b"geheim").succeeded()
    left.deploy(word="left three")
    right.ferryman("maintenance", "on", "--message", "back soon").succeeded()
    return shops


@pytest.mark.parametrize(
    "name", ["emptied", *(pytest.param(name, marks=pytest.mark.slow) for name in DAMAGES if name != "emptied")]
)
def test_lost_ledger_is_told_and_rebuilt_while_everything_serves(furnished: list[Shop], name: str) -> None:
    left, (damage, code) = furnished[0], DAMAGES[name]
    before, running = [told(shop) for shop in furnished], [ids(shop) for shop in furnished]
    with Load(left.port, left.domain) as load:
        on_server(left, f"systemctl stop ferryman-agent; {damage}; systemctl start ferryman-agent")
        left.ferryman("status").ended_with(4, f"[{code}]", "what serves goes on serving")
        left.ferryman("deploy").ended_with(4, f"[{code}]")
        serving = before[0]["release"]["number"]
        left.ferryman("doctor").ended_with(4, f"[{code}]", f"left.production: release {serving} serves")
        left.ferryman("doctor", "--rebuild").ended_with(3, "[not-confirmed]")
        if name == "emptied":  # on the server, beside the agent that refuses
            on_server(left, "ferryman-agent doctor --rebuild --yes")
        else:
            left.ferryman("doctor", "--rebuild", "--yes").succeeded("the ledger was rebuilt")
        wait_until(lambda: is_true(lambda: bool(left.status())), "the agent acts again", seconds=20)
        assert ([told(shop) for shop in furnished], [ids(shop) for shop in furnished]) == (before, running)
        left.ferryman("doctor").succeeded("whole")
    assert load.failures == []
    print(f"lost and rebuilt; {load.total} requests, {len(load.failures)} lost")


def test_rebuilt_ledger_carries_on(furnished: list[Shop]) -> None:
    left, right = furnished
    right.ferryman("maintenance", "off").succeeded()
    assert right.word() == "right two"
    left.ferryman("rollback").succeeded()
    assert left.word() == "left two"
    left.deploy(word="left four")
    assert (left.serving(), left.word()) == (4, "left four")
    assert left.ferryman("env", "list", "--values").succeeded().stdout.text == "TOKEN=geheim\n"


def test_ledger_removed_under_the_agent_is_written_again(shops: list[Shop]) -> None:
    left = shops[0]
    history = left.ferryman("deployments", "--json").json()
    on_server(left, f"rm {LEDGER}*")
    left.ferryman("status").ended_with(4, "[ledger-damaged]", "was removed while the agent ran")
    wait_until(lambda: is_true(lambda: told(left)["state"] == "serving"), "the agent is back", seconds=20)
    assert left.ferryman("deployments", "--json").json() == history


def test_disk_that_can_not_be_written_is_told_and_waited_for(shops: list[Shop]) -> None:
    left = shops[0]
    on_server(left, f"systemctl stop ferryman-agent\n{SMALL_DISK}")
    before = ids(left)
    faults = {
        # the file system, as Linux does it after a fault: a mount point that is read-only the agent's namespace keeps
        "ledger-read-only": (f"mount -o remount,ro=fs {STATE}", f"mount -o remount,rw=fs {STATE}"),
        "ledger-disk-full": (KEEP_FULL, f"systemctl stop filler; rm {STATE}/fill"),
    }
    for code, (damage, repair) in faults.items():
        on_server(left, f"{damage}\nsystemctl start ferryman-agent")
        left.ferryman("status").ended_with(4, f"[{code}]", "what serves goes on serving")
        assert left.word() == "left four"
        on_server(left, repair)
        began = time.monotonic()
        wait_until(lambda: is_true(lambda: told(left)["state"] == "serving"), "the agent acts again", seconds=20)
        print(f"{code}: the agent acts again {time.monotonic() - began:.2f} s after the disk is well")
        assert on_server(left, "systemctl show --property NRestarts --value ferryman-agent").strip() == "0"
        on_server(left, "systemctl stop ferryman-agent")
    on_server(left, f"umount {STATE}/edge {STATE} /run/edge\nsystemctl start ferryman-agent")
    wait_until(lambda: is_true(lambda: told(left)["state"] == "serving"), "the agent is back", seconds=20)
    assert ids(left) == before
