"""The steps of the installation, on a server whose commands are simulated and whose files are real."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ferryman.server import build_zipapp
from ferryman_agent import __main__ as command
from ferryman_agent.errors import AgentError, Refused
from ferryman_agent.install import STEPS, carry_out
from ferryman_agent.install.request import InstallRequest, parse_request
from ferryman_agent.install.steps import RESTART_MARK, UNIT_PATH, ZIPAPP, Installation, account_commands
from ferryman_agent.install.system import Completed, System
from ferryman_agent.install.zipapp import compiled_zipapp, zipapp_mark

ONE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\n'
OK, NO = Completed(0, ""), Completed(1, "")


class FakeServer(System):
    """A bare Debian: remembers what was installed, enabled, started and which accounts were made."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, os.getuid())
        self.commands: list[str] = []
        self.failing: dict[str, Completed] = {}
        self.packages: set[str] = set()
        self.enabled: set[str] = set()
        self.active: set[str] = set()
        self.accounts = {"group": "", "passwd": "", "shadow": ""}
        self.has_root = True
        for path, text in {
            "/etc/os-release": DEBIAN,
            "/etc/ssh/ssh_host_ed25519_key.pub": f"{ONE} root@server\n",
            "/run/systemd/system/x": "",
            "/etc/systemd/system/x": "",
            "/usr/local/bin/x": "",
        }.items():
            self.path(path).parent.mkdir(parents=True, exist_ok=True)
            self.path(path).write_text(text)

    def is_root(self) -> bool:
        return self.has_root

    def run(self, *command: str, environment: Mapping[str, str] | None = None, timeout: float = 120) -> Completed:
        line = " ".join(command)
        for part, completed in self.failing.items():
            if part in line:
                return completed
        if command[0] == "getent":
            return Completed(0, self.accounts[command[1]])
        if command[0] == "dockerd":
            return OK if "docker.io" in self.packages else Completed(127, "")
        if command[:2] in (("systemctl", "is-enabled"), ("systemctl", "is-active")):
            return OK if command[-1] in (self.enabled if "is-enabled" in command else self.active) else NO
        if command[:2] == ("systemctl", "cat"):
            return OK if "docker.io" in self.packages else NO
        self.commands.append(line)
        self._change(command)
        return OK

    def _change(self, command: tuple[str, ...]) -> None:
        if command[0] == "apt-get" and "install" in command:
            self.packages |= set(command)
            self.enabled.add("docker.service")
            self.active.add("docker.service")
        elif command[0] == "groupadd":
            self.accounts["group"] = "ferryman:x:990:"
        elif command[0] == "useradd":
            self.accounts["passwd"] = f"{command[-1]}:x:990:990::/var/lib/ferryman-deploy:/bin/sh"
        elif command[:2] == ("systemctl", "enable"):
            self.enabled.add(command[-1])
        elif command[:2] in (("systemctl", "restart"), ("systemctl", "start")):
            self.active.add(command[-1])

    def engine_version(self) -> str | None:
        return "26.1.5" if "docker.service" in self.active else None

    def agent_answer(self, request: bytes) -> dict[str, object] | None:
        assert b'"hello"' in request
        return {"result": {"agent": "0.1.0"}} if "ferryman-agent.service" in self.active else None

    def wait_until(self, is_ready: Callable[[], object], seconds: float) -> bool:
        return bool(is_ready())


@pytest.fixture
def server(tmp_path: Path) -> FakeServer:
    return FakeServer(tmp_path / "server")


@pytest.fixture
def zipapp(tmp_path: Path) -> Path:
    path = tmp_path / "ferryman-agent.pyz"
    path.write_bytes(build_zipapp())
    return path


def asked(**changes: Any) -> InstallRequest:
    return parse_request(json.dumps({"pipeline_keys": [f"{ONE} ci"], **changes}))


def run(server: FakeServer, zipapp: Path, **changes: Any) -> tuple[dict[str, bool], dict[str, Any]]:
    """Which steps changed something, and the result."""
    server.commands.clear()
    lines: list[dict[str, Any]] = []
    result = carry_out(Installation(server, asked(**changes), zipapp), lines.append)
    return {line["step"]: line["changed"] for line in lines}, result


def test_bare_server_gets_everything_and_a_second_run_changes_nothing(server: FakeServer, zipapp: Path) -> None:
    steps, result = run(server, zipapp)
    assert steps == {name: name != "server" for name, _ in STEPS}
    assert result == {"changed": 7, "host_key": ONE, "engine": "26.1.5", "agent": "0.1.0"}
    assert any("docker.io iptables" in line for line in server.commands)
    again, result = run(server, zipapp)
    assert not any(again.values())
    assert result["changed"] == 0
    assert server.commands == []


