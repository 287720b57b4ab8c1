"""doctor through the shipped fake link: what it shows, when it asks, and that only one rehearsal runs at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ferryman.cli.app import app
from ferryman.config import load_configuration, manifest, resolve_environment
from ferryman.destination import Destination
from ferryman.errors import Refused
from ferryman.rehearsal.state import StateFile
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
WHOLE: dict[str, Any] = {"ledger": {"state": "whole"}, "apps": [], "lines": ["ledger      whole"]}
DAMAGED: dict[str, Any] = {"ledger": {"state": "ledger-damaged"}, "lines": ["ledger      no database", "lost        x"]}
REBUILT = {**DAMAGED, "rebuilt": {"apps": ["shop.production"], "kept": ["/var/lib/ferryman/ledger.db.damaged-1"]}}


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


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["doctor", *arguments])
    if isinstance(result.exception, Refused):
        raise result.exception
    return result.exit_code, result.output


def test_it_shows_what_the_agent_found_and_ends_as_the_ledger_is(link: FakeLink) -> None:
    link.answer("doctor", WHOLE)
    link.answer("doctor", DAMAGED)
    assert invoke() == (0, "ledger      whole\n")
    assert invoke() == (4, "ledger      no database\nlost        x\n")


def test_json_is_data_without_the_lines(link: FakeLink) -> None:
    link.answer("doctor", WHOLE)
    _, output = invoke("--json")
    assert json.loads(output) == {"ledger": {"state": "whole"}, "apps": []}


def test_a_rebuild_that_nobody_confirms_is_not_asked_for(link: FakeLink) -> None:
    link.answer("doctor", DAMAGED)
    with pytest.raises(Refused) as caught:
        invoke("--rebuild")
    assert caught.value.code == "not-confirmed"
    assert [request.params for request in link.requests] == [{}]


def test_a_confirmed_rebuild_tells_what_came_of_it(link: FakeLink) -> None:
    link.answer("doctor", REBUILT)
    status, output = invoke("--rebuild", "--yes")
    assert status == 0
    assert "the ledger was rebuilt, with shop.production" in output
    assert "ledger.db.damaged-1" in output
    assert [request.params for request in link.requests] == [{}, {"rebuild": True}]


def test_a_second_rehearsal_of_a_project_is_refused_while_the_first_one_lives(tmp_path: Path) -> None:
    holder = (
        "import sys, pathlib; from ferryman.rehearsal.state import StateFile\n"
        "with StateFile(pathlib.Path(sys.argv[1])).held(): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", holder, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(Refused) as caught, StateFile(tmp_path).held():
            pass
        assert caught.value.code == "rehearsal-running"
        process.kill()
    with StateFile(tmp_path).held():
        pass
