"""The link against a real sshd, whose forced command answers what each test scripts."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_sshd import Server, new_key, running_sshd

from ferryman.errors import DeployFailed, FerrymanError, OutcomeUnknown, Refused, Unreachable, UsageError
from ferryman.link import scan_host_key
from ferryman.link.protocol import LINE_LIMIT_BYTES
from ferryman.rehearsal.ports import free_port

ANSWER = """printf '%s\\n' '{"result":{"state":"serving"}}'\n"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_sshd(tmp_path_factory.mktemp("sshd")) as found:
        yield found


def failure_of(server: Server, kind: str = "deploy", **changes: Any) -> FerrymanError:
    with pytest.raises(FerrymanError) as caught:
        server.link(**changes).request(kind, {})
    return caught.value


def test_request_is_one_line_and_its_events_precede_its_result(server: Server) -> None:
    server.answers(
        """printf '%s\\n' '{"event":{"sequence":1}}' '{"event":{"sequence":2}}' '{"result":{"number":3}}'\n"""
    )
    events: list[dict[str, Any]] = []
    result = server.link().request("deploy", {"digest": "sha256:ä"}, on_event=events.append, request_id="an-id")
    assert result == {"number": 3}
    assert [event["sequence"] for event in events] == [1, 2]
    assert server.received == {
        "protocol": 1,
        "client": "0.1.0",
        "id": "an-id",
        "request": "deploy",
        "params": {"digest": "sha256:ä"},
    }


def test_conversation_goes_both_ways(server: Server) -> None:
    server.answers(
        """while read -r line; do printf '{"heard":%s}\\n' "$line"; [ "$line" = '{"stdin":"bye"}' ] && break; done\n"""
        + ANSWER
    )
    heard = []
    with server.link().open("exec", {}) as conversation:
        conversation.send({"stdin": "hello"})
        for message in conversation:
            heard.append(message["heard"]["stdin"])
            conversation.send({"stdin": "bye"})
        conversation.send({"stdin": "into the void"})
    assert heard == ["hello", "bye"]
    assert conversation.result == {"state": "serving"}


@pytest.mark.parametrize(
    ("exit_status", "kind"),
    [(1, DeployFailed), (2, UsageError), (3, Refused), (4, Unreachable), (5, OutcomeUnknown), (77, DeployFailed)],
)
def test_error_of_the_agent_becomes_the_error_of_its_exit_status(
    server: Server, exit_status: int, kind: type[FerrymanError]
) -> None:
    error = {"code": "web-exited", "message": "web exited", "state": "2 serves", "hint": "look", "exit": exit_status}
    server.answers(f"printf '%s\\n' '{json.dumps({'error': {**error, 'details': {'exit_code': 9}}})}'\n")
    caught = failure_of(server)
    assert type(caught) is kind
    assert (caught.code, caught.message, caught.state, caught.hint) == ("web-exited", "web exited", "2 serves", "look")
    if isinstance(caught, DeployFailed):
        assert caught.details == {"exit_code": 9}


def test_agent_of_another_protocol_version_is_told(server: Server) -> None:
    error = {"code": "protocol-unsupported", "message": "the agent speaks 7", "exit": 4, "details": {"supported": [7]}}
    server.answers(f"printf '%s\\n' '{json.dumps({'error': error})}'\n")
    caught = failure_of(server)
    assert (caught.code, caught.exit_status) == ("protocol-unsupported", 4)


def test_request_that_an_older_agent_does_not_know_names_the_way_to_a_newer_one(server: Server) -> None:
    error = {"code": "bad-request", "message": "unknown or malformed request 'backups'", "exit": 2}
    server.answers(f"printf '%s\\n' {shlex.quote(json.dumps({'error': error}))}\n")
    caught = failure_of(server, "backups")
    assert (caught.code, caught.exit_status) == ("agent-outdated", 2)
    assert "0.1.0" in caught.message
    assert '"backups"' in caught.message
    assert (caught.state, caught.hint) == ("nothing was changed", "ferryman server setup --to staging")


def test_request_with_a_wrong_part_is_no_sign_of_an_older_agent(server: Server) -> None:
    error = {"code": "bad-request", "message": "role: '-' is not a role's name", "exit": 2}
    server.answers(f"printf '%s\\n' {shlex.quote(json.dumps({'error': error}))}\n")
    assert failure_of(server, "logs").code == "bad-request"


