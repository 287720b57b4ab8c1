"""The client's half of a setup: zipapp, keys, host key, bootstrap."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ferryman.errors import FerrymanError, Refused, UsageError
from ferryman.link import PublicKey, Target
from ferryman.server import HostKeyQuestion, SetupRequest, build_zipapp, setup_server
from ferryman.server import setup as module
from ferryman.server.keys import operator_keys, pipeline_key, read_public_key
from ferryman.server.setup import bootstrap_command, payload, vouched_host_key

ONE = PublicKey.parse("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl")
TWO = PublicKey.parse("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDAUTPdguz2TiWr6R2taIAIHdIDqBoXlTL4JpHkfo2/e")
TARGET = Target("vps.example.com", 22, "ferryman", "", None, "production")


@pytest.fixture
def request_(tmp_path: Path) -> SetupRequest:
    return SetupRequest(TARGET, tmp_path / ".ferryman")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server shows key ONE, and TWO when it is asked for another type."""
    monkeypatch.setattr(module, "scan_host_key", lambda _: ONE)
    monkeypatch.setattr(module, "shown_host_key", lambda _, kinds: TWO if kinds == ("ssh-rsa",) else None)


def test_zipapp_is_the_same_every_time_and_holds_only_the_agent() -> None:
    zipapp = build_zipapp()
    assert zipapp == build_zipapp()
    names = zipfile.ZipFile(io.BytesIO(zipapp)).namelist()
    assert names[0] == "__main__.py"
    assert names[1:] == sorted(names[1:])
    assert "ferryman_agent/install/steps.py" in names
    assert all(name.startswith("ferryman_agent/") and "__pycache__" not in name for name in names[1:])


def test_zipapp_runs_isolated_from_the_servers_python(tmp_path: Path) -> None:
    path = tmp_path / "agent.pyz"
    path.write_bytes(build_zipapp())
    (tmp_path / "json.py").write_text("raise SystemExit('not isolated')")
    ran = subprocess.run([sys.executable, "-IS", path, "version"], capture_output=True, cwd=tmp_path, check=True)
    assert ran.stdout == b"0.1.0\n"


@pytest.mark.usefixtures("shown")
def test_host_key_is_taken_when_a_person_confirms_its_fingerprint(request_: SetupRequest) -> None:
    asked: list[HostKeyQuestion] = []

    def confirm(question: HostKeyQuestion) -> bool:
        asked.append(question)
        return True

    assert vouched_host_key(request_, confirm) == ONE
    assert asked == [HostKeyQuestion("vps.example.com", "ssh-ed25519", ONE.fingerprint)]


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("confirm", [None, lambda _: False])
def test_host_key_that_nobody_vouches_for_is_refused(request_: SetupRequest, confirm: Any) -> None:
    with pytest.raises(Refused) as caught:
        vouched_host_key(request_, confirm)
    assert caught.value.code == "host-key-not-confirmed"
    assert ONE.fingerprint in caught.value.hint


@pytest.mark.usefixtures("shown")
def test_fingerprint_vouches_whatever_the_type_of_the_key(request_: SetupRequest) -> None:
    assert vouched_host_key(replace(request_, fingerprint=ONE.fingerprint), None) == ONE
    assert vouched_host_key(replace(request_, fingerprint=TWO.fingerprint), None) == TWO


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("host_key", ["", ONE.text])
def test_other_fingerprint_is_refused_pinned_or_not(request_: SetupRequest, host_key: str) -> None:
    asked = replace(request_, target=replace(TARGET, host_key=host_key), fingerprint="SHA256:other")
    with pytest.raises(Refused) as caught:
        vouched_host_key(asked, lambda _: True)
    assert caught.value.code == "fingerprint-mismatch"
    assert ONE.fingerprint in caught.value.message


def test_pinned_host_key_asks_nobody(request_: SetupRequest) -> None:
    assert vouched_host_key(replace(request_, target=replace(TARGET, host_key=TWO.text)), None) == TWO


@pytest.mark.parametrize(("user", "admin"), [("root", "root"), ("root", "ada"), ("ada", "ada")])
def test_deploy_user_is_never_the_admin(request_: SetupRequest, user: str, admin: str) -> None:
    with pytest.raises(UsageError) as caught:
        setup_server(replace(request_, target=replace(TARGET, user=user), admin_user=admin), print)
    assert caught.value.code == "user-invalid"


def test_pipeline_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    state = tmp_path / ".ferryman"
    made = pipeline_key(None, state, "production")
    assert made.is_new
    assert made.private == state / "production" / "pipeline_key"
    assert made.private.stat().st_mode & 0o777 == 0o600
    assert made.private.parent.stat().st_mode & 0o777 == 0o700
    assert (state / ".gitignore").read_text() == "*\n"
    kept = pipeline_key(None, state, "production")
    assert (kept.public, kept.private, kept.is_new) == (made.public, made.private, False)
    given = pipeline_key(made.private.with_suffix(".pub"), state, "staging")
    assert (given.public, given.private) == (made.public, made.private)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "key-is-private"),
        ("ssh-ed25519 AAAA\n", "key-malformed"),
        (f'command="sh" {ONE.text}\n', "key-malformed"),
        ("", "key-malformed"),
        (None, "key-unreadable"),
    ],
)
def test_file_that_is_no_public_key_is_named(tmp_path: Path, text: str | None, code: str) -> None:
    path = tmp_path / "key.pub"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_public_key(path)
    assert caught.value.code == code
    assert str(path) in caught.value.message


