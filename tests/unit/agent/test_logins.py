"""Images that somebody pruned by hand: pulled again with the call's login or a kept one, told when there is none."""

from __future__ import annotations

import io
import json
import os
import uuid
from pathlib import Path
from typing import Any

import pytest

from ferryman_agent.daemon.agent import Agent
from ferryman_agent.errors import AgentError
from ferryman_agent.host import Host
from ferryman_agent.host.logins import Logins
from ferryman_agent.ledger import Deployment
from ferryman_agent.protocol import Channel
from ferryman_agent.testing import Behaviour, FakeMachine, broken_promises, carry_out, digest, manifest
from ferryman_agent.transaction.keeping.reconciliation import settle
from ferryman_agent.transaction.orders import RestartOrder, RollbackOrder, StartOrder, StopOrder

APP = "shop.production"
SHOP = {"app": "shop", "environment": "production"}
BACK = RollbackOrder(APP, None, None)
READER = {"username": "reader", "password": "read-only"}
HUB = "https://index.docker.io/v1/"


def one(machine: FakeMachine) -> str:
    return f"acme/shop@{digest('one')}"


@pytest.fixture
def server(server: Host, machine: FakeMachine) -> Host:
    """Release 2 serves; the image of release 1 was pruned by hand, and the registry asks for a login."""
    assert carry_out(server, machine.order("two"), "two").state == "succeeded"
    machine.docker.is_private = True
    machine.docker.prune()
    assert machine.docker.image(one(machine)) is None
    return server


def error_of(deployment: Deployment) -> dict[str, Any]:
    assert deployment.error is not None
    return deployment.error


def test_without_a_login_the_missing_image_is_told_with_the_next_command(machine: FakeMachine, server: Host) -> None:
    error = error_of(carry_out(server, BACK, "back"))
    assert (error["code"], error["exit"]) == ("image-missing", 1)
    assert "the image of release 1 is not on this server any more" in error["message"]
    assert error["state"] == "release 2 goes on serving"
    assert error["hint"].startswith("ferryman registry login --to production; or call again with DOCKER_USERNAME")
    assert broken_promises(machine, server) == []


@pytest.mark.parametrize("whose", ["the call's", "the kept one"])
def test_a_rollback_pulls_it_again_by_digest_with_a_login(machine: FakeMachine, server: Host, whose: str) -> None:
    if whose == "the kept one":
        server.logins.keep("docker.io", READER)
    order = BACK if whose == "the kept one" else RollbackOrder(APP, None, READER)
    assert carry_out(server, order, "back").state == "succeeded"
    assert machine.docker.pulls[-1] == (one(machine), {**READER, "serveraddress": HUB})
    assert broken_promises(machine, server) == []


def test_the_calls_login_goes_before_the_kept_one(machine: FakeMachine, server: Host) -> None:
    server.logins.keep("docker.io", READER)
    error = error_of(carry_out(server, RollbackOrder(APP, None, {"username": "ada", "password": "wrong"}), "back"))
    assert (error["code"], error["hint"]) == (
        "registry-login-refused",
        "check DOCKER_USERNAME and DOCKER_PASSWORD",
    )
    server.logins.keep("docker.io", {"username": "reader", "password": "wrong"})
    error = error_of(carry_out(server, BACK, "again"))
    assert "the login of reader that is kept here" in error["message"]
    assert error["hint"] == "ferryman registry login --to production"


def test_a_deploy_whose_call_brings_no_login_uses_the_kept_one(machine: FakeMachine, server: Host) -> None:
    assert error_of(carry_out(server, machine.order("three"), "three"))["code"] == "image-not-in-registry"
    server.logins.keep("docker.io", READER)
    assert carry_out(server, machine.order("three"), "again").state == "succeeded"


def test_a_login_is_never_sent_to_another_registry(machine: FakeMachine, server: Host) -> None:
    server.logins.keep("docker.io", READER)
    machine.docker.is_private = False
    machine.publish("four", Behaviour(), image="ghcr.io/acme/shop")
    assert carry_out(server, machine.order("four", manifest(image="ghcr.io/acme/shop")), "four").state == "succeeded"
    assert machine.docker.pulls[-1][1] is None


def test_postgresql_comes_back_also_with_a_kept_login_that_is_not_taken_any_more(
    machine: FakeMachine, server: Host
) -> None:
    server.logins.keep("docker.io", READER)
    server.images.pull("postgres:17")
    assert machine.docker.pulls[-1] == ("postgres:17", {**READER, "serveraddress": HUB})
    del machine.docker.registry["postgres:17"]
    with pytest.raises(AgentError, match="postgres:17 can't be pulled"):
        server.images.pull("postgres:17")
    assert [auth and auth["username"] for _, auth in machine.docker.pulls[-2:]] == ["reader", None]


