"""The clean-up as a command: branches through the stand-in for GitHub, and what is told in which form."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from answering import Fault
from command import Call
from github_stand_in import GitHubStandIn, World, sha
from openapi import Call as Request
from place import Place, old_images
from registry_stand_in import RegistryStandIn
from typer.testing import CliRunner

from ferryman.cleanup.cleanup import Order, Surroundings
from ferryman.cleanup.names import escaped, shown
from ferryman.cleanup.report import Report
from ferryman.cleanup.summary import lines, markdown, size
from ferryman.cli.app import app
from ferryman.errors import DeployFailed, UsageError

HOSTILE = "x`]($(id))|<b>\x1b[31m\N{RIGHT-TO-LEFT OVERRIDE}@team #1 https://evil.example _a_ \n## gone"


@pytest.fixture
def registry() -> Iterator[RegistryStandIn]:
    with RegistryStandIn().running() as made:
        yield made


@pytest.fixture
def place(tmp_path: Path, registry: RegistryStandIn) -> Place:
    return Place(tmp_path, registry)


@pytest.fixture
def github() -> Iterator[GitHubStandIn]:
    world = World()
    world.commit("work")
    world.branches = {"main": world.commit("main", sha("work")), HOSTILE: sha("work"), "staging": sha("work")}
    with GitHubStandIn(world).running() as made:
        yield made
        assert made.violations == []


def test_branches_are_cleaned_with_the_patterns_of_the_configuration(place: Place, github: GitHubStandIn) -> None:
    place.write('[cleanup]\nkeep_branches = ["stag*"]\n')
    place.variables = github.variables

    report = place.clean("branches")

    assert report.branches
    assert [verdict.name for verdict in report.branches.removed] == [HOSTILE]
    assert set(github.world.branches) == {"main", "staging"}


def test_a_missing_token_is_told_before_anything_is_done(place: Place) -> None:
    with pytest.raises(UsageError, match="GITHUB_REPOSITORY and GITHUB_TOKEN"):
        place.clean("branches", "server")
    assert place.asked("production") == []


def test_a_failure_of_github_does_not_keep_the_servers_from_being_pruned(place: Place, github: GitHubStandIn) -> None:
    place.variables = {**github.variables, "GITHUB_TOKEN": "another"}

    report = place.clean("branches", "server")

    assert [(failure.part, failure.code) for failure in report.failures] == [("branches", "github-token-refused")]
    assert len(report.servers) == 2


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", "/branches$", 200, body=[{"name": "a"}], times=9),
        Fault("GET", "/branches$", 200, body=["a"], times=9),
        Fault("GET", "/pulls$", 200, body=[{"head": None, "base": {}}], times=9),
        Fault("GET", "/git/ref/", 200, body={"object": []}, times=9),
        Fault("GET", "/shop$", 200, body=[], times=9),
    ],
)
def test_a_malformed_answer_of_github_does_not_keep_the_servers_from_being_pruned(
    place: Place, github: GitHubStandIn, fault: Fault
) -> None:
    place.variables, github.faults = github.variables, [fault]

    report = place.clean("branches", "server")

    assert [(failure.part, failure.code) for failure in report.failures] == [("branches", "answer-malformed")]
    assert len(report.servers) == 2
    assert HOSTILE in github.world.branches


def test_a_list_without_an_end_ends(place: Place, github: GitHubStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    place.variables = github.variables
    monkeypatch.setattr("ferryman.github.api.PAGES", 2)
    github.world.branches |= {f"b{number}": sha("work") for number in range(300)}

    assert [failure.code for failure in place.clean("branches").failures] == ["github-unexpected"]


def test_a_hostile_name_reaches_no_terminal_and_no_markup(place: Place, github: GitHubStandIn) -> None:
    place.variables = github.variables
    report = place.clean("branches")

    for line in lines(report):
        assert line.isprintable()
    text = markdown(report)
    assert "\x1b" not in text
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in text
    row = next(line for line in text.splitlines() if sha("work") in line and "id" in line)
    assert row.count("|") == 4
    assert not {"`", "<", ">", "@", "[", "_", "$", "*"} & set(row)
    assert "\n## gone" not in text
    for word in ("https://", "www."):
        assert word not in row
    told = json.loads(json.dumps(report.as_json()))["branches"]["removed"]
    assert {verdict["name"] for verdict in told} == {HOSTILE, "staging"}


@pytest.mark.parametrize(
    ("name", "on_terminal", "in_markdown"),
    [
        ("plain-name", "plain-name", "plain-name"),
        ("feature/ü 1", "feature/ü 1", "feature&#47;ü 1"),
        ("a\tb\x00\x9b", "a\\u0009b\\u0000\\u009b", "a&#92;u0009b&#92;u0000&#92;u009b"),
        ("a|b<c>", "a|b<c>", "a&#124;b&#60;c&#62;"),
        ("x" * 200, "x" * 119 + "…", "x" * 119 + "…"),
    ],
)
def test_names_are_made_harmless(name: str, on_terminal: str, in_markdown: str) -> None:
    assert (shown(name), escaped(name)) == (on_terminal, in_markdown)


def test_a_long_table_is_cut_in_the_summary(place: Place, registry: RegistryStandIn) -> None:
    old_images(registry, 30)
    for name in ("production", "staging"):
        place.answers(name)
    report = place.clean("images", is_dry=True)
    found = report.images[0]
    report.images[0] = replace(found, removed=found.removed * 10)

    text = markdown(report)

    assert text.count("sha256&#58;") == 100
    assert "and 180 more" in text


@pytest.mark.parametrize(
    ("number", "text"), [(None, "not known"), (0, "0.0 kB"), (99_999, "100.0 kB"), (2**30, "1,073.7 MB")]
)
def test_sizes_are_for_people(number: int | None, text: str) -> None:
    assert size(number) == text


def test_the_command_prints_json_appends_to_the_summary_and_fails_when_something_failed(
    place: Place, github: GitHubStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    for name, value in {**github.variables, "GITHUB_STEP_SUMMARY": str(summary)}.items():
        monkeypatch.setenv(name, value)

    done = CliRunner().invoke(app, ["cleanup", "--branches", "--json", "--config", str(place.config)])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["branches"]["repository"] == "acme/shop"
    assert summary.read_text().startswith("before\n## Clean-up\n")

    monkeypatch.setenv("GITHUB_TOKEN", "another")
    done = CliRunner().invoke(app, ["cleanup", "--branches", "--config", str(place.config)])
    assert isinstance(done.exception, DeployFailed)
    assert done.exception.code == "cleanup-incomplete"
    assert "0 branches removed" in done.stdout
    assert "not done: branches: GitHub refuses the token" in done.stderr
    assert "### Not done" in summary.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_what_went_is_told(place: Place, github: GitHubStandIn, number: signal.Signals) -> None:
    github.world.branches |= {name: sha("work") for name in ("a", "b", "c")}
    has_begun = threading.Event()

    def interrupt(request: Request) -> None:
        if (request.method, request.names.get("ref")) == ("DELETE", "heads/b"):
            assert has_begun.wait(20)
            call.process.send_signal(number)
            call.process.wait(20)  # no answer comes before the end

    github.before = interrupt
    call = Call(["cleanup", "--branches", "--json", "--config", str(place.config)], github.variables)
    has_begun.set()

    call.end().ended_with(128 + number, f"stopped by {number.name}", "what was removed stands above")

    assert [branch["name"] for branch in json.loads(call.stdout.text)["branches"]["removed"]] == ["a"]
    assert "c" in github.world.branches


def test_all_three_parts_are_cleaned_without_an_option(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    orders: list[Order] = []

    def note(order: Order, _: Surroundings, report: Report) -> Report:
        orders.append(order)
        return report

    monkeypatch.setattr("ferryman.cleanup.cleanup.clean_up", note)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "not" / "there"))
    for options in ([], ["--images", "--server", "--dry-run", "--to", "a", "--to", "b"]):
        assert CliRunner().invoke(app, ["cleanup", *options]).exit_code == 0

    assert orders == [
        Order(Path("ferryman.toml")),
        Order(Path("ferryman.toml"), ("a", "b"), frozenset({"images", "server"}), is_dry=True),
    ]