def keygen(path: Path) -> PublicKey:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return PublicKey.parse(path.with_suffix(".pub").read_text())


def test_operator_is_the_identity_that_the_admin_uses_with_or_without_its_public_half(tmp_path: Path) -> None:
    key = keygen(tmp_path / "id")
    admin = replace(TARGET, identity=tmp_path / "id")
    assert operator_keys((), admin) == [key]
    (tmp_path / "id.pub").unlink()
    assert operator_keys((), admin) == [key]


def test_operator_keys_that_are_named_win(tmp_path: Path) -> None:
    path = tmp_path / "named.pub"
    path.write_text(TWO.text)
    assert operator_keys((path,), replace(TARGET, identity=tmp_path / "none")) == [TWO]


def commands(folder: Path, **scripts: str) -> Path:
    """A folder with shell scripts as commands."""
    folder.mkdir()
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return folder


def test_operator_without_identity_is_the_agents_key_then_a_default_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, configured = f"echo {ONE.text} ada@laptop", f"echo identityfile {tmp_path}/id"
    monkeypatch.setenv("PATH", str(commands(tmp_path / "a", **{"ssh-add": agent, "ssh": configured})))
    assert operator_keys((), TARGET) == [ONE]
    monkeypatch.setenv("PATH", str(commands(tmp_path / "b", **{"ssh-add": "exit 2", "ssh": configured})))
    with pytest.raises(UsageError) as caught:
        operator_keys((), TARGET)
    assert caught.value.code == "operator-key-missing"
    (tmp_path / "id.pub").write_text(TWO.text)
    assert operator_keys((), TARGET) == [TWO]


def test_one_key_for_both_roles_is_refused(request_: SetupRequest, tmp_path: Path) -> None:
    path = tmp_path / "key.pub"
    path.write_text(ONE.text)
    with pytest.raises(UsageError) as caught:
        setup_server(replace(request_, pipeline_key=path, operator_keys=(path,)), print)
    assert caught.value.code == "key-in-two-roles"


def test_bootstrap_survives_every_shells_quoting() -> None:
    command = bootstrap_command()
    script = command.removeprefix("exec /bin/sh -c ")
    assert script[0] == script[-1] == "'"
    assert "'" not in script[1:-1]
    assert "\\" not in script


def run_bootstrap(path: Path, data: bytes) -> subprocess.CompletedProcess[bytes]:
    # The folder shadows the script's own search path, so that the test decides what the server has.
    command = bootstrap_command().replace("/usr/local/sbin:/usr/sbin:/sbin", str(path))
    return subprocess.run(
        ["/bin/sh", "-c", command], input=data, capture_output=True, env={"PATH": str(path)}, check=False
    )


def linked(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).symlink_to(f"/usr/bin/{name}")
    return folder


@pytest.mark.parametrize(
    ("scripts", "code"),
    [
        ({"id": "[ $1 = -u ] && echo 1000 || echo ada"}, "not-root"),
        ({"id": "[ $1 = -u ] && echo 1000 || echo ada", "sudo": "exit 1"}, "sudo-needs-password"),
        ({"id": "echo 0"}, "system-unsupported"),
        ({"id": "echo 0", "apt-get": """echo 'E: "no"\n route' >&2; exit 100"""}, "packages-failed"),
    ],
)
def test_bootstrap_says_what_it_can_not_do(tmp_path: Path, scripts: dict[str, str], code: str) -> None:
    path = linked(commands(tmp_path / "bin", **scripts), "cat", "sh", "tail", "tr")
    ran = run_bootstrap(path, payload({}))
    error = json.loads(ran.stdout)["error"]
    assert error["code"] == code
    assert error["exit"] == (1 if code == "packages-failed" else 3)
    assert error["message"]


def test_bootstrap_hands_the_request_to_the_installation_as_root(tmp_path: Path) -> None:
    scripts = {"id": "[ $1 = -u ] && echo 1000 || echo ada", "sudo": 'shift; exec "$@"'}
    path = linked(commands(tmp_path / "bin", **scripts), "cat", "sh", "true")
    (path / "python3").symlink_to(sys.executable)
    ran = run_bootstrap(path, payload({"user": "root"}))
    assert ran.returncode == 2, ran.stderr
    assert json.loads(ran.stdout)["error"]["code"] == "user-invalid"


def test_upload_that_is_cut_off_starts_nothing(tmp_path: Path) -> None:
    path = linked(commands(tmp_path / "bin", id="echo 0"), "cat", "sh")
    (path / "python3").symlink_to(sys.executable)
    ran = run_bootstrap(path, payload({"user": "root"})[:-5])
    assert ran.stdout == b""
    assert b"cut off" in ran.stderr


def test_setup_of_an_unreachable_server_says_so(request_: SetupRequest, tmp_path: Path) -> None:
    keygen(tmp_path / "id")
    target = replace(TARGET, host="no-such-host.invalid")
    with pytest.raises(FerrymanError) as caught:
        setup_server(replace(request_, target=target, admin_identity=tmp_path / "id"), lambda _: None)
    assert (caught.value.code, caught.value.exit_status) == ("server-unreachable", 4)
    assert (tmp_path / ".ferryman" / "production" / "pipeline_key").exists()
