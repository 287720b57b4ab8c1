"""`--verify`: the service is asked from outside after the commit, and only its answer moves `latest`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ferryman.cli import options
from ferryman.cli.app import app
from ferryman.config import load_configuration, manifest, resolve_environment
from ferryman.destination import Destination
from ferryman.errors import DeployFailed, FerrymanError, Unreachable, UsageError
from ferryman.shipping.outside import Answer
from ferryman.testing import FakeLink

CONFIGURATION = """\
[app]
name = "shop"
image = "acme/shop"
[app.roles.web]
health = "/health"
[environments.production]
host = "shop.example.com"
"""
RELEASE = {"number": 3, "revision": "c0ffee" + "0" * 34, "digest": f"sha256:{'a' * 64}"}


@pytest.fixture
def link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeLink:
    """A fake link behind the environment production; no registry is reached."""
    path = tmp_path / "ferryman.toml"
    path.write_text(CONFIGURATION)
    fake, configuration = FakeLink(), load_configuration(path)
    told = manifest(configuration, "production", resolve_environment(configuration, "production", {}))
    target = Destination(configuration, "production", told, fake, address="http://shop.example.com")
    monkeypatch.setattr("ferryman.environments.find_destination", lambda *_: target)
    return fake


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def committed(link: FakeLink) -> None:
    result = {"deployment": "d", "outcome": "succeeded", "release": RELEASE, "previous": 4, "seconds": 2.34}
    link.answer("rollback", {**result, "degraded": ""})
    link.answer("status", {"apps": [{"release": RELEASE}]})


def test_latest_moves_only_after_the_service_answered_from_outside(
    link: FakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def asked(*_: object, **__: object) -> Answer:
        told.append("asked")
        return Answer("http://shop.example.com/health", 200, 0.01)

    def latest(*_: object) -> str:
        told.append("latest")
        return "moved"

    committed(link)
    monkeypatch.setattr("ferryman.shipping.latest.move_latest", latest)
    monkeypatch.setattr(
        "ferryman.shipping.outside.check_from_outside",
        asked,
    )
    invoke("rollback", "--verify")
    assert told == ["asked", "latest"]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (
            {"apps": [{"release": {**RELEASE, "number": 5, "digest": "sha256:5"}}]},
            "not moved: release 3 serves no more",
        ),
        ({"apps": [{"release": None}]}, "not moved: release 3 serves no more"),
        (Unreachable("server-unreachable", "no answer"), "not moved: no answer; the next deploy moves it"),
    ],
)
def test_latest_stays_when_another_release_was_committed_meanwhile(
    link: FakeLink, monkeypatch: pytest.MonkeyPatch, status: dict[str, Any] | FerrymanError, told: str
) -> None:
    result = {"deployment": "d", "outcome": "succeeded", "release": RELEASE, "previous": 4, "seconds": 2.34}
    link.answer("rollback", {**result, "degraded": ""})
    link.answer("status", status)
    monkeypatch.setattr("ferryman.shipping.outside.check_from_outside", lambda *_, **__: Answer("http://x", 200, 0.01))
    monkeypatch.setattr("ferryman.shipping.latest.move_latest", lambda *_: pytest.fail("latest was moved"))

    assert json.loads(invoke("rollback", "--verify", "--json"))["latest"] == told


@pytest.mark.parametrize("command", ["deploy", "rollback"])
def test_without_an_address_nothing_is_asked_of_the_server(
    link: FakeLink, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    target = replace(options.destination(Path(), None), address="")
    monkeypatch.setattr("ferryman.environments.find_destination", lambda *_: target)

    with pytest.raises(UsageError, match="no address from outside"):
        invoke(command, "--verify")

    assert link.requests == []


def test_a_service_that_is_not_reached_leaves_latest_and_says_what_serves(
    link: FakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise DeployFailed("not-served-outside", "no answer", hint="check the firewall")

    committed(link)
    monkeypatch.setattr("ferryman.shipping.outside.check_from_outside", fails)
    monkeypatch.setattr("ferryman.shipping.latest.move_latest", lambda *_: pytest.fail("latest was moved"))
    with pytest.raises(DeployFailed) as failed:
        invoke("rollback", "--verify")
    assert "release 3 is committed and serves; latest was not moved" in failed.value.state
    assert "ferryman rollback --to production" in failed.value.hint


def test_an_interrupted_call_moves_no_latest(link: FakeLink, monkeypatch: pytest.MonkeyPatch) -> None:
    committed(link)
    monkeypatch.setattr("ferryman.shipping.outside.check_from_outside", lambda *_, **__: None)
    monkeypatch.setattr("ferryman.shipping.latest.move_latest", lambda *_: pytest.fail("latest was moved"))
    assert json.loads(invoke("rollback", "--verify", "--json"))["latest"].startswith(
        "not moved: the call was interrupted"
    )
