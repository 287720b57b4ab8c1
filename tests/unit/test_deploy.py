"""Asking for a transaction: events are passed on once, and a cut connection is taken up again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ferryman import deploy
from ferryman.config import load_configuration, manifest
from ferryman.deploy import ask_transaction
from ferryman.destination import Destination, find_destination
from ferryman.errors import ConfigurationError, OutcomeUnknown, Refused, Unreachable, UsageError
from ferryman.testing import FakeLink

CONFIGURATION = """\
[app]
name = "shop"
image = "acme/shop"
[app.roles.web]
[environments.production]
host = "${SHOP_HOST}"
"""
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOwQgT0HEo/hzO2GEVgptr4QL3cV2VXWGKAXT9WjSmTo"
STAGING = f'[environments.staging]\nhost = "${{STAGING_HOST}}"\nhost_key = "{HOST_KEY}"\n'


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture
def destination(tmp_path: Path, link: FakeLink, monkeypatch: pytest.MonkeyPatch) -> Destination:
    path = tmp_path / "ferryman.toml"
    path.write_text(CONFIGURATION)
    monkeypatch.setattr(deploy, "RESUME_PAUSE_SECONDS", 0)
    configuration = load_configuration(path)
    environment = configuration.environment("production", {"SHOP_HOST": "shop.example.com"})
    return Destination(configuration, "production", manifest(configuration, "production", environment), link)


def event(sequence: int) -> dict[str, Any]:
    return {"sequence": sequence, "kind": "log", "text": f"line {sequence}"}


def test_a_lost_connection_repeats_the_same_request_and_no_event_is_seen_twice(
    destination: Destination, link: FakeLink
) -> None:
    seen: list[int] = []
    link.answer("deploy", OutcomeUnknown("connection-lost", "lost"), events=[event(1), event(2)])
    link.answer("deploy", {"outcome": "succeeded"}, events=[event(1), event(2), event(3)])
    result = ask_transaction(destination, "deploy", {}, lambda e: seen.append(e.get("sequence", 0)))
    assert result == {"outcome": "succeeded"}
    assert [number for number in seen if number] == [1, 2, 3]
    first, second = link.requests
    assert first.request_id == second.request_id is not None


def test_a_deploy_goes_on_when_its_events_can_not_be_shown(destination: Destination, link: FakeLink) -> None:
    def full_disk(_: dict[str, Any]) -> None:
        raise OSError("no space left on device")

    link.answer("deploy", {"outcome": "succeeded"}, events=[event(1), event(2)])
    assert ask_transaction(destination, "deploy", {}, full_disk) == {"outcome": "succeeded"}


def test_a_server_that_stays_away_leaves_the_outcome_unknown(destination: Destination, link: FakeLink) -> None:
    link.answer("deploy", OutcomeUnknown("connection-lost", "lost"))
    with pytest.raises(OutcomeUnknown):
        ask_transaction(destination, "deploy", {}, lambda _: None)
    assert len(link.requests) == deploy.RESUME_TRIES


def test_a_server_that_restarts_meanwhile_is_waited_for(destination: Destination, link: FakeLink) -> None:
    link.answer("deploy", OutcomeUnknown("connection-lost", "lost"), events=[event(1)])
    link.answer("deploy", Unreachable("server-unreachable", "nothing listens there"))
    link.answer("deploy", Unreachable("agent-not-running", "the agent does not answer"))
    link.answer("deploy", {"outcome": "succeeded"}, events=[event(1), event(2)])
    assert ask_transaction(destination, "deploy", {}, lambda _: None) == {"outcome": "succeeded"}


def test_a_server_that_is_gone_after_the_request_leaves_the_outcome_unknown(
    destination: Destination, link: FakeLink
) -> None:
    link.answer("deploy", OutcomeUnknown("connection-lost", "lost", hint="ferryman status"))
    link.answer("deploy", Unreachable("server-unreachable", "nothing listens there"))
    with pytest.raises(OutcomeUnknown) as caught:
        ask_transaction(destination, "deploy", {}, lambda _: None)
    assert (caught.value.code, caught.value.hint) == ("connection-lost", "ferryman status")


def test_a_server_that_was_never_reached_is_not_asked_again(destination: Destination, link: FakeLink) -> None:
    link.answer("deploy", Unreachable("server-unreachable", "nothing listens there"))
    with pytest.raises(Unreachable):
        ask_transaction(destination, "deploy", {}, lambda _: None)
    assert len(link.requests) == 1


def test_a_refusal_is_not_repeated(destination: Destination, link: FakeLink) -> None:
    link.answer("deploy", Refused("busy", "a deploy runs"))
    with pytest.raises(Refused):
        ask_transaction(destination, "deploy", {}, lambda _: None)
    assert len(link.requests) == 1


def test_variables_of_environments_that_are_not_used_are_not_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "ferryman.toml"
    path.write_text(CONFIGURATION + STAGING)
    assert find_destination(path, "staging", {"STAGING_HOST": "10.0.0.1"}).manifest["host"] == "10.0.0.1"
    with pytest.raises(ConfigurationError, match="SHOP_HOST"):
        find_destination(path, "production", {"STAGING_HOST": "10.0.0.1"})


@pytest.mark.parametrize(
    ("environments", "to", "code"),
    [
        (STAGING, None, "environment-missing"),
        ("", None, "host-key-missing"),
        ("", "nowhere", "unknown-environment"),
        ("", "rehearsal", "rehearsal-missing"),
    ],
)
def test_a_destination_that_is_none_says_why(tmp_path: Path, environments: str, to: str | None, code: str) -> None:
    path = tmp_path / "ferryman.toml"
    path.write_text(CONFIGURATION + environments)
    with pytest.raises(UsageError) as caught:
        find_destination(path, to, {"SHOP_HOST": "a.example.com"})
    assert caught.value.code == code