def test_a_container_whose_image_is_gone_too_comes_back_with_the_kept_login(machine: FakeMachine, server: Host) -> None:
    def look() -> str:
        app = server.ledger.app(APP)
        assert app is not None
        settle(server, app)
        found = server.ledger.app(APP)
        return found.degraded if found else ""

    machine.docker.remove(f"ferryman.{APP}.web.2")
    machine.docker.prune()
    assert "the image of release 2 is not on this server any more" in look()
    server.logins.keep("docker.io", READER)
    assert look() == ""
    assert broken_promises(machine, server) == []


def test_a_stopped_app_that_was_pruned_starts_again(machine: FakeMachine, server: Host) -> None:
    carry_out(server, StopOrder(APP, database=False), "stop")
    machine.docker.prune()
    assert error_of(carry_out(server, StartOrder(APP), "start"))["code"] == "image-missing"
    server.logins.keep("docker.io", READER)
    assert carry_out(server, StartOrder(APP), "again").state == "succeeded"
    assert carry_out(server, RestartOrder(APP, None), "restart").state == "succeeded"
    assert broken_promises(machine, server) == []


def test_after_ten_failed_deploys_the_rollback_reaches_the_healthy_release_before(
    machine: FakeMachine, server: Host
) -> None:
    machine.docker.is_private = False
    content = manifest(retain=2)
    for number in range(10):
        machine.publish(f"bad {number}", Behaviour(migrations=["shop.0001"], exits={"web": 3}))
        failed = carry_out(server, machine.order(f"bad {number}", content), f"bad {number}")
        assert failed.state == "failed"
    assert carry_out(server, BACK, "back").release == 1
    assert {r.number: r.state for r in server.ledger.releases(APP)[:2]} == {12: "failed-pruned", 11: "failed-pruned"}
    assert broken_promises(machine, server) == []


# -- the calls


def ask(agent: Agent, request: str, params: Any = None) -> dict[str, Any]:
    """An operator's call: the last line of its answer."""
    message = {"protocol": 1, "client": "0", "id": str(uuid.uuid4()), "request": request, "params": params or {}}
    lines = b"".join(json.dumps(line).encode() + b"\n" for line in ({"role": "operator"}, message))
    written = io.BytesIO()
    agent.answer(Channel(io.BytesIO(lines), written))
    return dict(json.loads(written.getvalue().splitlines()[-1]))


def code(answer: dict[str, Any]) -> tuple[str, int]:
    return answer["error"]["code"], answer["error"]["exit"]


@pytest.fixture
def agent(machine: FakeMachine, server: Host) -> Agent:
    server.ledger.close()
    made = Agent(machine.folder, machine.docker)
    made.host.edge = made.host.routing.edge = machine.edge
    return made


def test_the_list_of_releases_says_whose_image_is_here(agent: Agent) -> None:
    listed = ask(agent, "releases", SHOP)["result"]["releases"]
    assert [(release["number"], release["image_here"]) for release in listed] == [(2, True), (1, False)]


def test_a_login_is_kept_listed_and_forgotten(agent: Agent, machine: FakeMachine) -> None:
    file = machine.folder / "registries.json"
    assert code(ask(agent, "registry.login", {"registry": "ghcr.io", **READER, "password": "wrong"})) == (
        "registry-login-refused",
        3,
    )
    assert not file.exists()
    kept = ask(agent, "registry.login", {"registry": "index.docker.io", **READER})
    assert kept["result"] == {"registry": "docker.io", "username": "reader"}
    assert (file.stat().st_mode & 0o777, json.loads(file.read_text())) == (0o600, {"docker.io": READER})
    assert ask(agent, "registry.list")["result"] == {"registries": [{"registry": "docker.io", "username": "reader"}]}
    assert "read-only" not in json.dumps(ask(agent, "registry.list"))
    assert ask(agent, "registry.logout", {"registry": "docker.io"})["result"]["forgotten"] is True
    assert ask(agent, "registry.logout", {"registry": "docker.io"})["result"]["forgotten"] is False
    assert "read-only" not in file.read_text()


@pytest.mark.parametrize(
    "changed",
    [{"registry": "https://ghcr.io"}, {"registry": ""}, {"username": ""}, {"password": "a\nb"}, {"password": 5}],
)
def test_what_is_no_login_is_a_bad_request(agent: Agent, changed: dict[str, Any]) -> None:
    assert code(ask(agent, "registry.login", {"registry": "ghcr.io", **READER, **changed})) == ("bad-request", 2)


def test_a_file_that_is_open_to_others_is_closed_when_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "registries.json").write_text("{}")
    os.chmod(tmp_path / "registries.json", 0o644)  # noqa: PTH101 - as somebody may have left it
    logins = Logins(tmp_path)
    logins.keep("ghcr.io", READER)
    assert ((tmp_path / "registries.json").stat().st_mode & 0o777, logins.of("ghcr.io")) == (0o600, READER)
