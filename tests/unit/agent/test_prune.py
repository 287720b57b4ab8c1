"""The request `prune`: which images of a server are unused, which never are, and when nothing is removed."""

from __future__ import annotations

import io
import json
import threading
import uuid
from typing import Any

import pytest

from ferryman_agent.daemon.agent import Agent
from ferryman_agent.engine import Workload
from ferryman_agent.host import Host
from ferryman_agent.host.probe import Answer
from ferryman_agent.protocol import Channel
from ferryman_agent.testing import Behaviour, FakeMachine, carry_out, digest, manifest
from ferryman_agent.transaction.steps.teardown.unused import remove_unused, short_name, strays

SHOP = {"app": "shop", "environment": "production"}


def reference(word: str, image: str = "acme/shop") -> str:
    return f"{image}@{digest(word)}"


def shop(server: Host) -> Any:
    found = server.ledger.app("shop.production")
    assert found
    return found


def told(found: dict[str, Any]) -> set[str]:
    return {image["image"] for image in found["images"]}


def put(machine: FakeMachine, *names: str, size: int = 10 << 20) -> None:
    for name in names:
        machine.docker.images_here[name] = Behaviour(size=size)


@pytest.fixture
def cluttered(machine: FakeMachine, server: Host) -> Host:
    """Release 1 serves; there are a failed release's image, two strays, and what belongs to others."""
    machine.publish("broken", Behaviour(exits={"web": 1}))
    assert carry_out(server, machine.order("broken"), "broken").state == "failed"
    put(machine, reference("stray"), reference("old stray"), size=10 << 20)
    put(machine, "acme/shop:debug", "acme/other@sha256:1", "acme/shop-two@sha256:2", "redis:7", "haproxy:3.0")
    return server


def test_images_of_failed_releases_and_strays_go_and_nothing_else(machine: FakeMachine, cluttered: Host) -> None:
    before = set(machine.docker.images_here)
    volumes, containers = dict(machine.docker.volume_labels), set(machine.docker.by_name)

    found = remove_unused(cluttered, shop(cluttered), is_dry=False)

    gone = {reference("broken"), reference("stray"), reference("old stray")}
    assert told(found) == gone
    assert before - set(machine.docker.images_here) == gone
    assert found["bytes"] == (100 << 20) + 2 * (10 << 20)
    assert found["images"][0] == {"image": reference("broken"), "bytes": 100 << 20}
    assert (dict(machine.docker.volume_labels), set(machine.docker.by_name)) == (volumes, containers)


def test_a_dry_run_tells_the_same_and_changes_nothing(machine: FakeMachine, cluttered: Host) -> None:
    before, releases = set(machine.docker.images_here), cluttered.ledger.releases("shop.production")

    found = remove_unused(cluttered, shop(cluttered), is_dry=True)

    assert (set(machine.docker.images_here), cluttered.ledger.releases("shop.production")) == (before, releases)
    assert found == remove_unused(cluttered, shop(cluttered), is_dry=False)
    assert remove_unused(cluttered, shop(cluttered), is_dry=False) == {"images": [], "bytes": 0}


def test_what_another_app_retains_stays(machine: FakeMachine, cluttered: Host) -> None:
    staging = manifest(environment="staging", domain="staging.example.com")
    machine.publish("stray")
    assert carry_out(cluttered, machine.order("stray", staging), "staging").state == "succeeded"

    assert told(remove_unused(cluttered, shop(cluttered), is_dry=False)) == {
        reference("broken"),
        reference("old stray"),
    }


def test_an_image_that_a_container_uses_stays_and_is_not_told(machine: FakeMachine, cluttered: Host) -> None:
    machine.docker.create("somebodys", Workload(reference("stray"), {}, None))

    assert told(remove_unused(cluttered, shop(cluttered), is_dry=False)) == {
        reference("broken"),
        reference("old stray"),
    }
    assert reference("stray") in machine.docker.images_here


def test_an_image_that_somebody_tagged_here_stays(machine: FakeMachine, cluttered: Host) -> None:
    machine.docker.tagged[reference("stray")] = ["acme/shop:keep"]

    assert reference("stray") not in told(remove_unused(cluttered, shop(cluttered), is_dry=False))
    assert reference("stray") in machine.docker.images_here


def test_the_last_healthy_releases_stay_and_older_ones_go(machine: FakeMachine, server: Host) -> None:
    for word in ("two", "three"):
        assert carry_out(server, machine.order(word, manifest(retain=2)), word).state == "succeeded"
    put(machine, reference("one"))  # somebody pulled it again by digest

    assert told(remove_unused(server, shop(server), is_dry=False)) == {reference("one")}
    assert {reference("two"), reference("three")} <= set(machine.docker.images_here)


