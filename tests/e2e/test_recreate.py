"""The strategy recreate on a real server: Docker publishes port 8000, the old container comes back, the gap is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from shop import Settings, Shop

from ferryman.rehearsal.docker import DockerError
from ferryman.rehearsal.polling import wait_until

SOON_SECONDS = 15
BACK_SECONDS = 30


@pytest.fixture(scope="module")
def neighbour(new_shop: Callable[..., Shop]) -> Shop:
    """Another app of the server, behind the edge."""
    made = new_shop("annex", "annex.test")
    made.deploy(word="annex")
    return made


@pytest.fixture(scope="module")
def shop(new_shop: Callable[..., Shop], neighbour: Shop) -> Iterator[Shop]:
    """An app that Docker publishes; the edge may have had the port for an app of another module."""
    neighbour.ferryman("remove", "shop.production", "--yes-remove", "shop")
    made = new_shop("kiosk8000")

    def recreate(settings: Settings) -> None:
        settings["app"]["strategy"] = "recreate"
        settings["app"]["roles"]["web"] |= {"stop_grace": "5s", "health_timeout": "60s"}

    made.configure(recreate)
    made.deploy(word="first").succeeded("release 1")
    yield made
    made.ferryman("remove", "--yes-remove", made.name).succeeded()


def word(shop: Shop) -> str:
    """What is answered; '' while it is down."""
    try:
        return shop.get().text
    except httpx.TransportError:
        return ""


def kill_agent(shop: Shop) -> None:
    """systemd starts it again, a second later."""
    shop.prepared.server.run(["systemctl", "kill", "--signal", "KILL", "ferryman-agent"])


def test_docker_publishes_the_port_and_the_edge_keeps_to_its_own(shop: Shop, neighbour: Shop) -> None:
    assert (shop.word(), neighbour.word()) == ("first", "annex")
    bindings = shop.inspect("web.1")["NetworkSettings"]["Ports"]["8000/tcp"]
    assert {binding["HostPort"] for binding in bindings} == {"8000"}
    assert "port         8000, published by Docker" in shop.ferryman("status").stdout.text
    refused = shop.ferryman("maintenance", "on").ended_with(3, "[edge-needed]")
    assert "stop" in refused.told


def test_a_deploy_tells_for_how_long_it_was_down(shop: Shop) -> None:
    shop.commit(word="second", start_seconds=1)
    planned = [step["step"] for step in shop.ferryman("plan", "deploy", "--json").json()["steps"]]
    result = shop.ferryman("deploy", "--json").json()
    assert 1.0 < result["downtime"] < result["seconds"]
    assert shop.word() == "second"
    assert shop.containers() == {f"web.{shop.serving()}"}
    call = shop.deploy(word="third").succeeded("of them down")
    assert planned == list(call.steps())
    assert shop.word() == "third"
    print(f"down for {result['downtime']} s with an app that takes 1 s to start")


def test_a_broken_release_brings_the_old_one_back(shop: Shop) -> None:
    before = shop.footprint()
    number = shop.serving()
    shop.commit(exit=3)
    call = shop.ferryman("deploy").ended_with(
        1, "[container-exited]", f"state: release {number} serves again, it was down for"
    )
    assert call.steps()["start old"][0] == "done"
    assert shop.footprint() == before
    shop.commit(health=500)
    failed = shop.ferryman("deploy", "--json").ended_with(1, '"downtime": ')
    assert '"code": "unhealthy"' in failed.told
    assert shop.footprint() == before
    print(call.stderr.text)


def test_a_rollback_and_a_restart_keep_the_port(shop: Shop) -> None:
    shop.ferryman("rollback").succeeded("of them down")
    assert shop.word() == "second"
    shop.ferryman("restart").succeeded("of them down")
    assert shop.word() == "second"
    shop.ferryman("stop").succeeded()
    assert word(shop) == ""
    shop.ferryman("start").succeeded()
    assert shop.word() == "second"


def held(shop: Shop) -> None:
    """A deploy of a release that never gets healthy has stopped the old one, and waits."""
    shop.commit(word="held", held=True)
    call = shop.start("deploy")
    wait_until(lambda: "start web" in call.steps(), "the old one has stopped", seconds=60)
    assert word(shop) == ""


def test_an_agent_that_is_killed_in_the_gap_brings_the_old_one_back(shop: Shop) -> None:
    held(shop)
    began = time.monotonic()
    kill_agent(shop)
    wait_until(lambda: word(shop) == "second", "the old release is back", seconds=SOON_SECONDS, pause=0.05)
    print(f"back {time.monotonic() - began:.1f} s after the agent was killed")
    wait_until(lambda: newest(shop).get("state") == "interrupted", "the outcome is recorded", seconds=SOON_SECONDS)
    assert "serves again, it was down for at most" in newest(shop)["error"]["state"]
    assert len(shop.containers()) == 1


def newest(shop: Shop) -> dict[str, Any]:
    """The newest deployment; nothing while the agent starts."""
    found = shop.ferryman("deployments", "--limit", "1", "--json")
    return dict(found.json()["deployments"][0]) if found.process.returncode == 0 else {}


def test_a_power_cut_in_the_gap_brings_the_old_one_back_without_the_agent(shop: Shop, neighbour: Shop) -> None:
    held(shop)
    server = shop.prepared.server
    server.run(["systemctl", "disable", "ferryman-agent"])
    server.power_cut()
    server.wait_engine()
    wait_until(lambda: word(shop) == "second", "the engine started the old one", seconds=BACK_SECONDS)
    server.run(["systemctl", "enable", "--now", "ferryman-agent"])
    wait_until(lambda: policies(shop) == ["unless-stopped"], "the agent has cleaned up", seconds=BACK_SECONDS)
    wait_until(lambda: neighbour.get().status_code == 200, "the other app is up", seconds=BACK_SECONDS)
    assert (word(shop), neighbour.word()) == ("second", "annex")


def policies(shop: Shop) -> list[str]:
    """The restart policies of its containers; nothing when one of them goes meanwhile."""
    try:
        return [shop.inspect(name)["HostConfig"]["RestartPolicy"]["Name"] for name in shop.containers()]
    except DockerError:
        return []


def test_the_strategy_changes_in_one_deploy_and_back(shop: Shop, neighbour: Shop) -> None:
    edge = neighbour.prepared.server.run(["docker", "inspect", "-f", "{{.Id}}", "ferryman.edge"])
    shop.configure(lambda settings: settings["app"].update(strategy="blue-green"))
    shop.deploy(word="side by side").succeeded("of them down")
    assert (shop.word(), neighbour.word()) == ("side by side", "annex")
    held_edge = neighbour.prepared.server.run(["docker", "inspect", "-f", "{{.Id}}", "ferryman.edge"])
    shop.configure(lambda settings: settings["app"].update(strategy="recreate"))
    shop.commit(exit=3)
    shop.ferryman("deploy").ended_with(1, "serves again, it was down for")
    assert shop.word() == "side by side"
    shop.deploy(word="alone").succeeded("of them down")
    assert (shop.word(), neighbour.word()) == ("alone", "annex")
    shop.ferryman("rollback").succeeded("of them down")
    assert shop.word() == "side by side"
    shop.ferryman("rollback", str(max(r["number"] for r in retained(shop)))).succeeded()
    assert shop.word() == "alone"
    now = neighbour.prepared.server.run(["docker", "inspect", "-f", "{{.Id}}", "ferryman.edge"])
    assert now == held_edge, "the port is given up and taken again without a restart of the edge"
    print(f"the edge was restarted once to open the port: {edge != held_edge}")


def retained(shop: Shop) -> list[dict[str, int]]:
    releases = shop.ferryman("releases", "--json").json()["releases"]
    return [release for release in releases if release["state"] == "healthy"]