def test_changed_host_key_is_refused_with_both_fingerprints(server: Server, tmp_path: Path) -> None:
    pinned = new_key(tmp_path / "other")
    (server.folder / "request").unlink(missing_ok=True)
    caught = failure_of(server, host_key=pinned.text)
    assert (caught.code, caught.exit_status) == ("host-key-changed", 4)
    assert pinned.fingerprint in caught.message
    assert server.host_key.fingerprint in caught.message
    assert not (server.folder / "request").exists()


def test_pinned_key_of_a_type_that_the_server_lost_is_a_changed_key(server: Server, tmp_path: Path) -> None:
    assert failure_of(server, host_key=new_key(tmp_path / "other", "ecdsa").text).code == "host-key-changed"


def test_login_refused_names_user_and_key(server: Server, tmp_path: Path) -> None:
    new_key(tmp_path / "stranger")
    caught = failure_of(server, identity=tmp_path / "stranger")
    assert (caught.code, caught.exit_status) == ("login-refused", 4)
    assert getpass.getuser() in caught.message
    assert "stranger" in caught.message
    assert "ssh: " in caught.message


def test_closed_port_is_unreachable(server: Server) -> None:
    caught = failure_of(server, port=free_port())
    assert (caught.code, caught.exit_status) == ("server-unreachable", 4)
    assert "nothing listens" in caught.message


def test_unknown_host_name_is_unreachable(server: Server) -> None:
    caught = failure_of(server, host="no-such-host.invalid")
    assert (caught.code, caught.exit_status) == ("server-unreachable", 4)


def test_port_without_an_ssh_server_is_unreachable(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                client.close()

        threading.Thread(target=greet, daemon=True).start()
        caught = failure_of(server, port=listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
    assert (caught.code, caught.exit_status) == ("server-unreachable", 4)
    assert "no SSH host key" in caught.message


@pytest.mark.parametrize("status", [126, 127])
def test_server_without_an_agent_is_told_apart(server: Server, status: int) -> None:
    server.answers(f"exit {status}\n")
    caught = failure_of(server)
    assert (caught.code, caught.exit_status) == ("agent-missing", 4)
    assert caught.hint == "ferryman server setup --to staging"


@pytest.mark.parametrize(("kind", "exit_status"), [("deploy", 5), ("exec", 5), ("status", 4), ("follow", 4)])
def test_relay_that_ends_without_an_answer_leaves_only_a_change_unknown(
    server: Server, kind: str, exit_status: int
) -> None:
    server.answers("exit 0\n")
    caught = failure_of(server, kind)
    assert (caught.code, caught.exit_status) == ("connection-lost", exit_status)


class CuttableWay:
    """A TCP way to the server that can be cut in the middle of a conversation."""

    def __init__(self, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, args=(port,), daemon=True).start()

    def _accept(self, port: int) -> None:
        client, _ = self._listener.accept()
        server = socket.create_connection(("127.0.0.1", port))
        self._sockets += [client, server]
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            return

    def cut(self) -> None:
        for end in [*self._sockets, self._listener]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.mark.parametrize(("kind", "exit_status"), [("deploy", 5), ("status", 4)])
def test_drop_in_the_middle_says_where_to_look(server: Server, kind: str, exit_status: int) -> None:
    server.answers("""printf '%s\\n' '{"event":{"sequence":1}}'\nread -r forever\n""")
    way = CuttableWay(server.port)
    with pytest.raises(FerrymanError) as caught:
        server.link(port=way.port).request(kind, {}, on_event=lambda _: way.cut())
    assert (caught.value.code, caught.value.exit_status) == ("connection-lost", exit_status)
    if exit_status == 5:
        assert caught.value.hint == "ferryman status --to staging"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (f"head -c {LINE_LIMIT_BYTES + 10} /dev/zero | tr '\\0' a\nread -r forever\n", "longer than"),
        ("echo 'Welcome to Ubuntu'\nread -r forever\n", "not a line of JSON"),
        ("echo '[1]'\n", "no JSON object"),
        ("""echo '{"result":null}'\n""", '"result" holds no JSON object'),
    ],
)
def test_what_is_not_the_protocol_ends_the_conversation(server: Server, script: str, reason: str) -> None:
    server.answers(script)
    caught = failure_of(server)
    assert (caught.code, caught.exit_status) == ("protocol-broken", 5)
    assert reason in caught.message
    assert failure_of(server, "status").exit_status == 4


