"""The removal of an app from a real server: nothing of it is left but its data, and others do not notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from load import Load
from shop import Shop

from ferryman.rehearsal.polling import wait_until


def with_data(settings: dict[str, Any]) -> None:
    settings["database"] = {"version": 17, "migrate": ["migrate"]}
    settings["app"]["volumes"] = {"media": "/app/media"}


@pytest.fixture(scope="module")
def shop(new_shop: Callable[..., Shop]) -> Shop:
    """An app with a database and media, of which two releases are there."""
    made = new_shop("booth", "booth.test")
    made.configure(with_data)
    made.deploy(word="one")
    made.deploy(word="two")
    return made


@pytest.fixture(scope="module")
def other(new_shop: Callable[..., Shop]) -> Shop:
    """Another app on the same server."""
    made = new_shop("next", "next.test")
    made.deploy(word="next")
    return made


def left(shop: Shop) -> dict[str, list[str]]:
    """What the server still has of an app."""
    run, by_app = shop.prepared.server.run, ["--filter", f"label=ferryman.app={shop.id}"]
    prefix = f"ferryman.{shop.id}."
    volumes = run(["docker", "volume", "ls", "--quiet", *by_app]).split()
    return {
        "containers": run(["docker", "ps", "--all", "--quiet", *by_app]).split(),
        "networks": run(["docker", "network", "ls", "--quiet", *by_app]).split(),
        "images": run(["docker", "images", "--quiet", "--filter", f"reference={shop.image}"]).split(),
        "files": run(["find", "/var/lib/ferryman/apps", "-path", f"*{shop.id}*"]).split(),
        "volumes": sorted(name.removeprefix(prefix) for name in volumes),
    }


def gone_but(volumes: list[str]) -> dict[str, list[str]]:
    return {"containers": [], "networks": [], "images": [], "files": [], "volumes": volumes}


def query(shop: Shop, statement: str) -> str:
    command = ["docker", "exec", "-u", "postgres", f"ferryman.{shop.id}.postgres", "psql", "-qAt"]
    return shop.prepared.server.run([*command, "-d", "booth_production", "-c", statement]).strip()


def test_a_removal_asks_for_the_name(shop: Shop) -> None:
    before = shop.footprint()
    shop.ferryman("remove").ended_with(2, "[confirmation-missing]", f"goes: containers ferryman.{shop.id}.web.2")
    shop.ferryman("remove", "--yes-remove", "boot").ended_with(3, "[not-confirmed]", "nothing was changed")
    assert shop.footprint() == before


def test_all_goes_but_the_data_which_a_later_deploy_finds(shop: Shop, other: Shop) -> None:
    query(shop, "CREATE TABLE kept AS SELECT 42 AS answer")
    shop.ferryman("exec", "--", "sh", "-c", "echo picture > /app/media/one").succeeded()
    assert len(left(shop)["images"]) == 2
    with Load(other.port, other.domain) as load:
        call = shop.ferryman("remove", "--yes-remove", "booth").succeeded("booth in production is removed", "kept: ")
        assert left(shop) == gone_but(["postgres-17", "volume.media"])
        assert shop.get().text == "No release serves here at the moment.\n"
        shop.ferryman("status").ended_with(3, "[unknown-app]")
        again = shop.deploy()
    print(
        f"removed in {call.ended - call.began:.1f} s; {load.total} requests of another app, {len(load.failures)} lost"
    )
    assert load.failures == []
    assert "takes over the data that is here" in again.stderr.text
    assert shop.serving() == 3
    assert query(shop, "SELECT answer FROM kept") == "42"
    assert shop.ferryman("exec", "--", "cat", "/app/media/one").succeeded().stdout.text == "picture\n"


def test_a_removal_goes_on_when_the_agent_is_killed(shop: Shop) -> None:
    call = shop.start("remove", "--yes-remove", "booth", "--with-data")
    call.wait_for("commit")
    shop.prepared.server.run(["systemctl", "kill", "--signal=SIGKILL", "ferryman-agent"])
    wait_until(lambda: left(shop) == gone_but([]), "nothing is left", seconds=60)
    call.end().succeeded("booth in production is removed")


def test_a_mistyped_app_is_removed_by_its_name(shop: Shop, other: Shop) -> None:
    mistyped = shop.configure(lambda settings: settings["app"].update(name="boooth"), "mistyped.toml")
    shop.ferryman("env", "set", "TOKEN", stdin=b"t", file=mistyped.name).succeeded()
    other.ferryman("remove", "boooth", "--yes-remove", "boooth").succeeded("boooth in production is removed")
    shop.ferryman("status", file=mistyped.name).ended_with(3, "[unknown-app]")
    assert other.word() == "next"
