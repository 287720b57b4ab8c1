"""What a deploy asks for, and where it goes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ferryman.config import load_configuration, manifest, resolve_environment
from ferryman.destination import Destination
from ferryman.environments import find_destination
from ferryman.errors import ConfigurationError, UsageError
from ferryman.git.repository import resolve_revision
from ferryman.shipping.images import ShippedImage
from ferryman.shipping.options import DeployOptions
from ferryman.shipping.request import deploy_parameters
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


@pytest.mark.parametrize(
    ("reports", "travels"), [("", True), ("[reports]\n", True), ("[reports]\ncommits = false\n", False)]
)
def test_the_log_travels_with_a_deploy_unless_it_is_to_stay(
    tmp_path: Path, link: FakeLink, reports: str, travels: bool
) -> None:
    path = tmp_path / "ferryman.toml"
    path.write_text(CONFIGURATION + reports)
    configuration = load_configuration(path)
    subprocess.run(["git", "-C", str(tmp_path), "init", "--quiet"], check=True)
    person = ["-c", "user.name=Ada", "-c", "user.email=ada@example.invalid", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(tmp_path), *person, "commit", "--quiet", "--allow-empty", "--message=Begin"]
    subprocess.run(command, check=True)
    revision = resolve_revision(tmp_path, "HEAD")
    image = ShippedImage(f"{revision}-dirty-01234567", "sha256:1", 0, 0, was_there=True)
    told = manifest(
        configuration, "production", resolve_environment(configuration, "production", {"SHOP_HOST": "shop.example.com"})
    )
    target = Destination(configuration, "production", told, link)
    commits = deploy_parameters(target, image, DeployOptions(), {})["commits"]
    assert [item["revision"] for item in commits or []] == ([revision] if travels else [])
    assert (commits is not None) is travels


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
