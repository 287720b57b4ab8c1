"""How often an image is built and started on its way to the registry, and what is then known of its migrations."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from registry_stand_in import RegistryStandIn

from ferryman.config import Configuration, load_configuration
from ferryman.destination import Destination, OwnRegistry
from ferryman.shipping.images import ShippedImage, ship_image
from ferryman.shipping.options import DeployOptions
from ferryman.shipping.request import LONGEST, MIGRATIONS, deploy_parameters
from ferryman.testing import FakeLink

CONFIGURATION = """\
[app]
name = "shop"
image = "{image}"
[app.roles.web]
[database]
migrate = ["python", "manage.py", "migrate"]
"""
# A docker command that keeps its images in files, and notes each call. The container that is asked for the migrations
# answers only once a push has begun, where there is one to come.
DOCKER = """\
#!{python}
import json, pathlib, sys, time
home, words = pathlib.Path("{home}"), sys.argv[1:]
with (home / "calls").open("a") as calls:
    calls.write(json.dumps(words) + "\\n")
def state(reference):
    return home / reference.replace("/", "_")
if words[0] == "build":
    labels = dict(word.removeprefix("--label=").split("=", 1) for word in words if word.startswith("--label="))
    (tag,) = [word.removeprefix("--tag=") for word in words if word.startswith("--tag=")]
    state(tag).write_text(json.dumps([{{"Id": "sha256:1", "Size": 5000000, "Config": {{"Labels": labels}}}}]))
elif words[:2] == ["image", "inspect"]:
    if not state(words[-1]).exists():
        sys.exit(1)
    print("sha256:1" if "{{{{.Id}}}}" in words else state(words[-1]).read_text())
elif words[0] == "run":
    deadline = time.monotonic() + 20
    while (home / "waits").exists() and not (home / "pushed").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    if (home / "broken").exists():
        sys.exit("KeyError: 'STRIPE_KEY'")
    print('ferryman.migrations=["auth.0001_initial", "shop.0001_initial"]')
elif words[0] == "push":
    (home / "pushed").touch()
"""


@dataclass
class Workbench:
    """A project with one commit, an engine and a registry."""

    configuration: Configuration
    registry: RegistryStandIn
    home: Path

    def ship(self, *, labels: bool = False) -> ShippedImage:
        options = DeployOptions(labels_migrations=labels)
        return ship_image(OwnRegistry(self.configuration), options, {}, lambda _: None)

    def calls(self, word: str) -> list[list[str]]:
        """The docker commands of one kind."""
        calls = [json.loads(line) for line in (self.home / "calls").read_text().splitlines()]
        return [call for call in calls if call[0] == word]

    def labels(self, image: ShippedImage) -> dict[str, str]:
        """What the image in the engine carries."""
        name = f"{self.configuration.app.image}:{image.revision}".replace("/", "_")
        found: dict[str, str] = json.loads((self.home / name).read_text())[0]["Config"]["Labels"]
        return found


@pytest.fixture
def workbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    home, project, programs = tmp_path / "engine", tmp_path / "project", tmp_path / "bin"
    for folder in (home, project, programs):
        folder.mkdir()
    (programs / "docker").write_text(DOCKER.format(python=sys.executable, home=home))
    (programs / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    with RegistryStandIn().running() as registry:
        (project / "ferryman.toml").write_text(CONFIGURATION.format(image=registry.image))
        (project / "Dockerfile").write_text("FROM scratch\n")
        person = ["-c", "user.name=Ada", "-c", "user.email=ada@example.invalid", "-c", "commit.gpgsign=false"]
        for words in (["init", "--quiet"], ["add", "--all"], [*person, "commit", "--quiet", "--message=Begin"]):
            subprocess.run(["git", "-C", str(project), *words], check=True)

        def arrive(_: str, what: str) -> None:
            tag = what.removeprefix("manifests/")
            if (home / "pushed").exists() and len(tag) == 40 and tag not in registry.tags:
                registry.push(tag)

        registry.before = arrive
        yield Workbench(load_configuration(project / "ferryman.toml"), registry, home)


def test_an_image_that_is_deployed_at_once_is_built_once_and_asked_while_it_is_pushed(workbench: Workbench) -> None:
    (workbench.home / "waits").touch()
    image = workbench.ship()
    assert image.migrations == ("auth.0001_initial", "shop.0001_initial")
    assert [len(workbench.calls(word)) for word in ("build", "run", "push")] == [1, 1, 1]
    assert "ferryman.migrations" not in workbench.labels(image)
    assert image.digest == workbench.registry.tags[image.revision]


def test_an_image_for_another_call_carries_its_migrations(workbench: Workbench) -> None:
    image = workbench.ship(labels=True)
    assert [len(workbench.calls(word)) for word in ("build", "run", "push")] == [2, 1, 1]
    assert json.loads(workbench.labels(image)["ferryman.migrations"]) == list(image.migrations or ())
    again = workbench.ship()
    assert (again.migrations, len(workbench.calls("run"))) == (image.migrations, 1)


def test_an_image_that_is_here_without_them_is_built_with_them_for_another_call(workbench: Workbench) -> None:
    first = workbench.ship()
    assert workbench.ship().migrations == first.migrations
    assert len(workbench.calls("build")) == 1
    workbench.ship(labels=True)
    assert "ferryman.migrations" in workbench.labels(first)


def test_migrations_that_can_not_be_read_are_told_to_nobody(workbench: Workbench) -> None:
    (workbench.home / "broken").touch()
    image = workbench.ship()
    assert image.migrations is None
    assert "KeyError: 'STRIPE_KEY'" in image.unread
    assert "migrations" not in asked(workbench, image)


def asked(workbench: Workbench, image: ShippedImage) -> dict[str, object]:
    target = Destination(workbench.configuration, "production", {"app": "shop"}, FakeLink())
    return deploy_parameters(target, image, DeployOptions(), {})


@pytest.mark.parametrize(
    ("migrations", "told"),
    [
        (("shop.0001_initial",), ["shop.0001_initial"]),
        ((), []),
        (None, None),
        (("shop.0001",) * (MIGRATIONS + 1), None),
        ((f"shop.{'x' * LONGEST}",), None),
        ((f"shop.{'x' * (LONGEST - 10)}",) * MIGRATIONS, None),
    ],
    ids=["some", "none", "not known", "too many", "too long", "too much"],
)
def test_the_agent_is_told_as_many_migrations_as_it_takes(
    workbench: Workbench, migrations: tuple[str, ...] | None, told: list[str] | None
) -> None:
    image = ShippedImage("0" * 40, "sha256:1", 0, 0, was_there=True, migrations=migrations)
    assert asked(workbench, image).get("migrations") == told