def test_files_have_their_owner_and_mode(server: FakeServer, zipapp: Path) -> None:
    run(server, zipapp)
    modes = {
        "/var/lib/ferryman": 0o700,
        "/var/lib/ferryman-deploy": 0o755,
        "/var/lib/ferryman-deploy/.ssh": 0o755,
        "/var/lib/ferryman-deploy/.ssh/authorized_keys": 0o644,
        "/usr/local/bin/ferryman-agent": 0o755,
        ZIPAPP: 0o644,
    }
    assert {path: server.path(path).stat().st_mode & 0o7777 for path in modes} == modes


def test_loosened_modes_are_set_right_again(server: FakeServer, zipapp: Path) -> None:
    run(server, zipapp)
    server.path("/var/lib/ferryman").chmod(0o755)
    server.path("/var/lib/ferryman-deploy/.ssh/authorized_keys").chmod(0o666)
    steps, _ = run(server, zipapp)
    assert [name for name, changed in steps.items() if changed] == ["keys", "state"]


def test_engine_that_is_there_is_kept(server: FakeServer, zipapp: Path) -> None:
    server.active.add("docker.service")
    steps, _ = run(server, zipapp)
    assert not steps["engine"]
    assert not any(line.startswith("apt-get") for line in server.commands)


def test_engine_that_is_only_stopped_is_started_and_not_replaced(server: FakeServer, zipapp: Path) -> None:
    server.packages.add("docker.io")
    steps, _ = run(server, zipapp)
    assert steps["engine"]
    assert not any(line.startswith("apt-get") for line in server.commands)
    assert "systemctl start docker.service" in server.commands


def test_apparmor_in_the_kernel_brings_its_parser(server: FakeServer, zipapp: Path) -> None:
    enabled = server.path("/sys/module/apparmor/parameters/enabled")
    enabled.parent.mkdir(parents=True)
    enabled.write_text("Y\n")
    run(server, zipapp)
    assert "apparmor" in server.packages


def test_new_agent_is_restarted_and_nothing_else_changes(server: FakeServer, zipapp: Path) -> None:
    run(server, zipapp)
    with zipfile.ZipFile(zipapp, "a") as archive:
        archive.writestr("ferryman_agent/news.py", "")
    steps, _ = run(server, zipapp)
    assert [name for name, changed in steps.items() if changed] == ["agent", "service"]
    assert server.commands == ["systemctl restart ferryman-agent.service"]


def test_installation_that_died_before_the_restart_is_finished_by_the_next(server: FakeServer, zipapp: Path) -> None:
    run(server, zipapp)
    server.path(RESTART_MARK).touch()
    steps, _ = run(server, zipapp)
    assert [name for name, changed in steps.items() if changed] == ["service"]


def test_changed_unit_is_reloaded_and_restarted(server: FakeServer, zipapp: Path) -> None:
    run(server, zipapp)
    server.path(UNIT_PATH).write_text("[Service]\n")
    run(server, zipapp)
    assert server.commands == ["systemctl daemon-reload", "systemctl restart ferryman-agent.service"]


def test_locked_account_is_unlocked_for_keys(server: FakeServer, zipapp: Path) -> None:
    run(server, zipapp)
    server.accounts["shadow"] = "ferryman:!:20000::::::"
    run(server, zipapp)
    assert server.commands == ["usermod --password * ferryman"]


@pytest.mark.parametrize(
    ("group", "passwd", "expected"),
    [
        ("", "", ["groupadd", "useradd"]),
        ("ferryman:x:990:", "", ["useradd"]),
        ("ferryman:x:990:", "ferryman:x:990:990::/var/lib/ferryman-deploy:/bin/sh\n", []),
        ("ferryman:x:990:", "ferryman:x:990:100::/var/lib/ferryman-deploy:/bin/sh\n", ["usermod"]),
        ("", "ferryman:x:990:100::/var/lib/ferryman-deploy:/bin/bash\n", ["groupadd", "usermod", "usermod"]),
    ],
)
def test_account_is_made_of_what_is_missing(group: str, passwd: str, expected: list[str]) -> None:
    assert [line[0] for line in account_commands("ferryman", group, passwd)] == expected


