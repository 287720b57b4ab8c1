"""registry login, logout, list: what the agent is asked, and that a password is nowhere but in the request."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ferryman.cli.app import app
from ferryman.config import load_configuration, manifest, resolve_environment
from ferryman.destination import Destination
from ferryman.errors import UsageError
from ferryman.testing import FakeLink

CONFIGURATION = """\
[app]
name = "shop"
image = "acme/shop"
[app.roles.web]
[environments.production]
host = "shop.example.com"
"""
runner = CliRunner()


@pytest.fixture
def link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeLink:
    """A fake link behind the environment production."""
    path = tmp_path / "ferryman.toml"
    path.write_text(CONFIGURATION)
    fake, configuration = FakeLink(), load_configuration(path)
    told = manifest(configuration, "production", resolve_environment(configuration, "production", {}))
    destination = Destination(configuration, "production", told, fake)
    monkeypatch.setattr("ferryman.environments.find_destination", lambda *_: destination)
    return fake


def invoke(*arguments: str, stdin: str | None = None) -> str:
    result = runner.invoke(app, list(arguments), input=stdin, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_password_is_read_from_standard_input(link: FakeLink) -> None:
    link.answer("registry.login", {"registry": "docker.io", "username": "reader"})
    told = invoke("registry", "login", "--username", "reader", stdin="s3cret\n")
    assert told == "production keeps the login of reader at docker.io\n"
    assert link.requests[0].params == {"registry": "docker.io", "username": "reader", "password": "s3cret"}


def test_the_environments_login_is_taken_as_a_pair(link: FakeLink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_USERNAME", "writer")
    monkeypatch.setenv("DOCKER_PASSWORD", "write-token")
    link.answer("registry.login", {"registry": "ghcr.io", "username": "writer"})
    invoke("registry", "login", "ghcr.io")
    assert link.requests[0].params == {
        "registry": "ghcr.io",
        "username": "writer",
        "password": "write-token",
    }
    link.answer("registry.login", {"registry": "ghcr.io", "username": "reader"})
    invoke("registry", "login", "ghcr.io", "-u", "reader", stdin="read-token")
    assert link.requests[1].params["password"] == "read-token"


@pytest.mark.parametrize("arguments", [[], ["--username", "reader"]], ids=["no name", "no password"])
def test_without_a_login_nothing_is_asked(
    link: FakeLink, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.delenv("DOCKER_USERNAME", raising=False)
    with pytest.raises(UsageError) as caught:
        runner.invoke(app, ["registry", "login", *arguments], input="", catch_exceptions=False)
    assert (caught.value.code, link.requests) == ("login-missing", [])


def test_a_logout_and_the_list_name_no_password(link: FakeLink) -> None:
    link.answer("registry.logout", {"registry": "docker.io", "forgotten": True})
    assert invoke("registry", "logout") == "production forgets the login at docker.io\n"
    link.answer("registry.list", {"registries": [{"registry": "docker.io", "username": "reader"}]})
    assert invoke("registry", "list").splitlines()[1].split() == ["docker.io", "reader"]


def test_a_logout_where_no_login_is_kept_changes_nothing(link: FakeLink) -> None:
    link.answer("registry.logout", {"registry": "ghcr.io", "forgotten": False})
    assert invoke("registry", "logout", "ghcr.io") == "unchanged: production keeps no login at ghcr.io\n"
