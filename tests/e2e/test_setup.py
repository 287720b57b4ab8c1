"""`server setup` on a bare Debian, and what the keys that it installs can and can't do."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ferryman.config import load_configuration, resolve_environment
from ferryman.errors import FerrymanError, Refused
from ferryman.link import PublicKey, SshLink, Target
from ferryman.rehearsal.ground import Ground
from ferryman.rehearsal.local_registry import LocalRegistry
from ferryman.rehearsal.machine import Machine
from ferryman.rehearsal.polling import wait_until
from ferryman.rehearsal.ports import free_port
from ferryman.server import HostKeyQuestion, SetupOutcome, SetupRequest, SetupStep, setup_server

MakeServer = Callable[..., Machine]
CONFIGURATION = """\
[app]
name = "shop"   # a comment that stays
image = "team/shop"

[app.roles.web]

[environments.production]
host = "127.0.0.1"
"""
ON_SERVER = ["server", "engine", "user", "keys", "state", "agent", "unit", "service"]


@dataclass(frozen=True)
class SetUp:
    """A server that was set up once, by an admin with sudo, and what that said."""

    server: Machine
    request: SetupRequest
    outcome: SetupOutcome
    steps: list[SetupStep]
    asked: list[HostKeyQuestion]

    @property
    def pipeline(self) -> Target:
        return replace(
            self.request.target,
            host_key=self.outcome.host_key.text,
            identity=self.outcome.pipeline_key.private,
        )

    @property
    def operator(self) -> Target:
        return replace(self.pipeline, identity=self.server.state.identity)


def setup_request(server: Machine, folder: Path) -> SetupRequest:
    configuration = folder / "ferryman.toml"
    configuration.write_text(CONFIGURATION + f"port = {server.state.ssh_port}\n")
    target = Target("127.0.0.1", server.state.ssh_port, "ferryman", "", None, "production")
    return SetupRequest(
        target, folder / ".ferryman", configuration, admin_user="admin", admin_identity=server.state.identity
    )


@pytest.fixture(scope="module")
def set_up(
    request: pytest.FixtureRequest, ground: Ground, registry: LocalRegistry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SetUp]:
    failed_before = request.session.testsfailed
    server = ground.make_server([registry.state], name=f"setup-{secrets.token_hex(3)}")
    asked_for = setup_request(server, tmp_path_factory.mktemp("project"))
    steps: list[SetupStep] = []
    asked: list[HostKeyQuestion] = []

    def confirm(question: HostKeyQuestion) -> bool:
        asked.append(question)
        return True

    yield SetUp(server, asked_for, setup_server(asked_for, steps.append, confirm), steps, asked)
    if request.session.testsfailed > failed_before:
        print(server.logs())
    server.remove()


def test_bare_server_gets_engine_agent_user_and_keys(set_up: SetUp) -> None:
    changed = {step.step: step.changed for step in set_up.steps}
    assert [name for name in changed if name in ON_SERVER] == ON_SERVER
    assert [name for name, is_changed in changed.items() if not is_changed] == ["server", "link"]
    server = set_up.server
    assert server.succeeds(["systemctl", "is-enabled", "docker.service", "ferryman-agent.service"])
    assert server.succeeds(["systemctl", "is-active", "docker.service", "ferryman-agent.service"])
    assert server.run(["systemctl", "is-system-running"]).strip() == "running"
    assert server.run(["stat", "-c", "%a %U %G", "/var/lib/ferryman"]).strip() == "700 root root"
    assert server.run(["stat", "-c", "%a %U %G", "/run/ferryman/agent.sock"]).strip() == "660 root ferryman"
    assert server.run(["id", "-nG", "ferryman"]).strip() == "ferryman"
    assert server.run(["getent", "shadow", "ferryman"]).split(":")[1] == "*"
    assert set_up.outcome.engine == server.run(["docker", "version", "--format", "{{.Server.Version}}"]).strip()


def test_host_key_was_asked_for_and_stands_in_the_configuration(set_up: SetUp) -> None:
    key = PublicKey.parse(set_up.server.state.host_key)
    assert [question.fingerprint for question in set_up.asked] == [key.fingerprint]
    assert set_up.request.configuration is not None
    environment = resolve_environment(load_configuration(set_up.request.configuration), "production", {})
    assert environment.host_key == key.text
    assert "# a comment that stays" in set_up.request.configuration.read_text()


def test_second_run_changes_nothing_and_asks_nobody(set_up: SetUp) -> None:
    def footprint() -> str:
        files = ["/usr/local/lib/ferryman", "/usr/local/bin", "/etc/systemd/system", "/var/lib/ferryman-deploy"]
        found = set_up.server.run(["find", *files, "-printf", "%p %i %m %U %T@\\n"])
        return found + set_up.server.run(["systemctl", "show", "-p", "MainPID", "ferryman-agent", "docker"])

    before = footprint()
    pinned = replace(set_up.request, target=replace(set_up.request.target, host_key=set_up.outcome.host_key.text))
    steps: list[SetupStep] = []
    outcome = setup_server(pinned, steps.append)
    assert outcome.changed == 0
    assert [step for step in steps if step.changed] == []
    assert footprint() == before


def test_each_key_has_its_role(set_up: SetUp) -> None:
    assert SshLink(set_up.pipeline).request("hello", {})["role"] == "pipeline"
    assert SshLink(set_up.operator).request("hello", {})["role"] == "operator"


@pytest.mark.parametrize("kind", ["exec", "env.set", "env.list", "logs", "reports.set"])
def test_pipeline_key_may_not_ask_for_what_is_an_operators(set_up: SetUp, kind: str) -> None:
    with pytest.raises(Refused) as caught:
        SshLink(set_up.pipeline).request(kind, {"app": "shop.production"})
    assert caught.value.code == "not-allowed"


def openssh(target: Target, program: str, *options: str) -> list[str]:
    """One of OpenSSH's programs with the pipeline's key, and only it."""
    known = target.identity.with_name("known_hosts") if target.identity else Path("/dev/null")
    known.write_text(f"[127.0.0.1]:{target.port} {target.host_key}\n")
    settings = ["BatchMode=yes", "IdentitiesOnly=yes", f"UserKnownHostsFile={known}", f"Port={target.port}"]
    words = [word for setting in settings for word in ("-o", setting)]
    return [program, "-F", "/dev/null", *words, "-i", str(target.identity), *options]


@pytest.mark.parametrize(
    "words", ["", "id", "sh -c id", "/usr/local/bin/ferryman-agent relay --role operator; id", "ferryman-agent install"]
)
def test_pipeline_key_gets_the_relay_whatever_it_asks_for(set_up: SetUp, words: str) -> None:
    command = openssh(set_up.pipeline, "ssh", "ferryman@127.0.0.1", *([words] if words else []))
    ran = subprocess.run(command, input=b"id; tty\n", capture_output=True, timeout=30, check=False)
    assert ran.stdout.startswith(b'{"error":'), ran
    assert b"uid=" not in ran.stdout


@pytest.mark.parametrize("words", [[], ["id"]])
def test_pipeline_key_gets_no_terminal(set_up: SetUp, words: list[str]) -> None:
    command = openssh(set_up.pipeline, "ssh", "-tt", "ferryman@127.0.0.1", *words)
    ran = subprocess.run(command, input=b"tty\n", capture_output=True, timeout=30, check=False)
    assert ran.returncode
    assert b"/dev/" not in ran.stdout


@pytest.mark.parametrize(
    "options", [["-R", "0:127.0.0.1:22"], ["-R", "0"], ["-R", "/var/lib/ferryman-deploy/x:127.0.0.1:22"], ["-w", "0:0"]]
)
def test_pipeline_key_gets_no_forwarding_from_the_server(set_up: SetUp, options: list[str]) -> None:
    command = openssh(set_up.pipeline, "ssh", "-N", "-o", "ExitOnForwardFailure=yes", *options, "ferryman@127.0.0.1")
    assert subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False).returncode


def heard_through(command: list[str], port: int, *greetings: bytes) -> bytes:
    """What comes back through a forwarded port of a running ssh: b"" when the server closes it."""

    def is_open() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(is_open, "ssh listens", seconds=20)
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                heard = b""
                with contextlib.suppress(ConnectionError):
                    for greeting in greetings:
                        connection.sendall(greeting)
                        heard = connection.recv(100)
                return heard
        finally:
            process.kill()  # a client with a refused channel does not end on SIGTERM


@pytest.mark.parametrize("destination", ["127.0.0.1:22", "/run/ferryman/agent.sock", "/run/docker.sock"])
def test_pipeline_key_reaches_no_port_and_no_socket_through_the_server(set_up: SetUp, destination: str) -> None:
    def forwarding(target: Target, user: str) -> bytes:
        port = free_port()
        command = openssh(target, "ssh", "-N", "-L", f"127.0.0.1:{port}:{destination}", f"{user}@127.0.0.1")
        return heard_through(command, port, b'{"role":"operator"}\n{"request":"hello"}\r\n\r\n')

    assert forwarding(set_up.pipeline, "ferryman") == b""
    assert forwarding(set_up.operator, "root") != b"", "the test itself does not see through a forwarded port"


def test_pipeline_key_is_no_socks_proxy(set_up: SetUp) -> None:
    def connecting(target: Target, user: str) -> bytes:
        port = free_port()
        command = openssh(target, "ssh", "-N", "-D", f"127.0.0.1:{port}", f"{user}@127.0.0.1")
        return heard_through(command, port, b"\5\1\0", b"\5\1\0\1\x7f\0\0\1\0\x16")

    # OpenSSH's answer begins with 5, 0 once the server has opened the way.
    assert not connecting(set_up.pipeline, "ferryman").startswith(b"\5\0\0")
    assert connecting(set_up.operator, "root").startswith(b"\5\0\0")


def test_pipeline_key_forwards_no_agent(set_up: SetUp, tmp_path: Path) -> None:
    def agent_sockets(target: Target, user: str, words: list[str]) -> str:
        command = openssh(target, "ssh", "-A", f"{user}@127.0.0.1", *words)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
            session = ["pgrep", "-u", user, "-f", words[0] if words else "ferryman-agent.pyz relay"]
            wait_until(lambda: set_up.server.succeeds(session), "the session has begun", seconds=20)
            found = set_up.server.run(
                ["find", "/", "-path", "/proc", "-prune", "-o", "-type", "s", "-user", user, "-print"]
            )
            process.communicate()
        return found

    with subprocess.Popen(["ssh-agent", "-D", "-a", tmp_path / "agent"], stdout=subprocess.DEVNULL) as agent:
        environment = {**os.environ, "SSH_AUTH_SOCK": str(tmp_path / "agent")}
        wait_until((tmp_path / "agent").exists, "the agent listens", seconds=10)
        try:
            assert agent_sockets(set_up.pipeline, "ferryman", []) == ""
            assert agent_sockets(set_up.operator, "root", ["cat"]) != ""
        finally:
            agent.terminate()


@pytest.mark.parametrize("options", [["-O"], []])
def test_pipeline_key_copies_no_file(set_up: SetUp, tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "file").write_text("x")
    for words in (
        [str(tmp_path / "file"), "ferryman@127.0.0.1:/var/tmp/copied"],
        ["ferryman@127.0.0.1:/etc/passwd", str(tmp_path)],
    ):
        command = openssh(set_up.pipeline, "scp", *options, *words)
        assert subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False
        ).returncode
    assert not set_up.server.succeeds(["test", "-e", "/var/tmp/copied"])
    assert not (tmp_path / "passwd").exists()


def test_pipeline_key_gets_no_sftp(set_up: SetUp) -> None:
    command = openssh(set_up.pipeline, "sftp", "-b", "-", "ferryman@127.0.0.1")
    assert subprocess.run(command, input=b"ls /\n", capture_output=True, timeout=30, check=False).returncode


def test_deploy_user_can_not_change_its_keys(set_up: SetUp) -> None:
    keys = "/var/lib/ferryman-deploy/.ssh/authorized_keys"
    before = set_up.server.run(["cat", keys])
    for attempt in (
        f"echo x >> {keys}",
        f"chmod u+w {keys}",
        f"rm -f {keys}",
        f"mv {keys} {keys}.old",
        "mv /var/lib/ferryman-deploy/.ssh /var/lib/ferryman-deploy/old",
        "touch /var/lib/ferryman-deploy/.ssh/rc",
        "touch /var/lib/ferryman-deploy/.profile",
        "cat /var/lib/ferryman/ledger.db",
        "sudo -n true",
        "docker ps",
    ):
        assert not set_up.server.succeeds(["runuser", "-u", "ferryman", "--", "sh", "-c", attempt]), attempt
    assert set_up.server.run(["cat", keys]) == before
    assert set_up.server.run(["find", "/var/lib/ferryman-deploy", "-user", "ferryman"]) == ""


def test_wrong_fingerprint_is_refused_before_anything(set_up: SetUp) -> None:
    with pytest.raises(Refused) as caught:
        setup_server(replace(set_up.request, fingerprint="SHA256:wrong"), lambda _: None)
    assert caught.value.code == "fingerprint-mismatch"


def test_agent_that_is_stopped_is_told_from_one_that_is_missing(set_up: SetUp) -> None:
    set_up.server.run(["systemctl", "stop", "ferryman-agent.service"])
    try:
        with pytest.raises(FerrymanError) as caught:
            SshLink(set_up.pipeline).request("status", {})
        assert (caught.value.code, caught.value.exit_status) == ("agent-not-running", 4)
    finally:
        set_up.server.run(["systemctl", "start", "ferryman-agent.service"])


def test_server_without_python_gets_it_and_one_without_an_agent_is_told(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server = make_server(with_engine=True)
    server.run(["apt-get", "purge", "--yes", "^python3.*-minimal$"])
    asked = replace(setup_request(server, tmp_path), fingerprint=PublicKey.parse(server.state.host_key).fingerprint)
    admin = replace(asked.admin, host_key=server.state.host_key)
    with pytest.raises(FerrymanError) as caught:
        SshLink(admin).request("status", {})
    assert (caught.value.code, caught.value.exit_status) == ("agent-missing", 4)
    steps: list[SetupStep] = []
    setup_server(asked, steps.append)
    assert not next(step for step in steps if step.step == "engine").changed
