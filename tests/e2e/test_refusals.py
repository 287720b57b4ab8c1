"""Wrong use, wrong configuration, wrong server, wrong time: each has its own code and exit status."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import threading
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from shop import Settings, Shop, forward, fresh_key

from ferryman.docker_command import build_command
from ferryman.errors import FerrymanError
from ferryman.link import SshLink
from ferryman.link.command import RELAY_COMMAND
from ferryman.link.diagnosis import Purpose
from ferryman.link.protocol import encode_line
from ferryman.rehearsal.docker import Docker
from ferryman.rehearsal.local_registry import LocalRegistry
from ferryman.rehearsal.machine import Machine
from ferryman.rehearsal.polling import wait_until
from ferryman.rehearsal.ports import free_port
from ferryman.server.zipapp import build_zipapp

AGENT = "/usr/local/lib/ferryman/ferryman-agent.pyz"
NOTHING_SENT = "state: nothing was sent to the server"


@pytest.fixture(scope="module")
def shop(new_shop: Callable[..., Shop]) -> Shop:
    """An app that serves; nothing in this module may change which release that is, unless it says so."""
    made = new_shop("stall", "stall.test")
    made.deploy(word="stall")
    return made


@pytest.fixture
def unchanged(shop: Shop) -> Iterator[None]:
    """The same release serves from the same container before and after."""
    before = shop.footprint()
    yield
    assert shop.footprint() == before


# -- what is built


def test_revision_that_is_not_known(shop: Shop, unchanged: None) -> None:
    shop.ferryman("deploy", "--revision", "no-such-branch").ended_with(
        2, "[unknown-revision]", '"no-such-branch"', "hint: `git log"
    )


def test_working_tree_that_differs_from_the_commit(shop: Shop, unchanged: None) -> None:
    path = shop.folder / "app" / "behaviour.json"
    committed = path.read_text()
    path.write_text(json.dumps({"word": "not committed"}))
    try:
        shop.ferryman("deploy").ended_with(3, "[dirty-tree]", "app/behaviour.json", "hint: commit them")
    finally:
        path.write_text(committed)


def test_image_that_the_registry_has_not(shop: Shop, unchanged: None) -> None:
    sha = shop.commit(word="never pushed")
    shop.ferryman("deploy", "--no-build").ended_with(
        3, "[image-not-in-registry]", sha, "state: no server was touched", "hint: `ferryman build`"
    )


def test_image_for_another_architecture(shop: Shop, unchanged: None, docker: Docker, tmp_path: Path) -> None:
    reference = f"{shop.image}:{shop.commit(word='foreign')}"
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    command, variables = build_command()
    options = ["build", "--quiet", "--platform", "linux/s390x", "--tag", reference, str(tmp_path)]
    subprocess.run(["env", *(f"{k}={v}" for k, v in variables.items()), *command, *options], check=True)
    docker.run(["push", "--quiet", reference])
    shop.ferryman("deploy", "--no-build").ended_with(
        3, "[wrong-architecture]", "the image is for s390x, this server is", "hint: "
    )
    docker.run(["rmi", reference])


# -- the registry's password


@pytest.fixture(scope="module")
def vault(new_shop: Callable[..., Shop], private_registry: LocalRegistry) -> Shop:
    """An app whose registry asks for a password."""
    made = new_shop("vault", "vault.test")
    forward(made.prepared.server, private_registry)
    made.configure(lambda settings: settings["app"].update(image=f"{private_registry.state.address}/vault"))
    made.commit(word="vault")
    return made


def login(registry: LocalRegistry, password: str, folder: Path) -> dict[str, str]:
    """What `docker login` leaves behind."""
    auth = base64.b64encode(f"{registry.state.username}:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {registry.state.address: {"auth": auth}}}))
    return {"DOCKER_CONFIG": str(folder)}


def test_registry_that_refuses_the_password(vault: Shop, private_registry: LocalRegistry, tmp_path: Path) -> None:
    wrong = login(private_registry, "wrong", tmp_path)
    for variables in (wrong, {"DOCKER_CONFIG": str(tmp_path / "none")}):
        vault.ferryman("deploy", variables=variables).ended_with(
            3, "[registry-login-refused]", "state: no server was touched", "hint: set DOCKER_USERNAME"
        )


def test_server_pulls_with_the_login_of_the_call(vault: Shop, private_registry: LocalRegistry, tmp_path: Path) -> None:
    right = login(private_registry, private_registry.state.password, tmp_path)
    vault.ferryman("build", variables=right).succeeded()
    wrong = {**vault.deploy_parameters(right), "credentials": {"username": "ferryman", "password": "wrong"}}
    with pytest.raises(FerrymanError) as caught:
        vault.destination().link.request("deploy", wrong)
    assert (caught.value.code, caught.value.exit_status) == ("registry-login-refused", 1)
    assert "nothing serves yet" in caught.value.state
    vault.ferryman("deploy", variables=right).succeeded()
    assert vault.word() == "vault"
    secrets = ["grep", "-rl", private_registry.state.password, "/var/lib/ferryman", "/root", "/etc/docker"]
    assert not vault.prepared.server.succeeds(secrets)


# -- the server


def variant(shop: Shop, **changes: object) -> str:
    """A configuration beside ferryman.toml whose environment differs in this."""

    def change(settings: Settings) -> None:
        settings["environments"]["production"].update(changes)

    return shop.configure(change, f"variant-{uuid.uuid4().hex[:6]}.toml").name


def test_key_that_the_server_does_not_know(shop: Shop, tmp_path: Path) -> None:
    key = fresh_key(tmp_path)
    shop.ferryman("status", file=variant(shop, identity=str(key))).ended_with(
        4, "[login-refused]", "user ferryman", str(key), NOTHING_SENT
    )


def test_server_that_shows_another_host_key(shop: Shop, tmp_path: Path) -> None:
    other = " ".join(fresh_key(tmp_path).with_suffix(".pub").read_text().split()[:2])
    call = shop.ferryman("deploy", "--no-build", "--revision", "HEAD~2", file=variant(shop, host_key=other))
    call.ended_with(4, "[host-key-changed]", NOTHING_SENT, "hint: was the server installed anew?")
    assert call.told.count("SHA256:") == 2


def test_server_that_nothing_reaches(shop: Shop) -> None:
    port = free_port()
    shop.ferryman("rollback", file=variant(shop, port=port)).ended_with(
        4, "[server-unreachable]", f"127.0.0.1 port {port}", "refused", NOTHING_SENT
    )


def test_environment_without_a_host_key(shop: Shop) -> None:
    def forget(settings: Settings) -> None:
        del settings["environments"]["production"]["host_key"]

    file = shop.configure(forget, "unpinned.toml").name
    shop.ferryman("status", file=file).ended_with(2, "[host-key-missing]", "hint: ferryman server setup")


def test_server_without_an_agent(shop: Shop, make_server: Callable[..., Machine]) -> None:
    bare = make_server().state
    changes = {"port": bare.ssh_port, "host_key": bare.host_key, "identity": str(bare.identity), "user": "admin"}
    file = variant(shop, **changes)
    shop.ferryman("status", file=file).ended_with(4, "[agent-missing]", "hint: ferryman server setup --to production")


# -- the protocol


def raw(shop: Shop, message: dict[str, Any]) -> FerrymanError:
    """The agent's error for a request of another client."""
    link = shop.destination().link
    assert isinstance(link, SshLink)
    with (
        pytest.raises(FerrymanError) as caught,
        link.run(RELAY_COMMAND, encode_line(message), Purpose("test", True, "")) as conversation,
    ):
        list(conversation)
    return caught.value