def test_bytes_are_not_known_where_the_engine_does_not_tell(machine: FakeMachine, cluttered: Host) -> None:
    machine.docker.image_usage = lambda: None  # type: ignore[method-assign]

    assert remove_unused(cluttered, shop(cluttered), is_dry=True)["bytes"] is None
    assert remove_unused(cluttered, shop(cluttered), is_dry=False)["bytes"] is None


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("acme/shop", "acme/shop"),
        ("docker.io/acme/shop", "acme/shop"),
        ("docker.io/library/shop", "shop"),
        ("ghcr.io/acme/shop", "ghcr.io/acme/shop"),
        ("127.0.0.1:5000/library/shop", "127.0.0.1:5000/library/shop"),
    ],
)
def test_a_repository_is_asked_for_by_the_name_that_the_engine_lists(image: str, name: str) -> None:
    assert short_name(image) == name


def test_strays_of_an_image_named_with_its_registry_are_found(machine: FakeMachine, server: Host) -> None:
    content = manifest(app="till", image="docker.io/acme/till", domain="till.example.com")
    machine.publish("till", image="docker.io/acme/till")
    assert carry_out(server, machine.order("till", content), "till").state == "succeeded"
    put(machine, reference("stray", "acme/till"))
    till = server.ledger.app("till.production")
    assert till

    assert strays(server, till) == {reference("stray", "acme/till")}


# -- the request


@pytest.fixture
def agent(machine: FakeMachine) -> Agent:
    made = Agent(machine.folder, machine.docker)
    made.host.edge = made.host.routing.edge = machine.edge
    made.host.probe, made.host.stopwatch = machine.docker.probe, machine.stopwatch
    deploy = {"manifest": manifest(), "digest": digest("one"), "revision": "0" * 40}
    assert ask(made, "deploy", deploy)["result"]["outcome"] == "succeeded"
    put(machine, reference("stray"))
    return made


def ask(agent: Agent, request: str, params: Any, role: str = "pipeline") -> Any:
    message = {"protocol": 1, "client": "0", "id": str(uuid.uuid4()), "request": request, "params": params}
    written = io.BytesIO()
    lines = b"".join(json.dumps(line).encode() + b"\n" for line in ({"role": role}, message))
    agent.answer(Channel(io.BytesIO(lines), written))
    return json.loads(written.getvalue().splitlines()[-1])


def test_the_pipelines_key_may_prune(agent: Agent, machine: FakeMachine) -> None:
    found = ask(agent, "prune", SHOP)["result"]

    assert found == {
        **SHOP,
        "dry_run": False,
        "images": [{"image": reference("stray"), "bytes": 10 << 20}],
        "bytes": 10 << 20,
        "busy": False,
    }
    assert reference("stray") not in machine.docker.images_here


def test_a_dry_run_is_asked_for_with_a_boolean(agent: Agent, machine: FakeMachine) -> None:
    assert ask(agent, "prune", {**SHOP, "dry_run": True})["result"]["images"]
    assert reference("stray") in machine.docker.images_here
    assert ask(agent, "prune", {**SHOP, "dry_run": "no"})["error"]["code"] == "bad-request"
    assert ask(agent, "prune", {**SHOP, "app": "shpo"})["error"]["code"] == "unknown-app"


def test_nothing_is_removed_while_any_app_has_a_transaction(agent: Agent, machine: FakeMachine) -> None:
    entered, leave = threading.Event(), threading.Event()

    def probe(*_: Any) -> Answer:
        entered.set()
        assert leave.wait(20)
        return Answer(200)

    agent.host.probe = probe
    staging = manifest(environment="staging", domain="staging.example.com")
    deploy = {"manifest": staging, "digest": digest("two"), "revision": "1" * 40}
    thread = threading.Thread(target=ask, args=(agent, "deploy", deploy))
    thread.start()
    assert entered.wait(20)
    try:
        found = ask(agent, "prune", SHOP)["result"]
    finally:
        leave.set()
        thread.join(20)

    assert (found["busy"], found["images"], found["bytes"]) == (True, [], 0)
    assert reference("stray") in machine.docker.images_here
    assert ask(agent, "prune", SHOP)["result"]["busy"] is False


def test_a_deploy_that_comes_meanwhile_begins_when_the_pruning_is_over(agent: Agent, machine: FakeMachine) -> None:
    entered, leave, order = threading.Event(), threading.Event(), list[str]()
    remove = machine.docker.remove_image

    def slow(reference: str) -> bool:
        entered.set()
        assert leave.wait(20)
        order.append("removed")
        return remove(reference)

    machine.docker.remove_image = slow  # type: ignore[method-assign]
    pruning = threading.Thread(target=ask, args=(agent, "prune", SHOP))
    pruning.start()
    assert entered.wait(20)
    new = manifest(app="till", domain="till.example.com")
    deploy = {"manifest": new, "digest": digest("two"), "revision": "1" * 40}
    answers: list[Any] = []

    def ship() -> None:
        answers.append(ask(agent, "deploy", deploy))
        order.append("deployed")

    shipping = threading.Thread(target=ship)
    shipping.start()
    while agent.host.ledger.app("till.production") is None:  # it is known just before it wants to begin
        shipping.join(0.01)
    assert agent.running.of("till.production") is None
    leave.set()
    for thread in (pruning, shipping):
        thread.join(20)

    assert answers[0]["result"]["outcome"] == "succeeded"
    assert order[0] == "removed"
    assert order[-1] == "deployed"
