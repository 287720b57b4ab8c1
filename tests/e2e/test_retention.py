"""Retention on a real server: what failures leave, and what a prune by hand takes, with a registry that asks."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from shop import Settings, Shop, forward

from ferryman.errors import FerrymanError
from ferryman.rehearsal.local_registry import LocalRegistry
from ferryman.rehearsal.polling import wait_until

KEPT = "/var/lib/ferryman/registries.json"
BACK_SECONDS = 45
Login = dict[str, str]


@pytest.fixture(scope="module")
def login(private_registry: LocalRegistry, tmp_path_factory: pytest.TempPathFactory) -> Login:
    """What `docker login` leaves behind."""
    folder, state = tmp_path_factory.mktemp("login"), private_registry.state
    auth = base64.b64encode(f"{state.username}:{state.password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {state.address: {"auth": auth}}}))
    return {"DOCKER_CONFIG": str(folder)}


@pytest.fixture(scope="module")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Login:
    """No login anywhere."""
    return {"DOCKER_CONFIG": str(tmp_path_factory.mktemp("nobody")), "DOCKER_USERNAME": "", "DOCKER_PASSWORD": ""}


@pytest.fixture(scope="module")
def shop(new_shop: Callable[..., Shop], private_registry: LocalRegistry, login: Login) -> Iterator[Shop]:
    """An app with two healthy releases; its registry asks for a password."""
    made = new_shop("depot", "depot.test")
    forward(made.prepared.server, private_registry)

    def change(settings: Settings) -> None:
        settings["app"] |= {"image": f"{private_registry.state.address}/depot", "retain": 2}

    made.configure(change)
    for word in ("first", "second"):
        made.commit(word=word)
        made.ferryman("deploy", variables=login).succeeded()
    yield made
    made.ferryman("registry", "logout").succeeded()


def releases(shop: Shop) -> dict[int, dict[str, Any]]:
    found = shop.ferryman("releases", "--json").json()["releases"]
    return {release["number"]: release for release in found}


def prune(shop: Shop) -> None:
    shop.prepared.server.run(["docker", "system", "prune", "--all", "--force"])


@pytest.mark.parametrize("failures", [3, pytest.param(10, marks=pytest.mark.slow)])
def test_failed_deploys_leave_the_way_back(shop: Shop, login: Login, failures: int) -> None:
    before = len(releases(shop))
    shop.commit(exit=3)
    for _ in range(failures):
        call = shop.ferryman("deploy", variables=login)
        call.ended_with(1, "[container-exited]", "state: release 2 goes on serving")
    states = [release["state"] for _, release in sorted(releases(shop).items())]
    assert states[:2] == ["healthy", "healthy"]
    assert len(states) == before + failures
    assert not set(states[2:]) & {"healthy", "candidate"}
    shop.ferryman("rollback", variables=login).succeeded("release 1")
    assert shop.word() == "first"
    shop.ferryman("rollback", "2", variables=login).succeeded("release 2")


def test_a_pruned_image_is_told_where_nobody_may_pull_it(shop: Shop, nobody: Login) -> None:
    prune(shop)
    assert [releases(shop)[number]["image_here"] for number in (2, 1)] == [True, False]
    told = shop.ferryman("releases").stdout.text.splitlines()
    assert [line.split()[5] for line in told if line.split()[1] in ("serving", "healthy")] == ["here", "gone"]
    call = shop.ferryman("rollback", variables=nobody)
    call.ended_with(1, "[image-missing]", "state: release 2 goes on serving", "ferryman registry login --to production")
    assert shop.word() == "second"


def test_a_rollback_pulls_it_again_with_the_login_of_the_call(shop: Shop, login: Login) -> None:
    call = shop.ferryman("rollback", variables=login).succeeded("release 1")
    assert call.steps()["pull"][0] == "done"
    assert shop.word() == "first"
    shop.ferryman("rollback", "2", variables=login).succeeded()
    assert not shop.prepared.server.succeeds(["test", "-e", KEPT])


def test_a_rollback_and_a_deploy_pull_with_the_login_that_is_kept(
    shop: Shop, private_registry: LocalRegistry, login: Login, nobody: Login
) -> None:
    prune(shop)
    state, server = private_registry.state, shop.prepared.server
    words = ("registry", "login", "--username", state.username)
    shop.ferryman(*words, stdin=b"wrong", variables=nobody).ended_with(3, "[registry-login-refused]")
    call = shop.ferryman(*words, stdin=state.password.encode(), variables=nobody)
    call.succeeded(f"keeps the login of {state.username} at {state.address}")
    assert server.run(["stat", "-c", "%a %U", KEPT]).split() == ["600", "root"]
    assert shop.ferryman("registry", "list", "--json").json() == {
        "registries": [{"registry": state.address, "username": state.username}]
    }
    shop.ferryman("rollback", variables=nobody).succeeded("release 1")
    assert shop.word() == "first"
    shop.commit(word="third")
    shop.ferryman("build", variables=login).succeeded()
    asked = {**shop.deploy_parameters(login), "credentials": None}
    assert shop.destination().link.request("deploy", asked)["outcome"] == "succeeded"
    assert shop.word() == "third"


def test_a_container_that_was_removed_with_its_image_comes_back(shop: Shop, private_registry: LocalRegistry) -> None:
    server, name = shop.prepared.server, f"ferryman.{shop.id}.web.{shop.serving()}"
    server.run(["systemctl", "stop", "ferryman-agent"])
    server.run(["docker", "rm", "--force", name])
    prune(shop)
    server.run(["systemctl", "start", "ferryman-agent"])
    wait_until(lambda: shop.get().status_code == 200, "the release is back", seconds=BACK_SECONDS)
    assert shop.word() == "third"
    journal = server.run(["journalctl", "-u", "ferryman-agent", "--no-pager"])
    assert private_registry.state.password not in journal


def test_a_logout_leaves_no_password(shop: Shop, private_registry: LocalRegistry) -> None:
    shop.ferryman("registry", "logout").succeeded("forgets the login")
    secret = ["grep", "-rl", private_registry.state.password, "/var/lib/ferryman", "/root", "/etc/docker"]
    assert not shop.prepared.server.succeeds(secret)
    asked = {**shop.destination().app, "to": 1, "credentials": None}
    prune(shop)
    with pytest.raises(FerrymanError) as caught:
        shop.destination().link.request("rollback", asked)
    assert caught.value.code == "image-missing"