def test_noise_on_stderr_changes_nothing(server: Server) -> None:
    server.answers("echo '*** System restart required ***' >&2\nhead -c 300000 /dev/zero >&2\n" + ANSWER)
    assert server.link().request("status", {}) == {"state": "serving"}


def test_noise_is_shown_without_control_characters(server: Server) -> None:
    server.answers("printf 'red \\033[31malert\\a\\n' >&2\nexit 3\n")
    message = failure_of(server).message
    assert "red [31malert" in message
    assert "\033" not in message


INTERRUPTED = """
import signal, sys
from pathlib import Path
from ferryman.link import SshLink, Target
heard = []
signal.signal(signal.SIGINT, lambda *_: heard.append(1))
target = Target("127.0.0.1", int(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]), "staging")
result = SshLink(target).request("deploy", {}, on_event=lambda _: print("event", flush=True))
print(result, len(heard))
"""


def test_ctrl_c_reaches_the_command_line_and_not_its_ssh(server: Server) -> None:
    server.answers(
        f"""rm -f {server.folder}/go\nprintf '%s\\n' '{{"event":{{}}}}'\n"""
        f"while [ ! -e {server.folder}/go ]; do :; done\n" + ANSWER
    )
    target = server.target()
    arguments = [str(target.port), target.user, target.host_key, str(target.identity)]
    command = [sys.executable, "-c", INTERRUPTED, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "event\n"
        os.killpg(process.pid, signal.SIGINT)
        (server.folder / "go").touch()
        assert process.stdout.read() == "{'state': 'serving'} 1\n"


@pytest.fixture
def ssh_configuration(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's ssh configuration; ssh reads the real one from the password database's home, so it is wrapped."""
    path = tmp_path / "config"
    wrapper = tmp_path / "bin" / "ssh"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {path} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    return path


def test_alias_and_jump_host_of_the_users_configuration_work(server: Server, ssh_configuration: Path) -> None:
    server.answers(ANSWER)
    ssh_configuration.write_text(
        f"Host my-vps\n HostName 127.0.0.1\n Port {server.port}\n ProxyJump jump\n RemoteCommand echo no\n"
        f"Host jump\n HostName 127.0.0.1\n Port {server.port}\n IdentityFile {server.folder}/key\n"
        " StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n"
    )
    assert server.link(host="my-vps", port=22).request("status", {}) == {"state": "serving"}
    assert scan_host_key(server.target(host="my-vps", port=22)) == server.host_key


def test_failure_behind_an_alias_is_diagnosed_at_its_real_address(server: Server, ssh_configuration: Path) -> None:
    ssh_configuration.write_text(f"Host my-vps\n HostName 127.0.0.1\n Port {free_port()}\n")
    caught = failure_of(server, host="my-vps", port=22)
    assert caught.code == "server-unreachable"
    assert "127.0.0.1 port" in caught.message


def test_broken_configuration_of_ssh_is_named(server: Server, ssh_configuration: Path) -> None:
    ssh_configuration.write_text("NoSuchSetting yes\n")
    caught = failure_of(server)
    assert (caught.code, caught.exit_status) == ("ssh-configuration-broken", 2)


def test_key_of_an_agent_works(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers(ANSWER)
    address = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(address)], stdout=subprocess.DEVNULL) as agent:
        while not address.exists():
            assert agent.poll() is None
        monkeypatch.setenv("SSH_AUTH_SOCK", str(address))
        subprocess.run(["ssh-add", "-q", str(server.folder / "key")], check=True)
        assert server.link(identity=None).request("status", {}) == {"state": "serving"}
        agent.terminate()


def test_missing_ssh_is_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert failure_of(server).code == "ssh-missing"


def test_scanned_key_has_the_fingerprint_that_ssh_keygen_shows(server: Server) -> None:
    shown = subprocess.run(
        ["ssh-keygen", "-lf", str(server.folder / "host_key.pub")], capture_output=True, text=True, check=True
    )
    assert scan_host_key(server.target(host_key="")).fingerprint in shown.stdout


def test_connection_leaves_no_file_behind(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    server.answers(ANSWER)
    server.link().request("status", {})
    server.answers("exit 3\n")
    failure_of(server)
    assert list(tmp_path.iterdir()) == []
