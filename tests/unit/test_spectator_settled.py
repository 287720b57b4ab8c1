"""What is left once a release serves: a person does not wait for it, a program does."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from ferryman.config import load_configuration, manifest, resolve_environment
from ferryman.destination import Destination
from ferryman.testing import FakeLink
from ferryman.watching import spectator
from ferryman.watching.spectator import ask_transaction

CONFIGURATION = """\
[app]
name = "shop"
image = "acme/shop"
[app.roles.web]
[environments.production]
host = "shop.example.com"
"""
BEGUN = {"sequence": 1, "kind": "deployment", "what": "deploy", "release": {"number": 4}, "previous": 3}


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture
def destination(tmp_path: Path, link: FakeLink) -> Destination:
    path = tmp_path / "ferryman.toml"
    path.write_text(CONFIGURATION)
    configuration = load_configuration(path)
    environment = resolve_environment(configuration, "production", {})
    return Destination(configuration, "production", manifest(configuration, "production", environment), link)


def test_a_person_does_not_wait_for_what_changes_nothing_any_more(
    destination: Destination, link: FakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled = {
        "sequence": 2,
        "kind": "settled",
        "rest": ["stop old", "retain"],
        "degraded": "worker: gone",
        "seconds": 3,
    }
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(spectator, "has_terminal", lambda: True)
    link.answer("deploy", {}, events=[{**BEGUN, "deployment": "d"}, settled], until=threading.Event())
    assert ask_transaction(destination, "deploy", {}, told.append) == {
        "deployment": "d",
        "kind": "deploy",
        "outcome": "succeeded",
        "release": {"number": 4},
        "previous": 3,
        "seconds": 3,
        "downtime": None,
        "degraded": "worker: gone",
    }
    (note,) = [found for found in told if found["kind"] == "note"]
    assert note["text"].startswith("the server still does: stop old, retain; ferryman follow ")


def test_a_pipe_has_the_outcome_of_the_whole(destination: Destination, link: FakeLink) -> None:
    settled = {"sequence": 2, "kind": "settled", "rest": ["stop old"], "degraded": "", "seconds": 3}
    link.answer("deploy", {"outcome": "succeeded", "seconds": 4}, events=[{**BEGUN, "deployment": "d"}, settled])
    assert ask_transaction(destination, "deploy", {}, lambda _: None) == {"outcome": "succeeded", "seconds": 4}
