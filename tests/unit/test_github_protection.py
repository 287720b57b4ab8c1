"""Branch protection against the stand-in for GitHub: set once, compared afterwards, never overwritten."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from answering import Fault
from github_stand_in import GitHubStandIn, World, sha
from typer.testing import CliRunner

from ferryman.cli.app import app
from ferryman.errors import FerrymanError, Refused, Unreachable
from ferryman.github.protection import Rules, lacks

REVIEWED = {"required_pull_request_reviews": {"required_approving_review_count": 2}}


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubStandIn]:
    world = World()
    world.branches = {"main": world.commit("main"), "develop": sha("main"), "release/1": sha("main")}
    with GitHubStandIn(world).running() as made:
        for name, value in made.variables.items():
            monkeypatch.setenv(name, value)
        yield made
        assert made.violations == []


def protect(*options: str) -> list[dict[str, Any]]:
    done = CliRunner().invoke(app, ["github", "protect", "--json", *options], catch_exceptions=False)
    return list(json.loads(done.stdout)["branches"])


def states(found: list[dict[str, Any]]) -> dict[str, str]:
    return {one["branch"]: one["state"] for one in found}


def test_main_and_develop_are_protected_once(github: GitHubStandIn) -> None:
    checks = ("--check", "Code quality", "--check", "Unit tests")

    assert states(protect(*checks)) == {"main": "set", "develop": "set"}
    assert states(protect(*checks)) == {"main": "protected", "develop": "protected"}

    assert github.world.protected == {"main", "develop"}
    assert len([method for method, _ in github.requests if method == "PUT"]) == 2
    found = github.world.protections["main"]
    assert found["required_pull_request_reviews"]["required_approving_review_count"] == 1
    assert found["required_status_checks"]["contexts"] == ["Code quality", "Unit tests"]
    assert found["allow_force_pushes"] == found["allow_deletions"] == {"enabled": False}


def test_a_dry_run_tells_what_would_be_set(github: GitHubStandIn) -> None:
    found = protect("--dry-run")

    assert states(found) == {"main": "would be set", "develop": "would be set"}
    assert found[0]["lacks"] == [
        "a pull request before merging",
        "1 approving reviews (it has 0)",
        "no force pushes",
        "no deletion",
    ]
    assert github.world.protections == {}


def test_a_protection_that_differs_is_told_and_not_overwritten(github: GitHubStandIn) -> None:
    protect("--branch", "develop")
    github.world.protections["develop"]["allow_deletions"] = {"enabled": True}
    before = json.dumps(github.world.protections["develop"])

    done = CliRunner().invoke(app, ["github", "protect", "--check", "Unit tests"])

    assert isinstance(done.exception, Refused)
    assert (done.exception.code, done.exception.exit_status) == ("protection-differs", 3)
    assert done.stdout.splitlines()[1] == "develop      differs: the check Unit tests, no deletion"
    assert json.dumps(github.world.protections["develop"]) == before
    assert "main" in github.world.protections


def test_branches_can_be_named_and_one_that_is_not_there_is_told(github: GitHubStandIn) -> None:
    assert states(protect("--branch", "release/1", "--branch", "gone", "--reviews", "2")) == {
        "release/1": "set",
        "gone": "missing",
    }
    assert set(github.world.protections) == {"release/1"}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault("PUT", "main/protection$", 404, body={"message": "Not Found"}), "github-forbidden"),
        (Fault("PUT", "main/protection$", 422, body={"message": "Upgrade to GitHub Pro"}), "github-forbidden"),
        (Fault("GET", "main/protection$", 403, body={"message": "Upgrade to GitHub Pro"}), "github-forbidden"),
        (Fault("PUT", "main/protection$", 200, body={}), "protection-not-set"),
    ],
)
def test_a_refusal_of_github_is_told_in_its_words(github: GitHubStandIn, fault: Fault, code: str) -> None:
    github.faults = [fault]
    done = CliRunner().invoke(app, ["github", "protect"])
    assert isinstance(done.exception, FerrymanError)
    assert done.exception.code == code
    assert not fault.body or fault.body["message"] in done.exception.message


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (Fault("GET", "main/protection$", 200, body=[]), "how main is protected is not known"),
        (Fault("GET", "main/protection$", 200, body="x"), "how main is protected is not known"),
        (
            Fault("GET", "develop/protection$", 200, body={"required_status_checks": {"checks": [1]}}),
            "main was protected; how develop is protected is not known",
        ),
        (
            Fault("PUT", "develop/protection$", 200, body={"allow_deletions": True}),
            "main was protected; how develop is protected is not known",
        ),
    ],
)
def test_a_malformed_answer_is_told_with_what_was_set_before(github: GitHubStandIn, fault: Fault, state: str) -> None:
    github.faults = [fault]
    done = CliRunner().invoke(app, ["github", "protect"])
    assert isinstance(done.exception, Unreachable)
    assert (done.exception.code, done.exception.state) == ("github-unexpected", state)


@pytest.mark.parametrize(
    ("found", "rules", "missing"),
    [
        (REVIEWED, Rules(), []),
        (REVIEWED, Rules(reviews=3), ["3 approving reviews (it has 2)"]),
        ({**REVIEWED, "required_status_checks": {"checks": [{"context": "a"}]}}, Rules(checks=("a",)), []),
        ({**REVIEWED, "allow_force_pushes": {"enabled": True}}, Rules(), ["no force pushes"]),
    ],
)
def test_more_than_is_wanted_is_no_lack(found: dict[str, Any], rules: Rules, missing: list[str]) -> None:
    assert lacks(found, rules) == missing
