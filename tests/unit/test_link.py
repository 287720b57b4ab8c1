"""The pure parts of the link: command line, keys, lines, and the shipped fake."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ferryman.errors import Refused, UsageError
from ferryman.link import Link, PublicKey, SshLink, Target
from ferryman.link.command import ConnectionFiles, ssh_command
from ferryman.link.protocol import REQUEST_LIMIT_BYTES, encode_line
from ferryman.testing import FakeLink

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
TARGET = Target("vps.example.com", 22, "ferryman", ED25519, None, "production")


def command_for(target: Target) -> list[str]:
    return ssh_command(target, ConnectionFiles(Path("/tmp/100% link")), "relay")


def test_fingerprint_is_that_of_ssh_keygen() -> None:
    assert PublicKey.parse(ED25519).fingerprint == "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "one line"),
        ("ssh-ed25519", "one line"),
        (f"{ED25519}\n{ED25519}", "one line"),
        (ED25519.replace("ssh-ed25519", "ssh-dss"), "not a key type"),
        (ED25519.replace("ssh-ed25519", "ssh-rsa"), "not that of a key of type"),
        ('command="sh" ' + ED25519, "not a key type"),
        ("ssh-ed25519 AAA*", "not base64"),
        ("ssh-ed25519 AAAA", "cut off"),
    ],
)
def test_malformed_key_is_refused(line: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        PublicKey.parse(line)


def test_only_the_pinned_key_is_accepted_and_nothing_is_shared_or_forwarded() -> None:
    options = command_for(TARGET)
    for option in (
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        'UserKnownHostsFile="/tmp/100%% link/known_hosts"',
        "GlobalKnownHostsFile=/dev/null",
        "HostKeyAlgorithms=ssh-ed25519",
        "ControlPath=none",
        "ClearAllForwardings=yes",
        "ForwardAgent=no",
        "LocalCommand=touch '/tmp/100%% link/logged-in'",
    ):
        assert option in options
    assert options[-3:] == ["--", "vps.example.com", "relay"]


def test_identity_is_used_alone_and_port_22_is_left_to_the_users_configuration() -> None:
    assert "-p" not in command_for(TARGET)
    assert "IdentitiesOnly=yes" not in command_for(TARGET)
    options = command_for(replace(TARGET, port=2222, identity=Path("/keys/deploy")))
    assert options[options.index("-p") + 1] == "2222"
    assert options[options.index("-i") + 1] == "/keys/deploy"
    assert "IdentitiesOnly=yes" in options


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"host": "-oProxyCommand=id"}, "host-invalid"),
        ({"host": "a b"}, "host-invalid"),
        ({"host": ""}, "host-invalid"),
        ({"host": "x;id"}, "host-invalid"),
        ({"port": 0}, "port-invalid"),
        ({"user": "-l"}, "user-invalid"),
        ({"user": "$(id)"}, "user-invalid"),
        ({"host_key": ""}, "host-key-missing"),
        ({"host_key": "ssh-ed25519 AAAA"}, "host-key-invalid"),
        ({"identity": Path("/no/such/key")}, "identity-unreadable"),
    ],
)
def test_target_that_can_not_be_right_starts_nothing(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(UsageError) as caught:
        SshLink(replace(TARGET, **changes)).request("status", {})
    assert caught.value.code == code


def test_private_key_readable_by_others_is_named_with_its_remedy(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch(mode=0o644)
    with pytest.raises(UsageError) as caught:
        SshLink(replace(TARGET, identity=key)).request("status", {})
    assert caught.value.hint == f"chmod 600 {key}"


def test_a_private_key_is_a_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a file"):
        SshLink(replace(TARGET, identity=tmp_path)).request("status", {})


def test_request_that_the_other_side_would_refuse_is_not_sent() -> None:
    with pytest.raises(UsageError, match="bytes long"):
        encode_line({"value": "x" * REQUEST_LIMIT_BYTES})


def test_fake_link_answers_as_scripted_and_remembers() -> None:
    fake = FakeLink()
    fake.answer("deploy", {"number": 1}, events=[{"sequence": 1}])
    fake.answer("deploy", Refused("busy", "another deployment runs"))
    link: Link = fake
    events: list[dict[str, Any]] = []
    assert link.request("deploy", {"a": 1}, on_event=events.append, request_id="x") == {"number": 1}
    assert events == [{"sequence": 1}]
    with pytest.raises(Refused):
        link.request("deploy", {})
    assert [(sent.kind, sent.params, sent.request_id) for sent in fake.requests] == [
        ("deploy", {"a": 1}, "x"),
        ("deploy", {}, None),
    ]


def test_fake_conversation_keeps_what_was_sent() -> None:
    fake = FakeLink()
    fake.answer("exec", {"exit_code": 0}, messages=[{"stdout": "hi"}])
    with fake.open("exec", {"command": ["sh"]}) as conversation:
        for message in conversation:
            conversation.send({"echo": message["stdout"]})
    assert fake.conversations[0].sent == [{"echo": "hi"}]
    assert fake.conversations[0].is_closed
