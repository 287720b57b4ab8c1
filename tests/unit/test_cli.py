"""The commands through the shipped fake link: what is asked of the agent, what is printed, which exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ferryman.cli import options
from ferryman.cli.failure import print_failure
from ferryman.cli.main import app
from ferryman.config import load_configuration, manifest
from ferryman.destination import Destination
from ferryman.errors import (
    ConfigurationError,
    DeployFailed,
    FerrymanError,
    OutcomeUnknown,
    Refused,
    Unreachable,
    UsageError,
)
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
DIGEST = f"sha256:{'a' * 64}"
RELEASE = {
    "number": 3,
    "revision": "c0ffee" + "0" * 34,
    "image": "acme/shop",
    "digest": DIGEST,
    "environment_version": 2,
}
STATUS = {
    "agent": "0.1.0",
    "edge": {"state": "running", "since": "2026-11-23T08:00:00Z"},
    "outbox": {"waiting": 0, "url": None, "last": ""},
    "apps": [
        {
            "app": "shop",
            "environment": "production",
            "release": RELEASE,
            "state": "serving",
            "since": "2026-11-23T08:00:00.000Z",
            "health": {"healthy": True, "path": "/health", "status": 200},
            "roles": {"web": {"container": "c", "state": "running", "since": "2026-11-23T08:00:00Z", "restarts": 0}},
            "degraded": "",
            "running": None,
        }
    ],
}
APP = {"app": "shop", "environment": "production"}
runner = CliRunner()


@pytest.fixture
def link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeLink:
    """A fake link behind the environment production; no registry is reached."""
    path = tmp_path / "ferryman.toml"
    path.write_text(CONFIGURATION)
    fake = FakeLink()
    configuration = load_configuration(path)
    told = manifest(configuration, "production", configuration.environment("production", {}))
    destination = Destination(configuration, "production", told, fake)
    monkeypatch.setattr(options, "find_destination", lambda *_: destination)
    monkeypatch.setattr("ferryman.cli.reading.latest_drift", lambda *_: False)
    monkeypatch.setattr("ferryman.cli.shipping.move_latest", lambda *_: "moved")
    return fake


def invoke(*arguments: str, stdin: str | None = None) -> str:
    result = runner.invoke(app, list(arguments), input=stdin, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_status_tells_release_state_and_containers(link: FakeLink) -> None:
    link.answer("status", STATUS)
    assert invoke("status").splitlines() == [
        "app          shop in production",
        "state        serving",
        "release      3  c0ffee000000  sha256:aaaaaaaaaaaa…",
        "since        2026-11-23T08:00:00.000Z",
        "health       /health answers 200",
        "web          running since 2026-11-23T08:00:00Z, 0 restarts",
        "edge         running",
    ]
    assert link.requests[0].params == APP


def test_status_as_json_is_one_object_for_the_app(link: FakeLink) -> None:
    link.answer("status", STATUS)
    found = json.loads(invoke("status", "--json"))
    assert found["release"]["number"] == 3
    assert found["edge"]["state"] == "running"
    assert found["latest_differs"] is False


def test_rollback_asks_for_the_release_that_is_named_and_says_what_serves(link: FakeLink) -> None:
    result = {"deployment": "d", "outcome": "succeeded", "release": RELEASE, "previous": 4, "seconds": 2.34}
    link.answer("rollback", {**result, "degraded": ""})
    assert invoke("rollback", "3") == "release 3 (c0ffee0) of shop in production serves, 2.3 s\n"
    assert link.requests[0].params == {**APP, "to": 3, "credentials": None}


def test_a_rollback_without_a_number_leaves_the_choice_to_the_agent(link: FakeLink) -> None:
    result = {"deployment": "d", "outcome": "succeeded", "release": RELEASE, "previous": 4, "seconds": 1.0}
    link.answer("rollback", {**result, "degraded": "worker does not stay up"})
    done = runner.invoke(app, ["rollback"])
    assert link.requests[0].params["to"] is None
    assert "degraded: worker does not stay up" in done.stderr


def test_a_plan_prints_its_steps(link: FakeLink) -> None:
    plan = {
        **APP,
        "serving": {**RELEASE, "number": 4, "revision": "b" * 40},
        "release": RELEASE,
        "unchanged": False,
        "refused": ["[app.env] requires MAIL, which is not set"],
        "steps": [{"step": "pull", "detail": "the image is on the server already"}],
    }
    link.answer("plan", plan)
    assert invoke("plan", "rollback", "3").splitlines() == [
        "shop in production: release 4 (bbbbbbb) serves",
        "would go to release 3 (c0ffee0):",
        "  pull       the image is on the server already",
        "would be refused: [app.env] requires MAIL, which is not set",
    ]
    assert link.requests[0].params == {**APP, "kind": "rollback", "to": 3}


def test_env_set_reads_one_line_for_each_name(link: FakeLink) -> None:
    link.answer("env.set", {"version": 5, "changed": ["A", "B"]})
    invoke("env", "set", "A", "B", stdin="first\nsecond\n")
    assert link.requests[0].params == {**APP, "variables": {"A": "first", "B": "second"}}


def test_env_set_keeps_the_lines_of_a_single_value(link: FakeLink) -> None:
    link.answer("env.set", {"version": 5, "changed": ["KEY"]})
    invoke("env", "set", "KEY", stdin="-----BEGIN-----\nabc\n-----END-----\n")
    assert link.requests[0].params["variables"] == {"KEY": "-----BEGIN-----\nabc\n-----END-----"}


@pytest.mark.parametrize(
    ("arguments", "stdin", "code"),
    [
        (["env", "set", "KEY=value"], "", "value-on-command-line"),
        (["env", "set", "A", "B"], "only one\n", "values-missing"),
        (["env", "set", "A", "B", "--file", "x"], "", "one-name-only"),
        (["env", "set", "A", "--file", "/nowhere"], "", "file-unreadable"),
    ],
)
def test_wrong_values_are_refused_before_the_server_is_asked(
    link: FakeLink, arguments: list[str], stdin: str, code: str
) -> None:
    with pytest.raises(UsageError) as caught:
        runner.invoke(app, arguments, input=stdin, catch_exceptions=False)
    assert caught.value.code == code
    assert link.requests == []


def test_env_list_shows_values_only_when_asked(link: FakeLink) -> None:
    link.answer("env.list", {"version": 1, "variables": {"A": None}})
    link.answer("env.list", {"version": 1, "variables": {"A": "secret"}})
    assert invoke("env", "list") == "A\n"
    assert invoke("env", "list", "--values") == "A=secret\n"
    assert [request.params["values"] for request in link.requests] == [False, True]


def test_releases_are_a_table_with_the_serving_one_marked(link: FakeLink) -> None:
    row: dict[str, Any] = {**RELEASE, "state": "healthy", "created_at": "2026-11-23T08:00:00Z", "serving": True}
    link.answer("releases", {**APP, "releases": [row, {**row, "number": 2, "serving": False}]})
    assert [line.split()[:2] for line in invoke("releases").splitlines()] == [
        ["release", "state"],
        ["3", "serving"],
        ["2", "healthy"],
    ]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DeployFailed("unhealthy", "m"), 1),
        (UsageError("c", "m"), 2),
        (ConfigurationError("c", "m"), 2),
        (Refused("c", "m"), 3),
        (Unreachable("c", "m"), 4),
        (OutcomeUnknown("c", "m"), 5),
    ],
)
def test_each_kind_of_error_has_its_exit_status(error: FerrymanError, status: int) -> None:
    assert print_failure(error, options.messages) == status


def test_an_error_says_what_failed_the_state_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    details: dict[str, object] = {"exit_code": 3, "http_status": None, "log": ["no module [named] shop"]}
    error = DeployFailed(
        "container-exited", "it exited", state="release 2 goes on serving", hint="look", details=details
    )
    print_failure(error, Console(stderr=True, no_color=True))
    assert capsys.readouterr().err.splitlines() == [
        "error: it exited [container-exited]",
        "exit code: 3",
        "last log lines:",
        "  | no module [named] shop",
        "state: release 2 goes on serving",
        "hint: look",
    ]


def test_what_an_app_logged_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    details: dict[str, Any] = {"log": ["\x1b]0;title\x07\x1b[2Jtext\r"], "http_body": "a\tb\nc\x9b"}
    print_failure(DeployFailed("container-exited", "m", details=details), options.messages)
    shown = capsys.readouterr().err
    assert "  | \ufffd]0;title\ufffd\ufffd[2Jtext\ufffd\n" in shown
    assert "c\ufffd" in shown


def test_a_command_goes_on_when_nobody_reads_its_messages() -> None:
    program = (
        "import sys; from ferryman.cli.options import messages\n"
        "for line in range(3): messages.print('a step')\n"
        "print('the outcome'); sys.exit(5)"
    )
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=writing, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stdout) == (5, b"the outcome\n")


def test_a_full_disk_is_an_error_like_others() -> None:
    program = "import sys; sys.argv = ['ferryman', '--version']; from ferryman.cli.main import main; main()"
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run([sys.executable, "-uc", program], stdout=full, stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 1
    assert ended.stderr.decode().endswith("No space left on device [local-failure]\n")
