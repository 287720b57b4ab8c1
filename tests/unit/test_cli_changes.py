"""maintenance, restart, stop, start and remove through the shipped fake link."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ferryman.cli import remove
from ferryman.cli.app import app
from ferryman.config import load_configuration, manifest, resolve_environment
from ferryman.destination import Destination
from ferryman.errors import FerrymanError, Refused, UsageError
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
APP = {"app": "shop", "environment": "production"}
RELEASE = {"number": 3, "revision": "c0ffee" + "0" * 34, "digest": "sha256:" + "a" * 64}
DONE = {"deployment": "d", "outcome": "succeeded", "release": RELEASE, "previous": 3, "seconds": 2.34, "degraded": ""}
PLAN: dict[str, Any] = {
    **APP,
    "containers": ["ferryman.shop.production.web.3"],
    "network": "ferryman.shop.production",
    "images": ["acme/shop@sha256:aa"],
    "releases": 3,
    "variables": 2,
    "volumes": [],
    "kept": ["ferryman.shop.production.postgres-17"],
}
REMOVED = {"deployment": "d", "outcome": "succeeded", "seconds": 1.0, "degraded": "", "kept": PLAN["kept"]}
runner = CliRunner()


@pytest.fixture
def link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeLink:
    """A fake link behind the environment production."""
    path = tmp_path / "ferryman.toml"
    path.write_text(CONFIGURATION)
    fake = FakeLink()
    configuration = load_configuration(path)
    told = manifest(configuration, "production", resolve_environment(configuration, "production", {}))
    destination = Destination(configuration, "production", told, fake)
    monkeypatch.setattr("ferryman.environments.find_destination", lambda *_: destination)
    return fake


def invoke(*arguments: str, stdin: str | None = None) -> str:
    result = runner.invoke(app, list(arguments), input=stdin, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def fails(*arguments: str, stdin: str | None = None) -> FerrymanError:
    error = runner.invoke(app, list(arguments), input=stdin).exception
    assert isinstance(error, FerrymanError), error
    return error


def asked(link: FakeLink) -> tuple[str, dict[str, Any]]:
    """The last request, without what every transaction says of itself."""
    sent = link.requests[-1]
    return sent.kind, {key: value for key, value in sent.params.items() if key not in ("caller", "after")}


@pytest.mark.parametrize(
    ("words", "kind", "params", "told"),
    [
        ("restart", "restart", {"role": None}, "release 3 (c0ffee0) of shop in production is restarted, 2.3 s"),
        (
            "restart --role worker",
            "restart",
            {"role": "worker"},
            "worker of release 3 (c0ffee0) of shop in production is restarted, 2.3 s",
        ),
        (
            "accessory remove redis",
            "accessory.remove",
            {"name": "redis"},
            "redis of shop in production is removed, 2.3 s",
        ),
        ("stop", "stop", {"database": False}, "shop in production is stopped, 2.3 s"),
        ("stop --database", "stop", {"database": True}, "shop in production is stopped, 2.3 s"),
        ("start", "start", {}, "release 3 (c0ffee0) of shop in production serves, 2.3 s"),
        (
            "maintenance on --message soon --retry-after 9",
            "maintenance",
            {"on": True, "message": "soon", "retry_after": 9},
            "maintenance of shop in production is on, 2.3 s",
        ),
        ("maintenance off", "maintenance", {"on": False}, "maintenance of shop in production is off, 2.3 s"),
    ],
)
def test_a_change_is_asked_of_the_agent_and_its_outcome_told(
    link: FakeLink, words: str, kind: str, params: dict[str, Any], told: str
) -> None:
    link.answer(kind, DONE)
    assert invoke(*words.split()) == f"{told}\n"
    assert asked(link) == (kind, {**APP, **params})
    link.answer(kind, {**DONE, "outcome": "unchanged"})
    assert invoke(*words.split()) in (f"{told}\n", f"unchanged: {told.removesuffix(', 2.3 s')}\n")


def test_what_is_degraded_after_a_change_is_told(link: FakeLink) -> None:
    link.answer("restart", {**DONE, "degraded": "worker does not stay up"})
    result = runner.invoke(app, ["restart", "--json"], catch_exceptions=False)
    assert json.loads(result.stdout)["degraded"] == "worker does not stay up"
    assert "degraded: worker does not stay up" in result.stderr


def test_a_removal_without_a_terminal_needs_the_name(link: FakeLink) -> None:
    link.answer("removal.plan", PLAN)
    error = fails("remove")
    assert isinstance(error, UsageError)
    assert (error.code, error.hint) == ("confirmation-missing", "add --yes-remove shop")
    assert [sent.kind for sent in link.requests] == ["removal.plan"]


def test_a_removal_shows_what_goes_and_what_stays_then_asks_the_agent(link: FakeLink) -> None:
    link.answer("removal.plan", PLAN)
    link.answer("remove", REMOVED)
    result = runner.invoke(app, ["remove", "--yes-remove", "shop"], catch_exceptions=False)
    assert result.stdout == "shop in production is removed\n"
    for line in (
        "goes: containers ferryman.shop.production.web.3",
        "goes: images     acme/shop@sha256:aa",
        "goes: 3 releases, 2 variables, its passwords, its network",
        "stays: ferryman.shop.production.postgres-17",
        "kept: ferryman.shop.production.postgres-17; a later deploy finds it again",
    ):
        assert line in result.stderr
    assert asked(link) == ("remove", {**APP, "with_data": False, "confirm": "shop"})


def test_a_person_types_the_name(link: FakeLink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda _: True})())
    link.answer("removal.plan", PLAN)
    link.answer("remove", REMOVED)
    answers = ["shop", "production"]
    monkeypatch.setattr("typer.prompt", lambda *_, **__: answers.pop(0))
    remove.remove()
    assert asked(link)[1]["confirm"] == "shop"
    with pytest.raises(Refused, match="not the app's name"):
        remove.remove()


@pytest.mark.parametrize(
    ("name", "environment"), [("shpo", "production"), ("shpo.staging", "staging")], ids=["name", "with environment"]
)
def test_another_app_of_the_server_is_removed_by_its_name(link: FakeLink, name: str, environment: str) -> None:
    link.answer("removal.plan", PLAN)
    link.answer("remove", {**REMOVED, "kept": []})
    assert invoke("remove", name, "--with-data", "--yes-remove", "shpo") == f"shpo in {environment} is removed\n"
    named = {"app": "shpo", "environment": environment, "with_data": True}
    assert link.requests[0].params == named
    assert asked(link) == ("remove", {**named, "confirm": "shpo"})
