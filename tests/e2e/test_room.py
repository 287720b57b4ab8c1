"""A small disk under the agent's files on a real server: refused with figures, failed cleanly, and healed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from load import Load
from shop import Shop

from ferryman.rehearsal.polling import wait_until

SMALL = """\
systemctl stop ferryman-agent
mkdir -p /run/state && mount --bind /var/lib/ferryman /run/state
mount -t tmpfs -o size=96m,mode=0700 tmpfs /var/lib/ferryman
cp -a /run/state/. /var/lib/ferryman && mount --bind /run/state/edge /var/lib/ferryman/edge
systemctl start ferryman-agent
"""
LARGE = """\
systemctl stop ferryman-agent
umount /var/lib/ferryman/edge && cp -a /var/lib/ferryman/ledger.db* /var/lib/ferryman/apps /run/state
umount /var/lib/ferryman && umount /run/state
systemctl start ferryman-agent
"""
LEAVE_16_MIB = """\
free=$(df --output=avail --block-size=1M /var/lib/ferryman | tail -n 1)
dd if=/dev/zero of=/var/lib/ferryman/fill bs=1M count=$((free - 16)) 2>/dev/null
"""
FILL = "dd if=/dev/zero of=/var/lib/ferryman/fill bs=4k 2>/dev/null || true"
FREE = "rm -f /var/lib/ferryman/fill"


@pytest.fixture(scope="module")
def shop(new_shop: Callable[..., Shop]) -> Iterator[Shop]:
    """An app that serves, on a server whose agent has 96 MiB."""
    made = new_shop("attic", "attic.test")
    made.deploy(word="first")
    on_server(made, SMALL)
    yield made
    on_server(made, LARGE)


@pytest.fixture(autouse=True)
def freed(shop: Shop) -> Iterator[None]:
    """Each test begins with an empty disk, whatever the one before it left."""
    yield
    on_server(shop, FREE)


def on_server(shop: Shop, script: str) -> str:
    return shop.prepared.server.run(["sh", "-ec", script])


def test_a_deploy_is_refused_with_the_figures_and_changes_nothing(shop: Shop) -> None:
    before, newest = shop.footprint(), shop.ferryman("releases", "--json").json()["releases"][0]["number"]
    on_server(shop, LEAVE_16_MIB)
    shop.commit(word="second")
    call = shop.ferryman("deploy")
    call.ended_with(3, "[disk-full]", "/var/lib/ferryman has 1", "this needs 32 MiB", "nothing was changed")
    assert call.steps()["room"][0] == "failed"
    on_server(shop, FREE)
    assert shop.footprint() == before
    assert shop.ferryman("releases", "--json").json()["releases"][0]["number"] == newest


def test_a_disk_that_gets_full_during_a_deploy_loses_nothing_and_heals(shop: Shop) -> None:
    """It succeeds where the ledger's file has room within itself, and goes back where it has not."""
    shop.commit(word="third", start_seconds=4)
    with Load(shop.port, shop.domain) as load:
        call = shop.start("deploy")
        call.wait_for("start web")
        on_server(shop, FILL)
        call.end()
        is_done = call.process.returncode == 0
        assert shop.word() == ("third" if is_done else "first"), call.told
        assert len(shop.containers()) == 1
        on_server(shop, FREE)
        ended = ("succeeded",) if is_done else ("failed", "interrupted")
        wait_until(lambda: newest(shop) in ended, "the outcome is recorded", seconds=60)
        shop.deploy(word="fourth")
        assert shop.word() == "fourth"
    print(f"exit status {call.process.returncode}; {load.total} requests, {len(load.failures)} lost")
    assert is_done or "full" in call.told
    assert load.failures == []


def newest(shop: Shop) -> str:
    return str(shop.ferryman("deployments", "--limit", "1", "--json").json()["deployments"][0]["state"])
