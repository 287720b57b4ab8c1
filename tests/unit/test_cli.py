"""The commands through the shipped fake link: what is asked of the agent, what is printed, which exit status."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ferryman.cli.app import app
from ferryman.cli.display import Steps
from ferryman.cli.failure import print_failure
from ferryman.cli.messages import Messages, messages
from ferryman.config import load_configuration, manifest, resolve_environment
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
from ferryman.shipping.images import ShippedImage
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
    told = manifest(configuration, "production", resolve_environment(configuration, "production", {}))
    destination = Destination(configuration, "production", told, fake)
    monkeypatch.setattr("ferryman.environments.find_destination", lambda *_: destination)
    monkeypatch.setattr("ferryman.shipping.latest.latest_drift", lambda *_: False)
    monkeypatch.setattr("ferryman.shipping.latest.move_latest", lambda *_: "moved")
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
    params = link.requests[0].params
    assert "@" in params.pop("caller")
    assert params == {**APP, "to": 3, "credentials": None}


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
        "refused": ["ferryman.toml requires MAIL, which is not set"],
        "steps": [{"step": "pull", "detail": "the image is on the server already"}],
    }
    link.answer("plan", plan)
    assert invoke("plan", "rollback", "3").splitlines() == [
        "shop in production: release 4 (bbbbbbb) serves",
        "would go to release 3 (c0ffee0):",
        "  pull       the image is on the server already",
        "would be refused: ferryman.toml requires MAIL, which is not set",
    ]
    assert link.requests[0].params == {**APP, "kind": "rollback", "to": 3}


COMMITS = [
    {
        "revision": "c0ffee" + "0" * 34,
        "subject": "Show the [bold]price[/] 🎈",
        "author": "Ada",
        "at": "2026-11-23T08:00:00Z",
    },
    {"revision": "b" * 40, "subject": "", "author": "Ada", "at": "2026-11-23T07:00:00Z"},
]


def test_a_plan_of_a_deploy_prints_the_commits_that_it_brings(link: FakeLink, monkeypatch: pytest.MonkeyPatch) -> None:
    image = ShippedImage("c0ffee" + "0" * 34, DIGEST, 0, 0, was_there=True)
    monkeypatch.setattr("ferryman.shipping.images.planned_image", lambda *_: image)
    plan = {
        **APP,
        "serving": {**RELEASE, "number": 2},
        "release": RELEASE,
        "unchanged": False,
        "refused": [],
        "steps": [],
    }
    link.answer("plan", {**plan, "commits": COMMITS, "commits_complete": True})
    assert invoke("plan", "deploy").splitlines()[2:] == [
        "2 commits since release 2",
        "  c0ffee0    Show the [bold]price[/] 🎈",
        "  bbbbbbb    ",
    ]


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ({"commits": COMMITS, "commits_complete": True}, "2 commits since release 2\n"),
        ({"commits": COMMITS[:1], "commits_complete": True}, "1 commit since release 2\n"),
        ({"commits": [], "commits_complete": True}, "no commits since release 2\n"),
        ({"commits": [], "commits_complete": True, "what": "rollback"}, ""),
        ({"commits": COMMITS, "commits_complete": True, "previous": None}, ""),
        ({"commits": COMMITS, "commits_complete": False}, ""),
        ({}, ""),
    ],
)
def test_a_deploy_says_how_many_commits_it_brings(told: dict[str, Any], line: str) -> None:
    output = io.StringIO()
    with Steps(Messages(output)) as steps:
        steps.show({"kind": "deployment", "what": "deploy", "release": RELEASE, "previous": 2, **told})
    assert output.getvalue() == line


def test_env_set_reads_one_line_for_each_name(link: FakeLink) -> None:
    link.answer("env.set", {"version": 5, "changed": ["A", "B"]})
    invoke("env", "set", "A", "B", stdin="first\nsecond\n")
    assert link.requests[0].params == {**APP, "variables": {"A": "first", "B": "second"}}


def test_env_set_keeps_the_lines_of_a_single_value(link: FakeLink) -> None:
    link.answer("env.set", {"version": 5, "changed": ["KEY"]})
    invoke("env", "set", "KEY", stdin="-----BEGIN-----\nabc\n-----END-----\n")
    assert link.requests[0].params["variables"] == {"KEY": "-----BEGIN-----\nabc\n-----END-----"}


def test_env_set_parts_values_at_line_ends_alone(link: FakeLink) -> None:
    link.answer("env.set", {"version": 5, "changed": ["A", "B"]})
    invoke("env", "set", "A", "B", stdin="a\x0cb\nc\x85d\u2028e\n")
    assert link.requests[0].params["variables"] == {"A": "a\x0cb", "B": "c\x85d\u2028e"}


def test_a_value_of_a_file_keeps_its_line_ends_and_no_byte_order_mark(link: FakeLink, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(b"\xef\xbb\xbffirst\r\nlast\r\n")
    link.answer("env.set", {"version": 5, "changed": ["KEY"]})
    invoke("env", "set", "KEY", "--file", str(tmp_path / "key.pem"))
    assert link.requests[0].params["variables"] == {"KEY": "first\r\nlast"}


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
    assert print_failure(error, messages) == status


def test_an_error_says_what_failed_the_state_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    details: dict[str, object] = {"exit_code": 3, "http_status": None, "log": ["no module [named] shop"]}
    error = DeployFailed(
        "container-exited", "it exited", state="release 2 goes on serving", hint="look", details=details
    )
    print_failure(error, messages)
    assert capsys.readouterr().err.splitlines() == [
        "error: it exited [container-exited]",
        "state: release 2 goes on serving",
        "hint: look",
        "exit code: 3",
        "last log lines:",
        "  | no module [named] shop",
    ]


def test_what_an_app_logged_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    details: dict[str, Any] = {"log": ["\x1b]0;title\x07\x1b[2Jtext\r"], "http_body": "a\tb\nc\x9b"}
    print_failure(DeployFailed("container-exited", "m", details=details), messages)
    shown = capsys.readouterr().err
    assert "  | \ufffd]0;title\ufffd\ufffd[2Jtext\ufffd\n" in shown
    assert "c\ufffd" in shown


def test_a_command_goes_on_when_nobody_reads_its_messages() -> None:
    program = (
        "import sys; from ferryman.cli.messages import messages\n"
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


def test_follow_ends_as_the_deployment_did(link: FakeLink) -> None:
    result = {"deployment": "d", "kind": "deploy", "outcome": "succeeded", "release": RELEASE, "previous": 4}
    link.answer("follow", {**result, "seconds": 2.34, "degraded": ""})
    assert invoke("follow") == "deploy succeeded: release 3 (c0ffee0) of shop in production, 2.3 s\n"
    assert link.requests[0].params == APP


def test_follow_of_what_failed_fails(link: FakeLink) -> None:
    link.answer("follow", DeployFailed("unhealthy", "it answers 500"))
    with pytest.raises(DeployFailed):
        invoke("follow", "d")
    assert link.requests[0].params == {**APP, "deployment": "d"}


def test_cancel_waits_until_what_ran_is_taken_back(link: FakeLink) -> None:
    link.answer("cancel", {"deployment": "d", "cancelled": True, "outcome": "running", "release": 4})
    link.answer("follow", DeployFailed("cancelled", "cancelled on request", state="release 3 goes on serving"))
    assert invoke("cancel") == "cancelled: release 3 goes on serving\n"
    assert [request.params for request in link.requests] == [APP, {**APP, "deployment": "d"}]


def test_cancel_of_what_is_committed_is_refused(link: FakeLink) -> None:
    link.answer("cancel", {"deployment": "d", "cancelled": False, "outcome": "committed", "release": 4})
    with pytest.raises(Refused) as caught:
        invoke("cancel", "d")
    assert (caught.value.code, caught.value.exit_status) == ("nothing-to-cancel", 3)
    assert "release 4 serves" in caught.value.state


def test_status_tells_what_runs_and_who_waits(link: FakeLink) -> None:
    runs = {"kind": "deploy", "revision": "c0ffee" * 7, "sequence": 7, "since": "2026-11-23T08:00:00Z", "by": "ada@a"}
    waits = {**runs, "sequence": 8, "by": "https://ci.example.com/8"}
    (one,) = STATUS["apps"]
    link.answer("status", {**STATUS, "apps": [{**one, "running": {**runs, "step": "pull"}, "waiting": [waits]}]})  # type: ignore[dict-item]
    assert invoke("status").splitlines()[-2:] == [
        "running      deploy of c0ffeec (run 7) since 2026-11-23T08:00:00Z, in step pull, asked for by ada@a",
        "waiting      deploy of c0ffeec (run 8) since 2026-11-23T08:00:00Z, asked for by https://ci.example.com/8",
    ]


def test_a_rollback_may_wait_or_cancel_what_runs(link: FakeLink) -> None:
    result = {"deployment": "d", "outcome": "succeeded", "release": RELEASE, "previous": 4, "seconds": 2.34}
    link.answer("rollback", {**result, "degraded": ""})
    invoke("rollback", "--wait", "--wait-timeout", "90s", "--cancel-running")
    params = link.requests[0].params
    assert (params["wait_seconds"], params["cancel_running"]) == (90, True)
    assert runner.invoke(app, ["rollback", "--wait-timeout", "soon"]).exit_code == 2


def test_who_waits_is_shown_for_whom(link: FakeLink) -> None:
    output = io.StringIO()
    with Steps(Messages(output)) as steps:
        steps.show({"kind": "waiting", "before": 2, "running": {"kind": "rollback", "step": "pull", "by": "ada@a"}})
        steps.show({"kind": "waiting", "before": 0, "running": None})
    assert output.getvalue().splitlines() == [
        "waiting for rollback, in step pull, asked for by ada@a, and 2 more before this one",
        "waiting",
    ]