def test_client_of_another_protocol_version(shop: Shop, unchanged: None) -> None:
    error = raw(shop, {"protocol": 99, "client": "9.9", "id": "x", "request": "status", "params": {}})
    assert (error.code, error.exit_status) == ("protocol-unsupported", 2)
    assert "protocol 99" in error.message


def test_request_that_the_agent_does_not_know(shop: Shop, unchanged: None) -> None:
    error = raw(shop, {"protocol": 1, "client": "9.9", "id": "x", "request": "make-coffee", "params": {}})
    assert (error.code, error.exit_status) == ("agent-outdated", 2)


@contextmanager
def agent_of_protocol_2(server: Machine) -> Iterator[None]:
    """In place of the server's agent, one that speaks protocol 2 alone."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(build_zipapp())) as ours, zipfile.ZipFile(target, "w") as theirs:
        for name in ours.namelist():
            content = ours.read(name)
            if name == "ferryman_agent/protocol.py":
                assert b"SUPPORTED = (1,)" in content
                content = content.replace(b"SUPPORTED = (1,)", b"SUPPORTED = (2,)")
            theirs.writestr(name, content)
    restart = ["systemctl", "restart", "ferryman-agent.service"]
    server.run(["cp", AGENT, f"{AGENT}.kept"])
    try:
        server.run(["sh", "-c", f"cat > {AGENT}"], stdin=target.getvalue())
        server.run(restart)
        yield
    finally:
        server.run(["mv", f"{AGENT}.kept", AGENT])
        server.run(restart)


def test_agent_of_another_protocol_version(shop: Shop, unchanged: None) -> None:
    with agent_of_protocol_2(shop.prepared.server):
        for words in (["status"], ["rollback"]):
            shop.ferryman(*words).ended_with(
                2, "[protocol-unsupported]", "protocol 1", "nothing was changed", "hint: install the same version"
            )
    assert shop.status()["state"] == "serving"


# -- ferryman.toml

BROKEN = {
    "unknown key": ("health =", "healht =", ["unknown key", "health"]),
    "wrong type": ('memory = "128m"', "memory = true", ["memory"]),
    "not TOML": ("[app]", "[app", ["broken.toml:1: "]),
    "variable that is not set": ('host = "127.0.0.1"', 'host = "${NO_SUCH_HOST}"', ["NO_SUCH_HOST", "host"]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_configuration_that_is_broken(shop: Shop, name: str) -> None:
    good, bad, told = BROKEN[name]
    text = shop.configure().read_text()
    assert good in text
    (shop.folder / "broken.toml").write_text(text.replace(good, bad, 1))
    call = shop.ferryman("status", file="broken.toml").ended_with(2, "broken.toml", *told)
    assert "Traceback" not in call.told


def test_environment_that_is_not_there(shop: Shop) -> None:
    shop.ferryman("status", "--to", "staging").ended_with(2, "staging", "production")
    shop.ferryman("status", "--to", "rehearsal").ended_with(2, "[rehearsal-missing]", "hint: ferryman rehearse")
    shop.ferryman("status", file="nowhere.toml").ended_with(2, "nowhere.toml")


# -- the order of deploys


def test_second_deploy_waits_for_none_and_cancel_takes_the_first_back(shop: Shop, unchanged: None) -> None:
    shop.commit(word="slow", start_seconds=15)
    first = shop.start("deploy")
    first.wait_for(" start web ")
    shop.ferryman("deploy").ended_with(3, "[busy]", "in step healthy", "nothing was changed by this call")
    shop.ferryman("rollback").ended_with(3, "[busy]")
    link, app = shop.destination().link, shop.destination().app
    assert link.request("cancel", app)["cancelled"] is True
    first.end(20).ended_with(1, "[cancelled]", "goes on serving")
    with pytest.raises(FerrymanError) as caught:
        link.request("cancel", app)
    assert (caught.value.code, caught.value.exit_status) == ("nothing-runs", 3)


def test_older_run_is_refused_unless_it_is_allowed(shop: Shop) -> None:
    shop.deploy("--sequence", "20", word="run 20")
    shop.commit(word="run 19")
    shop.ferryman("deploy", "--sequence", "19").ended_with(
        3, "[older-sequence]", "run 19 is older than run 20", "hint: add --allow-older"
    )
    assert shop.word() == "run 20"
    shop.ferryman("deploy", "--sequence", "19", "--allow-older").succeeded()
    assert shop.word() == "run 19"
    shop.commit(word="run 18")
    shop.ferryman("deploy", "--sequence", "18").ended_with(3, "[older-sequence]", "older than run 20")


def test_repeated_request_attaches_to_its_deployment(shop: Shop) -> None:
    shop.commit(word="once", start_seconds=3)
    shop.ferryman("build").succeeded()
    before = len(shop.ferryman("releases", "--json").json()["releases"])
    parameters, request = shop.deploy_parameters(), str(uuid.uuid4())
    link, answers = shop.destination().link, []

    def ask() -> None:
        answers.append(link.request("deploy", parameters, request_id=request))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(answers) == 2, "both are answered", seconds=60)
    ask()
    assert len({answer["deployment"] for answer in answers}) == 1
    assert {answer["outcome"] for answer in answers} == {"succeeded"}
    assert len(shop.ferryman("releases", "--json").json()["releases"]) == before + 1
    assert shop.word() == "once"
