"""Who may ask what; and what outlives a killed agent, a killed client, a reboot, a power cut, the engine's restart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from load import Load
from shop import Shop

from ferryman.rehearsal.machine import Machine
from ferryman.rehearsal.polling import wait_until

AGENT = "ferryman-agent.service"
PIPELINE = "pipeline.toml"


@pytest.fixture(scope="module")
def shop(new_shop: Callable[..., Shop]) -> Shop:
    """An app that serves, with a second configuration that uses the pipeline's key."""
    made = new_shop("gate", "gate.test")
    made.deploy(word="gate")
    pipeline = {"identity": str(made.prepared.pipeline_key)}
    made.configure(lambda settings: settings["environments"]["production"].update(pipeline), PIPELINE)
    return made


@pytest.fixture
def server(shop: Shop) -> Machine:
    return shop.prepared.server


@pytest.fixture
def agent_in_the_end(server: Machine) -> Iterator[None]:
    """The agent is enabled and runs again after the test, whatever became of it."""
    yield
    server.run(["systemctl", "enable", "--now", AGENT])


def serves(shop: Shop, word: str) -> bool:
    try:
        return shop.word() == word
    except httpx.HTTPError:
        return False


def test_pipeline_key_ships_and_reads(shop: Shop) -> None:
    shop.commit(word="by the pipeline")
    shop.ferryman("deploy", file=PIPELINE).succeeded("release 2")
    shop.ferryman("rollback", file=PIPELINE).succeeded("release 1")
    shop.ferryman("plan", "deploy", file=PIPELINE).succeeded()
    for command in ("status", "releases", "deployments"):
        shop.ferryman(command, "--json", file=PIPELINE).succeeded()


@pytest.mark.parametrize(
    "words",
    [
        ["exec", "--", "id"],
        ["logs"],
        ["logs", "--follow"],
        ["env", "set", "NAME"],
        ["env", "unset", "NAME"],
        ["env", "list"],
        ["env", "list", "--values"],
        ["env", "history"],
        ["server", "reports", "http://127.0.0.1/"],
    ],
    ids=" ".join,
)
def test_pipeline_key_may_not_look_inside(shop: Shop, words: list[str]) -> None:
    call = shop.ferryman(*words, stdin=b"value\n", file=PIPELINE)
    call.ended_with(3, "[not-allowed]", "a pipeline key may not", "hint: use an operator's key")
    assert call.stdout.text == ""


def test_agent_that_is_killed_before_the_commit_goes_back(shop: Shop, server: Machine) -> None:
    before, footprint = shop.serving(), shop.footprint()
    shop.commit(word="never seen", start_seconds=15)
    with Load(shop.port, shop.domain) as load:
        call = shop.start("deploy")
        call.wait_for(" start web ")
        server.run(["systemctl", "kill", "--signal=KILL", AGENT])
        call.end().ended_with(1, "[interrupted]", f"release {before} goes on serving", "hint: deploy again")
        assert shop.ferryman("deployments", "--json").json()["deployments"][0]["state"] == "interrupted"
        found = shop.status()
        assert (found["release"]["number"], found["state"], found["running"]) == (before, "serving", None)
    assert load.failures == []
    assert shop.footprint() == footprint


def test_client_that_is_killed_takes_nothing_with_it(shop: Shop) -> None:
    before = shop.serving()
    shop.commit(word="without a client", start_seconds=3)
    call = shop.start("deploy")
    call.wait_for(" start web ")
    call.kill()
    running = shop.status()["running"]
    assert (running["kind"], running["step"]) == ("deploy", "healthy")
    wait_until(lambda: shop.status()["running"] is None, "the deploy ends", seconds=30)
    assert shop.serving() > before
    assert shop.word() == "without a client"
    assert shop.ferryman("deployments", "--json").json()["deployments"][0]["state"] == "succeeded"


def test_engine_that_restarts_brings_the_service_back(shop: Shop, server: Machine) -> None:
    word = shop.word()
    server.run(["systemctl", "restart", "docker.service"])
    wait_until(lambda: serves(shop, word), "the service is back", seconds=60)
    wait_until(lambda: shop.status()["state"] == "serving", "all containers run", seconds=30)


def test_service_comes_up_after_a_reboot_without_the_agent(shop: Shop, server: Machine, agent_in_the_end: None) -> None:
    word, number = shop.word(), shop.serving()
    server.run(["systemctl", "disable", "--now", AGENT])
    shop.ferryman("status").ended_with(4, "[agent-not-running]", "what serves goes on serving")
    server.reboot()
    wait_until(lambda: serves(shop, word), "the service is back", seconds=60)
    assert not server.succeeds(["systemctl", "is-active", AGENT])
    server.run(["systemctl", "enable", "--now", AGENT])
    found: dict[str, Any] = shop.status()
    assert (found["state"], found["release"]["number"], found["degraded"]) == ("serving", number, "")
    assert shop.deploy(word="after the reboot").steps()["commit"][0] == "done"


def test_power_cut_in_a_deploy_leaves_the_old_release(shop: Shop, server: Machine) -> None:
    before, word = shop.serving(), shop.word()
    shop.commit(word="never seen", start_seconds=15)
    call = shop.start("deploy")
    call.wait_for(" start web ")
    server.power_cut()
    call.end().ended_with(1, "[interrupted]", f"release {before} goes on serving")
    assert serves(shop, word)
    assert (shop.serving(), shop.status()["state"]) == (before, "serving")
    assert {name for name in shop.containers() if name.startswith("web.")} == {f"web.{before}"}