def test_user_of_somebody_else_is_left_alone() -> None:
    with pytest.raises(Refused) as caught:
        account_commands("ada", "", "ada:x:1000:1000:Ada:/home/ada:/bin/bash\n")
    assert caught.value.code == "user-taken"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda server: setattr(server, "has_root", False), "not-root"),
        (lambda server: server.path("/etc/os-release").write_text("ID=fedora\n"), "system-unsupported"),
        (lambda server: server.path("/etc/os-release").unlink(), "system-unsupported"),
        (lambda server: server.path("/run/systemd").rename(server.path("/run/other")), "systemd-missing"),
    ],
)
def test_unsuitable_server_is_refused_before_anything(
    server: FakeServer, zipapp: Path, spoil: Callable[[FakeServer], Any], code: str
) -> None:
    spoil(server)
    with pytest.raises(Refused) as caught:
        run(server, zipapp)
    assert caught.value.code == code
    assert server.commands == []


@pytest.mark.parametrize("release", ["ID=ubuntu\n", 'ID=linuxmint\nID_LIKE="ubuntu debian"\n', 'ID="debian"\n'])
def test_debian_ubuntu_and_their_children_are_taken(server: FakeServer, zipapp: Path, release: str) -> None:
    server.path("/etc/os-release").write_text(release)
    assert run(server, zipapp)[1]["changed"] == 7


@pytest.mark.parametrize(
    ("failing", "code"),
    [
        ("apt-get --yes -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold install", "packages-failed"),
        ("systemctl enable --quiet ferryman", "systemd-failed"),
        ("systemctl restart", "agent-not-started"),
        ("useradd", "account-failed"),
    ],
)
def test_failing_command_ends_the_installation_with_its_last_lines(
    server: FakeServer, zipapp: Path, failing: str, code: str
) -> None:
    log = "\n".join(f"line {number}" for number in range(40))
    server.failing = {failing: Completed(100, log), "journalctl": Completed(0, log)}
    with pytest.raises(AgentError) as caught:
        run(server, zipapp)
    assert caught.value.code == code
    assert caught.value.exit_status == 1
    assert caught.value.message.endswith("line 37 / line 38 / line 39")
    assert len(caught.value.details["log"]) == 12
    assert caught.value.hint


def test_agent_that_does_not_answer_is_a_failure(
    server: FakeServer, zipapp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "agent_answer", lambda _: {"error": {"code": "ledger-broken"}})
    with pytest.raises(AgentError, match="does not answer"):
        run(server, zipapp)


def test_compiled_zipapp_runs_knows_its_source_and_is_compiled_anew_for_another_python(
    zipapp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = zipapp.read_bytes()
    target = tmp_path / "compiled.pyz"
    target.write_bytes(compiled_zipapp(source, ZIPAPP))
    ran = subprocess.run([sys.executable, "-IS", str(target), "version"], capture_output=True, text=True, check=True)
    assert ran.stdout == "0.1.0\n"
    assert "ferryman_agent/__main__.pyc" in zipfile.ZipFile(target).namelist()
    assert zipapp_mark(target) == zipapp_mark(zipapp, source)
    assert zipapp_mark(tmp_path / "none") == ""
    monkeypatch.setattr(sys.implementation, "cache_tag", "cpython-399")
    assert zipapp_mark(target) != zipapp_mark(zipapp, source)


def test_installation_outside_of_a_zipapp_is_refused(server: FakeServer, tmp_path: Path) -> None:
    path = tmp_path / "__main__.py"
    path.write_text("")
    with pytest.raises(AgentError) as caught:
        run(server, path)
    assert caught.value.code == "zipapp-malformed"


def test_old_python_is_told_in_the_protocols_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert command.main() == 3
    output: Any = sys.stdout
    error = json.loads(output.getvalue())["error"]
    assert (error["code"], error["exit"]) == ("python-unsupported", 3)
    assert "3.9" in error["message"]


def test_real_files_are_replaced_and_commands_that_are_missing_have_a_status(tmp_path: Path) -> None:
    system = System(tmp_path, os.getuid())
    assert system.write("/file", b"one", 0o640)
    assert not system.write("/file", b"one", 0o640)
    assert system.write("/file", b"two", 0o600)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert system.run("no-such-command").status == 127
    assert system.run("sh", "-c", "echo out; echo err >&2; exit 3") == Completed(3, "out\nerr\n")
    assert system.run("sh", "-c", "echo begun; read -r x < /dev/zero", timeout=0.3).status == 124
    assert system.engine_version() is None
    assert system.agent_answer(b"") is None
